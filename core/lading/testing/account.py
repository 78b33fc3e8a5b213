"""The shared parts of the checks of registries and trackers: their project, and the probe's view of the hooks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from ..model import Json
from .account_probe import CONNECTION, Deed
from .manners import MannerChecks
from .project import HOOK_LIMIT, Project, environ_in

Life = Mapping[str, Any]
Watch = Callable[..., Life]
"""`watch(*deeds, stop=0)` runs deeds in a separate process and returns a probe's observations; see `account_probe`."""


class AccountChecks(MannerChecks):
    """The class attributes and fixtures of `RegistryConformance` and `TrackerConformance`."""

    role: ClassVar[str]
    plugin: ClassVar[str]
    """The entry-point name of the plugin."""

    connection: ClassVar[Mapping[str, Json] | None] = {}
    """The block under `connections:`, as in a manifest, without `plugin`; None if the plugin needs no connection."""

    hook_limit: ClassVar[float] = HOOK_LIMIT
    """Seconds for one call of a hook. A hook that takes longer fails its check, which names it."""

    @pytest.fixture(scope="class")
    @classmethod
    def account_connection(cls) -> Mapping[str, Json] | None:
        """`connection`. Override it, class-scoped or wider, if a value is known only at run time."""
        return cls.connection

    @pytest.fixture(scope="class")
    @classmethod
    def account_environ(cls) -> Mapping[str, str]:
        """Extra environment variables of the processes that call the hooks. It can be overridden in the same way."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def stem(cls) -> str:
        """The prefix of the names of models and runs."""
        return f"check-{secrets.token_hex(4)}"

    @pytest.fixture(scope="class")
    @classmethod
    def account_project(
        cls,
        stem: str,
        tmp_path_factory: pytest.TempPathFactory,
        account_connection: Mapping[str, Json] | None,
        account_environ: Mapping[str, str],
    ) -> Project:
        """The project whose store and connection the hooks receive."""
        folder = tmp_path_factory.mktemp(f"{cls.plugin}-{cls.role}")
        blocks: dict[str, Json] = {}
        if account_connection is not None:
            blocks[CONNECTION] = {**account_connection, "plugin": cls.plugin}
        environ = environ_in(folder, cls.hook_limit, account_environ)
        project = Project(folder, stem, "", {}, blocks, environ)
        project.write_account(cls.role)
        return project

    @pytest.fixture(scope="class")
    @classmethod
    def watch(cls, account_project: Project) -> Watch:
        """Runs deeds and returns what the probe saw. `output` is text that reached stdout without Python."""

        def watch(*deeds: Deed, stop: int = 0) -> Life:
            order = json.dumps({"plugin": cls.plugin, "role": cls.role, "stop": stop, "deeds": deeds})
            done, seen = account_project.probe(order, program="account_probe")
            return {"calls": [], "leaks": [], "error": None, **seen, "killed": done.code == -9, "output": done.out}

        return watch


def done(life: Life) -> Sequence[Mapping[str, Any]]:
    """The result of each deed. Fails the test if the probe did not finish."""
    if life["error"] is not None or "done" not in life:
        pytest.fail(f"not reached: {life['error'] or 'the process died'}", pytrace=False)
    found: Sequence[Mapping[str, Any]] = life["done"]
    return found


def killed_twice(watch: Watch, effects: int, middle: Deed, last: Deed) -> Life:
    """Two deeds, each killed in the middle and before its last effect, and then requested again."""
    first, second = watch(middle, stop=effects // 2 + 1), watch(last, stop=max(1, effects))
    return {**watch(middle, last), "killed": first["killed"] and second["killed"]}
