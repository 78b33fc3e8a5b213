"""The stage `evaluate` with a third-party trainer and evaluator: requirements, comparisons, refusals and records."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shell
from tests.core.conftest import wait_for
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: cost.txt}
evaluate: {plugin: assay, EVALUATE}
register: {model: rate}
package: {plugin: constant}
targets: {roll: {}, stop: {}}
target: roll
connections: {hosting: {region: north}}
"""


@pytest.fixture
def project(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry"}
    shell.env["HOOK_LOG"] = str(shell.folder / "calls.jsonl")
    shell.write("cost.txt", "7")
    return shell


def demand(shell: Shell, block: str) -> None:
    shell.write("lading.yaml", MANIFEST.replace("EVALUATE", block))


def measured(shell: Shell) -> list[float]:
    """The models that were measured since the last read."""
    log = Path(shell.env["HOOK_LOG"])
    calls = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return [float(facts["model"]) for hook, facts in calls if hook == "lading_evaluate"]


def run(shell: Shell) -> dict[str, Any]:
    """The newest run."""
    found: dict[str, Any] = shell("run", "list", "--json").json()[0]
    return found


def test_a_refused_model_is_not_registered_and_not_measured_again(project: Shell) -> None:
    demand(project, 'require: {weight: ">= 8", error: "< 9"}')
    refused = project("register", code=3)
    assert "weight 7 (required >= 8)" in refused.err
    assert [line.split() for line in refused.err.splitlines() if line.startswith("  ")][:3] == [
        ["metric", "required", "new", "compared"],
        ["weight", ">=", "8", "7"],
        ["error", "<", "9", "7"],
    ]
    assert project("model", "list", "--json").json() == []
    assert run(project)["metrics"]["evaluation.verdict"] == "refused: weight 7 (required >= 8)"
    assert measured(project) == [7.0]

    project("register", code=3)
    assert measured(project) == []
    assert "verdict: refused: weight 7" in project("plan").out

    demand(project, 'require: {weight: ">= 7", error: "< 9"}')  # only another threshold
    assert project("register").out == "rate:1\n"
    assert measured(project) == []
    metrics = run(project)["metrics"]
    assert (metrics["cost"], metrics["evaluation.weight"], metrics["evaluation.verdict"]) == (7.0, 7.0, "passed")


def test_a_metric_that_is_not_finite_is_refused_and_harms_nothing(project: Shell) -> None:
    project.write("cost.txt", "nan")
    demand(project, 'require: {weight: ">= 8"}')
    assert "weight is not finite (required >= 8)" in project("register", code=3).err
    metrics = run(project)["metrics"]
    assert (metrics["cost"], metrics["evaluation.weight"]) == (None, None)
    demand(project, 'require: {cost: ">= 8"}')  # which only the training script logged
    assert "cost is not finite (required >= 8)" in project("register", code=3).err
    project.write("cost.txt", "9")
    assert project("register").out == "rate:1\n"
    project("repair")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("wrong-metric", "wrong answer from lading_evaluate: Measured.metrics['weight'] is str, not float | None"),
        ("taken-name", "wrong answer from lading_evaluate: the metric name 'verdict' is reserved"),
        ("wrong-plot", "wrong answer from lading_evaluate: Measured.plots[0] is str, not Path"),
    ],
)
def test_an_evaluator_that_answers_wrongly_is_named(project: Shell, fault: str, says: str) -> None:
    demand(project, "")
    failed = project("evaluate", code=6, HOOK_FAULT=f"lading_evaluate:{fault}")
    assert f"plugin 'assay' (lading-thirdparty 2.1) returned a {says}" in failed.err


def test_options_of_the_evaluator_and_data_measure_again(project: Shell) -> None:
    project.write("wanted.txt", "15")
    demand(project, "data: wanted.txt, unit: 2.0")
    (weight, error) = project("evaluate", "--json").json()["metrics"]
    assert (weight["new"], error["new"]) == (14.0, 1.0)
    project.write("wanted.txt", "14")
    assert project("evaluate", "--json").json()["metrics"][1]["new"] == 0.0
    assert measured(project) == [7.0, 7.0]
    project("evaluate", "--force")
    assert measured(project) == [7.0]


