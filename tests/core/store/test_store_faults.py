"""Death, and refusals of the operating system, at each system call that changes anything."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from store_kit import BEGIN, END, THIS, sha256, ship, written

import lading
from lading.store import Store

# What changes the disk or a lock, by the names of both x86-64 and arm64; `?`: where the machine has it.
TRACED = (
    "trace=?access,?faccessat,?faccessat2,openat,?mkdir,?mkdirat,?chmod,?fchmod,?fchmodat,?fchown,?utimensat,write,"
    "pwrite64,ftruncate,fsync,fdatasync,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?rmdir,flock,fcntl"
)
READS = re.compile(r"access|O_RDONLY|F_(GETFL|GETFD|SETFD|DUPFD)")
SOURCES = (b"first", b"second")


@dataclass(frozen=True)
class Point:
    """The nth call of a name in a process."""

    call: str
    nth: int
    line: str


class Scene:
    """A program under strace that ships two models, in a store of its own each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = folder / "program" / THIS.name  # a copy: an edit meanwhile would shift the count of the calls
        shutil.copytree(Path(lading.__file__).parent, self._program.parent / "lading")
        shutil.copy(THIS, self._program)
        compileall.compile_dir(self._program.parent, quiet=1)
        self.sources = [written(folder / f"{content.decode()}.py", content) for content in SOURCES]
        self._scenes = 0

    def run(self, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self._program), "each", str(root), *map(str, self.sources)]
        env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        traced = ["strace", "-f", "-qq", "-y", "-s", "256", "-o", str(self.log), *options, *command]
        return subprocess.run(traced, env=env, capture_output=True, text=True, timeout=60, check=False)

    @property
    def log(self) -> Path:
        return self.folder / "strace.log"

    def root(self) -> Path:
        self._scenes += 1
        return self.folder / f"scene-{self._scenes:04}" / ".lading"

    def points(self) -> list[Point]:
        """The calls of a whole run, from the opening of the store to its last acknowledgement."""
        run = self.run(self.root(), "-e", TRACED)
        assert run.returncode == 0, run.stderr
        counts: Counter[str] = Counter()
        points, inside = [], False
        for line in self.log.read_text().splitlines():
            call = line.split(maxsplit=1)[1].partition("(")[0]
            counts[call] += 1
            inside = (inside or BEGIN in line) and END not in line
            if inside and BEGIN not in line:
                points.append(Point(call, counts[call], line))
        return points

    def inject(self, point: Point, fault: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
        root = self.root()
        run = self.run(root, "-e", f"trace={point.call}", "-e", f"inject={point.call}:{fault}:when={point.nth}")
        calls = [line for line in self.log.read_text().splitlines() if "+++ killed" not in line]
        hit = next((line for line in calls if "(INJECTED)" in line), calls[-1])
        assert place(hit) == place(point.line), "the calls are counted otherwise than before"
        return root, run

    def check_recovery(self, root: Path, run: subprocess.CompletedProcess[str]) -> None:
        """What was acknowledged is there, what is there is whole, and the same command finishes the work."""
        with closing(Store.open(root)) as store:
            check_kept(store, run.stdout.splitlines())
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
        whole = {".gitignore", "files", "modules", "packages", "store.db", "store.db-journal", "store.ledger", "tmp"}
        assert {path.name for path in root.iterdir()} <= whole


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
    assert set(acknowledged) <= lines
    up = [release.state for release in releases].count("up")
    assert up == 1 or (up == 0 and not any(line.startswith("release") for line in acknowledged))


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    if not strace_works():
        missing = "strace is missing, or may not trace"
        pytest.fail(missing) if os.environ.get("LADING_TEST_REQUIRE") == "all" else pytest.skip(missing)
    return Scene(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def points(scene: Scene) -> list[Point]:
    """Those that change something in the store; the answer on stdout is among them."""
    points = [point for point in scene.points() if ".lading" in point.line or "write(1<" in point.line]
    return [point for point in points if not READS.search(point.line)]


def sample(points: list[Point], size: int) -> Iterator[Point]:
    return iter(points[:: max(1, len(points) // size)])


def kill_at_each(scene: Scene, points: Iterator[Point]) -> None:
    for point in points:
        root, run = scene.inject(point, "signal=KILL")
        assert run.returncode == -9, f"{point} was not reached"
        try:
            scene.check_recovery(root, run)
        except Exception as error:
            raise AssertionError(f"killed at {point}") from error


def test_killed_at_a_sample_of_its_calls_the_work_is_whole_or_absent(scene: Scene, points: list[Point]) -> None:
    kill_at_each(scene, sample(points, 12))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_call_the_work_is_whole_or_absent(scene: Scene, points: list[Point]) -> None:
    kill_at_each(scene, iter(points))


# What may fail without a word: SQLite does not look at the result when it syncs the folder of a new journal, nor at
# that of giving a journal to the owner of the database; leftovers in tmp/ are the next command's to remove.
UNNOTICED = re.compile(r"fdatasync\(\d+<[^>]*/\.lading(/tmp/\w+)?>\)|fchown|(unlink|rmdir|unlinkat)\(|F_UNLCK|F_RDLCK")


def refuse_each(scene: Scene, points: Iterator[Point], error: str) -> None:
    for point in points:
        root, run = scene.inject(point, f"error={error}")
        if run.returncode != 0 or not UNNOTICED.search(point.line):
            assert run.returncode == 5, f"{point}: {run.returncode} {run.stderr}"
            assert re.match(rf"Transient: {re.escape(str(root))}\S*: ", run.stderr), f"{point}: {run.stderr}"
        scene.check_recovery(root, run)


def writing(points: list[Point], *calls: str) -> list[Point]:
    """Those of the store's own: not the answers, nor what stands for a packager."""
    others = re.compile(r"write\(1<|/tmp/\w+/azureml-app")
    return [point for point in points if point.call in calls and not others.search(point.line)]


FAULTS = [
    ("ENOSPC", ("write", "pwrite64", "mkdir", "mkdirat")),
    ("EIO", ("fsync", "fdatasync", "write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2")),
    ("EACCES", ("openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2")),
    ("EROFS", ("openat", "mkdir", "mkdirat", "chmod", "fchmodat")),
]


@pytest.mark.parametrize(("error", "calls"), FAULTS)
def test_refused_at_a_sample_of_its_calls_nothing_is_lost(
    scene: Scene, points: list[Point], error: str, calls: tuple[str, ...]
) -> None:
    refuse_each(scene, sample(writing(points, *calls), 6), error)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("error", "calls"), FAULTS)
def test_refused_at_any_call_nothing_is_lost(
    scene: Scene, points: list[Point], error: str, calls: tuple[str, ...]
) -> None:
    refuse_each(scene, iter(writing(points, *calls)), error)


def order(points: list[Point], *patterns: str) -> list[int]:
    """Where each pattern is first found, after the one before it."""
    start = 0
    found: list[int] = []
    for pattern in patterns:
        index = next((n for n in range(start, len(points)) if re.search(pattern, points[n].line)), None)
        assert index is not None, f"no {pattern} after {found}"
        found.append(index)
        start = index + 1
    return found


def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_answer(scene: Scene) -> None:
    points = scene.points()
    for content in SOURCES:
        digest = sha256(content)
        name = content.decode()
        for place in (rf"files/{digest}", rf"modules/{digest}/{name}\.py"):
            (renamed,) = order(points, rf"rename\w*\(.*/tmp/(\w+)/file\".*{place}\"")
            copy = re.search(r"/tmp/\w+/file", points[renamed].line)
            assert copy is not None
            folder = re.escape(f"/.lading/{place}".rsplit("/", 1)[0])
            order(
                points,
                rf"write\(\d+<[^>]*{copy[0]}>, \"{name}\"",
                rf"fsync\(\d+<[^>]*{copy[0]}>",
                rf"rename\w*\(.*{copy[0]}\"",
                rf"fsync\(\d+<[^>]*{folder}>",
                r"fdatasync\(\d+<[^>]*/\.lading/store\.db>",
                rf"write\(1<[^>]*>, \"model \d {digest}",
            )


def test_a_package_is_on_the_disk_before_its_place_and_its_place_before_the_answer(scene: Scene) -> None:
    order(
        scene.points(),
        r"write\(\d+<[^>]*/tmp/\w+/azureml-app/score\.py>",
        r"fsync\(\d+<[^>]*/tmp/\w+/azureml-app/score\.py>",
        r"rename\w*\(.*/tmp/\w+\".*/packages/\w+\"",
        r"fsync\(\d+<[^>]*/packages>",
        r"fdatasync\(\d+<[^>]*/\.lading/store\.db>",
        r"write\(1<[^>]*>, \"release 1 ",
    )


def test_a_new_store_is_on_the_disk_before_its_first_answer(scene: Scene) -> None:
    order(
        scene.points(),
        r"mkdir\w*\(.*/\.lading\"",
        r"fsync\(\d+<[^>]*/scene-\d+>",
        r"fdatasync\(\d+<[^>]*/tmp/\w+/store\.db>",
        r"rename\w*\(.*/tmp/\w+/store\.db\".*/\.lading/store\.db\"",
        r"fsync\(\d+<[^>]*/\.lading>",
        r"write\(1<",
    )


def test_a_transaction_is_on_the_disk_before_its_journal_is_gone_and_both_before_the_answer(scene: Scene) -> None:
    points = scene.points()
    (first,) = order(points, r"write\(1<")
    order(
        points[first + 1 :],
        r"pwrite64\(\d+<[^>]*/store\.db-journal>",
        r"fdatasync\(\d+<[^>]*/store\.db-journal>",
        r"pwrite64\(\d+<[^>]*/store\.db>",
        r"fdatasync\(\d+<[^>]*/store\.db>",
        r"ftruncate\(\d+<[^>]*/store\.db-journal>, 0\)",
        r"fdatasync\(\d+<[^>]*/store\.db-journal>",
        r"write\(1<",
    )
