"""The files of the target `local`: logs that rotate, folders of releases, environments, and its options."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hook_kit import MemoryContext, context_in
from tests.targets.target_kit import bound, package_in, problem

from lading import Failed, Logs, LogsRequest, Refused
from lading_local import environment, lading_logs, releases
from lading_local.environment import ensure_environment
from lading_local.logs import log_tail, read_log
from lading_local.options import LocalOptions
from lading_serving.control import NOTHING, ControlFolder


@pytest.fixture
def folder(tmp_path: Path) -> ControlFolder:
    """The folder of a service with release 1 desired."""
    made = ControlFolder(tmp_path / "work")
    made.releases.mkdir(mode=0o700, parents=True)
    made.path.chmod(0o700)
    made.desire({**NOTHING, "serving": 1})
    return made


def write(folder: ControlFolder, text: str, number: int = 1) -> None:
    """Write to the log of a release, like a worker."""
    with folder.log(number).open("a", encoding="utf-8", newline="") as file:
        file.write(text)
    folder.log(number).chmod(0o600)


def rotate(folder: ControlFolder, number: int = 1) -> None:
    """Rotate the log of a release. The old part stays beside it."""
    folder.log(number).replace(folder.log(number).with_name(f"{number}.log.1"))
    write(folder, "", number)


@pytest.mark.parametrize(("has", "tail", "shown"), [(0, 9, 0), (3, 9, 3), (9, 9, 9), (20, 9, 9), (5, 0, 0), (5, 1, 1)])
def test_a_log_shows_its_last_lines(folder: ControlFolder, has: int, tail: int, shown: int) -> None:
    lines = tuple(f"line {number}" for number in range(has))
    write(folder, "".join(f"{line}\n" for line in lines))
    assert read_log(folder, tail, None).lines == lines[has - shown :]


def test_a_line_is_shown_when_it_is_complete(folder: ControlFolder) -> None:
    write(folder, "one\ntw")
    first = read_log(folder, 9, None)
    assert first.lines == ("one",)
    write(folder, "o\n")
    second = read_log(folder, 9, first.cursor)
    assert second.lines == ("two",)
    assert read_log(folder, 9, second.cursor) == Logs(lines=(), cursor=second.cursor)


def test_a_log_is_followed_over_a_rotation(folder: ControlFolder) -> None:
    write(folder, "one\n")
    cursor = read_log(folder, 9, None).cursor
    write(folder, "two\n")
    rotate(folder)
    write(folder, "three\n")
    assert read_log(folder, 9, cursor).lines == ("two", "three")
    assert read_log(folder, 9, None).lines == ("one", "two", "three")


def test_the_next_release_is_read_from_its_start(folder: ControlFolder) -> None:
    write(folder, "one\n")
    cursor = read_log(folder, 9, None).cursor
    folder.desire({**NOTHING, "serving": 2})
    write(folder, "two\n", 2)
    second = read_log(folder, 9, cursor)
    assert second.lines == ("two",)
    assert second.cursor is not None
    assert second.cursor.startswith("2:")


@pytest.mark.parametrize(
    ("serving", "candidate", "logs", "expected"),
    [
        (1, 2, (1, 2, 3), "log 1"),
        (None, 2, (1, 2, 3), "log 2"),
        (None, None, (1, 2, 10), "log 10"),
        (None, None, (), None),
        (4, None, (1,), None),
    ],
)
def test_the_shown_log_is_of_the_serving_or_the_last_tried_release(
    folder: ControlFolder, serving: int | None, candidate: int | None, logs: tuple[int, ...], expected: str | None
) -> None:
    for number in logs:
        write(folder, f"log {number}\n", number)
    folder.desire({**NOTHING, "serving": serving, "candidate": candidate})
    assert read_log(folder, 9, None).lines == ((expected,) if expected else ())


def test_bytes_that_are_not_text_do_not_hide_a_log(folder: ControlFolder) -> None:
    folder.log(1).write_bytes(b"caf\xe9\nok\n")
    folder.log(1).chmod(0o600)
    assert read_log(folder, 9, None).lines == ("caf\ufffd", "ok")
    assert log_tail(folder, 1, lines=1) == "ok"


ACTIONS = st.lists(st.one_of(st.text("ab", min_size=1, max_size=3), st.sampled_from(["READ", "ROTATE"])), max_size=14)


@settings(max_examples=40)
@given(ACTIONS)
def test_a_follower_sees_every_line_once(tmp_path_factory: pytest.TempPathFactory, actions: list[str]) -> None:
    """As long as it reads at least once between two rotations."""
    folder = ControlFolder(tmp_path_factory.mktemp("work"))
    folder.releases.mkdir(mode=0o700)
    folder.desire({**NOTHING, "serving": 1})
    write(folder, "")
    cursor = read_log(folder, 99, None).cursor
    written: list[str] = []
    seen: list[str] = []

    def read() -> None:
        nonlocal cursor
        logs = read_log(folder, 99, cursor)
        seen.extend(logs.lines)
        cursor = logs.cursor

    for action in actions:
        if action == "READ":
            read()
        elif action == "ROTATE":
            read()
            rotate(folder)
        else:
            written.append(action)
            write(folder, f"{action}\n")
    read()
    assert seen == written


def test_a_link_in_place_of_a_log_is_not_read(folder: ControlFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("c4n4ry\n", encoding="utf-8")
    folder.log(1).symlink_to(secret)
    deployment = LogsRequest(deployment=None)  # type: ignore[arg-type]  # the folder alone says what is there
    with pytest.raises(Refused, match=r"1\.log is a link, not a file") as caught:
        lading_logs(deployment, MemoryContext(folder.path))
    assert "c4n4ry" not in str(caught.value)


def lay(folder: ControlFolder, *numbers: int) -> None:
    """Create the files of releases: a folder, a spec and two parts of a log each."""
    for number in numbers:
        folder.release(number).mkdir()
        for name in (f"{number}.json", f"{number}.log", f"{number}.log.1"):
            (folder.releases / name).write_text("", encoding="utf-8")


def names(folder: ControlFolder) -> list[str]:
    """The files and folders of releases, without the random part of a folder's name."""
    return sorted(path.name.split("-")[0] for path in folder.releases.iterdir())


