"""Read-only commands create and change no file: with a store, without one, and with another user's store."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

SALARY = "manifests/salary.yaml"
UNKNOWN = ["why", "http://127.0.0.1:1/score", SALARY]
READING = [
    ["status", SALARY],
    ["status", SALARY, "--target", "local", "--json"],
    ["list", SALARY],
    ["preflight", SALARY],
    ["list", SALARY, "--target", "local", "--json"],
    ["plan", SALARY],
    ["plan", SALARY, "--target", "local", "--from", "local", "--json"],
    ["check", SALARY],
    ["history", SALARY],
    ["traffic", SALARY],
    ["diff", "1", "1", SALARY],
    ["why", "1", SALARY],
    UNKNOWN,
    ["uri", SALARY],
    ["report", SALARY],
    ["logs", SALARY],
    ["keys", SALARY],
    ["gc", SALARY],
    ["repair", SALARY],
    ["run", "list", SALARY],
    ["run", "show", "2", SALARY],
    ["run", "compare", "2", "2", SALARY],
    ["model", "list", SALARY],
    ["model", "show", "sal_model", SALARY],
    ["model", "inspect", "sal_model", SALARY],
    ["target", "list"],
    ["target", "show", "local"],
    ["plugin", "list"],
    ["plugin", "show", "local"],
    ["plugin", "list", "--probe", "--json"],
    ["schema"],
    ["completion", "bash"],
    ["store", "trust", SALARY],
    ["--version"],
    ["--help"],
]
STORED = [argv for argv in READING if SALARY in argv and argv[0] != "check"]
REFUSED = [
    ["deploy", SALARY],
    ["train", SALARY],
    ["register", SALARY],
    ["package", SALARY],
    ["package", "export", "salary.tar", SALARY],
    ["eject", SALARY, "made"],
    ["forward", SALARY],
    ["rollback", SALARY],
    ["promote", SALARY],
    ["abort", SALARY],
    ["traffic", SALARY, "--weight", "5"],
    ["delete", SALARY],
    ["score", SALARY, "-d", '{"data": [[21]]}'],
    ["gc", SALARY, "--yes"],
    ["repair", SALARY, "--yes"],
]


def project(folder: Path) -> Shell:
    """A salary project with a home, and every XDG folder of a user."""
    for name in (SALARY, "data/sal.csv"):
        (folder / "project" / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, folder / "project" / name)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder / "home")}
    env |= {f"XDG_{name}_HOME": str(folder / "home" / name) for name in ("STATE", "CACHE", "CONFIG", "DATA")}
    (folder / "home").mkdir()
    (folder / "project" / "pyproject.toml").touch()
    return Shell(folder / "project", env)


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Names, modes, times, links and bytes of all files in a folder."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, status.st_nlink, content)
    return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = project(tmp_path_factory.mktemp("deployed"))
    shell("deploy", SALARY)
    yield shell
    shell("delete", SALARY)


@pytest.mark.slow
@pytest.mark.parametrize("argv", READING, ids=" ".join)
def test_a_command_that_only_reads_changes_no_file(deployed: Shell, argv: list[str]) -> None:
    folder = deployed.folder.parent
    before = snapshot(folder)
    done = deployed(*argv, code=None, **({"AZURE_SUBSCRIPTION_ID": "0-0-0"} if argv[0] == "check" else {}))
    assert done.code == (2 if argv == UNKNOWN else 0), done.err
    assert snapshot(folder) == before
    assert "no store" not in done.err
    assert "not trusted" not in done.err
    if "--probe" in argv:
        assert {row["status"] for row in done.json()} == {"working"}


@pytest.mark.parametrize("argv", STORED, ids=" ".join)
def test_without_a_store_it_reports_this_and_creates_none(tmp_path: Path, argv: list[str]) -> None:
    shell = project(tmp_path)
    before = snapshot(tmp_path)
    done = shell(*argv, code=None)
    assert snapshot(tmp_path) == before
    assert done.err.count("has no store yet") == 1, done.err
    assert done.code in (0, 2, 6), done.err
    if argv[0] in ("status", "plan", "history", "gc") or argv[1] == "list":
        assert done.code == 0


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["delete", SALARY], 0),
        (["rollback", SALARY], 2),
        (["rollback", "2", SALARY], 2),
        (["gc", SALARY, "--yes"], 0),
        (["keys", SALARY, "--rotate", "primary"], 6),
    ],
)
def test_a_command_that_needs_something_to_change_makes_no_store(tmp_path: Path, argv: list[str], code: int) -> None:
    shell = project(tmp_path)
    before = snapshot(tmp_path)
    shell(*argv, code=code)
    assert snapshot(tmp_path) == before


@pytest.fixture(scope="module")
def stranger(deployed: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A clone of the project that includes its store."""
    shell = project(tmp_path_factory.mktemp("stranger"))
    without_pipe = shutil.ignore_patterns("wake")  # the pipe of the running service
    shutil.copytree(deployed.folder / ".lading", shell.folder / ".lading", ignore=without_pipe)
    return shell


