"""Run programs under strace: list their system calls, and inject a fault at one of them. This needs Linux."""

from __future__ import annotations

import compileall
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.core.store.store_kit import BEGIN, END, THIS, release_file, sha256, written
from tests.waiting import LIMIT

import lading
from lading.store import Store

# Calls that change the disk or a lock, with the names of x86-64 and arm64. `?` marks a call that a machine may lack.
TRACED = (
    "trace=?access,?faccessat,?faccessat2,openat,?mkdir,?mkdirat,?chmod,?fchmod,?fchmodat,?fchown,?utimensat,write,"
    "pwrite64,ftruncate,fsync,fdatasync,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?rmdir,flock,fcntl"
)
READS = re.compile(r"access|O_RDONLY|F_(GETFL|GETFD|SETFD|DUPFD)")
SOURCES = (b"first", b"second")

# Calls that may fail without an effect. SQLite ignores the result of syncing the folder of a new journal, and of giving
# a journal to the owner of the database. The next command removes leftovers in tmp/.
UNNOTICED = re.compile(r"fdatasync\(\d+<[^>]*/\.lading(/tmp/\w+)?>\)|fchown|(unlink|rmdir|unlinkat)\(|F_UNLCK|F_RDLCK")

FAULTS = [
    ("ENOSPC", ("write", "pwrite64", "mkdir", "mkdirat")),
    ("EIO", ("fsync", "fdatasync", "write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2")),
    ("EACCES", ("openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")),
    ("EROFS", ("openat", "mkdir", "mkdirat", "chmod", "fchmodat")),
]


@dataclass(frozen=True)
class Point:
    """The nth call with a name in a process."""

    call: str
    nth: int
    line: str


class Scene:
    """A program under strace that releases two models. Each run has its own store."""

    def __init__(self, folder: Path, package: Path = Path(lading.__file__).parent) -> None:
        self.folder = folder
        self._program = folder / "program" / THIS.name  # a copy, because an edit would shift the numbers of the calls
        shutil.copytree(package, self._program.parent / "lading")
        shutil.copy(THIS, self._program)
        compileall.compile_dir(self._program.parent, quiet=1)
        self.sources = [written(folder / f"{content.decode()}.py", content) for content in SOURCES]
        self._numbers = itertools.count(1)

    def command(self, root: Path) -> list[str]:
        return [sys.executable, str(self._program), "each", str(root), *map(str, self.sources)]

    def run(self, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
        env = {**environ_of(root), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        traced = ["strace", "-f", "-qq", "-y", "-s", "256", "-o", str(log_of(root)), *options, *self.command(root)]
        return subprocess.run(traced, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)

    def root(self) -> Path:
        return self.folder / f"scene-{next(self._numbers):04}" / ".lading"

    def points(self) -> list[Point]:
        """All calls of a run, from the opening of the store to the last acknowledgement."""
        root = self.root()
        run = self.run(root, "-e", TRACED)
        assert run.returncode == 0, run.stderr
        counts: Counter[str] = Counter()
        points, inside = [], False
        for line in log_of(root).read_text().splitlines():
            call = line.split(maxsplit=1)[1].partition("(")[0]
            counts[call] += 1
            inside = (inside or BEGIN in line) and END not in line
            if inside and BEGIN not in line:
                points.append(Point(call, counts[call], line))
        return points

    def inject(self, point: Point, fault: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
        root = self.root()
        run = self.run(root, "-e", f"trace={point.call}", "-e", f"inject={point.call}:{fault}:when={point.nth}")
        calls = [line for line in log_of(root).read_text().splitlines() if "+++ killed" not in line]
        hit = next((line for line in calls if "(INJECTED)" in line), calls[-1])
        assert place(hit) == place(point.line), "the calls are counted otherwise than before"
        return root, run

    def check_recovery(self, root: Path, run: subprocess.CompletedProcess[str]) -> None:
        """Check that acknowledged data is present and intact, and that the same command finishes the work."""
        with closing(Store.open(root, environ_of(root))) as store:
            check_kept(store, run.stdout.splitlines())
        self.check_resumed(root)

    def check_resumed(self, root: Path) -> None:
        """Check that a repeated command ends with the same result, and leaves nothing behind."""
        with closing(Store.open(root, environ_of(root))) as store:
            again = [line for source in self.sources for line in release_file(store, source)]
            assert [line.split()[1] for line in again if line.startswith("model")] == ["1", "2"]
            current = store.releases.current("salary-svc", "local")
            assert current is not None
            assert again[-1] == f"release {current.number} {current.package_digest}"
            with store.scratch() as folder:
                assert list((root / "tmp").iterdir()) == [folder]
        stored = list(root.glob("files/*"))
        assert (
            {path.name for path in stored}
            == {sha256(path.read_bytes()) for path in stored}
            == set(map(sha256, SOURCES))
        )
        assert len(list(root.glob("packages/*"))) == len(SOURCES)
        whole = {".gitignore", "files", "id", "modules", "packages", "store.db", "store.db-journal", "store.ledger"}
        assert {path.name for path in root.iterdir()} <= {*whole, "tmp"}


def environ_of(root: Path) -> dict[str, str]:
    """An environment with a separate list of trusted stores, so that every run makes the same calls."""
    return {**os.environ, "XDG_STATE_HOME": str(root.parent / "state")}


def log_of(root: Path) -> Path:
    """The log of strace for a run in a store. It lies beside the project."""
    return root.parent.with_suffix(".strace")


def place(line: str) -> list[str]:
    """The paths of a call, without the names that differ from run to run."""
    arguments = re.sub(r"/tmp/[0-9a-f]{16}", "/tmp/scratch", line.partition(") = ")[0])
    return re.findall(r"/\.lading[^\">]*", arguments)


def check_kept(store: Store, acknowledged: list[str]) -> None:
    models, releases = store.models.list(), store.releases.list()
    lines = {f"model {model.version} {model.sha256}" for model in models}
    for model in models:
        store.files.check(model.sha256)
    for release in releases:
        model = next(model for model in models if model.version == release.model_version)
        assert store.packages.get(release.package_digest, model) is not None
        if release.state in ("up", "superseded"):
            lines.add(f"release {release.number} {release.package_digest}")
        check_intent(store, f"local/{release.number}", release.state, acknowledged)
    assert {line for line in acknowledged if not line.startswith("intent")} <= lines
    up = [release.state for release in releases].count("up")
    assert up == 1 or (up == 0 and not any(line.startswith("release") for line in acknowledged))


def check_intent(store: Store, name: str, state: str, acknowledged: list[str]) -> None:
    """Check that an intended effect stays known until its outcome is known."""
    is_open = name in {intent.name for intent in store.journal.open("salary-svc", "local")}
    if f"intent {name}" in acknowledged:
        assert is_open or state != "pending"
    if any(line.startswith(f"release {name.removeprefix('local/')} ") for line in acknowledged):
        assert not is_open


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


def changing(points: list[Point]) -> list[Point]:
    """The calls that change the store. Output to stdout is included."""
    points = [point for point in points if ".lading" in point.line or "write(1<" in point.line]
    return [point for point in points if not READS.search(point.line)]


def writing(points: list[Point], *calls: str) -> list[Point]:
    """The calls of the store itself, without output to stdout and without those of the fake packager."""
    others = re.compile(r"write\(1<|/tmp/\w+/azureml-app")
    return [point for point in points if point.call in calls and not others.search(point.line)]
