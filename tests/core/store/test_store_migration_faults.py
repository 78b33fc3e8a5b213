"""Process deaths and system errors during a migration. The store keeps either the old or the new format."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.core.store import formats_kit
from tests.core.store.faults_kit import FAULTS, Point, Scene, changing, environ_of, strace_works, writing
from tests.core.store.formats_kit import NEXT, format_on_disk, install, knowledge, unpack
from tests.missing import skip_without
from tests.waiting import LIMIT

from lading.store import Store, StoreToRead
from lading.store.repair import repair
from lading.store.report import grant_trust

RUN = "after-the-migration"


class Migration(Scene):
    """A command of the next version under strace. Each run has a copy of the stored store."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._next = folder / "program" / formats_kit.THIS.name
        shutil.copy(formats_kit.THIS, self._next)
        shutil.copytree(formats_kit.STORED.parent, self._next.parent / "stored")
        self.old = self.root()
        with closing(StoreToRead.read(self.old, environ_of(self.old))) as store:
            self.known = knowledge(store)
        root = self.root()  # the first run writes the bytecode, so that all later runs make the same calls
        subprocess.run(self.command(root), env=environ_of(root), timeout=LIMIT, check=True, stdout=subprocess.DEVNULL)

    def command(self, root: Path) -> list[str]:
        return [sys.executable, str(self._next), str(root), RUN]

    def root(self) -> Path:
        root = super().root()
        root.parent.mkdir()
        grant_trust(unpack(root), environ_of(root))
        return root

    def check_recovery(self, root: Path, run: subprocess.CompletedProcess[str]) -> None:
        """Check that the store has the old or the new format, and that the same command succeeds."""
        assert format_on_disk(root) in (1, NEXT)
        if format_on_disk(root) == 1:
            assert (root / "store.db").read_bytes() == (self.old / "store.db").read_bytes() or run.returncode == -9
        self.check_records(root)
        env = {**environ_of(root), "PYTHONHASHSEED": "0"}
        again = subprocess.run(self.command(root), env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert (again.stderr, again.returncode) == ("", 0)
        assert format_on_disk(root) == NEXT
        assert RUN in self.check_records(root)
        self.check_files(root)

    def check_records(self, root: Path) -> list[str]:
        """Check that every record of the old store is present. Returns the ids of new runs."""
        with pytest.MonkeyPatch.context() as patch:
            install(setter=patch.setattr)
            with closing(StoreToRead.read(root, environ_of(root))) as store:
                found: dict[str, Any] = knowledge(store)
        more = [run for run in found["runs"] if run not in self.known["runs"]]
        assert {**found, "runs": self.known["runs"]} == self.known
        assert len(found["runs"]) == len(self.known["runs"]) + len(more)
        return [run.id for run in more]

    def check_files(self, root: Path) -> None:
        """Check that the backup is the old store, the ledger matches the database, and no temporary file is left."""
        backups = {path.name: path.read_bytes() for path in (root / "backups").iterdir()}
        assert {stat.S_IMODE(path.stat().st_mode) for path in (root / "backups").iterdir()} == {0o600}
        assert backups["format-1-store.db"] == (self.old / "store.db").read_bytes()
        assert set(backups) == {"format-1-store.db", "format-1-store.ledger"}
        with pytest.MonkeyPatch.context() as patch:
            install(setter=patch.setattr)
            found = repair(root, fix=False, command="lading repair", wait=0, environ=environ_of(root))
            assert [one for one in found if one.kind != "scratch"] == []
            with closing(Store.open(root, environ_of(root))) as store, store.scratch() as folder:
                assert list((root / "tmp").iterdir()) == [folder]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Migration:
    if not strace_works():
        missing = "strace is missing, or may not trace"
        skip_without(missing)
    return Migration(tmp_path_factory.mktemp("migration"))


@pytest.fixture(scope="module")
def points(scene: Migration) -> list[Point]:
    """The calls that change something in the store."""
    return changing(scene.points())


def check_killed(scene: Migration, points: list[Point]) -> None:
    formats = set()
    for point in points:
        root, run = scene.inject(point, "signal=KILL")
        assert run.returncode == -9, f"{point} was not reached"
        formats.add(format_on_disk(root))
        try:
            scene.check_recovery(root, run)
        except Exception as error:
            raise AssertionError(f"killed at {point}") from error
        shutil.rmtree(root.parent)
    assert formats == {1, NEXT}


def sample(points: list[Point], size: int) -> list[Point]:
    return points[:: max(1, len(points) // size)]


@pytest.mark.slow
def test_a_migration_killed_at_some_calls_is_complete_or_absent(scene: Migration, points: list[Point]) -> None:
    check_killed(scene, sample(points, 10))


@pytest.mark.slow
def test_a_migration_killed_at_any_call_is_complete_or_absent(scene: Migration, points: list[Point]) -> None:
    check_killed(scene, points)


@pytest.mark.slow
@pytest.mark.parametrize(("error", "calls"), FAULTS)
def test_a_system_error_during_a_migration_leaves_the_old_store(
    scene: Migration, points: list[Point], error: str, calls: tuple[str, ...]
) -> None:
    for point in sample(writing(points, *calls), 5):
        root, run = scene.inject(point, f"error={error}")
        if run.returncode == 0:  # SQLite retried the call or ignored its result
            assert RUN in scene.check_records(root), f"{point}"
        else:
            assert run.returncode == 5, f"{point}: {run.returncode} {run.stderr}"
            assert re.match(rf"Transient: {re.escape(str(root.parent))}\S*: ", run.stderr), f"{point}: {run.stderr}"
        scene.check_recovery(root, run)


def test_the_backup_is_on_the_disk_before_the_database_changes(scene: Migration) -> None:
    lines = [point.line for point in scene.points()]
    patterns = (
        r"write\(\d+<[^>]*/tmp/\w+/store\.db\.part>",
        r"fsync\(\d+<[^>]*/tmp/\w+/store\.db\.part>",
        r"rename\w*\(.*/tmp/\w+/store\.db\".*/backups/format-1-store\.db\"",
        r"fsync\(\d+<[^>]*/backups>",
        r"rename\w*\(.*/tmp/\w+/store\.ledger\".*/backups/format-1-store\.ledger\"",
        r"fsync\(\d+<[^>]*/backups>",
        r"rename\w*\(.*/store\.ledger\.part\".*/store\.ledger\"",
        r"pwrite64\(\d+<[^>]*/\.lading/store\.db>",
    )
    start = 0
    for pattern in patterns:
        start = next(number for number, line in enumerate(lines) if number >= start and re.search(pattern, line)) + 1