def test_a_compared_metric_that_only_the_trainings_logged_is_named(project: Shell) -> None:
    demand(project, 'no_worse_than: {model: registered}, require: {cost: ">= 1"}')
    assert "perhaps on other rows" not in project("register").err  # there is nothing to compare it with
    project.write("cost.txt", "6")
    refused = project("register", code=3)
    assert "cost 6 (worse than 7 of rate:1)" in refused.err
    assert "warning: cost is compared as each training has logged it, perhaps on other rows" in refused.err


def test_a_worse_model_than_the_registered_one_is_refused(project: Shell) -> None:
    demand(project, "no_worse_than: {model: registered, tolerance: 0.1}")
    first = project("register")
    assert "warning: this store has no registered model" in first.err
    project.write("cost.txt", "6")
    refused = project("register", code=3)
    assert "weight 6 (worse than 7 of rate:1)" in refused.err
    metrics = run(project)["metrics"]
    assert (metrics["evaluation.compared.weight"], metrics["evaluation.compared_with"]) == (7.0, "rate:1")
    assert "perhaps on other rows" not in refused.err
    project.write("cost.txt", "6.5")  # within the tolerance
    assert project("register").out == "rate:2\n"
    assert measured(project) == [7.0, 6.0, 7.0, 6.5, 7.0]  # both models, each on the rows of its training
    assert "register: unchanged" in project("register").err  # the model is compared with itself
    assert measured(project) == []


def test_a_worse_model_than_the_serving_one_is_refused(project: Shell) -> None:
    demand(project, "no_worse_than: {model: serving}")
    assert "warning: this store has no serving model" in project("deploy").err
    project.write("cost.txt", "6")
    assert "weight 6 (worse than 7 of rate:1)" in project("deploy", code=3).err
    assert project("score", "-d", "1").json() == [7.0]
    demand(project, "no_worse_than: {model: serving, target: stop}")  # no release serves there
    assert project("register").out == "rate:2\n"


@pytest.mark.slow
def test_a_model_is_not_compared_with_itself(project: Shell) -> None:
    demand(project, "no_worse_than: {model: serving}")
    project("deploy")
    assert "to compare with" not in project("evaluate").err
    project.write("cost.txt", "8")
    project("deploy")
    compared = run(project)["metrics"]
    assert (compared["evaluation.compared.weight"], compared["evaluation.compared_with"]) == (7.0, "rate:1")
    again = project("deploy")
    assert "to compare with" not in again.err
    assert "to compare with" not in project("evaluate", "--force").err
    assert run(project)["metrics"] == compared
    assert project("evaluate", "--json").json()["compared"] == ""


def test_another_measurement_takes_back_the_recorded_comparison(project: Shell) -> None:
    demand(project, "no_worse_than: {model: serving}")
    project("deploy")
    project.write("cost.txt", "8")
    project("deploy")
    demand(project, "no_worse_than: {model: serving}, unit: 2.0")
    project("evaluate")
    metrics = run(project)["metrics"]
    assert (metrics["evaluation.weight"], metrics["evaluation.verdict"]) == (16.0, "passed")
    assert not [name for name in metrics if name.startswith("evaluation.compared")]


def test_an_interrupt_names_the_stage_that_a_manifest_can_do_without(project: Shell) -> None:
    demand(project, "")
    command = project.start("register", HOOK_FAULT="lading_evaluate:hangs")
    log = Path(project.env["HOOK_LOG"])
    wait_for(lambda: log.exists() and "lading_evaluate" in log.read_text())
    for _ in range(2):
        command.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    _out, err = command.communicate(timeout=LIMIT)
    assert command.returncode == 143
    assert "interrupted; done: train; not done: evaluate, register\n" in err
    project("register")


def test_a_tracker_gets_the_results_of_the_run(project: Shell) -> None:
    demand(project, 'require: {weight: ">= 8"}')
    project.write("lading.yaml", (project.folder / "lading.yaml").read_text() + "track: [hosting]\n")
    project("register", code=3)
    log = Path(project.env["HOOK_LOG"])
    assert [json.loads(line)[0] for line in log.read_text().splitlines()].count("lading_track") == 3
    log.unlink()
    project("register", code=3)
    assert "lading_track" not in (log.read_text() if log.exists() else "")


