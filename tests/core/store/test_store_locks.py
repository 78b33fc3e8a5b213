"""Locks, work folders and scratch folders, with real processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.core.store.store_kit import THIS
from tests.waiting import LIMIT

from lading.errors import Locked
from lading.store import Store
from lading.store.names import safe_name


@contextmanager
def holder(store: Store, what: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that holds a lock, or a scratch folder if `what` is empty. Also yields its output."""
    command = [sys.executable, str(THIS), "hold", str(store.root), what]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_second_process_learns_who_holds_the_lock(store: Store) -> None:
    with (
        holder(store, "salary-svc/local") as (process, _),
        pytest.raises(Locked) as locked,
        store.lock("salary-svc/local", command="lading delete"),
    ):
        pytest.fail("two processes hold one lock")
    since = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(
        rf"'salary-svc/local' is locked by 'lading deploy' \(pid {process.pid}, since {since}\)", locked.value.message
    )
    assert "--lock-wait" in (locked.value.hint or "")
    assert locked.value.exit_code == 4


def test_another_lock_is_free(store: Store) -> None:
    with holder(store, "salary-svc/local"), store.lock("salary-svc/aci", command="lading deploy") as dead:
        assert dead is None


def test_a_command_waits_for_a_lock(store: Store) -> None:
    with holder(store, "salary-svc") as (process, _):
        assert process.stdin is not None
        threading.Timer(0.3, process.stdin.close).start()
        with store.lock("salary-svc", command="lading deploy", wait=LIMIT) as dead:
            assert dead is None, "it was released, not left"
            assert process.wait(timeout=LIMIT) == 0


def test_the_wait_ends(store: Store) -> None:
    with holder(store, "salary-svc"):
        start = time.monotonic()
        with pytest.raises(Locked), store.lock("salary-svc", command="lading deploy", wait=0.3):
            pytest.fail("two processes hold one lock")
        assert time.monotonic() - start >= 0.3


def test_the_lock_of_a_dead_process_is_taken_over_with_its_name(store: Store) -> None:
    with holder(store, "salary-svc") as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
        with store.lock("salary-svc", command="lading deploy") as dead:
            assert dead is not None
            assert f"'lading deploy' (pid {process.pid}, since " in dead
        with store.lock("salary-svc", command="lading deploy") as dead:
            assert dead is None


def test_a_lock_is_released_when_its_work_fails(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.lock("salary-svc", command="lading deploy"):
        _ = 1 / 0
    with store.lock("salary-svc", command="lading deploy") as dead:
        assert dead is None


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"[]", b"7", b'{"pid": 1}', b"[" * 200])
def test_a_lock_file_may_hold_any_text(store: Store, content: bytes) -> None:
    with store.lock("salary-svc", command="lading deploy"):
        (file,) = (store.root / "locks").iterdir()
        assert json.loads(file.read_bytes())["command"] == "lading deploy"
        file.write_bytes(content)
        with (
            pytest.raises(Locked, match="is locked by another command"),
            store.lock("salary-svc", command="lading deploy"),
        ):
            pytest.fail("two hold one lock")


HOSTILE = ["..", ".", "", "/etc/passwd", "a/b", "../../x", "a\0b", "\n", "\udc80", "x" * 5000, "Ä", "-rf", "~", "a~b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_malicious_name_stays_inside_the_store(store: Store, name: str) -> None:
    with store.lock(name, command="lading deploy"):
        (file,) = (store.root / "locks").iterdir()
        assert file.is_file()
    folder = store.work("local", name)
    assert folder.is_dir()
    assert folder.parent == store.root / "work" / "local"
    assert folder == store.work("local", name)


@settings(max_examples=300, database=None)
@given(st.lists(st.text(st.characters(), max_size=60), min_size=2, max_size=2, unique=True))
@example(["A", safe_name("A")])
@example(["prod", "Prod"])
@example(["x" * 25, "x" * 24])
def test_two_names_never_share_a_lock_file(names: list[str]) -> None:
    first, second = (safe_name(name) for name in names)
    assert first.casefold() != second.casefold()
    for name in (first, second):
        assert re.fullmatch(r"[a-z0-9._-]{0,24}(~[0-9a-f]{12})?", name)
        assert name not in ("", ".", "..")


def test_ordinary_names_are_kept(store: Store) -> None:
    assert store.work("salary-svc", "local") == store.root / "work" / "salary-svc" / "local"


def test_a_scratch_folder_is_empty_and_removed_afterwards(store: Store) -> None:
    with store.scratch() as one, store.scratch() as two:
        assert one != two
        assert list(one.iterdir()) == list(two.iterdir()) == []
        (one / "sub").mkdir()
        (one / "sub" / "file").touch(0o400)
    assert list((store.root / "tmp").iterdir()) == []


def test_a_scratch_folder_is_removed_only_after_its_process_has_died(store: Store) -> None:
    with holder(store, "") as (living, kept), holder(store, "") as (dead, left):
        (Path(left) / "file").touch()
        dead.kill()
        dead.wait()
        assert Path(left).exists()
        with store.scratch():
            assert not Path(left).exists()
            assert Path(kept).exists()
        assert living.poll() is None
