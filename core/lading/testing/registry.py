"""The conformance of a registry: a model is registered once, with all that is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from .account import AccountChecks, Life, Watch, done, killed_twice
from .account_probe import DESCRIPTION, TAGS, Deed


@dataclass(frozen=True)
class KeptVersion:
    """A model version as the registry itself shows it; `run` is the id of the run that it is linked to."""

    version: str
    description: str
    tags: Mapping[str, str]
    run: str | None


VersionsOf = Callable[[str], Sequence[KeptVersion]]


class RegistryConformance(AccountChecks):
    """Subclass it in a test module, name the plugin, and say how the registry is looked into.

    Example:
        >>> class TestPier(RegistryConformance):
        ...     plugin = "pier"
        ...     connection = {"berth": "north"}
        ...
        ...     @pytest.fixture(scope="class")
        ...     def versions_of(self):
        ...         return lambda model: [KeptVersion(...) for each in ask_the_pier_for(model)]

    Where a value is known only at run time, override a fixture, class-scoped or wider: `account_connection`, or
    `account_environ`, the environment variables of the processes that call the hooks.
    """

    role: ClassVar[str] = "register"

    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls) -> VersionsOf:
        """Looks into the registry, past the plugin: all versions of the model of that name, oldest first."""
        raise NotImplementedError("override the fixture `versions_of`: it looks into the registry")

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, watch: Watch, stem: str) -> Life:
        """A model, the same again, and another one of the same name."""
        first: Deed = {"model": stem, "number": 1, "run": f"{stem}-run"}
        return watch(first, first, {**first, "number": 2})

    @pytest.fixture(scope="class")
    @classmethod
    def resumed(cls, watch: Watch, stem: str, life: Life) -> Life:
        """Models whose registration was killed on its way, registered again."""
        return killed_twice(watch, done(life)[0]["effects"], _cut_off(stem, "middle"), _cut_off(stem, "last"))

    def test_the_same_bytes_are_one_version(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The same bytes under the same name are the same version; other bytes are another one."""
        first, again, other = (each["answer"] for each in done(life))
        assert again == first, f"the same model was answered {first}, and then {again}"
        assert other["version"] != first["version"], "other bytes were given the same version"
        assert len(versions_of(stem)) == 2, f"two models came to {len(versions_of(stem))} versions"

    def test_the_answer_names_the_version(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The answer has the model's name, and the version as the registry has it."""
        answers = [each["answer"] for each in done(life)]
        assert {answer["name"] for answer in answers} == {stem}, f"of {stem} it answered {answers}"
        known = {kept.version for kept in versions_of(stem)}
        assert {answer["version"] for answer in answers} == known, f"the registry has the versions {sorted(known)}"

    def test_description_and_tags_arrive(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The description and every tag of the request are at the version."""
        done(life)
        for kept in versions_of(stem):
            assert kept.description == DESCRIPTION, f"the description is {kept.description!r}"
            assert TAGS.items() <= kept.tags.items(), f"of the tags {TAGS} there are {dict(kept.tags)}"

    def test_the_run_is_linked(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The version is linked to its run: as the plugin tracked it, where it does that too."""
        run = done(life)[-1]["tracked"].get(f"{stem}-run", f"{stem}-run")
        assert {kept.run for kept in versions_of(stem)} == {run}, f"the versions are not linked to the run {run}"

    def test_killed_on_its_way_registers_once(self, resumed: Life, stem: str, versions_of: VersionsOf) -> None:
        """A registration that was killed, in the middle or at its end, and is asked for again, gives one version."""
        assert resumed["killed"], "the process came to its end before it was killed"
        done(resumed)
        for when in ("middle", "last"):
            kept = versions_of(_cut_off(stem, when)["model"])
            assert len(kept) == 1, f"killed in the {when}, it came to {len(kept)} versions"
            assert TAGS.items() <= kept[0].tags.items(), f"killed in the {when}, it lost tags: {dict(kept[0].tags)}"


def _cut_off(stem: str, when: str) -> Deed:
    return {"model": f"{stem}-{when}", "number": 1, "run": f"{stem}-run-{when}"}