def test_a_named_version_counts_by_the_required_metrics(project: Shell) -> None:
    demand(project, 'require: {error: "< 100"}, no_worse_than: {model: "rate:1"}')
    missing = project("register", code=2)
    assert "lading.yaml:4:" in missing.err
    assert "the store has no model rate:1; its versions are: none" in missing.err
    demand(project, "")
    project("register")
    demand(project, 'require: {error: "< 100"}, no_worse_than: {model: "rate:1"}')
    project.write("cost.txt", "8")  # heavier, which is worse for `error`
    assert "error 8 (worse than 7 of rate:1)" in project("register", code=3).err
    project.write("cost.txt", "6")
    assert project("register").out == "rate:2\n"


def test_a_metric_that_only_the_run_has_counts(project: Shell) -> None:
    demand(project, 'require: {cost: "> 7"}')
    assert "cost 7 (required > 7)" in project("evaluate", code=3).err
    demand(project, 'require: {cost: "== 7"}, no_worse_than: {model: registered}')
    assert "it is unknown whether a higher or a lower cost is better" in project("evaluate", code=2).err


def test_a_logged_metric_that_is_not_finite_is_refused(project: Shell) -> None:
    project.write("cost.txt", "nan")
    demand(project, 'require: {cost: "> 7"}')
    assert "cost is not finite (required > 7)" in project("evaluate", code=3).err


def test_an_unknown_metric_is_reported_at_its_line(project: Shell) -> None:
    demand(project, 'require: {wieght: "> 7"}')
    failed = project("evaluate", code=2)
    assert "lading.yaml:4:" in failed.err
    assert "evaluate.require.wieght: the model has no metric wieght; it has weight, error" in failed.err


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (
            'require: {weight: "about 9"}',
            "evaluate.require.weight: must be an operator (>=, >, <=, <, ==) and a number",
        ),
        (
            'require: {weight: ">= 1e400"}',
            "evaluate.require.weight: must be an operator (>=, >, <=, <, ==) and a number",
        ),
        (
            f'require: {{weight: ">= {"9" * 400}"}}',
            "evaluate.require.weight: must be an operator (>=, >, <=, <, ==) and a number",
        ),
        ("require: {weight: 9}", "evaluate.require.weight: expected text, found 9"),
        ("no_worse_than: {model: best}", "evaluate.no_worse_than.model: must be serving, registered or NAME:VERSION"),
        ("no_worse_than: {model: serving, target: stap}", 'no target "stap" in this manifest (did you mean stop?)'),
        ("no_worse_than: {model: registered, target: stop}", "only for model: serving"),
        ("data: gone.csv", "evaluate.data: no such file or directory"),
        ("unti: 2.0", "evaluate.unti: unknown key (did you mean unit?)"),
    ],
)
def test_check_finds_errors_without_running(project: Shell, block: str, message: str) -> None:
    demand(project, block)
    failed = project("check", code=2)
    assert "lading.yaml:4:" in failed.err
    assert message in failed.err


def test_a_finished_model_needs_data(project: Shell) -> None:
    demand(project, "")
    text = (project.folder / "lading.yaml").read_text()
    project.write("model.txt", "7")
    text = text.replace("train: {plugin: constant, data: cost.txt}\n", "").replace(
        "model: rate", "model: rate, file: model.txt"
    )
    project.write("lading.yaml", text)
    assert "evaluate: a finished model has no held-out rows: name a file under data" in project("check", code=2).err


def test_without_the_block_the_stage_does_not_exist(project: Shell) -> None:
    project.write("lading.yaml", MANIFEST.replace("evaluate: {plugin: assay, EVALUATE}\n", ""))
    done = project("evaluate")
    assert (done.out, done.err.splitlines()[-1]) == ("", "nothing to evaluate: lading.yaml has no block evaluate")
    assert "evaluate" not in project("register").err
    assert "evaluate" not in project("plan").out
