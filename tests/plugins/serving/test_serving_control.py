"""The control folder without a supervisor: its content, foreign files, and wake-up messages."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lading_serving.control import NOTHING, ControlFolder, ReleaseState, State
from lading_serving.json_files import read_json, write_bytes, write_json
from lading_serving.owned import MOST_BYTES, Foreign, check, open_own, read_own
from lading_serving.spec import Limits, ReleaseSpec, read_recorded, sha256_of

RELEASE: ReleaseState = {
    "phase": "serving",
    "uri": "http://127.0.0.1:5001/score",
    "public_uri": "http://[::1]:80/score",
    "reason": "",
    "restarts": 2,
    "tags": {"package": "abc"},
}
STATE: State = {"pid": 7, "port": 5001, "releases": {"3": RELEASE}}
SPEC = ReleaseSpec(
    number=3,
    python="/usr/bin/python3",
    folder="/somewhere",
    env={"PATH": "/bin"},
    model_file="/somewhere/model",
    model_sha256="0" * 64,
    tags={"a": "b"},
    limits=Limits(max_body=7, drain_timeout=1.5),
    handed=("TOKEN",),
    hosts=("a.example", "b.example"),
)


@pytest.fixture
def folder(tmp_path: Path) -> ControlFolder:
    found = ControlFolder(tmp_path / "service")
    found.releases.mkdir(parents=True)
    return found


@contextmanager
def reader(folder: ControlFolder) -> Iterator[Callable[[], bytes]]:
    """Reads the FIFO of a service, like its supervisor."""
    os.mkfifo(folder.fifo, 0o600)
    fifo = os.open(folder.fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield lambda: os.read(fifo, 65536)
    finally:
        os.close(fifo)


def test_a_desired_state_of_an_earlier_version_has_no_canary(folder: ControlFolder) -> None:
    (folder.path / "desired.json").write_text('{"serving": 3, "candidate": null}')
    assert folder.desired() == {"serving": 3, "candidate": None, "canary": None, "weight": 0, "shadow": 0}


WRONG = ['"canary": "4"', '"canary": -1', '"weight": 101', '"shadow": true', '"weight": null']


@pytest.mark.parametrize("wrong", WRONG)
def test_a_desired_state_with_a_wrong_canary_is_foreign(folder: ControlFolder, wrong: str) -> None:
    (folder.path / "desired.json").write_text(f'{{"serving": 3, "candidate": null, {wrong}}}')
    with pytest.raises(Foreign):
        folder.desired()


def test_the_desired_and_the_actual_state_are_read_back(folder: ControlFolder) -> None:
    assert folder.desired() is None
    assert folder.state() == {"pid": 0, "port": 0, "releases": {}}
    folder.desire({**NOTHING, "serving": 3, "canary": 4, "weight": 10})
    folder.write_state(STATE)
    assert folder.desired() == {"serving": 3, "candidate": None, "canary": 4, "weight": 10, "shadow": 0}
    assert folder.state() == STATE
    assert sorted(path.name for path in folder.path.iterdir()) == ["desired.json", "releases", "state.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.path.glob("*.json")} == {0o600}


WRONG_DESIRED: list[Any] = [
    [],
    "serving",
    {"serving": 1},
    {"serving": -1, "candidate": None},
    {"serving": 2**31, "candidate": None},
    {"serving": True, "candidate": None},
    {"serving": 1.0, "candidate": None},
    {"serving": "1", "candidate": None},
]
WRONG_STATES: list[Any] = [
    [],
    {},
    {**STATE, "pid": "7"},
    {**STATE, "port": None},
    {**STATE, "releases": []},
    {**STATE, "releases": {"x": RELEASE}},
    {**STATE, "releases": {"-1": RELEASE}},
    {**STATE, "releases": {"3": {**RELEASE, "phase": "idle"}}},
    {**STATE, "releases": {"3": {**RELEASE, "tags": None}}},
    {**STATE, "releases": {"3": {**RELEASE, "reason": 1}}},
    {**STATE, "releases": {"3": {**RELEASE, "uri": "http://evil.example:80/score"}}},
    {**STATE, "releases": {"3": {**RELEASE, "uri": "http://user@127.0.0.1:80/score"}}},
    {**STATE, "releases": {"3": {**RELEASE, "uri": "https://127.0.0.1:80/score"}}},
    {**STATE, "releases": {"3": {**RELEASE, "public_uri": "http://[a]@[::1]:80/score"}}},
    {**STATE, "releases": {"3": {**RELEASE, "public_uri": "ftp://127.0.0.1:80/score"}}},
    {**STATE, "releases": {"3": {**RELEASE, "public_uri": "http://127.0.0.1:80/score\n"}}},
]


@pytest.mark.parametrize("content", WRONG_DESIRED)
def test_a_desired_state_with_other_content_is_foreign(folder: ControlFolder, content: Any) -> None:
    write_json(folder.path / "desired.json", content)
    with pytest.raises(Foreign, match=r"desired\.json is not what `lading` writes there"):
        folder.desired()


@pytest.mark.parametrize("content", WRONG_STATES)
def test_a_state_with_other_content_is_foreign(folder: ControlFolder, content: Any) -> None:
    write_json(folder.path / "state.json", content)
    with pytest.raises(Foreign, match=r"state\.json is not what `lading` writes there") as caught:
        folder.state()
    assert caught.value.path == folder.path / "state.json"


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b"\0{}"])
def test_a_file_without_json_is_foreign(folder: ControlFolder, data: bytes) -> None:
    write_bytes(folder.path / "state.json", data, durable=False)
    with pytest.raises(Foreign):
        folder.state()


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"null"])
def test_a_file_emptied_by_a_power_loss_counts_as_missing(folder: ControlFolder, data: bytes) -> None:
    write_bytes(folder.path / "desired.json", data, durable=False)
    assert folder.desired() is None


def test_a_replaced_file_leaves_no_temporary_file_and_follows_no_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "file").symlink_to(other)
    (tmp_path / f".file.{os.getpid()}").symlink_to(other)
    write_json(tmp_path / "file", [1])
    assert read_json(tmp_path / "file", lambda content: isinstance(content, list)) == [1]
    assert other.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.relpath(path))


KINDS: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.touch(0o600),
    "a folder": lambda path: path.mkdir(),
    "a link": lambda path: path.symlink_to("/nowhere"),
    "a FIFO": lambda path: os.mkfifo(path, 0o600),
    "a socket": _bind,
}
NAMES = {
    "wake": "a FIFO",
    "lock": "a file",
    "desired.json": "a file",
    ".state.json.123": "a file",
    "starts.json": "a file",
    "supervisor.log": "a file",
    "environments": "a folder",
    "environments/abc": "a folder",
    "releases/3": "a folder",
    "releases/3-0123456789abcdef": "a folder",
    "releases/3.json": "a file",
    "releases/.3.json.123": "a file",
    "releases/3.log.1": "a file",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_known_name_must_have_its_kind(
    folder: ControlFolder, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    path = folder.path / name
    path.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(path.parent)  # the name of a socket has a length limit
    KINDS[kind](path)
    if kind == NAMES[name]:
        folder.check()
        return
    with pytest.raises(Foreign) as caught:
        folder.check()
    assert str(caught.value) == f"{path} is {kind}, not {NAMES[name]}"


@pytest.mark.parametrize("name", ["notes.txt", "releases/notes.txt", "releases/3.json.bak", ".hidden"])
def test_an_unknown_name_is_ignored(folder: ControlFolder, name: str) -> None:
    (folder.path / name).symlink_to("/nowhere")
    folder.check()


def test_a_service_whose_folder_is_a_link_is_foreign(tmp_path: Path, folder: ControlFolder) -> None:
    (tmp_path / "link").symlink_to(folder.path)
    with pytest.raises(Foreign, match="link is a link, not a folder"):
        ControlFolder(tmp_path / "link").check()


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(0o600, None), (0o644, None), (0o620, "is writable by other users"), (0o602, "is writable by other users")],
)
def test_a_file_that_others_can_write_is_foreign(tmp_path: Path, mode: int, reason: str | None) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(mode)
    if reason is None:
        check(file, stat.S_IFREG)
        return
    with pytest.raises(Foreign, match=reason):
        check(file, stat.S_IFREG)


def test_a_file_with_two_names_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    os.link(tmp_path / "file", tmp_path / "other")
    for read in (read_own, lambda path: open_own(path, os.O_RDONLY)):
        with pytest.raises(Foreign, match=r"is a hard link"):
            read(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    os.chown(tmp_path / "file", 12345, -1)
    with pytest.raises(Foreign, match="belongs to user 12345"):
        read_own(tmp_path / "file")


def test_a_file_is_read_completely_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as stream:
        stream.truncate(MOST_BYTES)
    assert len(read_own(file)) == MOST_BYTES
    with file.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(Foreign, match=f"has more than {MOST_BYTES} bytes"):
        read_own(file)


def test_a_missing_file_is_accepted_and_a_new_one_is_private(tmp_path: Path) -> None:
    check(tmp_path / "file", stat.S_IFREG)
    with pytest.raises(FileNotFoundError):
        read_own(tmp_path / "file")
    os.close(open_own(tmp_path / "file", os.O_WRONLY | os.O_CREAT))
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_device_is_named_and_not_opened() -> None:
    with pytest.raises(Foreign, match="/dev/null is a device, not a file"):
        read_own(Path("/dev/null"))


def test_a_release_keeps_its_folder_and_a_new_folder_has_a_random_name(folder: ControlFolder) -> None:
    first, second = folder.release(3), folder.release(3)
    assert first != second
    assert first.parent == folder.releases
    assert len(first.name) == len("3-") + 16
    first.mkdir()
    assert folder.release(3) == first
    assert folder.homes(3) == [first]
    assert folder.homes(1) == []
    assert (folder.spec(3).name, folder.log(3).name) == ("3.json", "3.log")


def test_one_process_holds_the_lock_and_the_lock_shows_that_it_runs(folder: ControlFolder) -> None:
    assert not folder.is_supervised()
    lock = folder.acquire()
    assert lock is not None
    assert folder.is_supervised()
    assert folder.acquire() is None
    with folder.unsupervised() as free:
        assert not free
    os.close(lock)
    assert not folder.is_supervised()
    with folder.unsupervised() as free:
        assert free
        assert folder.is_supervised()
    assert not folder.is_supervised()


def test_a_wake_up_reaches_only_the_reader(folder: ControlFolder) -> None:
    folder.wake()  # there is no FIFO
    with reader(folder) as read:
        folder.wake()
        folder.hand({"values": {"TOKEN": "s3cret\n"}, "specs": {"3": "abc"}})
        sent = read()
    folder.wake()  # there is no reader
    first, second, message, rest = sent.split(b"\n")
    assert (first, second, rest) == (b"", b"", b"")
    assert json.loads(message) == {"values": {"TOKEN": "s3cret\n"}, "specs": {"3": "abc"}}


def test_the_desired_state_is_written_before_the_supervisor_wakes(folder: ControlFolder) -> None:
    with reader(folder) as read:
        folder.desire(NOTHING)
        assert read() == b"\n"
        assert folder.desired() == NOTHING


def test_a_spec_is_read_back(tmp_path: Path) -> None:
    SPEC.write(tmp_path / "3.json")
    data = (tmp_path / "3.json").read_bytes()
    assert ReleaseSpec.read(tmp_path / "3.json", sha256_of(data)) == SPEC
    assert read_recorded(tmp_path / "3.json", sha256_of(data)) == data


def test_a_spec_of_an_earlier_version_has_the_defaults() -> None:
    content = json.loads(SPEC.to_bytes())
    for name in ("handed", "hosts", "tags"):
        del content[name]
    del content["limits"]["max_body"]
    limits = replace(SPEC.limits, max_body=Limits().max_body)
    expected = replace(SPEC, handed=(), hosts=(), tags={}, limits=limits)
    assert ReleaseSpec.from_bytes(json.dumps(content).encode()) == expected


def test_an_altered_spec_is_foreign(tmp_path: Path) -> None:
    SPEC.write(tmp_path / "3.json")
    recorded = sha256_of(SPEC.to_bytes())
    replace(SPEC, python="/tmp/evil").write(tmp_path / "3.json")
    with pytest.raises(Foreign, match=rf"3\.json has sha256 [0-9a-f]{{64}}, not {recorded} as recorded"):
        ReleaseSpec.read(tmp_path / "3.json", recorded)


TEXT = st.sampled_from(["serving", "", "http://127.0.0.1:1/score", "3"]) | st.text(max_size=3)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*STATE, *RELEASE, "3"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@settings(max_examples=25)
@given(ANYTHING)
def test_any_content_is_either_a_valid_state_or_foreign(tmp_path: Path, content: Any) -> None:
    folder = ControlFolder(tmp_path)
    write_json(tmp_path / "state.json", content, durable=False)
    try:
        state = folder.state()
    except Foreign:
        return
    for number, release in state["releases"].items():
        assert int(number) >= 0
        assert release["phase"] in {"starting", "ready", "serving", "draining", "failed"}
