"""The plots of an evaluation: stored with the run, reused, shown and logged. A failed plot never stops a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shell

import lading
from lading.store import Store

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
evaluate: {plugin: assay, plots: [PLOTS], REQUIRE}
register: {model: rate}
package: {plugin: constant}
targets: {roll: {}}
connections: {hosting: {region: north}}
track: [hosting]
"""


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("cost.txt", "7")
    draw(shell, "weight.svg, weight.png")
    return shell


def draw(shell: Shell, plots: str, require: str = "") -> None:
    shell.write("lading.yaml", MANIFEST.replace("PLOTS", plots).replace("REQUIRE", require))


def plots(shell: Shell, *options: str) -> list[Path]:
    return [Path(plot) for plot in shell("evaluate", "--json", *options).json()["plots"]]


def show(shell: Shell) -> dict[str, Any]:
    run = shell("run", "list", "--json").json()[0]["id"]
    found: dict[str, Any] = shell("run", "show", run, "--json").json()
    return found


def logged(shell: Shell) -> list[list[str]]:
    """The files of each call of the tracker since the last read."""
    log = Path(shell.env["HOOK_LOG"])
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [facts.get("files", []) for hook, facts in calls if hook == "lading_track"]


def test_plots_are_kept_in_the_store_and_shown(project: Shell) -> None:
    done = project("evaluate")
    (folder,) = (line.removeprefix("plots: ") for line in done.err.splitlines() if line.startswith("plots: "))
    assert "plots" not in done.out
    found = plots(project)
    assert {path.name: path.read_text() for path in found} == dict.fromkeys(
        ("weight.png", "weight.svg"), "<svg><!-- 7.0 --></svg>"
    )
    assert {path.parent for path in found} == {Path(folder)}
    run = show(project)
    assert run["plots"] == [str(path) for path in found]
    assert "weight.svg" not in json.dumps(run["metrics"])
    assert f"{folder}/weight.svg" in project("run", "show", run["id"]).out


@pytest.mark.slow
def test_a_reused_evaluation_keeps_its_plots(project: Shell) -> None:
    first = plots(project)
    draw(project, "other.svg")
    second = plots(project)
    assert [path.name for path in second] == ["other.svg"]
    assert show(project)["plots"] == [str(path) for path in second]
    draw(project, "weight.svg, weight.png")
    assert plots(project) == first
    assert all(path.exists() for path in (*first, *second))
    assert show(project)["plots"] == [str(path) for path in first]
    project("gc", "--yes")
    assert plots(project) == first


def test_gc_removes_the_plots_of_earlier_evaluations(project: Shell) -> None:
    first = plots(project)
    draw(project, "other.svg")
    second = plots(project)
    (row,) = project("gc", "--json").json()["garbage"]
    assert (row["kind"], row["name"]) == ("plots", first[0].parent.name)
    assert row["bytes"] == sum(path.stat().st_size for path in first)
    assert all(path.exists() for path in (*first, *second))
    project("gc", "--yes")
    assert [path for path in (*first, *second) if path.exists()] == list(second)
    assert show(project)["plots"] == [str(path) for path in second]
    draw(project, "weight.svg, weight.png")
    assert plots(project) == []
    assert plots(project, "--force") == first


@pytest.mark.slow
def test_gc_keeps_the_plots_of_each_run_and_of_a_finished_model(project: Shell) -> None:
    first = plots(project)
    project.write("cost.txt", "8")
    second = plots(project)
    project.write("model.txt", "9")
    finished = (project.folder / "lading.yaml").read_text()
    finished = finished.replace("train: {plugin: constant, data: cost.txt}\n", "").replace(
        "evaluate: {", "evaluate: {data: cost.txt, "
    )
    project.write("lading.yaml", finished.replace("model: rate", "model: rate, file: model.txt"))
    third = plots(project)
    assert len({path.parent for path in (*first, *second, *third)}) == 3
    project("gc", "--yes")
    assert all(path.exists() for path in (*first, *second, *third))


def test_another_run_of_the_same_model_has_the_plots_too(project: Shell) -> None:
    first = plots(project)
    run = show(project)["id"]
    project("train", "--force")
    assert plots(project) == first
    second = show(project)
    assert (second["id"] != run, second["plots"]) == (True, [str(path) for path in first])


def test_a_forced_evaluation_replaces_its_plots(project: Shell) -> None:
    first = plots(project)
    first[0].unlink()
    assert plots(project) == first[1:]
    assert plots(project, "--force") == first


def test_a_refusal_names_the_folder_of_the_plots(project: Shell) -> None:
    draw(project, "weight.svg", 'require: {weight: ">= 8"}')
    refused = project("register", code=3)
    assert f"  plots: {project.folder / '.lading' / 'plots'}/" in refused.err


def test_a_tracker_gets_the_plots_once(project: Shell) -> None:
    project("register")
    assert logged(project) == [[], [], ["weight.png", "weight.svg"]]
    project("register")
    assert logged(project) == []
    draw(project, "other.svg")
    project("register")
    assert logged(project) == [["other.svg"]]


@pytest.mark.parametrize("name", ["Weight.svg", "weight.html", "weight", ".svg"])
def test_a_plot_with_another_name_is_left_out_with_a_warning(project: Shell, name: str) -> None:
    draw(project, f"{name}, weight.svg")
    done = project("evaluate")
    assert f"warning: the plot '{name}' is not kept" in done.err
    assert [path.name for path in plots(project)] == ["weight.svg"]


@pytest.mark.parametrize("fault", ["a link", "a folder"])
def test_only_a_file_is_kept_as_a_plot(project: Shell, fault: str) -> None:
    with closing(Store.open(project.folder / "another", project.env)) as store:
        made = project.folder / "made"
        made.mkdir()
        project.write("secret.txt", "c4n4ry")
        if fault == "a link":
            (made / "weight.svg").symlink_to(project.folder / "secret.txt")
        else:
            (made / "weight.svg").mkdir()
        assert store.plots.keep("0" * 64, [made / "weight.svg"], made) == [
            "the plot 'weight.svg' is not kept: it is not a file"
        ]
        assert store.plots.of("0" * 64) == ()


def test_a_foreign_file_with_the_name_of_a_plot_is_refused(project: Shell) -> None:
    (first, *_), run = plots(project), show(project)["id"]
    first.unlink()
    first.symlink_to(project.folder / "cost.txt")
    assert f"{first} is a symbolic link" in project("run", "show", run, code=3).err
    assert f"{first} is a symbolic link" in project("evaluate", code=3).err


def test_a_notebook_shows_an_svg_as_an_image_that_runs_no_script(tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    png.write_bytes(b"PNG")
    judged = lading.Judged(metric="r2<b>", new=0.9)
    evaluation = lading.Evaluation(run=None, metrics=(judged,), plots=(png, svg, tmp_path / "gone.svg"))
    html = evaluation._repr_html_()
    assert html.count("<img ") == 1
    assert 'src="data:image/svg+xml;base64,PHN2Zy' in html
    assert "<script>" not in html
    assert "r2<b>" not in html
