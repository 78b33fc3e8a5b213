"""The containers of a pod, as the cluster shows them, and how they ended."""

from __future__ import annotations

from typing import NamedTuple

from lading import Json

from .pods import CONTAINER

NOT_STARTED = {"ContainerCannotRun", "StartError"}
"""The reasons of a container whose program could not be started."""

_LONGEST = 500  # characters of a message


class Container(NamedTuple):
    """A container with its state, as a pod shows it."""

    state: Json
    is_init: bool = False

    @property
    def name(self) -> str:
        return str(self.state.get("name"))

    @property
    def is_ours(self) -> bool:
        return self.name == CONTAINER and not self.is_init

    @property
    def title(self) -> str:
        """The container in a message."""
        return "the container" if self.is_ours else f"the {'init ' if self.is_init else ''}container {self.name}"

    def may_concern(self, event: Json) -> bool:
        """Whether an event may be about this container. It names the field of its container, if it has one."""
        field = (event.get("involvedObject") or {}).get("fieldPath")
        return not field or field.endswith(f"{{{self.name}}}")


def containers(pod: Json) -> list[Container]:
    """The containers of a pod that have a state; ours is first."""
    first = [Container(each, is_init=True) for each in (pod.get("status") or {}).get("initContainerStatuses") or ()]
    return sorted((*first, *map(Container, shown(pod))), key=lambda each: not each.is_ours)


def shown(pod: Json) -> list[Json]:
    return list((pod.get("status") or {}).get("containerStatuses") or ())


def last_end(container: Json) -> Json | None:
    """How a container ended last; None if it has not ended yet."""
    for part in ("state", "lastState"):
        if ended := (container.get(part) or {}).get("terminated"):
            return ended
    return None


def ending(ended: Json) -> str:
    """How a container ended, such as `ended with exit code 3`."""
    if ended.get("reason") == "OOMKilled":
        return "ran out of memory"
    if ended.get("reason") in NOT_STARTED:
        return f"could not be started: {short(ended.get('message'))}"
    return f"ended with exit code {ended.get('exitCode')}"


def is_ready(pod: Json) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def short(message: object) -> str:
    return " ".join(str(message or "").split())[:_LONGEST]
