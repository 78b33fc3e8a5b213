"""Shared fixtures of all tests: the command line in a separate process, and installed distributions."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.waiting import LIMIT

from lading.errors import LadingError
from lading.store import StoreToRead

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("emulators/azureml", "emulators/iothub", "engine")]

from container_engine import container_engine, image_registry  # noqa: E402, F401 - fixtures for every room
from offline_azure.fixture import azure, azure_emulator  # noqa: E402, F401
from offline_iothub.fixture import iothub, iothub_emulator  # noqa: E402, F401
from podman_engine import podman_engine  # noqa: E402, F401

# The time of an example depends on the machine. Each example takes a fresh file of the test's folder.
CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
# CI draws the same examples every time, with every version of hypothesis: only newer ones do so by themselves.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=CHECKS, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("any machine")

LADING = Path(sys.executable).with_name("lading")


pytest_plugins = ["tests.grouped", "tests.sampled", "tests.unit"]


def pytest_configure(config: pytest.Config) -> None:
    """Set a temporary folder in which the tests and their commands record trusted stores."""
    folder = tempfile.TemporaryDirectory(prefix="lading-state-")
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_STATE_HOME"] = folder.name
    os.environ.pop("LADING_TRUST_STORE", None)


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `lading` in a project folder with a separate environment. With `fails`, a log may contain a traceback."""

    folder: Path
    env: dict[str, str]
    lading: Path = LADING
    fails: bool = False

    def __post_init__(self) -> None:
        self.env.setdefault("XDG_STATE_HOME", os.environ["XDG_STATE_HOME"])  # not the developer's own

    def __call__(self, *argv: str | Path, code: int | None = 0, stdin: str | None = None, **env: str) -> Done:
        finished = subprocess.run(
            [self.lading, *map(str, argv)],
            cwd=self.folder,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        done = Done(finished.returncode, finished.stdout, finished.stderr)
        assert self.fails or "Traceback" not in done.err, done.err
        if code is not None:
            assert done.code == code, f"{argv} ended with {done.code}:\n{done.out}\n{done.err}"
        return done

    def start(self, *argv: str | Path, **env: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [self.lading, *map(str, argv)],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def on_a_terminal(self, *argv: str | Path, **env: str) -> Done:
        """Run a command with a terminal for its input and its messages. `err` is the output without colours."""
        ours, theirs = pty.openpty()
        command = subprocess.Popen(
            [self.lading, *map(str, argv)],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.close(theirs)
        shown = b""
        with suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # Linux reports a closed terminal so
            while chunk := terminal.read(4096):
                shown += chunk
        out, _ = command.communicate(timeout=LIMIT)
        return Done(command.returncode, out, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()))

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


def elsewhere(shell: Shell) -> Shell:
    """Another folder with the same manifest, as on another machine: it has no store and no other file."""
    folder = shell.folder.parent / "elsewhere"
    folder.mkdir()
    shutil.copy(shell.folder / "lading.yaml", folder / "lading.yaml")
    return Shell(folder, dict(shell.env))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A fresh project folder. Every service deployed from it is deleted at the end."""
    folder = tmp_path / "project"
    folder.mkdir()
    kept = ("HOME", "LANG", "PATH", "TMPDIR")
    shell = Shell(folder, {name: os.environ[name] for name in kept if name in os.environ})
    yield shell
    for target in {target for database in folder.rglob("store.db") for target in _deployed(database.parent)}:
        for manifest in folder.rglob("*.yaml"):
            shell("delete", manifest, "--target", target, code=None)


def _deployed(folder: Path) -> set[str]:
    """The targets with releases according to a store. Asking the targets would import a cloud's SDK, as
    slow as a test.
    """
    with suppress(LadingError), closing(StoreToRead.read(folder)) as store:
        return {release.target for release in store.releases.list() if release.state in ("up", "pending")}
    return set()


@pytest.fixture
def salary(shell: Shell) -> Shell:
    """A project with the salary manifest and its data from this repository."""
    for name in ("manifests/salary.yaml", "data/sal.csv"):
        target = shell.folder / name
        target.parent.mkdir()
        shutil.copy(ROOT / name, target)
    return shell


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder shared by all workers of a test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def install(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs a distribution of `tests/distributions` or `examples` with pip, once, and returns the folder for
    PYTHONPATH.
    """
    parents = (ROOT / "tests" / "distributions", ROOT / "examples")

    def install(name: str) -> Path:
        folder = shared / f"installed-{name}"
        with (shared / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = tmp_path_factory.mktemp("made")
                source = next(parent / name for parent in parents if (parent / name).is_dir())
                shutil.copytree(source, made / "source")
                pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
                argv: list[str | Path] = [*pip, "--target", made / "target", made / "source"]
                subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT)
                (made / "target").rename(folder)
        return folder

    return install
