"""What a device's agent reports of a module, in our words.

The rules are those of IoT Edge's `reported_states_during_deployment`. A module is only up where it runs the image that
was asked for: the old one runs on while the device pulls the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lading import Json

from .port import Twin
from .text import clean

NOT_REPORTED = "applied, not yet reported"

_REFUSED = {400: "malformed", 412: "of a schema version that it does not know", 417: "empty"}
_CANCELLED = "The operation was canceled"  # the agent waits a minute for a pull, and then looks again


class Seen(StrEnum):
    """How a module stands on a device."""

    WAITING = "waiting"
    """The device has not said yet."""

    FAILING = "failing"
    """Its agent cannot bring the module up, and tries again."""

    CRASHING = "crashing"
    """The module ran and does not."""

    REFUSED = "refused"
    """The agent will never take the content."""

    RUNNING = "running"


@dataclass(frozen=True)
class Judgement:
    """How a module stands, in one word and in a sentence; `restarts` is how often it was started again."""

    seen: Seen
    detail: str
    restarts: int = 0


def judge(agent: Twin, module: str, image: str) -> Judgement:
    """How a module that was to run `image` stands, as a device's agent reports it."""
    status = agent.reported.get("lastDesiredStatus") or {}
    code, words = int(status.get("code", 0)), clean(str(status.get("description") or ""))
    if int(agent.reported.get("lastDesiredVersion", -1)) != agent.version or code == 406:
        return Judgement(Seen.WAITING, NOT_REPORTED + offline(agent))
    if code in _REFUSED:
        return Judgement(Seen.REFUSED, f"the device finds its content {_REFUSED[code]}: {words}")
    found = (agent.reported.get("modules") or {}).get(module) or {}
    runs_it = (found.get("settings") or {}).get("image") == image
    if code != 200:
        pulls = _CANCELLED in words and not runs_it
        return Judgement(Seen.WAITING, "pulling the image") if pulls else Judgement(Seen.FAILING, _answer(code, words))
    return _judged(module, found) if runs_it else Judgement(Seen.WAITING, "the module has its old image yet")


def _answer(code: int, words: str) -> str:
    return f"the device answers {code}: {words}"


def _judged(module: str, found: Mapping[str, Json]) -> Judgement:
    """How a module stands that was brought up."""
    restarts = int(found.get("restartCount", 0))
    if found.get("runtimeStatus") == "running":
        return Judgement(Seen.RUNNING, "running", restarts)
    return Judgement(Seen.CRASHING, described(module, found), restarts)


def described(module: str, found: Mapping[str, Json]) -> str:
    """What the agent says of a module: its state, its exit code, how often it was started again."""
    words = f"the module {module} is {clean(str(found.get('runtimeStatus') or 'unknown'))}"
    if found.get("exitCode"):
        words += f", exit code {int(found['exitCode'])}"
    if found.get("restartCount"):
        words += f", restarted {int(found['restartCount'])} times"
    description = clean(str(found.get("statusDescription") or ""))
    return f"{words}: {description}" if description else words


def offline(agent: Twin) -> str:
    """That a device is offline, and since when, in brackets; empty where it is not."""
    if agent.connected:
        return ""
    return f" (device is offline since {agent.seen})" if agent.seen else " (device is offline)"
