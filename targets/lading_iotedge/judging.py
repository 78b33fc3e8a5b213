"""Translate an agent's report about a module.

The rules are those of IoT Edge's `reported_states_during_deployment`. A module counts as running only with the
requested image, because the old one continues while the device pulls the new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lading import Json

from .port import Twin
from .text import clean

_NEVER = "0001-"  # the year of a time that the hub does not have
NOT_REPORTED = "applied, not yet reported"

_REFUSED = {400: "malformed", 412: "of a schema version that it does not know", 417: "empty"}
_CANCELLED = "The operation was canceled"  # the agent waits a minute for a pull, and then checks again


class Seen(StrEnum):
    """The state of a module on a device."""

    WAITING = "waiting"
    """The device has not reported yet."""

    FAILING = "failing"
    """The agent cannot start the module, and tries again."""

    CRASHING = "crashing"
    """The module ran and does not run any more."""

    REFUSED = "refused"
    """The agent will never accept the content."""

    RUNNING = "running"


@dataclass(frozen=True)
class Judgement:
    """The state of a module, in one word and in a sentence. `restarts` is the number of its restarts."""

    seen: Seen
    detail: str
    restarts: int = 0


def judge(agent: Twin, module: str, image: str) -> Judgement:
    """The state of a module that should run `image`, from the report of a device's agent."""
    status = agent.reported.get("lastDesiredStatus") or {}
    code, words = int(status.get("code", 0)), clean(str(status.get("description") or ""))
    if int(agent.reported.get("lastDesiredVersion", -1)) != agent.version or code == 406:
        return Judgement(Seen.WAITING, NOT_REPORTED + offline(agent))
    if code in _REFUSED:
        return Judgement(Seen.REFUSED, f"the device reports that its content is {_REFUSED[code]}: {words}")
    found = (agent.reported.get("modules") or {}).get(module) or {}
    runs_it = _is_same(str((found.get("settings") or {}).get("image")), image)
    if code != 200:
        pulls = _CANCELLED in words and not runs_it
        return Judgement(Seen.WAITING, "pulling the image") if pulls else Judgement(Seen.FAILING, _answer(code, words))
    return _judged(module, found) if runs_it else Judgement(Seen.WAITING, "the module still has its old image")


def _is_same(reported: str, image: str) -> bool:
    """Whether a device reports the image. An agent can report the name of the parent in place of `$upstream`."""
    host, _, path = image.partition("/")
    return reported == image or (host.startswith("$upstream") and reported.partition("/")[2] == path)


def _answer(code: int, words: str) -> str:
    return f"the device answers {code}: {words}"


def _judged(module: str, found: Mapping[str, Json]) -> Judgement:
    """The state of a module that was started."""
    restarts = int(found.get("restartCount", 0))
    if found.get("runtimeStatus") == "running":
        return Judgement(Seen.RUNNING, "running", restarts)
    return Judgement(Seen.CRASHING, described(module, found), restarts)


def described(module: str, found: Mapping[str, Json]) -> str:
    """The agent's report about a module: its state, its exit code, its number of restarts."""
    words = f"the module {module} is {clean(str(found.get('runtimeStatus') or 'unknown'))}"
    if found.get("exitCode"):
        words += f", exit code {int(found['exitCode'])}"
    if found.get("restartCount"):
        words += f", restarted {int(found['restartCount'])} times"
    description = clean(str(found.get("statusDescription") or ""))
    return f"{words}: {description}" if description else words


def offline(agent: Twin) -> str:
    """A note in brackets that a device is offline, and since when; empty if it is online."""
    if agent.connected:
        return ""
    if agent.seen.startswith(_NEVER):
        return " (device has never connected to the hub)"
    return f" (device is offline since {agent.seen})" if agent.seen else " (device is offline)"
