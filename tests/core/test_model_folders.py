"""A folder as a model: from a manifest to a script that reads it, and on its way to another machine."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell, elsewhere
from tests.core.hostile_archives import Members, extra, members, rewrite

from lading import StageFailed
from lading.engine.stages.train import check_place

SCORE = """
import os
from pathlib import Path

def init():
    global answer
    answer = Path(os.path.join(os.environ["AZUREML_MODEL_DIR"], "forest", "parts", "answer.bin")).read_text()

def run(raw_data):
    return int(answer)
"""
PACKAGE = """\
package: {scoring_script: score.py, environment: {pip: []}, samples: [{request: {data: [[1]]}, response: 42}]}
"""
FINISHED = f"version: 1\nname: forest-svc\nregister: {{model: wood, file: forest}}\n{PACKAGE}"
TRAINED = (
    f"version: 1\nname: forest-svc\ntrain: {{script: grow.py, data: seed.txt}}\nregister: {{model: wood}}\n{PACKAGE}"
)
GROW = """
from pathlib import Path

def train(data, log):
    folder = Path("forest")
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "answer.bin").write_text(data.read_text())
    (folder / "config.json").write_text("{}")
    log("trees", 2)
    return folder
"""


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.write("lading.yaml", FINISHED)
    shell.write("score.py", SCORE)
    shell.write("forest/parts/answer.bin", "42")
    shell.write("forest/config.json", "{}")
    return shell


@pytest.mark.slow
def test_a_script_reads_the_files_of_a_folder_that_is_served_here(site: Shell) -> None:
    site("deploy")
    assert site("score", "-d", '{"data": [[1]]}').json() == 42
    (site.folder / "forest" / "__pycache__").mkdir()
    (site.folder / "forest" / "config.json").touch()
    assert "deploy to local: unchanged" in site("deploy").err
    site.write("forest/config.json", "[]")
    site("deploy")
    assert [model["version"] for model in site("model", "list", "--json").json()] == [2, 1]


def test_a_model_that_is_a_folder_has_the_size_of_its_files(site: Shell) -> None:
    site("register")
    assert site("model", "list").out.splitlines()[1].split()[4:9] == ["4", "B", "in", "2", "files"]
    shown = site("model", "show", "wood", "--json").json()
    assert (shown["size"], shown["files"], shown["file_name"]) == (4, 2, "forest")
    assert shown["file"] == str(site.folder / ".lading" / "trees" / shown["sha256"])


def test_a_link_in_a_folder_is_refused_by_plan_and_deploy(site: Shell) -> None:
    (site.folder / "forest" / "parts" / "more.bin").symlink_to("answer.bin")
    for command in ("plan", "register", "deploy"):
        done = site(command, code=3)
        assert f"{site.folder / 'forest' / 'parts' / 'more.bin'} is a symbolic link" in done.err
    assert site("model", "list", "--json").json() == []


def test_a_folder_needs_a_scoring_script(site: Shell) -> None:
    site.write("forest/model.pkl", "")
    (site.folder / "forest" / "model.pkl").write_bytes(pickle.dumps({"_sklearn_version": "1.7.2"}))
    site.write("lading.yaml", "version: 1\nname: forest-svc\nregister: {file: forest}\n")
    assert "forest is a folder, and the default scoring script loads one file" in site("package", code=2).err


def test_each_pickle_in_a_folder_is_inspected(site: Shell) -> None:
    (site.folder / "forest" / "parts" / "harmless.bin").write_bytes(pickle.dumps({"a": 1}))
    (site.folder / "forest" / "parts" / "tokens").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (site.folder / "forest" / "notes.txt").write_text("x marks what only looks compressed")
    found = site("model", "inspect", "./forest", "--json", code=3).json()
    assert found["files"] == ["forest/parts/harmless.bin", "forest/parts/tokens"]
    assert found["imports"] == [{"file": "forest/parts/tokens", "module": "os", "name": "system", "kind": "dangerous"}]
    assert (found["format"], found["complete"]) == ("folder", True)
    assert "forest is not loaded, because it imports os.system" in site("register", code=3).err
    assert "model 'forest' does not exist" in site("model", "inspect", "forest", code=2).err


@pytest.mark.slow
def test_a_script_returns_the_folder_that_it_saved_a_model_in(site: Shell) -> None:
    shutil.rmtree(site.folder / "forest")
    site.write("lading.yaml", TRAINED)
    site.write("grow.py", GROW)
    site.write("seed.txt", "42")
    site("deploy")
    assert site("score", "-d", '{"data": [[1]]}').json() == 42
    (run,) = site("run", "list", "--json").json()
    (model,) = site("model", "list", "--json").json()
    assert (run["metrics"], run["model_sha256"]) == ({"trees": 2}, model["sha256"])
    assert (model["file_name"], model["framework"]) == ("forest", "")
    assert "deploy to local: unchanged" in site("deploy").err


RETURNED = {
    "a-missing-path": ('return Path("nowhere")', "which does not exist"),
    "its-work-folder": ('return Path(".")', "a work folder of the training"),
    "a-folder-with-a-link": (
        'Path("forest").mkdir(); Path("forest/a").symlink_to("/etc/passwd"); return Path("forest")',
        "a is a symbolic link",
    ),
    "an-empty-folder": ('Path("forest").mkdir(); return Path("forest")', "holds no file"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RETURNED)
def test_a_script_that_returns_no_model_is_refused(site: Shell, name: str) -> None:
    line, message = RETURNED[name]
    site.write("lading.yaml", TRAINED)
    site.write("seed.txt", "42")
    site.write("grow.py", f"from pathlib import Path\n\ndef train(data, log):\n    {line}\n")
    done = site("train", code=None)
    assert done.code in (3, 6)
    assert message in done.err
    assert [run["state"] for run in site("run", "list", "--json").json()] == ["failed"]


def test_a_trainer_returns_a_folder_that_has_only_the_model(tmp_path: Path) -> None:
    (tmp_path / "forest").mkdir()
    check_place(tmp_path / "forest", tmp_path, "constant")
    with pytest.raises(StageFailed, match="constant returned its work folder as the model"):
        check_place(tmp_path, tmp_path, "constant")
    with pytest.raises(StageFailed, match="constant returned no model: none does not exist"):
        check_place(tmp_path / "none", tmp_path, "constant")


STRANGE_NAMES = ["a\nb", "a\u202eb", "a\\b", "a\u0301", os.fsdecode(b"a\xff")]


@pytest.mark.parametrize("name", STRANGE_NAMES)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_trainer_returns_a_name_that_every_system_keeps(tmp_path: Path, name: str, is_folder: bool) -> None:
    file = tmp_path / name
    file.mkdir() if is_folder else file.touch()
    with pytest.raises(StageFailed, match=r"constant returned no usable model: .* has a name that some systems change"):
        check_place(file, tmp_path, "constant")


@pytest.mark.parametrize("path", ["..", "../secret", "../elsewhere", "link", "folder-link", "folder-link/model"])
def test_a_trainer_returns_a_model_in_its_work_folder(tmp_path: Path, path: str) -> None:
    work, elsewhere = tmp_path / "work", tmp_path / "elsewhere"
    work.mkdir()
    elsewhere.mkdir()
    (tmp_path / "secret").touch()
    (elsewhere / "model").touch()
    (work / "link").symlink_to("../secret")
    (work / "folder-link").symlink_to("../elsewhere")
    with pytest.raises(
        StageFailed, match=r"constant returned (a model that is not in its work folder|no usable model)"
    ):
        check_place(work / path, work, "constant")


@pytest.mark.parametrize("name", STRANGE_NAMES[:4])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_finished_model_has_a_name_that_every_system_keeps(site: Shell, name: str, is_folder: bool) -> None:
    site.write(f"{name}/model.bin" if is_folder else name, "42")
    site.write("lading.yaml", json.dumps({"version": 1, "name": "wood", "register": {"file": name}}))
    for command in ("plan", "register"):
        assert "has a name that some systems change" in site(command, code=3).err


@pytest.fixture
def exported(site: Shell) -> Path:
    site("package", "export", "forest.tar")
    return site.folder / "forest.tar"


def test_a_package_with_a_folder_travels(site: Shell, exported: Path) -> None:
    names = [info.name for info, _data in members(exported)]
    assert names[-2:] == ["model/forest/config.json", "model/forest/parts/answer.bin"]
    other = elsewhere(site)
    try:
        other("deploy", "--package", exported)
        assert other("score", "-d", '{"data": [[1]]}').json() == 42
        ours, theirs = (one("model", "show", "wood", "--json").json()["sha256"] for one in (site, other))
        assert ours == theirs
    finally:
        other("delete", code=None)


def without_a_part(found: Members) -> Members:
    return [(info, data) for info, data in found if info.name != "model/forest/config.json"]


def with_an_altered_part(found: Members) -> Members:
    return [(info, b"[]" if info.name == "model/forest/config.json" else data) for info, data in found]


def without_the_model(found: Members) -> Members:
    return [(info, data) for info, data in found if not info.name.startswith("model/")]


def with_a_file_in_its_place(found: Members) -> Members:
    return extra("model/forest")(without_the_model(found))


HOSTILE: dict[str, Callable[[Members], Members]] = {
    "without-a-part": without_a_part,
    "altered": with_an_altered_part,
    "without-the-model": without_the_model,
    "a-file": with_a_file_in_its_place,
    "more": extra("model/forest/more"),
    "cache": extra("model/forest/__pycache__/a.pyc"),
    "beside": extra("model/other"),
    "outside": extra("model/forest/../../../escaped"),
    "link": extra("model/forest/link", b"2", "/etc/passwd"),
    "twice-in-case": extra("model/forest/CONFIG.json"),
    "decomposed": extra("model/forest/e\u0301"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_with_another_folder_is_refused(site: Shell, exported: Path, name: str) -> None:
    rewrite(exported, HOSTILE[name](members(exported)))
    other = elsewhere(site)
    assert other("deploy", "--package", exported, code=3).err
    for kept in ("trees", "files", "packages"):
        assert not list((other.folder / ".lading" / kept).glob("*"))
    assert not list(site.folder.parent.rglob("escaped"))
