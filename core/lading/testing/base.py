"""What every check of the kit stands on: the target under test, its projects, and skips by declared capability."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from ..model import Capability, Json
from .project import Done, Project

MakeProject = Callable[[str], Project]


@dataclass(frozen=True)
class Described:
    """What the plugin says of itself, as the probe found it."""

    seen: Mapping[str, Any]

    def can(self, capability: Capability) -> bool:
        return capability in self.seen["capabilities"]

    def need(self, capability: Capability) -> None:
        """Skip the check where the target does not declare a capability."""
        if not self.can(capability):
            pytest.skip(f"declares no {capability}")


@dataclass(frozen=True)
class Step:
    """A command of a flow, and what answered afterwards; None where nothing did."""

    done: Done
    answer: int | None = None

    @property
    def uri(self) -> str | None:
        found: str | None = self.done.row.get("uri")
        return found


class Base:
    """The class attributes and fixtures of `TargetConformance`."""

    target: ClassVar[str]
    """The entry-point name of the target."""

    options: ClassVar[Mapping[str, Json]] = {}
    """The block under `targets:`, as in a manifest; paths in it are absolute."""

    connections: ClassVar[Mapping[str, Json]] = {}
    """The block `connections:`, where the target needs one."""

    image: ClassVar[Mapping[str, Json]] = {}
    """The block `image:`, where the target needs the package as one."""

    service: ClassVar[str] = ""
    """The beginning of the names of the services, at most 27 characters; a new one each time where it is empty."""

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls) -> Mapping[str, Json]:
        """`options`; override it where a value is known only at run time. Its scope is the class's or a wider one."""
        return cls.options

    @pytest.fixture(scope="class")
    @classmethod
    def target_connections(cls) -> Mapping[str, Json]:
        """`connections`, likewise."""
        return cls.connections

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls) -> Mapping[str, Json]:
        """`image`, likewise."""
        return cls.image

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls) -> Mapping[str, str]:
        """Environment variables of the deploying processes, on top of those of the tests; likewise."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def stem(cls) -> str:
        """The beginning of the names of the services."""
        return cls.service or f"check-{secrets.token_hex(4)}"

    @pytest.fixture(scope="class")
    @classmethod
    def new_project(
        cls,
        stem: str,
        tmp_path_factory: pytest.TempPathFactory,
        target_options: Mapping[str, Json],
        target_connections: Mapping[str, Json],
        target_image: Mapping[str, Json],
        target_environ: Mapping[str, str],
    ) -> MakeProject:
        """Makes the folder of a project."""

        def make(part: str) -> Project:
            folder = tmp_path_factory.mktemp(f"{cls.target}-{part}")
            ours = {"LADING_STORE": str(folder / ".lading"), "XDG_STATE_HOME": str(folder / ".state")}
            environ = {**target_environ, **ours}
            blocks = (target_options, target_connections)
            return Project(folder, f"{stem}-{part}", cls.target, *blocks, environ, target_image)

        return make

    @pytest.fixture(scope="class")
    @classmethod
    def described(cls, new_project: MakeProject) -> Described:
        """What the plugin says of itself."""
        done, seen = new_project("description").probe("describe", cls.target)
        if "error" in seen or done.code != 0:
            pytest.fail(f"the plugin cannot be loaded: {seen.get('error', done.problem)}", pytrace=False)
        return Described(seen)

    @pytest.fixture(scope="class")
    @classmethod
    def make_project(cls, described: Described, new_project: MakeProject) -> Iterator[MakeProject]:
        """Makes the project of a part, and deletes its service at the end where the target declares that it can."""
        if described.seen["unimplemented"]:
            pytest.fail("not reached: a capability that is declared lacks its hook", pytrace=False)
        made: list[Project] = []

        def make(part: str) -> Project:
            made.append(new_project(part))
            return made[-1]

        yield make
        deletes = made if described.can(Capability.DELETE) else []
        problems = [f"{project.service}: {done.problem}" for project in deletes if (done := project.delete()).code]
        assert not problems, f"left on the target: {'; '.join(problems)}"