def left(number: int) -> list[str]:
    return [str(number), f"{number}.json", f"{number}.log", f"{number}.log.1"]


@pytest.mark.parametrize(
    ("laid", "keep", "expected"),
    [
        ((1, 2, 3), {2, 3}, [*left(2), *left(3)]),
        ((1, 2, 3), {1}, [*left(1), "3.log", "3.log.1"]),
        ((1, 2, 3), set(), ["3.log", "3.log.1"]),
        ((9, 10), {9}, [*left(9), "10.log", "10.log.1"]),
        ((1, 11), {1}, [*left(1), "11.log", "11.log.1"]),
        ((1, 11), {11}, left(11)),
        ((), {1}, []),
    ],
)
def test_a_cleanup_keeps_only_the_given_releases_and_the_newest_log(
    folder: ControlFolder, laid: tuple[int, ...], keep: set[int], expected: list[str]
) -> None:
    lay(folder, *laid)
    releases.prune(folder, keep)
    assert names(folder) == sorted(expected)


def test_several_folders_of_one_release_are_removed_together(folder: ControlFolder) -> None:
    lay(folder, 1, 2)
    (folder.releases / "1-planted").mkdir()
    releases.prune(folder, keep={2})
    assert folder.homes(1) == []


def test_environments_of_kept_releases_stay(folder: ControlFolder) -> None:
    environments = folder.path / "environments"
    for name in ("used-1", "unused-2"):
        (environments / name / "bin").mkdir(parents=True)
    (folder.releases / "1.json").write_text(f'{{"python": "{environments}/used-1/bin/python"}}', encoding="utf-8")
    (folder.releases / "1.json").chmod(0o600)
    releases.prune_environments(folder)
    assert [path.name for path in environments.iterdir()] == ["used-1"]


