"""The conformance of a registry: a model is registered once, with all its metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from ..model.description import Role
from .account import AccountChecks, Life, Watch, done, killed_twice
from .account_probe import DESCRIPTION, TAGS, Deed


@dataclass(frozen=True)
class KeptVersion:
    """A model version as the registry itself shows it. `run` is the id of the linked run."""

    version: str
    description: str
    tags: Mapping[str, str]
    run: str | None


VersionsOf = Callable[[str], Sequence[KeptVersion]]


class RegistryConformance(AccountChecks):
    """Subclass it in a test module, name the plugin, and define how the registry is read.

    Example:
        >>> class TestAcme(RegistryConformance):
        ...     plugin = "acme"
        ...     connection = {"region": "north"}
        ...
        ...     @pytest.fixture(scope="class")
        ...     @classmethod
        ...     def versions_of(cls):
        ...         return lambda model: [KeptVersion(...) for each in ask_acme_for(model)]

    If a value is known only at run time, override a fixture, class-scoped or wider: `account_connection`, or
    `account_environ`, the environment variables of the processes that call the hooks.
    """

    role: ClassVar[str] = Role.REGISTER

    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls) -> VersionsOf:
        """Reads the registry without the plugin: all versions of the model of that name, oldest first."""
        raise NotImplementedError("override the fixture `versions_of`: it reads the registry")

    @pytest.fixture(scope="class")
    @classmethod
    def life(cls, watch: Watch, stem: str) -> Life:
        """A model, the same model again, and another model of the same name."""
        first: Deed = {"model": stem, "number": 1, "run": f"{stem}-run"}
        return watch(first, first, {**first, "number": 2})

    @pytest.fixture(scope="class")
    @classmethod
    def folder_life(cls, watch: Watch, stem: str) -> Life:
        """A model that is a folder, and the same again."""
        deed: Deed = {"model": f"{stem}-folder", "number": 1, "run": f"{stem}-run-folder", "folder": True}
        return watch(deed, deed)

    @pytest.fixture(scope="class")
    @classmethod
    def resumed(cls, watch: Watch, stem: str, life: Life) -> Life:
        """Models whose registration was killed, registered again."""
        return killed_twice(watch, done(life)[0]["effects"], _cut_off(stem, "middle"), _cut_off(stem, "last"))

    def test_the_same_bytes_are_one_version(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The same bytes under the same name are the same version. Other bytes are another version."""
        first, again, other = (each["answer"] for each in done(life))
        assert again == first, f"for the same model the hook returned {first}, and then {again}"
        assert other["version"] != first["version"], "a model with other bytes got the same version"
        assert len(versions_of(stem)) == 2, f"the registry has {len(versions_of(stem))} versions of two models"

    def test_a_folder_is_one_version(self, folder_life: Life, stem: str, versions_of: VersionsOf) -> None:
        """A model that is a folder is registered; the same folder is the same version."""
        first, again = (each["answer"] for each in done(folder_life))
        assert again == first, f"for the same folder the hook returned {first}, and then {again}"
        found = len(versions_of(f"{stem}-folder"))
        assert found == 1, f"the registry has {found} versions of one folder"

    def test_the_answer_names_the_version(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The answer has the model's name and the registry's version."""
        answers = [each["answer"] for each in done(life)]
        assert {answer["name"] for answer in answers} == {stem}, f"for the model {stem} the hook returned {answers}"
        known = {kept.version for kept in versions_of(stem)}
        assert {answer["version"] for answer in answers} == known, f"the registry has the versions {sorted(known)}"

    def test_description_and_tags_arrive(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The version has the description and every tag of the request."""
        done(life)
        for kept in versions_of(stem):
            assert kept.description == DESCRIPTION, f"the description is {kept.description!r}"
            assert TAGS.items() <= kept.tags.items(), f"the registry has the tags {dict(kept.tags)}, not {TAGS}"

    def test_the_run_is_linked(self, life: Life, stem: str, versions_of: VersionsOf) -> None:
        """The version is linked to its run. If the plugin also tracks runs, the link names the tracked run."""
        run = done(life)[-1]["tracked"].get(f"{stem}-run", f"{stem}-run")
        assert {kept.run for kept in versions_of(stem)} == {run}, f"the versions are not linked to the run {run}"

    def test_killed_while_registering_makes_one_version(
        self, resumed: Life, stem: str, versions_of: VersionsOf
    ) -> None:
        """A registration that was killed, in the middle or at its end, gives one version when it is requested again."""
        assert resumed["killed"], "the process ended before it was killed"
        done(resumed)
        for when in ("middle", "last"):
            kept = versions_of(_cut_off(stem, when)["model"])
            assert len(kept) == 1, f"killed in the {when}, a registration gave {len(kept)} versions"
            assert TAGS.items() <= kept[0].tags.items(), f"killed in the {when}, it kept only {dict(kept[0].tags)}"


def _cut_off(stem: str, when: str) -> Deed:
    return {"model": f"{stem}-{when}", "number": 1, "run": f"{stem}-run-{when}"}
