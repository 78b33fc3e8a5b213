"""Process deaths and system errors at a sample of the changing system calls. The torture suite tries all."""

from __future__ import annotations

import re

import pytest
from tests.core.store.faults_kit import FAULTS, SOURCES, UNNOTICED, Point, Scene, changing, strace_works, writing
from tests.core.store.store_kit import sha256
from tests.missing import skip_without


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    if not strace_works():
        missing = "strace is missing, or may not trace"
        skip_without(missing)
    return Scene(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def points(scene: Scene) -> list[Point]:
    """The calls that change the store. Output to stdout is included."""
    return changing(scene.points())


def sample(points: list[Point], size: int) -> list[Point]:
    return points[:: max(1, len(points) // size)]


@pytest.mark.slow
def test_a_command_killed_at_some_call_leaves_its_work_complete_or_absent(scene: Scene, points: list[Point]) -> None:
    for point in sample(points, 12):
        root, run = scene.inject(point, "signal=KILL")
        assert run.returncode == -9, f"{point} was not reached"
        try:
            scene.check_recovery(root, run)
        except Exception as error:
            raise AssertionError(f"killed at {point}") from error


@pytest.mark.slow
@pytest.mark.parametrize(("error", "calls"), FAULTS)
def test_a_system_error_at_some_call_loses_nothing(
    scene: Scene, points: list[Point], error: str, calls: tuple[str, ...]
) -> None:
    for point in sample(writing(points, *calls), 6):
        root, run = scene.inject(point, f"error={error}")
        if run.returncode != 0 or not UNNOTICED.search(point.line):
            assert run.returncode == 5, f"{point}: {run.returncode} {run.stderr}"
            assert re.match(rf"Transient: {re.escape(str(root.parent))}\S*: ", run.stderr), f"{point}: {run.stderr}"
        scene.check_recovery(root, run)


def order(points: list[Point], *patterns: str) -> list[int]:
    """The position of each pattern, found in this order."""
    start = 0
    found: list[int] = []
    for pattern in patterns:
        index = next((n for n in range(start, len(points)) if re.search(pattern, points[n].line)), None)
        assert index is not None, f"no {pattern} after {found}"
        found.append(index)
        start = index + 1
    return found


def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_the_output(scene: Scene) -> None:
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


def test_a_package_is_on_the_disk_before_it_is_moved_and_moved_before_the_output(scene: Scene) -> None:
    order(
        scene.points(),
        r"write\(\d+<[^>]*/tmp/\w+/azureml-app/score\.py>",
        r"fsync\(\d+<[^>]*/tmp/\w+/azureml-app/score\.py>",
        r"rename\w*\(.*/tmp/\w+\".*/packages/\w+\"",
        r"fsync\(\d+<[^>]*/packages>",
        r"fdatasync\(\d+<[^>]*/\.lading/store\.db>",
        r"write\(1<[^>]*>, \"release 1 ",
    )


def test_a_new_store_is_on_the_disk_before_the_first_output(scene: Scene) -> None:
    order(
        scene.points(),
        r"mkdir\w*\(.*/\.lading\"",
        r"fsync\(\d+<[^>]*/scene-\d+>",
        r"fdatasync\(\d+<[^>]*/tmp/\w+/store\.db>",
        r"rename\w*\(.*/tmp/\w+/store\.db\".*/\.lading/store\.db\"",
        r"fsync\(\d+<[^>]*/\.lading>",
        r"write\(1<",
    )


def test_a_transaction_is_on_the_disk_before_its_journal_ends_and_both_before_the_output(scene: Scene) -> None:
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