def test_everything_is_removed_and_links_are_not_followed(folder: ControlFolder, tmp_path: Path) -> None:
    lay(folder, 1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (folder.path / "link").symlink_to(elsewhere)
    os.mkfifo(folder.fifo)
    releases.remove_everything(folder)
    assert list(folder.path.iterdir()) == []
    assert (elsewhere / "kept").exists()


def test_an_interrupted_removal_can_be_repeated(folder: ControlFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(folder, 1)

    def fail(path: Path) -> None:
        raise OSError(f"cannot remove {path}")

    monkeypatch.setattr("shutil.rmtree", fail)
    with pytest.raises(OSError, match="cannot remove"):
        releases.remove_everything(folder)
    assert folder.desired() is not None


@pytest.fixture
def context(tmp_path: Path) -> MemoryContext:
    return context_in(tmp_path)


@dataclass
class Forgetful(MemoryContext):
    """A context without recorded facts. It remembers the names that were requested."""

    asked: list[str] = field(default_factory=list)

    def recorded(self, name: str) -> str | None:
        self.asked.append(name)
        return None


def key_of(context: MemoryContext, *requirements: str) -> str:
    """The name of the record of an environment, for a Python that is missing here."""
    forgetful = Forgetful(context.work)
    assert isinstance(
        ensure_environment(package_in(context.work.parent, "d" * 64, "2.99", *requirements), forgetful), Failed
    )
    return forgetful.asked[0]


def test_packages_with_the_same_requirements_share_an_environment(context: MemoryContext) -> None:
    plain = key_of(context)
    assert key_of(context) == plain
    assert len({plain, key_of(context, "click==8"), key_of(context, "click==9")}) == 3


def test_a_recorded_and_existing_environment_is_used(context: MemoryContext) -> None:
    package = package_in(context.work.parent, "d" * 64, "2.99")
    key = key_of(context)
    context.facts[key] = "environment-7"
    (context.work / "environments" / "environment-7").mkdir(parents=True)
    expected = context.work.resolve() / "environments" / "environment-7" / "bin" / "python"
    assert ensure_environment(package, context) == expected


@pytest.mark.parametrize("spoil", [lambda c, k: c.facts.clear(), lambda c, k: (c.work / "environments").rmdir()])
def test_an_unrecorded_or_missing_environment_is_not_used(
    context: MemoryContext, spoil: Callable[[MemoryContext, str], None]
) -> None:
    package = package_in(context.work.parent, "d" * 64, "2.99")
    key = key_of(context)
    context.facts[key] = ""
    (context.work / "environments").mkdir()
    spoil(context, key)
    assert isinstance(ensure_environment(package, context), Failed)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("PIP_INDEX_URL", True),
        ("https_proxy", True),
        ("NO_PROXY", True),
        ("SSL_CERT_FILE", True),
        ("AWS_SECRET_ACCESS_KEY", False),
        ("PYTHONPATH", False),
    ],
)
def test_pip_gets_only_the_settings_of_its_index(monkeypatch: pytest.MonkeyPatch, name: str, kept: bool) -> None:
    monkeypatch.setenv(name, "x")
    assert (name in environment._network_names()) == kept


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("host: ''", "5:24: targets.t.host: must have at least 1 characters"),
        ("hosts: ml.example", "5:25: targets.t.hosts: "),
        ("hosts: [ok, 'a:80']", "5:30: targets.t.hosts.1: must be "),
        ("hosts: [-a]", "5:26: targets.t.hosts.0: must be "),
        ("hosts: [a-]", "5:26: targets.t.hosts.0: must be "),
        ("port: 65536", "5:24: targets.t.port: must be at most 65535"),
        ("port: '80'", "5:24: targets.t.port: expected a whole number"),
        ("workers: 0", "5:27: targets.t.workers: must be at least 1"),
        ("workers: 65", "5:27: targets.t.workers: must be at most 64"),
        ("python: '3.11'", "5:26: targets.t.python: must be "),
        ("env: {A: true}", "5:27: targets.t.env.A: expected text"),
        ("scoring_timeout: 0", "5:35: targets.t.scoring_timeout: must be more than 0"),
        ("start_timeout: 86401", "5:33: targets.t.start_timeout: must be at most 86400"),
        ("max_body: 1023", "5:28: targets.t.max_body: must be at least 1024"),
        ("max_body: 2147483649", "5:28: targets.t.max_body: must be at most 2147483648"),
        ("memory: 1g", "5:18: targets.t.memory: unknown key"),
    ],
)
def test_an_invalid_option_is_refused_at_its_position(tmp_path: Path, block: str, expected: str) -> None:
    assert problem(tmp_path, LocalOptions, block).startswith(expected)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("port: 0", LocalOptions()),
        ("hosts: [ml.example, a_b, A]", LocalOptions(hosts=("ml.example", "a_b", "A"))),
        ("scoring_timeout: null", LocalOptions()),
        ("scoring_timeout: 1", LocalOptions(scoring_timeout=1.0)),
        ("workers: 64, max_body: 2147483648", LocalOptions(workers=64, max_body=2**31)),
    ],
)
def test_a_valid_block_is_accepted(tmp_path: Path, block: str, expected: LocalOptions) -> None:
    assert bound(tmp_path, LocalOptions, block) == expected
