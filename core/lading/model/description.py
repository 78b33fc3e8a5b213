"""The description of a plugin, and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from .options import Options

API_VERSION = 1
"""Version of the contract between host and plugins."""


class Capability(StrEnum):
    """An ability of a target beyond `lading_deploy` and `lading_scoring_uri`.

    A target that declares a capability with a `hook` implements that hook. `lack` is the text of a plan about a target
    without the capability.
    """

    hook: str
    lack: str

    def __new__(cls, value: str, hook: str = "", lack: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_, member.hook, member.lack = value, hook, lack
        return member

    STATUS = "status", "lading_status", "the target cannot report the status of a deployment"
    LOGS = "logs", "lading_logs"
    KEYS = "keys", "lading_keys"
    INVOKE = "invoke", "lading_invoke"
    DELETE = "delete", "lading_delete"
    LIST = "list", "lading_list", "the target cannot list the services on its platform"
    PREFLIGHT = "preflight", "lading_preflight", "the target finds problems only during the deploy"
    PLAN = "plan", "lading_plan", "a plan cannot show the effects of a change on the target"
    METRICS = "metrics", "lading_metrics", "the target does not count requests, errors and latencies"
    EJECT = "eject", "lading_eject"
    TRAFFIC = "traffic", "lading_shift", "the target cannot serve two releases at once, so it has no canary"
    SHADOW = "shadow", "", "the target cannot send copies of requests to a canary"
    ROTATE_KEYS = "rotate_keys"
    BUILD_LOGS = "build_logs"
    LOGS_SINCE = "logs_since", "", "the target cannot show its log since a time"
    RELEASE_LOGS = "release_logs", "", "the target has one log for all releases"
    SCORING_URI = "scoring_uri"
    KEEPS_OLD_RELEASE = "keeps_old_release", "", "the target stops the old release before the new one is up"


class ImageNeed(StrEnum):
    """The kind of image that a target needs: built on the engine of the image plugin, or pushed to a registry."""

    BUILT = "built"
    PUSHED = "pushed"


class Role(StrEnum):
    """The role of a plugin in a manifest. `noun` is the word for such a plugin; `hooks` are the hooks that it needs."""

    noun: str
    hooks: tuple[str, ...]

    def __new__(cls, name: str, noun: str = "", *hooks: str) -> Role:
        role = str.__new__(cls, name)
        role._value_, role.noun, role.hooks = name, noun, hooks
        return role

    TRAIN = "train", "trainer", "lading_train", "lading_inspect"
    EVALUATE = "evaluate", "evaluator", "lading_evaluate"
    REGISTER = "register", "registry", "lading_register"
    PACKAGE = "package", "packager", "lading_package"
    IMAGE = "image", "image maker", "lading_image"
    TARGET = "target", "target", "lading_deploy", "lading_scoring_uri"
    CONNECTION = "connection", "connection", "lading_connect"
    TRACK = "track", "tracker", "lading_track"
    OBSERVER = "observer", "observer", "lading_observe"
    GATE = "gate", "gate", "lading_gate"

    @property
    def optional(self) -> tuple[str, ...]:
        """The hooks that only a plugin of this role has, if it declares their capability."""
        return tuple(capability.hook for capability in Capability if capability.hook) if self is Role.TARGET else ()


@dataclass(frozen=True, kw_only=True)
class Description:
    """The description that a plugin gives.

    `api` is the contract that the plugin was written against. `connection` is the name of the connection plugin of its
    family. `cache_version` changes when the same inputs would give another output. `libraries` are the distributions
    whose version affects the output; `inspects_with` are further ones that affect only what `lading_inspect` finds.
    `image` is the kind of image that a target needs; None if it needs none. `switch_gap` says why requests fail while a
    target that keeps the old release changes over to the new one; empty if none fails. `role_options` is for a plugin
    with two roles. By role, it has the options types of the blocks that do not have `options`.
    """

    summary: str
    api: int
    options: type[Options] = Options
    capabilities: frozenset[Capability] = frozenset()
    connection: str | None = None
    cache_version: str = "1"
    libraries: tuple[str, ...] = ()
    inspects_with: tuple[str, ...] = ()
    image: ImageNeed | None = None
    switch_gap: str = ""
    role_options: Mapping[str, type[Options]] = field(default_factory=dict)

    def options_of(self, role: str) -> type[Options]:
        """The options type of a block in which the plugin fills a role."""
        return self.role_options.get(role, self.options)


class Secret:
    """A secret value: its text is `***`, and only `reveal()` returns the value. It cannot be pickled."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a secret is never serialised")