@pytest.mark.parametrize("argv", STORED, ids=" ".join)
def test_a_store_that_is_not_trusted_is_read_and_reported(stranger: Shell, argv: list[str]) -> None:
    before = snapshot(stranger.folder.parent)
    done = stranger(*argv, code=None)
    assert snapshot(stranger.folder.parent) == before
    assert done.code == (6 if argv[0] == "uri" else 2 if argv == UNKNOWN else 0), done.err
    shown = done.out if argv[:2] == ["store", "trust"] else done.err
    assert shown.count("trust") >= 1, shown


@pytest.mark.parametrize("argv", REFUSED, ids=" ".join)
def test_nothing_is_done_with_a_store_that_is_not_trusted(stranger: Shell, argv: list[str]) -> None:
    before = snapshot(stranger.folder.parent)
    done = stranger(*argv, code=3)
    assert "is not trusted" in done.err
    assert "lading store trust --yes" in done.err
    assert snapshot(stranger.folder.parent) == before


def test_the_cache_of_an_untrusted_store_is_not_used_for_a_manifest(stranger: Shell, tmp_path: Path) -> None:
    shell = Shell(Path(shutil.copytree(stranger.folder, tmp_path / "clone")), stranger.env)
    with closing(sqlite3.connect(shell.folder / ".lading" / "store.db", isolation_level=None)) as planted:
        planted.execute("UPDATE reuse SET output = replace(output, 'salary-svc', 'another') WHERE stage = 'document'")
        assert planted.execute("SELECT count(*) FROM reuse WHERE output LIKE '%another%'").fetchone()[0]
    done = shell("status", SALARY, "--target", "local", "--json")
    assert done.json()["deployments"][0]["service"] == "salary-svc"


def test_after_a_killed_command_the_state_before_it_is_read(deployed: Shell, tmp_path: Path) -> None:
    shell = Shell(
        Path(shutil.copytree(deployed.folder, tmp_path / "killed", ignore=shutil.ignore_patterns("wake"))), deployed.env
    )
    shell("store", "trust", "--yes", SALARY)
    database = shell.folder / ".lading" / "store.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as dying:
        dying.executescript("PRAGMA cache_size = 1; BEGIN IMMEDIATE; DELETE FROM releases;")
        dying.execute("UPDATE models SET record = hex(zeroblob(300000))")  # too much for the cache
        left = {path: path.read_bytes() for path in database.parent.glob("store.db*")}
    for path, content in left.items():
        path.write_bytes(content)
    before = snapshot(tmp_path)
    assert "up" in shell("history", SALARY).out
    assert "sal_model:1" in shell("model", "list", SALARY).out
    assert snapshot(tmp_path) == before


def test_trust_is_required_and_never_prompted(stranger: Shell, tmp_path: Path) -> None:
    shell = Shell(Path(shutil.copytree(stranger.folder, tmp_path / "clone")), stranger.env)
    done = shell("store", "trust", SALARY)
    assert "--yes would trust it" in done.err
    assert "models    1" in done.out
    shell("gc", SALARY, "--yes", code=3)
    found = shell("store", "trust", SALARY, "--yes", "--json").json()
    assert (found["trusted"], found["models"], found["releases"]) == (True, 1, 1)
    shell("gc", SALARY, "--yes")
    assert shell("history", SALARY).err == ""


@pytest.mark.parametrize(
    ("name", "leads"),
    [("tmp", "../.."), (".gitignore", "../../.bashrc"), ("locks/store.lock", "../../notes.txt")],
)
@pytest.mark.parametrize("argv", [["status"], ["plan"], ["model", "list"], ["gc"], ["deploy"]], ids=" ".join)
def test_a_link_in_a_repository_does_no_harm(tmp_path: Path, name: str, leads: str, argv: list[str]) -> None:
    """The folder is deep, because a followed first link would remove files beside the clone."""
    shell = project(tmp_path / "a" / "b" / "c")
    (shell.folder / "notes.txt").write_text("notes")
    (shell.folder.parent / ".bashrc").write_text("bashrc")
    link = shell.folder / ".lading" / name
    link.parent.mkdir(mode=0o700, parents=True)
    (shell.folder / ".lading").chmod(0o700)
    link.symlink_to(leads)
    before = snapshot(tmp_path)
    done = shell(*argv, SALARY, code=3)
    assert f"{name} is a symbolic link to {leads}" in done.err
    assert "--store or LADING_STORE" in done.err
    assert snapshot(tmp_path) == before
