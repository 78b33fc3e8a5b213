"""The order of the resolvers, the choice among additions, and protection against leaks and injected options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.resolving.conftest import Wheelhouse
from tests.watching import command_lines

from lading.engine.resolving import Choice, Conflict, Question, Resolution, Resolver, uv
from lading.engine.resolving.question import from_index
from lading.errors import BadInput

HOSTILE = [
    "",
    "-r /etc/passwd",
    "--index-url=http://127.0.0.1:9/",
    "tables\n--index-url=http://127.0.0.1:9/",
    "tables==1.0\r-e .",
    "tables==1.0 --hash=sha256:00",
    "$(id)",
    "tables; $(id)",
    "tables\0",
    "../tables",
    "/etc/passwd",
    "git+https://reader:r3solv3r@127.0.0.1/tables",
    "tables @ https://reader:r3solv3r@127.0.0.1/tables.whl",
    "tables@https://reader:r3solv3r@127.0.0.1/tables.whl ; $(id)",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_hostile_requirement_is_refused_before_anything_runs(line: str) -> None:
    with pytest.raises(BadInput) as refused:
        Question(("tables==1.0", line), "3.11", "linux/amd64")
    assert "r3solv3r" not in str(refused.value)


def test_an_address_is_not_shown_to_a_resolver(wheelhouse: Wheelhouse) -> None:
    """A wheel counts by its name and version, although no index has it."""
    wheelhouse.install("tables", "2.0", "local_part>=1")
    lines = (
        "tables==2.0",
        "Local-Part @ file:wheels/local_part-1.5%2Bcpu-py3-none-any.whl#sha256=00",
        "remote @ https://a.example/remote-3-py3-none-any.whl",
        "archived @ https://a.example/main.zip",
        "cloned @ git+ssh://git@a.example/cloned@v1",
    )
    found = from_index(lines)
    assert found.lines == ("tables==2.0", "Local-Part==1.5+cpu", "remote==3")
    assert found.known == (("local-part", "1.5+cpu"), ("remote", "3"))
    assert found.unknown == ("archived", "cloned")
    question = replace(wheelhouse.question(*found.lines), unbuilt=found.known)
    answer = Resolver().resolve(question)
    assert isinstance(answer, Resolution)
    assert answer.way == "uv"
    assert answer.unchecked == ("local-part==1.5+cpu", "remote==3")
    for line in HOSTILE:
        with pytest.raises(BadInput) as refused:
            from_index([line])
        assert "r3solv3r" not in str(refused.value)


def test_the_first_addition_that_fits_is_chosen_with_its_version(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("tables", "2.0")
    wheelhouse.add("reports", "1.0", "tables<2")
    wheelhouse.add("reports", "1.1", "tables<2")
    wheelhouse.add("widgets", "3.0", "tables>=1")
    choice = Resolver().choose(wheelhouse.question("tables==2.0"), ("reports>=1", "widgets"))
    assert isinstance(choice, Choice)
    assert choice.added == "widgets==3.0"
    ((rejected, conflict),) = choice.rejected
    assert rejected == "reports>=1"
    assert "tables==2.0" in conflict.requirements
    wheelhouse.add("reports", "1.2", "tables<3")
    chosen = Resolver().choose(wheelhouse.question("tables==2.0"), ("reports>=1", "widgets"))
    assert isinstance(chosen, Choice)
    assert (chosen.added, chosen.rejected) == ("reports==1.2", ())


def test_when_no_addition_fits_the_last_conflict_is_the_answer(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("tables", "2.0")
    wheelhouse.add("reports", "1.0", "tables<2")
    wheelhouse.add("widgets", "3.0", "tables<1")
    conflict = Resolver().choose(wheelhouse.question("tables==2.0"), ("reports", "widgets"))
    assert isinstance(conflict, Conflict)
    assert set(conflict.requirements) == {"tables==2.0", "widgets"}


def test_pip_answers_on_a_machine_without_uv(wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv, "_program", lambda: None)
    wheelhouse.add("tables", "2.0")
    answer = Resolver().resolve(wheelhouse.question("tables==2.0"))
    assert isinstance(answer, Resolution)
    assert (answer.way, answer.versions) == ("pip", {"tables": "2.0"})


@pytest.mark.usefixtures("no_index")
def test_without_an_index_the_installed_distributions_answer_and_no_password_is_shown(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("reports", "1.0", "tables<2")
    wheelhouse.install("tables", "2.0")
    resolver = Resolver()
    with command_lines(0.02) as seen:
        fits = resolver.resolve(Question(("tables==2.0",), "3.11", "linux/amd64"))
        conflict = resolver.resolve(Question(("reports==1.0", "tables==2.0"), "3.11", "linux/amd64"))
    assert isinstance(fits, Resolution)
    assert fits.way == "offline"
    assert isinstance(conflict, Conflict)
    assert any("requirements.txt" in line for line in seen)
    assert not any("r3solv3r" in line for line in seen | {str(fits), str(conflict)})


@pytest.mark.usefixtures("no_index")
def test_an_addition_unknown_offline_is_followed_by_the_next(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("tables", "2.0")
    wheelhouse.install("widgets", "3.0", "tables>=1")
    choice = Resolver().choose(Question(("tables==2.0",), "3.11", "linux/amd64"), ("reports", "widgets"))
    assert isinstance(choice, Choice)
    assert choice.added == "widgets==3.0"


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
    wheelhouse.add("tables", "2.0")
    answer = Resolver(caches=False).resolve(wheelhouse.question("tables==2.0"))
    assert isinstance(answer, Resolution)
    assert [name for folder in ("home", "tmp") for name in (tmp_path / folder).iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("program", [True, False], ids=["uv", "pip"])
def test_a_distribution_without_a_wheel_is_left_unchecked_and_never_built(
    program: bool, wheelhouse: Wheelhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not program:
        monkeypatch.setattr(uv, "_program", lambda: None)
    wheelhouse.add_source("fuse", "3.0")
    wheelhouse.add("reports", "1.0", "fuse>=2")
    wheelhouse.add("tables", "2.0")
    answer = Resolver().resolve(wheelhouse.question("reports==1.0", "tables==2.0"))
    assert isinstance(answer, Resolution)
    assert answer.versions == {"reports": "1.0", "fuse": "3.0", "tables": "2.0"}
    assert answer.unchecked == ("fuse==3.0",)
    wheelhouse.add("widgets", "1.0", "fuse<3")
    conflict = Resolver().resolve(wheelhouse.question("reports==1.0", "widgets==1.0", "fuse==3.0"))
    assert isinstance(conflict, Conflict)
    assert {"widgets==1.0", "fuse==3.0"} <= set(conflict.requirements)
