"""List everything of Lading on a hub: modules of single devices, and automatic deployments."""

from __future__ import annotations

from collections.abc import Iterator

from lading import Listed, Listing, State

from . import create_options, fleet
from .asking import STATES
from .judging import judge
from .port import AGENT, Configuration, Hub, Twin

_SERVICE = "lading.service"


def everything(hub: Hub) -> Listing:
    """All objects with our labels. It reads the agents of all devices, page by page."""
    agents = hub.query(f"SELECT * FROM devices.modules WHERE moduleId = '{AGENT}'")
    modules = (module for agent in agents for module in _modules(agent))
    return Listing(objects=(*modules, *_deployments(hub)))


def _modules(agent: Twin) -> Iterator[Listed]:
    """The modules of a device. Those of a device in a fleet belong to its automatic deployment."""
    for name, module in (agent.desired.get("modules") or {}).items() if not agent.deployments else ():
        tags = create_options.labels(module)
        if tags.get(_SERVICE):
            seen = judge(agent, name, str((module.get("settings") or {}).get("image"))).seen
            yield Listed.from_tags(tags, name=f"{agent.device}/{name}", state=STATES[seen])


def _deployments(hub: Hub) -> Iterator[Listed]:
    for found in hub.configurations():
        tags = {name.replace("lading_", "lading.", 1): value for name, value in found.labels.items()}
        if tags.get(_SERVICE):
            yield Listed.from_tags(tags, name=found.id, state=_state(found))


def _state(found: Configuration) -> State:
    seen = fleet.counts(found)
    if seen.failed:
        return State.FAILED
    return State.RUNNING if seen.running else State.PENDING
