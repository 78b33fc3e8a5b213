"""A model from elsewhere is refused if it imports a name that is not known, unless the manifest trusts that name."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from tests.conftest import Shell

import lading_sklearn
from lading import Refused
from lading.engine.stages.admission import Loading, admit
from lading.manifest import read
from lading.manifest.bind import bind_draft
from lading_bundle.options import BundleOptions

MANIFEST = """\
version: 1
name: trusting
register: {model: scaled, file: model.pkl TRUST}
package: {scoring_script: score.py, include: [INCLUDE], environment: {pip: []}}
"""
SCORE = "def init(): pass\ndef run(raw_data): return 42\n"
TRUST = ", trust: [mylib.Scaler, mylib.scale]"
COMMANDS = (("check",), ("plan",), ("register",), ("package",), ("deploy",))


def made_of(module: str, name: str, more: str = "") -> bytes:
    """A pickle of an object of a class. `more` is a second name that the pickle imports from the module."""
    second = f"c{module}\n{more}\n0" if more else ""
    return f"\x80\x02{second}c{module}\n{name}\n)\x81.".encode("latin-1")


@pytest.fixture
def site(shell: Shell) -> Iterator[Shell]:
    write(shell)
    shell.write("score.py", SCORE)
    shell.write("other.py", "")
    (shell.folder / "model.pkl").write_bytes(made_of("mylib", "Scaler", "scale"))
    yield shell
    shell("delete", code=None)


def write(site: Shell, trust: str = "", include: str = "other.py") -> None:
    site.write("lading.yaml", MANIFEST.replace(" TRUST", trust).replace("INCLUDE", include))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_unknown_import_is_refused_with_the_line_to_add(site: Shell, command: tuple[str, ...]) -> None:
    done = site(*command, code=3)
    assert "model.pkl is not loaded, because it imports mylib.scale, mylib.Scaler" in done.err
    assert "add under register: `trust: [mylib.scale, mylib.Scaler]`" in done.err
    assert not list((site.folder / ".lading").glob("files/*"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_trusted_import_is_accepted(site: Shell, command: tuple[str, ...]) -> None:
    write(site, TRUST)
    site(*command)


def test_each_name_needs_trust(site: Shell) -> None:
    write(site, ", trust: [mylib.Scaler]")
    done = site("check", code=3)
    assert "it imports mylib.scale\n" in done.err
    write(site, ", trust: [mylib]")
    assert "a module and a name in it, such as mylib.Scaler" in site("check", code=2).err


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"mylib.py": "class Scaler: pass\n"}, id="file"),
        pytest.param({"mylib/__init__.py": "class Scaler: pass\n"}, id="folder"),
    ],
)
def test_a_class_of_a_packaged_module_needs_no_trust(site: Shell, source: dict[str, str]) -> None:
    (site.folder / "model.pkl").write_bytes(made_of("mylib", "Scaler"))
    site("check", code=3)
    for name, text in source.items():
        site.write(name, text)
    write(site, include=next(iter(source)).partition("/")[0])
    site("check")
    site("register")


INSIDE = """
try:
    import absent
except ImportError:
    class Outer:
        if True:
            class Inner: pass
        def method(self):
            class Local: pass
        alias = print
