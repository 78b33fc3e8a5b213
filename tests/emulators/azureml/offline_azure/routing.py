"""The functions that handle calls. Each module of routes declares them on its own `Routes`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import unquote

from .messages import Answer, Refusal, Request, as_json
from .state import Record, Workspace, World

if TYPE_CHECKING:
    from .faults import Rule
    from .machines import Machines

MANAGEMENT = r"management\.(azure\.com|chinacloudapi\.cn|usgovcloudapi\.net)"
LOGIN = r"login\.(microsoftonline\.com|chinacloudapi\.cn|microsoftonline\.us)"
DATA_PLANE = r"[a-z0-9]+\.(api\.azureml\.ms|experiments\.azureml\.net|modelmanagement\.azureml\.net)"
WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)


@dataclass(frozen=True)
class Asked:
    """A call on its way through a handler, and its tenant."""

    request: Request
    segments: dict[str, str]
    world: World

    def __getitem__(self, name: str) -> str:
        """A segment of the path, unquoted."""
        return self.segments[name]

    @property
    def query(self) -> dict[str, str]:
        return self.request.head.query


@dataclass(frozen=True)
class Visit(Asked):
    """A call of Azure, with all data that a handler needs."""

    machines: Machines
    fault: Rule | None = None

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace in the path. Raises Refusal if it does not exist."""
        return self.world.workspace(self["subscription"], self["group"], self["workspace"])


Later = Callable[[], Answer]  # a response that waits for something, without the lock
V = TypeVar("V", bound=Asked)
V_contra = TypeVar("V_contra", bound=Asked, contravariant=True)


@dataclass(frozen=True)
class Route(Generic[V_contra]):
    method: str
    host: re.Pattern[str]
    path: re.Pattern[str]
    signed_in: bool
    handler: Callable[[V_contra], Answer | Later]


class RoutesOf(Generic[V]):
    """The routes of one part of an emulator."""

    def __init__(self, host: str, *, prefix: str = "", signed_in: bool = True) -> None:
        self._host = re.compile(host)
        self._prefix = prefix
        self._signed_in = signed_in
        self.routes: list[Route[V]] = []

    def on(self, method: str, path: str) -> Callable[[Callable[[V], Answer | Later]], Callable[[V], Answer | Later]]:
        """Declare a route. `{name}` is one segment of the path, `{name*}` the rest of it."""

        def declare(handler: Callable[[V], Answer | Later]) -> Callable[[V], Answer | Later]:
            pattern = _pattern(self._prefix + path)
            self.routes.append(Route(method, self._host, pattern, self._signed_in, handler))
            return handler

        return declare


Routes = RoutesOf[Visit]


def find(routes: list[Route[V]], request: Request) -> tuple[Route[V], dict[str, str]] | None:
    """The first matching route, and the segments of its path."""
    head = request.head
    for route in routes:
        if route.method == head.method and route.host.fullmatch(head.host):
            match = route.path.fullmatch(head.path.rstrip("/"))
            if match:
                return route, {name: unquote(text) for name, text in match.groupdict().items()}
    return None


def refused(host: str, refusal: Refusal) -> Answer:
    """A refusal in the format of the service on `host`."""
    return as_json(_error(host, refusal), refusal.status)


def _error(host: str, refusal: Refusal) -> Record:
    if re.fullmatch(LOGIN, host):
        return {"error": refusal.code, "error_description": refusal.message, "error_codes": [7000215]}
    if "modelmanagement" in host:
        return flat_error(refusal)
    details = [{"code": code, "message": message} for code, message in refusal.details]
    return {"error": {"code": refusal.code, "message": refusal.message, "details": details}}


def flat_error(refusal: Refusal) -> Record:
    """An error in the format of model management."""
    return {
        "code": refusal.code,
        "statusCode": refusal.status,
        "message": refusal.message,
        "details": [],
        "correlation": {"RequestId": "offline"},
    }


def _pattern(path: str) -> re.Pattern[str]:
    quoted = re.sub(r"\\\{(\w+)(\\\*)?\\\}", _group, re.escape(path))
    return re.compile(quoted, re.IGNORECASE)


def _group(match: re.Match[str]) -> str:
    return f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})"
