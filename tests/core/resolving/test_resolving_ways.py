"""uv, pip and the metadata of installed distributions give the same answers."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from tests.core.resolving.conftest import Wheelhouse

from lading.engine.resolving import Conflict, Question, Resolution, offline, pip, uv
from lading.engine.resolving.question import Answer, NoWheel

Way = Callable[[Question], Answer | None]
INDEXED: list[Way] = [lambda q: uv.ask(q, caches=True), lambda q: pip.ask(q, caches=True)]
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
NAMES = ["uv", "pip", "offline"]
elsewhere = pytest.mark.parametrize("way", [INDEXED[0], offline.check], ids=["uv", "offline"])  # pip only its own
ways = pytest.mark.parametrize("way", [*INDEXED, offline.check], ids=NAMES)
indexed = pytest.mark.parametrize("way", INDEXED, ids=NAMES[:2])


@ways
def test_requirements_that_fit_are_answered_with_their_versions(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("tables", "2.0", "strings>=1")
    wheelhouse.install("strings", "1.5")
    answer = way(wheelhouse.question("tables==2.0", "strings==1.5"))
    assert isinstance(answer, Resolution)
    assert answer.versions == {"tables": "2.0", "strings": "1.5"}
    assert answer.unchecked == ()


@ways
def test_a_conflict_names_both_requirements(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("reports", "1.0", "tables<2")
    wheelhouse.install("tables", "2.0")
    answer = way(wheelhouse.question("reports==1.0", "tables==2.0"))
    assert isinstance(answer, Conflict)
    assert set(answer.requirements) == {"reports==1.0", "tables==2.0"}
    assert "reports==1.0 requires tables<2" in str(answer)


@ways
def test_an_indirect_conflict_names_the_requiring_distribution(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("suite", "1.0", "reports==1.0")
    wheelhouse.install("reports", "1.0", "tables<2")
    wheelhouse.install("tables", "2.0")
    answer = way(wheelhouse.question("suite==1.0", "tables==2.0"))
    assert isinstance(answer, Conflict)
    assert "tables==2.0" in answer.requirements
    assert "requires tables<2" in answer.why


@ways
def test_two_versions_of_one_distribution_exclude_each_other(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("tables", "2.0")
    wheelhouse.add("tables", "1.0")
    answer = way(wheelhouse.question("tables==2.0", "tables==1.0"))
    assert isinstance(answer, Conflict)
    assert set(answer.requirements) == {"tables==2.0", "tables==1.0"}


@elsewhere
@pytest.mark.parametrize(("python", "fits"), [("3.11", False), ("3.12", True)])
def test_markers_are_read_for_the_python_that_installs(
    way: Way, wheelhouse: Wheelhouse, python: str, fits: bool
) -> None:
    wheelhouse.install("reports", "1.0", 'tables<2; python_version < "3.12"', 'tables<1; sys_platform == "win32"')
    wheelhouse.install("tables", "2.0")
    answer = way(wheelhouse.question("reports==1.0", "tables==2.0", python=python))
    assert isinstance(answer, Resolution if fits else Conflict)


@elsewhere
@pytest.mark.parametrize(("platform", "fits"), [("linux/amd64", True), ("linux/arm64", False)])
def test_markers_are_read_for_the_platform_that_installs(
    way: Way, wheelhouse: Wheelhouse, platform: str, fits: bool
) -> None:
    wheelhouse.install("reports", "1.0", 'tables<2; platform_machine == "aarch64"')
    wheelhouse.install("tables", "2.0")
    answer = way(wheelhouse.question("reports==1.0", "tables==2.0", platform=platform))
    assert isinstance(answer, Resolution if fits else Conflict)


@ways
def test_requirements_of_an_extra_count_only_with_the_extra(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("reports", "1.0", 'tables<2; extra == "heavy"', extras=("heavy",))
    wheelhouse.install("tables", "2.0")
    assert isinstance(way(wheelhouse.question("reports==1.0", "tables==2.0")), Resolution)
    assert isinstance(way(wheelhouse.question("reports[heavy]==1.0", "tables==2.0")), Conflict)


@pytest.mark.parametrize(("platform", "expected"), [("linux/amd64", NoWheel), ("linux/arm64", Resolution)])
def test_a_wheel_for_another_platform_does_not_count(
    wheelhouse: Wheelhouse, platform: str, expected: type[Answer]
) -> None:
    wheelhouse.add("tables", "2.0", tag="py3-none-manylinux_2_17_aarch64")
    assert isinstance(uv.ask(wheelhouse.question("tables==2.0", platform=platform), caches=True), expected)


@indexed
def test_a_missing_version_is_named(way: Way, wheelhouse: Wheelhouse) -> None:
    wheelhouse.add("tables", "1.0")
    answer = way(wheelhouse.question("tables==99.0"))
    assert isinstance(answer, Conflict)
    assert answer.absent
    assert answer.requirements == ("tables==99.0",)


def test_offline_leaves_out_distributions_that_are_not_installed_in_that_version(wheelhouse: Wheelhouse) -> None:
    wheelhouse.install("reports", "1.0", "tables<2")
    answer = offline.check(wheelhouse.question("reports==2.0", "tables==2.0"))
    assert isinstance(answer, Resolution)
    assert answer.unchecked == ("reports==2.0", "tables==2.0")


@pytest.mark.parametrize("machine", [("3.99", "linux/amd64"), (HERE, "linux/arm/v7")])
def test_pip_is_not_asked_about_another_machine(wheelhouse: Wheelhouse, machine: tuple[str, str]) -> None:
    python, platform = machine
    wheelhouse.add("tables", "2.0")
    assert pip.ask(wheelhouse.question("tables==2.0", python=python, platform=platform), caches=True) is None
