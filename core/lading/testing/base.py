"""The base of every check in the kit: the target under test, its projects, and skips by declared capability."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from ..model import Capability, Json
from .platform import Platform, Things, ThingsOf
from .project import HOOK_LIMIT, Done, Project, Requests, environ_in

MakeProject = Callable[[str], Project]


@dataclass(frozen=True)
class Described:
    """The plugin's description, as the probe read it."""

    seen: Mapping[str, Any]

    def can(self, capability: Capability) -> bool:
        return capability in self.seen["capabilities"]

    def need(self, capability: Capability) -> None:
        """Skip the check if the target does not declare a capability."""
        if not self.can(capability):
            pytest.skip(f"declares no {capability}")


@dataclass(frozen=True)
class Step:
    """A command of a flow, and the answer afterwards; None if nothing answered.

    `things` are the objects on the platform at that time. `requests` are the requests sent meanwhile.
    """

    done: Done
    answer: int | None = None
    things: Things | None = None
    requests: Requests | None = None

    @property
    def uri(self) -> str | None:
        found: str | None = self.done.row.get("uri")
        return found


class Base:
    """The class attributes and fixtures of `TargetConformance`."""

    target: ClassVar[str]
    """The entry-point name of the target."""

    options: ClassVar[Mapping[str, Json]] = {}
    """The block under `targets:`, as in a manifest, with absolute paths."""

    connections: ClassVar[Mapping[str, Json]] = {}
    """The block `connections:`, if the target needs one."""

    image: ClassVar[Mapping[str, Json]] = {}
    """The block `image:`, if the target needs the package as an image."""

    service: ClassVar[str] = ""
    """The prefix of the names of the services, at most 27 characters. If it is empty, each run has a new one."""

    earlier_things: ClassVar[int] = 0
    """How many objects of earlier releases the target keeps, as it documents: for example, images for a rollback."""

    patience: ClassVar[float] = 30.0
    """Seconds for the platform to remove objects after the target's request."""

    hook_limit: ClassVar[float] = HOOK_LIMIT
    """Seconds for one call of a hook. A hook that takes longer fails its check, which names it."""

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls) -> ThingsOf | None:
        """Override it: return a function that finds a service's objects on the platform without the plugin.

        The function gets the name of the service. It returns a name, or any other hashable description, of each object:
        endpoints, processes, containers, models, images. Leave out values that change without a deploy, such as times
        and process ids.
        """
        return None

    @pytest.fixture(scope="class")
    @classmethod
    def platform(cls, things_of: ThingsOf | None) -> Platform:
        """The view of the platform for the checks."""
        return Platform(things_of, cls.patience)

    @pytest.fixture(scope="class")
    @classmethod
    def target_options(cls) -> Mapping[str, Json]:
        """`options`. Override it, class-scoped or wider, if a value is known only at run time."""
        return cls.options

    @pytest.fixture(scope="class")
    @classmethod
    def target_connections(cls) -> Mapping[str, Json]:
        """`connections`. It can be overridden in the same way."""
        return cls.connections

    @pytest.fixture(scope="class")
    @classmethod
    def target_image(cls) -> Mapping[str, Json]:
        """`image`. It can be overridden in the same way."""
        return cls.image

    @pytest.fixture(scope="class")
    @classmethod
    def target_environ(cls) -> Mapping[str, str]:
        """Extra environment variables of the deploying processes. It can be overridden in the same way."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def stem(cls) -> str:
        """The prefix of the names of the services."""
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
        """Creates the folder of a project."""

        def make(part: str) -> Project:
            folder = tmp_path_factory.mktemp(f"{cls.target}-{part}")
            environ = environ_in(folder, cls.hook_limit, target_environ)
            blocks = (target_options, target_connections)
            return Project(folder, f"{stem}-{part}", cls.target, *blocks, environ, target_image)

        return make

    @pytest.fixture(scope="class")
    @classmethod
    def described(cls, new_project: MakeProject) -> Described:
        """The plugin's own description."""
        done, seen = new_project("description").probe("describe", cls.target)
        if "error" in seen or done.code != 0:
            pytest.fail(f"the plugin cannot be loaded: {seen.get('error', done.problem)}", pytrace=False)
        return Described(seen)

    @pytest.fixture(scope="class")
    @classmethod
    def make_project(cls, described: Described, new_project: MakeProject) -> Iterator[MakeProject]:
        """Creates the project of a part. Its service is deleted at the end if the target declares that it
        can delete.
        """
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
