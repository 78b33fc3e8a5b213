"""List everything of Lading on a hub: modules of single devices, and automatic deployments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lading import Listed, Listing, State

from . import create_options, fleet
from .asking import STATES
from .judging import judge
from .module import MODEL, PACKAGE, RELEASE, RELEASE_ID
from .port import AGENT, Configuration, Hub, Twin

_SERVICE, _TARGET = "lading.service", "lading.target"


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
            yield _listed(f"{agent.device}/{name}", tags, STATES[seen])


def _deployments(hub: Hub) -> Iterator[Listed]:
    for found in hub.configurations():
        tags = {name.replace("lading_", "lading.", 1): value for name, value in found.labels.items()}
        if tags.get(_SERVICE):
            yield _listed(found.id, tags, _state(found))


def _state(found: Configuration) -> State:
    seen = fleet.counts(found)
    if seen.failed:
        return State.FAILED
    return State.RUNNING if seen.running else State.PENDING


def _listed(name: str, tags: Mapping[str, str], state: State) -> Listed:
    release = tags.get(RELEASE, "")
    return Listed(
        name=name,
        service=tags[_SERVICE],
        target=tags.get(_TARGET, ""),
        state=state,
        release=int(release) if release.isascii() and release.isdigit() else None,
        release_id=tags.get(RELEASE_ID),
        package_digest=tags.get(PACKAGE),
        model_sha256=tags.get(MODEL),
    )