"""


@pytest.mark.parametrize("file", ["mylib.py", "mylib/__init__.py", "mylib/steps.py", "mylib/steps/__init__.py"])
@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("Outer", True),
        ("Outer.Inner", True),
        ("Outer.Local", False),
        ("Outer.method", False),
        ("Outer.alias", False),
        ("Inner", False),
        ("absent", False),
        ("/tmp.Outer", False),
        ("./.Outer", False),
    ],
)
def test_a_class_inside_a_packaged_module_needs_no_trust(tmp_path: Path, file: str, name: str, is_own: bool) -> None:
    place = tmp_path / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(INSIDE)
    manifest = tmp_path / "lading.yaml"
    manifest.write_text(MANIFEST.replace(" TRUST", "").replace("INCLUDE", file.partition("/")[0]))
    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "model.pkl").touch()
    bound = bind_draft(read(manifest, {}), {("package",): BundleOptions})
    loading = Loading(names=(f"mylib.steps.{name}" if "steps" in file else f"mylib.{name}",))
    with nullcontext() if is_own else pytest.raises(Refused, match=name):
        admit(bound, loading, "model.pkl")


@pytest.mark.parametrize("source", ["from subprocess import run as Scaler\n", "def Scaler(): pass\n", "class (\n", ""])
def test_other_names_of_a_packaged_module_need_trust(site: Shell, source: str) -> None:
    (site.folder / "model.pkl").write_bytes(made_of("mylib", "Scaler"))
    site.write("mylib.py", source)
    write(site, include="mylib.py")
    assert "it imports mylib.Scaler" in site("check", code=3).err


@pytest.mark.slow
def test_a_release_that_was_accepted_is_not_refused_later(site: Shell) -> None:
    write(site, TRUST)
    site("deploy")
    site.write("score.py", SCORE.replace("42", "43"))
    site("deploy")
    write(site)
    assert "it imports mylib" in site("deploy", code=3).err
    assert site("score", "-d", "[]").json() == 43
    site("rollback")
    assert site("score", "-d", "[]").json() == 42
    site("repair", "--yes")
    site("deploy", "--model", "scaled:1")
    assert site("score", "-d", "[]").json() == 43


@pytest.mark.slow
def test_an_exported_package_needs_the_trust_of_the_manifest_that_deploys_it(site: Shell) -> None:
    write(site, TRUST)
    site("package", "export", "scaled.tar")
    folder = site.folder.parent / "elsewhere"
    folder.mkdir()
    elsewhere = Shell(folder, dict(site.env))
    shutil.copy(site.folder / "scaled.tar", folder)
    elsewhere.write("lading.yaml", "version: 1\nname: trusting\nregister: {model: scaled}\n")
    done = elsewhere("deploy", "--package", "scaled.tar", code=3)
    assert "add under register: `trust: [mylib.scale, mylib.Scaler]`" in done.err
    assert not list((folder / ".lading").glob("files/*"))
    elsewhere.write("lading.yaml", f"version: 1\nname: trusting\nregister: {{model: scaled{TRUST}}}\n")
    elsewhere("deploy", "--package", "scaled.tar")
    try:
        assert elsewhere("score", "-d", "[]").json() == 42
    finally:
        elsewhere("delete")


TRAINED = """\
version: 1
name: trusting
train: {script: grow.py, data: score.py}
register: {model: grown}
package: {scoring_script: score.py, environment: {pip: []}}
"""
GROW = "class Own:\n    def predict(self, rows): return rows\n\ndef train(data, log): return Own()\n"


@pytest.mark.slow
def test_a_model_that_was_trained_here_needs_no_trust(site: Shell) -> None:
    site.write("lading.yaml", TRAINED)
    site.write("grow.py", GROW)
    site("deploy")
    site("package", "export", "grown.tar")
    site("deploy", "--package", "grown.tar")
    folder = site.folder.parent / "elsewhere"
    folder.mkdir()
    shutil.copy(site.folder / "grown.tar", folder)
    shutil.copy(site.folder / "lading.yaml", folder)
    done = Shell(folder, dict(site.env))("deploy", "--package", "grown.tar", code=3)
    assert "it imports grow.Own" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"\x08\x07\x12\x07pytorch", b'{"learner": {}}', b"tree\nversion=v4\n", b"It is text"])
def test_a_file_that_is_not_a_pickle_needs_no_trust(site: Shell, data: bytes) -> None:
    (site.folder / "model.pkl").write_bytes(data)
    site("model", "inspect", "model.pkl")
    site("check")
    site("register")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\x80\x04N", "cannot be read to its end", id="cut off"),
        pytest.param(b"I0x10\n0cmylib\nScaler\n.", "cannot be read to its end", id="a number that is read later"),
        pytest.param(b"\x80\x04\x82\x01.", "it imports a name that it composes while it is loaded", id="extension"),
        pytest.param(b"N.cos", "", id="a word after the end"),
    ],
)
def test_a_pickle_that_cannot_be_judged_is_refused(site: Shell, data: bytes, message: str) -> None:
    (site.folder / "model.pkl").write_bytes(data)
    assert message in site("check", code=3 if message else 0).err


@pytest.mark.slow
def test_a_starter_shows_what_a_model_imports(site: Shell) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(LinearRegression().fit([[0], [1]], [0, 1]))
    joblib.dump(model, site.folder / "plain.joblib")
    assert "warning" not in site("init", "--model", "plain.joblib", "plain").err
    model.own = json.JSONDecoder
    joblib.dump(model, site.folder / "more.joblib")
    done = site("init", "--model", "more.joblib", "more")
    assert "warning: more.joblib is not loaded, because it imports json.decoder.JSONDecoder" in done.err
    assert "next: read the comment under register: in more/lading.yaml, then cd more && lading deploy" in done.err
    text = (site.folder / "more" / "lading.yaml").read_text()
    assert "\n  # trust: [json.decoder.JSONDecoder]\n" in text
    site("check", "more/lading.yaml", code=3)
    (site.folder / "more" / "lading.yaml").write_text(text.replace("# trust", "trust"))
    site("check", "more/lading.yaml")


def test_a_starter_has_no_line_for_a_name_that_cannot_be_written(site: Shell) -> None:
    import joblib
    from sklearn.linear_model import LinearRegression

    joblib.dump(LinearRegression().fit([[0], [1]], [0, 1]), site.folder / "more.joblib")
    with (site.folder / "more.joblib").open("ab") as stream:
        stream.write(b"\x80\x04\x82\x01.")
    done = site("init", "--model", "more.joblib", "more")
    assert "it imports a name that it composes while it is loaded" in done.err
    assert "no manifest can allow this" in done.err
    assert "trust: [" not in (site.folder / "more" / "lading.yaml").read_text()


def test_a_dangerous_import_is_named_so_and_gets_no_line(site: Shell) -> None:
    (site.folder / "model.pkl").write_bytes(made_of("mylib", "Scaler")[:-1] + b"cos\nsystem\n0.")
    done = site("check", code=3)
    assert "it imports mylib.Scaler, os.system (dangerous)" in done.err
    assert "trust: [" not in done.err


def test_a_file_of_lz4_is_not_complete(site: Shell) -> None:
    (site.folder / "model.pkl").write_bytes(b'\x04"M\x18' + bytes(20))
    assert "save it with joblib and compress='gzip'" in site("check", code=3).err


@pytest.mark.slow
def test_the_file_of_a_model_that_was_trained_here_needs_no_trust(site: Shell) -> None:
    site.write("lading.yaml", TRAINED)
    site.write("grow.py", GROW)
    site("register")
    version = site("model", "show", "grown", "--json").json()
    shutil.copy(version["file"], site.folder / "model.pkl")
    write(site)
    for command in COMMANDS:
        site(*command)
    site("delete")
    (site.folder / ".lading" / "id").unlink()
    done = site("check", code=3)
    assert "it imports grow.Own" in done.err, "a store that is not trusted does not count"


def verdicts(site: Shell) -> int:
    with closing(sqlite3.connect(site.folder / ".lading" / "store.db")) as store:
        (count,) = store.execute("SELECT count(*) FROM reuse WHERE stage = 'loading'").fetchone()
    return int(count)


def test_a_verdict_is_not_reused_after_a_change_of_the_code_that_judged(site: Shell) -> None:
    (site.folder / "model.pkl").write_bytes(made_of("sklearn.svm._classes", "SVC"))
    code = site.folder / "code" / "lading_sklearn"
    shutil.copytree(Path(lading_sklearn.__file__).parent, code)
    for _again in range(2):
        site("register", PYTHONPATH=str(code.parent))
        assert verdicts(site) == 1
    known = (code / "known.txt").read_text()
    (code / "known.txt").write_text(known.replace("class sklearn.svm._classes", "class sklearn.svm._others"))
    for command in ("plan", "register"):
        assert "it imports sklearn.svm._classes.SVC" in site(command, code=3, PYTHONPATH=str(code.parent)).err


def test_a_verdict_is_not_reused_with_another_version_of_skops(site: Shell) -> None:
    (site.folder / "model.pkl").write_bytes(made_of("sklearn.svm._classes", "SVC"))
    site("register")
    site.write("code/skops-99.dist-info/METADATA", "Metadata-Version: 2.1\nName: skops\nVersion: 99\n")
    site("register", PYTHONPATH=str(site.folder / "code"))
    assert verdicts(site) == 2
