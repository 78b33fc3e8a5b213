"""What the tests of every room share: the command line in a process of its own, and installed distributions."""

from __future__ import annotations

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

from lading.errors import LadingError
from lading.store import StoreToRead

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("emulators/azureml", "emulators/iothub", "engine")]

from container_engine import container_engine, image_registry  # noqa: E402, F401 - fixtures for every room
from offline_azure.fixture import azure, azure_emulator  # noqa: E402, F401
from offline_iothub.fixture import iothub, iothub_emulator  # noqa: E402, F401
from podman_engine import podman_engine  # noqa: E402, F401

LADING = Path(sys.executable).with_name("lading")


def pytest_configure(config: pytest.Config) -> None:
    """The tests, and the commands that they run, note the stores that they trust in a folder that ends with them."""
    folder = tempfile.TemporaryDirectory(prefix="lading-state-")
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_STATE_HOME"] = folder.name
    os.environ.pop("LADING_TRUST_STORE", None)


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `lading` in a project folder, with an environment of its own; with `fails` a log may hold a traceback."""

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
            timeout=120,
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
        """Run a command that has a terminal for its input and its messages; `err` is what is shown, without colours."""
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
        with suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # Linux ends one that is closed so
            while chunk := terminal.read(4096):
                shown += chunk
        out, _ = command.communicate(timeout=120)
        return Done(command.returncode, out, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()))

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A fresh project folder; every service that is deployed from it is deleted at the end."""
    folder = tmp_path / "project"
    folder.mkdir()
    kept = ("HOME", "LANG", "PATH", "TMPDIR")
    shell = Shell(folder, {name: os.environ[name] for name in kept if name in os.environ})
    yield shell
    for target in {target for database in folder.rglob("store.db") for target in _deployed(database.parent)}:
        for manifest in folder.rglob("*.yaml"):
            shell("delete", manifest, "--target", target, code=None)


def _deployed(folder: Path) -> set[str]:
    """The targets that a store knows to have something. To ask the targets takes a cloud's SDK as long as a test."""
    with suppress(LadingError), closing(StoreToRead.read(folder)) as store:
        return {release.target for release in store.releases.list() if release.state in ("up", "pending")}
    return set()


@pytest.fixture
def salary(shell: Shell) -> Shell:
    """A project with the salary manifest and its data, as this repository ships them."""
    for name in ("manifests/salary.yaml", "data/sal.csv"):
        target = shell.folder / name
        target.parent.mkdir()
        shutil.copy(ROOT / name, target)
    return shell


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Installs a distribution of `tests/distributions` with pip, once, and returns the folder to put on PYTHONPATH."""
    folders: dict[str, Path] = {}

    def install(name: str) -> Path:
        if name not in folders:
            source = tmp_path_factory.mktemp("source") / name
            shutil.copytree(ROOT / "tests" / "distributions" / name, source)
            folders[name] = tmp_path_factory.mktemp(name)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
            subprocess.run([*pip, folders[name], source], check=True, capture_output=True, timeout=120)
        return folders[name]

    return install
