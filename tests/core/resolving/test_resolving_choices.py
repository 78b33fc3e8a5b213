"""The order of the ways, the choice among additions, and what may not leak or become an option."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.watching import command_lines

from lading.engine.resolving import Choice, Conflict, Question, Resolution, Resolver, uv
from lading.errors import BadInput

if TYPE_CHECKING:
    from conftest import Wheelhouse

HOSTILE = [
    "",
    "-r /etc/passwd",
    "--index-url=http://127.0.0.1:9/",
    "hull\n--index-url=http://127.0.0.1:9/",
    "hull==1.0\r-e .",
    "hull==1.0 --hash=sha256:00",
    "$(id)",
    "hull; $(id)",
    "hull\0",
    "../hull",
    "/etc/passwd",
    "git+https://reader:canary@127.0.0.1/hull",
    "hull @ https://reader:canary@127.0.0.1/hull.whl",
    "hull@https://reader:canary@127.0.0.1/hull.whl ; $(id)",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_requirement_is_refused_before_anything_runs(line: str) -> None:
    with pytest.raises(BadInput) as refused:
        Question(("hull==1.0", line), "3.11", "linux/amd64")
    assert "canary" not in str(refused.value)


def test_the_first_addition_that_fits_is_chosen_with_its_version(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("hull", "2.0")
    wheelhouse.add("crane", "1.0", "hull<2")
    wheelhouse.add("crane", "1.1", "hull<2")
    wheelhouse.add("winch", "3.0", "hull>=1")
    choice = Resolver().choose(wheelhouse.question("hull==2.0"), ("crane>=1", "winch"))
    assert isinstance(choice, Choice)
    assert choice.added == "winch==3.0"
    ((rejected, conflict),) = choice.rejected
    assert rejected == "crane>=1"
    assert "hull==2.0" in conflict.requirements
    wheelhouse.add("crane", "1.2", "hull<3")
    chosen = Resolver().choose(wheelhouse.question("hull==2.0"), ("crane>=1", "winch"))
    assert isinstance(chosen, Choice)
    assert (chosen.added, chosen.rejected) == ("crane==1.2", ())


def test_when_no_addition_fits_the_last_conflict_is_the_answer(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("hull", "2.0")
    wheelhouse.add("crane", "1.0", "hull<2")
    wheelhouse.add("winch", "3.0", "hull<1")
    conflict = Resolver().choose(wheelhouse.question("hull==2.0"), ("crane", "winch"))
    assert isinstance(conflict, Conflict)
    assert set(conflict.requirements) == {"hull==2.0", "winch"}


def test_pip_answers_on_a_machine_without_uv(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "_program", lambda: None)
    wheelhouse.add("hull", "2.0")
    answer = Resolver().resolve(wheelhouse.question("hull==2.0"))
    assert isinstance(answer, Resolution)
    assert (answer.way, answer.versions) == ("pip", {"hull": "2.0"})


@pytest.mark.usefixtures("no_index")
def test_without_an_index_what_is_installed_answers_and_no_password_is_shown(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("crane", "1.0", "hull<2")
    wheelhouse.install("hull", "2.0")
    resolver = Resolver()
    with command_lines(0.02) as seen:
        fits = resolver.resolve(Question(("hull==2.0",), "3.11", "linux/amd64"))
        conflict = resolver.resolve(Question(("crane==1.0", "hull==2.0"), "3.11", "linux/amd64"))
    assert isinstance(fits, Resolution)
    assert fits.way == "offline"
    assert isinstance(conflict, Conflict)
    assert any("requirements.txt" in line for line in seen)
    assert not any("canary" in line for line in seen | {str(fits), str(conflict)})


@pytest.mark.usefixtures("no_index")
def test_what_is_unknown_offline_gives_way_to_the_next_addition(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("hull", "2.0")
    wheelhouse.install("winch", "3.0", "hull>=1")
    choice = Resolver().choose(Question(("hull==2.0",), "3.11", "linux/amd64"), ("crane", "winch"))
    assert isinstance(choice, Choice)
    assert choice.added == "winch==3.0"


@pytest.mark.parametrize("program", [True, False], ids=["uv", "pip"])
def test_without_caches_no_file_is_left(
    program: bool, wheelhouse: Wheelhouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    if not program:
        monkeypatch.setattr(uv, "_program", lambda: None)
    wheelhouse.add("hull", "2.0")
    answer = Resolver(caches=False).resolve(wheelhouse.question("hull==2.0"))
    assert isinstance(answer, Resolution)
    assert [name for folder in ("home", "tmp") for name in (tmp_path / folder).iterdir()] == []


@pytest.mark.parametrize("program", [True, False], ids=["uv", "pip"])
def test_what_has_no_wheel_is_left_unchecked_and_never_built(
    program: bool, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not program:
        monkeypatch.setattr(uv, "_program", lambda: None)
    wheelhouse.add_source("fuse", "3.0")
    wheelhouse.add("crane", "1.0", "fuse>=2")
    wheelhouse.add("hull", "2.0")
    answer = Resolver().resolve(wheelhouse.question("crane==1.0", "hull==2.0"))
    assert isinstance(answer, Resolution)
    assert answer.versions == {"crane": "1.0", "fuse": "3.0", "hull": "2.0"}
    assert answer.unchecked == ("fuse==3.0",)
    wheelhouse.add("winch", "1.0", "fuse<3")
    conflict = Resolver().resolve(wheelhouse.question("crane==1.0", "winch==1.0", "fuse==3.0"))
    assert isinstance(conflict, Conflict)
    assert {"winch==1.0", "fuse==3.0"} <= set(conflict.requirements)
