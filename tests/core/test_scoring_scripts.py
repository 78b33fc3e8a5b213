"""The scoring script of a trainer: checked, registered with the model, and packaged unless the manifest names one."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell, elsewhere
from tests.core.hostile_archives import Members, altered, extra, members, recorded, rewrite, without

from lading import PluginError
from lading.engine.stages.scoring_script import check_script
from lading.plugin.discovery import PLUGINS, Installed

MANIFEST = """\
version: 1
name: price
train: {plugin: average, data: cost.txt}
register: {model: rate}
package: {environment: {pip: []}, samples: [{request: 1, response: [7]}]}
"""
OTHER = "def init():\n    pass\n\n\ndef run(raw_data):\n    return [8]\n"
AVERAGE = Installed(PLUGINS, "average", "average", "lading-average", "3.0")


@pytest.fixture
def site(shell: Shell, install: Callable[[str], Path]) -> Shell:
    shell.env["PYTHONPATH"] = str(install("average"))
    shell.write("lading.yaml", MANIFEST)
    shell.write("cost.txt", "6\n8\n")
    return shell


def change(site: Shell, old: str, new: str) -> None:
    text = (site.folder / "lading.yaml").read_text()
    assert old in text
    site.write("lading.yaml", text.replace(old, new))


def use_other_script(site: Shell) -> None:
    """Let the trainer return another script, which answers 8, for the same model."""
    site.write("other.py", OTHER)
    change(site, "data: cost.txt}", "data: cost.txt, script: other.py}")
    change(site, "response: [7]", "response: [8]")


def packaged(site: Shell) -> Path:
    return Path(site("package").out.strip(), "azureml-app")


@pytest.mark.slow
def test_a_model_is_served_with_the_script_of_its_trainer(site: Shell) -> None:
    deployed = site("deploy")
    assert "scoring script" in deployed.err
    assert "average_score.py of the trainer" in deployed.err
    assert site("score", "-d", "1").json() == [7.0]
    shown = site("model", "show", "rate", "--json").json()
    assert Path(shown["scoring"]).parent.parent == site.folder / ".lading" / "modules"
    assert Path(shown["scoring"]).name == "average_score.py"
    assert shown["scoring"] in site("model", "show", "rate").out
    assert [path.name for path in packaged(site).iterdir()] == ["average_score.py"]
    assert "deploy to local: unchanged" in site("deploy").err
    site("gc", "--yes")
    assert "deploy to local: unchanged" in site("deploy").err


@pytest.mark.slow
def test_another_script_for_the_same_model_is_another_version_and_release(site: Shell) -> None:
    site("deploy")
    use_other_script(site)
    site("register")
    old, new = (Path(site("model", "show", f"rate:{number}", "--json").json()["scoring"]) for number in (1, 2))
    (package,) = (stage for stage in site("plan", "--json").json()["stages"] if stage["stage"] == "package")
    assert package["changes"] == [
        {"field": "model.scoring.average_score.py", "old": old.parent.name, "new": new.parent.name, "note": ""}
    ]
    site("deploy")
    assert site("score", "-d", "1").json() == [8]
    versions = site("model", "list", "--json").json()
    assert [one["version"] for one in versions] == [2, 1]
    assert len({one["sha256"] for one in versions}) == 1
    change(site, "response: [8]", "response: [7]")
    site("deploy", "--model", "rate:1")
    assert site("score", "-d", "1").json() == [7.0]


def test_a_script_in_the_manifest_is_used_instead(site: Shell) -> None:
    site.write("mine.py", OTHER)
    change(site, "{environment", "{scoring_script: mine.py, environment")
    done = site("package")
    assert "of the trainer" not in done.err
    assert [path.read_text() for path in packaged(site).iterdir()] == [OTHER]
    use_other_script(site)
    site("register")
    assert packaged(site).parent == Path(done.out.strip())


def test_a_packager_can_write_another_script(site: Shell) -> None:
    change(site, "{environment: {pip: []}", "{plugin: average")
    assert [path.name for path in packaged(site).iterdir()] == ["score.py"]


def test_a_model_with_an_unusable_script_is_not_registered(site: Shell) -> None:
    use_other_script(site)
    site.write("other.py", "def run(:\n")
    done = site("deploy", code=6)
    fault = "returned no usable scoring script: average_score.py:1 cannot be read as Python"
    assert f"plugin 'average' (lading-average 3.0) {fault}" in done.err
    assert "report it to the authors of lading-average" in done.err
    assert [run["state"] for run in site("run", "list", "--json").json()] == ["failed"]
    assert site("model", "list", "--json").json() == []


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_a_script_that_was_altered_in_the_store_is_refused(site: Shell, command: str) -> None:
    site("register")
    script = Path(site("model", "show", "rate", "--json").json()["scoring"])
    script.chmod(0o600)
    script.write_text(OTHER)
    assert f"{script} was altered" in site(command, code=3).err
    script.unlink()
    assert f"{script} is missing" in site(command, code=3).err


def a_folder(script: Path) -> None:
    script.mkdir()


def a_pipe(script: Path) -> None:
    os.mkfifo(script)


def a_link(script: Path) -> None:
    (script.parent / "real.py").write_text(OTHER)
    script.symlink_to("real.py")


def a_large_file(script: Path) -> None:
    script.write_text(f"{'#' * (1 << 20)}\n")


def latin(script: Path) -> None:
    script.write_bytes("name = 'é'\n".encode("latin-1"))


def zeros(script: Path) -> None:
    script.write_bytes(b"a = 1\0\n")


def a_deep_nest(script: Path) -> None:
    script.write_text(f"a = {'(' * 5000}{')' * 5000}\n")


def no_run(script: Path) -> None:
    script.write_text("def init(): pass\n")


def nothing(script: Path) -> None:
    assert not script.exists()


UNUSABLE: list[tuple[str, Callable[[Path], None], str]] = [
    ("score.py", nothing, "score.py does not exist"),
    ("score.py", a_folder, "score.py is not a regular file"),
    ("score.py", a_pipe, "score.py is not a regular file"),
    ("score.py", a_link, "is not in its work folder, or is a link"),
    ("../score.py", latin, "is not in its work folder, or is a link"),
    ("score.txt", latin, "the name score.txt does not end in .py"),
    ("sco\nre.py", latin, "has a name that some systems change"),
    ("score.py", a_large_file, "score.py is larger than 1 MiB"),
    ("score.py", latin, "score.py:1 cannot be read as Python"),
    ("score.py", zeros, "cannot be read as Python"),
    ("score.py", a_deep_nest, "score.py:1 cannot be read as Python"),
    ("score.py", no_run, "score.py has no run()"),
]


@pytest.mark.parametrize(("name", "make", "fault"), UNUSABLE)
def test_an_unusable_script_is_an_error_of_the_plugin(
    tmp_path: Path, name: str, make: Callable[[Path], None], fault: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    make(work / name)
    with pytest.raises(PluginError) as caught:
        check_script(work / name, work, AVERAGE)
    assert caught.value.message.startswith(f"{AVERAGE} returned no usable scoring script: ")
    assert fault in caught.value.message
    assert caught.value.hint == "report it to the authors of lading-average"


@pytest.mark.filterwarnings("error")
def test_a_usable_script_passes_without_a_warning(tmp_path: Path) -> None:
    script = tmp_path / "score.py"
    script.write_text(f"# \N{SNOWMAN}\nraise SystemExit('\\d')\n{OTHER}", encoding="utf-8")  # it is not run
    check_script(script, tmp_path, AVERAGE)


@pytest.fixture
def exported(site: Shell) -> Path:
    site("package", "export", "price.tar")
    return site.folder / "price.tar"


def test_an_exported_package_has_the_script(site: Shell, exported: Path) -> None:
    other = elsewhere(site)
    try:
        other("deploy", "--package", exported)
        assert other("score", "-d", "1").json() == [7.0]
        ours, theirs = (Path(one("model", "show", "rate", "--json").json()["scoring"]) for one in (site, other))
        assert ours.read_bytes() == theirs.read_bytes()
        assert ours.relative_to(site.folder) == theirs.relative_to(other.folder)
        other.write("cost.txt", "")  # which this manifest names
        other("package", "export", "again.tar", "--model", "rate:1")
        assert (other.folder / "again.tar").read_bytes() == exported.read_bytes()
    finally:
        other("delete", code=None)


def script_in(archive: Path) -> str:
    (name,) = (info.name for info, _data in members(archive) if info.name.startswith("modules/"))
    return name


HOSTILE: dict[str, Callable[[str], Callable[[Members], Members]]] = {
    "without-it": without,
    "altered": altered,
    "not-recorded": lambda _name: recorded(lambda record: record["model"].update(scoring=None)),
    "outside": lambda _name: recorded(lambda record: record["model"]["scoring"].update(name="../../escaped.py")),
    "a-link": lambda name: lambda found: extra(name, tarfile.SYMTYPE, "/etc/passwd")(without(name)(found)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_with_another_script_is_refused(site: Shell, exported: Path, name: str) -> None:
    rewrite(exported, HOSTILE[name](script_in(exported))(members(exported)))
    other = elsewhere(site)
    other("deploy", "--package", exported, code=3)
    for kept in ("files", "modules", "packages"):
        assert not list((other.folder / ".lading" / kept).glob("*"))
