"""Several finished models in one deployment: laid out as on Azure, judged one by one, and on their way elsewhere."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Shell, elsewhere
from tests.core.hostile_archives import Members, extra, members, rewrite

SCORE = """
import os
from pathlib import Path

def init():
    global answers
    folder = Path(os.environ["AZUREML_MODEL_DIR"])
    answers = [(folder / place).read_text() for place in ("price/1/price.txt", "churn/4/forest/answer.txt")]

def run(raw_data):
    return answers
"""
MANIFEST = """\
version: 1
name: both
register:
  models:
    price: {file: price.txt}
    churn: {file: forest, version: 4}
package:
  scoring_script: score.py
  environment: {pip: []}
  samples: [{request: {data: [[1]]}, response: ["7", "42"]}]
"""


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.write("lading.yaml", MANIFEST)
    shell.write("score.py", SCORE)
    shell.write("price.txt", "7")
    shell.write("forest/answer.txt", "42")
    return shell


@pytest.mark.slow
def test_a_script_uses_several_models(site: Shell) -> None:
    site("check")
    site("deploy")
    assert site("score", "-d", '{"data": [[1]]}').json() == ["7", "42"]
    (site.folder / "forest" / "__pycache__").mkdir()
    assert "deploy to local: unchanged" in site("deploy").err
    shown = site("model", "show", "both", "--json").json()
    assert [(part["name"], part["version"], part["file_name"]) for part in shown["parts"]] == [
        ("price", 1, "price.txt"),
        ("churn", 4, "forest"),
    ]
    assert (shown["files"], shown["size"]) == (2, 3)
    assert "price/1/price.txt, churn/4/forest" in site("model", "show", "both").out
    site.write("price.txt", "8")
    assert 'response[0] is "8", expected "7"' in site("deploy", code=8).err
    site.write("lading.yaml", MANIFEST.replace('["7", "42"]', '["8", "42"]'))
    site("deploy")
    site("rollback")
    assert site("score", "-d", '{"data": [[1]]}').json() == ["7", "42"]
    (tree,) = (site.folder / ".lading" / "trees").glob(f"{shown['sha256']}*")
    stored = tree / "price" / "1" / "price.txt"
    stored.unlink()  # the file of the release is a hard link to it
    stored.write_text("9")
    assert "restore the copy in work/" in site("repair", "--yes").out
    assert stored.read_text() == "7"
    site("gc", "--keep", "1")
    assert site("score", "-d", '{"data": [[1]]}').json() == ["7", "42"]


WRONG = {
    "models: {}": "5:11: register.models: empty: name each model, such as `price: {file: price.joblib}`",
    "models: {a: {file: price.txt}}\n  file: price.txt": "register.models: give either file, for one model, or models",
    "models: {a: {file: price.txt}, b: {file: ./price.txt}}": "models.b.file: the same file as register.models.a",
    "models: {a: {file: price.txt}, A: {file: forest}}": "register.models.A: differs from a in case only",
    "models: {../a: {file: price.txt}}": "1 to 255 letters, digits, '_', '.' and '-'",
    "models: {.a: {file: price.txt}}": "1 to 255 letters, digits, '_', '.' and '-'",
    "models: {a: {file: price.txt, version: 0}}": "register.models.a.version",
    "models: {a: {file: price.txt, version: new}}": "register.models.a.version",
    "models: {a: {file: nowhere.txt}}": "register.models.a.file: no such file or directory",
    "models: {a: {}}": "register.models.a",
    "models: {a: price.txt}": "register.models.a",
    "models: [price.txt]": "register.models",
    "models:": "no model: give train, or register.file for a finished one",
    "file:": "no model: give train, or register.file for a finished one",
}


@pytest.mark.parametrize("written", WRONG)
def test_wrong_models_are_reported_at_their_line(site: Shell, written: str) -> None:
    start, end = MANIFEST.index("models:"), MANIFEST.index("package:")
    site.write("lading.yaml", f"{MANIFEST[:start]}{written}\n{MANIFEST[end:]}")
    found = site("check", code=2).err
    assert "lading.yaml:" in found
    assert WRONG[written].removeprefix("5:11: ") in found


def test_several_models_and_a_folder_need_a_script(site: Shell) -> None:
    start = MANIFEST.index("package:")
    site.write("lading.yaml", MANIFEST[:start])
    for command in ("check", "plan", "deploy"):
        found = site(command, code=2).err
        assert "lading.yaml:4:3: register.models: several models need a scoring script of your own" in found
    site.write("lading.yaml", "version: 1\nname: both\nregister: {file: forest}\n")
    for command in ("check", "plan", "deploy"):
        assert (
            "register.file: forest is a folder, and the default scoring script loads one file"
            in site(command, code=2).err
        )


@pytest.mark.slow
def test_each_model_is_trusted_by_itself(site: Shell) -> None:
    (site.folder / "price.txt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for command in ("check", "plan", "deploy"):
        assert "price.txt is not loaded, because it imports os.system (dangerous)" in site(command, code=3).err
    (site.folder / "price.txt").write_bytes(pickle.dumps(Path("a")))
    assert "trust: [pathlib." in site("check", code=3).err
    site.write("lading.yaml", MANIFEST.replace("register:\n", "register:\n  trust: [pathlib.PosixPath]\n"))
    site("check")
    site("register")


@pytest.fixture
def exported(site: Shell) -> Path:
    site("package", "export", "both.tar")
    return site.folder / "both.tar"


def test_several_models_travel(site: Shell, exported: Path) -> None:
    names = [info.name for info, _data in members(exported)]
    assert names[-2:] == ["model/azureml-models/churn/4/forest/answer.txt", "model/azureml-models/price/1/price.txt"]
    other = elsewhere(site)
    try:
        other("deploy", "--package", exported)
        assert other("score", "-d", '{"data": [[1]]}').json() == ["7", "42"]
        ours, theirs = (one("model", "show", "both", "--json").json() for one in (site, other))
        assert (ours["parts"], ours["sha256"]) == (theirs["parts"], theirs["sha256"])
    finally:
        other("delete", code=None)


def recorded(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Members], Members]:
    """Change the parts in the record of an archive."""

    def altered(data: bytes) -> bytes:
        record = json.loads(data)
        change(record["model"]["parts"])
        return json.dumps(record).encode()

    return lambda found: [(info, altered(data) if info.name == "lading.json" else data) for info, data in found]


HOSTILE: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a-part-fewer": (recorded(lambda parts: parts.pop()), "belongs to no model"),
    "another-version": (recorded(lambda parts: parts[0].update(version=2)), "price/2/price.txt"),
    "another-digest": (recorded(lambda parts: parts[0].update(sha256="0" * 64)), "was altered"),
    "outside": (recorded(lambda parts: parts[0].update(name="../price")), "lading.json in the archive"),
    "more": (extra("model/azureml-models/price/1/more.txt"), "was altered"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_with_other_parts_is_refused(site: Shell, exported: Path, name: str) -> None:
    change, message = HOSTILE[name]
    rewrite(exported, change(members(exported)))
    other = elsewhere(site)
    found = other("deploy", "--package", exported, code=None)
    assert message in found.err
    assert found.code == 3, found.err
