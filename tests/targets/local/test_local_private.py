"""A service of one user is closed to the other users of the machine."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.targets.local.local_kit import LocalService, Recorder, stop, uri_of

from lading_local.listing import _supervised
from lading_serving.leftovers import leftovers

NOBODY = 65534
SCRIPT = """
    import os

    def init():
        os.makedirs("made/below")
        open("made/file", "w").close()

    def run(raw_data):
        return os.getpid()
"""


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o002, 0o077])
def test_all_files_of_a_release_are_private_whatever_the_umask_is(service: LocalService, umask: int) -> None:
    before = os.umask(umask)
    try:
        service.deploy(1, SCRIPT)
    finally:
        os.umask(before)
    below = list(service.context.work.rglob("*"))
    assert any(path.name == "below" for path in below)
    assert [path for path in below if path.lstat().st_mode & 0o077] == []
    assert {path.stat().st_mode & 0o777 for path in below if path.is_dir()} == {0o700}


@pytest.fixture
def open_place() -> Iterator[LocalService]:
    """A deployment in a folder that every user can reach."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    (root / "work").mkdir(mode=0o700)
    place = LocalService(root, Recorder(root / "work"))
    yield place
    stop(place.folder)
    shutil.rmtree(root)


def as_another_user(action: Callable[[], object]) -> str:
    """What an action returns or raises in a process of another user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            found = repr(action())
        except BaseException as error:
            found = type(error).__name__
        os.write(writer, found.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        found = file.read()
    os.waitpid(child, 0)
    return found


def family(place: LocalService) -> list[int]:
    """The keeper, the supervisor and the worker."""
    supervisor = place.folder.state()["pid"]
    parent = int(Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[1])
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return [parent, supervisor, *map(int, children)]


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc").exists(), reason="only root can act as two users on Linux")
def test_another_user_cannot_read_signal_or_take_over_a_service(open_place: LocalService) -> None:
    open_place.deploy(1, SCRIPT)
    folder = open_place.folder
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    processes = family(open_place)
    assert len(files) > 5
    assert len(processes) == 3
    assert os.access(folder.path, os.X_OK)
    assert as_another_user(lambda: [path for path in files if os.access(path, os.R_OK | os.W_OK)]) == "[]"
    for action in (folder.check, folder.state, folder.desired, folder.acquire, lambda: list(folder.path.iterdir())):
        assert as_another_user(action) in {"PermissionError", "Foreign"}
    assert as_another_user(lambda: os.open(folder.fifo, os.O_WRONLY | os.O_NONBLOCK)) == "PermissionError"
    for pid in processes:
        assert as_another_user(partial(os.kill, pid, signal.SIGTERM)) == "PermissionError"
    assert as_another_user(lambda: leftovers(folder.path)) == "[]"
    assert as_another_user(lambda: [pid for pid, _ in _supervised()]) == "[]"
    assert any(pid in processes for pid, _ in _supervised())
    assert len(leftovers(folder.path)) == 1
    assert uri_of(open_place).startswith("http://127.0.0.1:")
    assert family(open_place) == processes
