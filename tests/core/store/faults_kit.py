"""Programs under strace: what they ask of the system, and a fault at one of those calls; Linux alone has it."""

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

from store_kit import BEGIN, END, THIS, sha256, ship, written
from tests.waiting import LIMIT

import lading
from lading.store import Store

# What changes the disk or a lock, by the names of both x86-64 and arm64; `?`: where the machine has it.
TRACED = (
    "trace=?access,?faccessat,?faccessat2,openat,?mkdir,?mkdirat,?chmod,?fchmod,?fchmodat,?fchown,?utimensat,write,"
    "pwrite64,ftruncate,fsync,fdatasync,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?rmdir,flock,fcntl"
)
READS = re.compile(r"access|O_RDONLY|F_(GETFL|GETFD|SETFD|DUPFD)")
SOURCES = (b"first", b"second")

# What may fail without a word: SQLite does not look at the result when it syncs the folder of a new journal, nor at
# that of giving a journal to the owner of the database; leftovers in tmp/ are the next command's to remove.
UNNOTICED = re.compile(r"fdatasync\(\d+<[^>]*/\.lading(/tmp/\w+)?>\)|fchown|(unlink|rmdir|unlinkat)\(|F_UNLCK|F_RDLCK")

FAULTS = [
    ("ENOSPC", ("write", "pwrite64", "mkdir", "mkdirat")),
    ("EIO", ("fsync", "fdatasync", "write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2")),
    ("EACCES", ("openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")),
    ("EROFS", ("openat", "mkdir", "mkdirat", "chmod", "fchmodat")),
]


@dataclass(frozen=True)
class Point:
    """The nth call of a name in a process."""

    call: str
    nth: int
    line: str


class Scene:
    """A program under strace that ships two models, in a store of its own each time."""

    def __init__(self, folder: Path, package: Path = Path(lading.__file__).parent) -> None:
        self.folder = folder
        self._program = folder / "program" / THIS.name  # a copy: an edit meanwhile would shift the count of the calls
        shutil.copytree(package, self._program.parent / "lading")
        shutil.copy(THIS, self._program)
        compileall.compile_dir(self._program.parent, quiet=1)
        self.sources = [written(folder / f"{content.decode()}.py", content) for content in SOURCES]
        self._numbers = itertools.count(1)

    def run(self, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self._program), "each", str(root), *map(str, self.sources)]
        env = {**environ_of(root), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        traced = ["strace", "-f", "-qq", "-y", "-s", "256", "-o", str(log_of(root)), *options, *command]
        return subprocess.run(traced, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)

    def root(self) -> Path:
        return self.folder / f"scene-{next(self._numbers):04}" / ".lading"

    def points(self) -> list[Point]:
        """The calls of a whole run, from the opening of the store to its last acknowledgement."""
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
        """What was acknowledged is there, what is there is whole, and the same command finishes the work."""
        with closing(Store.open(root, environ_of(root))) as store:
            check_kept(store, run.stdout.splitlines())
        self.check_resumed(root)

    def check_resumed(self, root: Path) -> None:
        """The same work, done again, ends as if nothing had happened, and leaves nothing of its own behind."""
        with closing(Store.open(root, environ_of(root))) as store:
            again = [line for source in self.sources for line in ship(store, source)]
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
    """An environment with a list of trusted stores for this one alone: every run then makes the same calls."""
    return {**os.environ, "XDG_STATE_HOME": str(root.parent / "state")}


def log_of(root: Path) -> Path:
    """Where strace writes about the run in a store: beside its project."""
    return root.parent.with_suffix(".strace")


def place(line: str) -> list[str]:
    """The paths of a call, but for the names that differ from run to run."""
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
    """An effect that was about to be caused stays known until its outcome is."""
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
    """Those that change something in the store; the answer on stdout is among them."""
    points = [point for point in points if ".lading" in point.line or "write(1<" in point.line]
    return [point for point in points if not READS.search(point.line)]


def writing(points: list[Point], *calls: str) -> list[Point]:
    """Those of the store's own: not the answers, nor what stands for a packager."""
    others = re.compile(r"write\(1<|/tmp/\w+/azureml-app")
    return [point for point in points if point.call in calls and not others.search(point.line)]
