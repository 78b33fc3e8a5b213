"""What the settings of one target are worth on another, by what the two plugins declare and the manifest says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import LadingError
from ..manifest.build import hints
from ..manifest.refusal import refusal
from ..model import Capability
from ..model.planning import Fate, Setting
from .session import open_session

if TYPE_CHECKING:
    from ..hooks import BoundPlugin
    from ..manifest import Section
    from .session import Session


def compare(session: Session, target: Section, origin: str) -> tuple[Setting, ...]:
    """Each setting and capability of the target named `origin`, and what becomes of it on `target`.

    Raises BadInput where the manifest has no target `origin`.
    """
    order = replace(session.order, targets=(origin,), stages=False)
    with open_session(order, lambda _event: None) as other:
        (section,) = other.targets
        settings = _settings(section, target, session.plugin(target))
        return (*settings, *_capabilities(section, other.plugin(section), target, session.plugin(target)))


def first_deploy(session: Session, target: Section) -> tuple[Setting, ...]:
    """The comparison with the target that the same model is served on, where `target` has never had a release."""
    releases, name = session.store.releases, session.manifest.register.model
    if releases.list(target.service_name, target.name):
        return ()
    up = (found for found in releases.list() if found.state == "up" and found.model == name)
    origin = next((found.target for found in up if found.target != target.name), None)
    try:
        return () if origin is None else compare(session, target, origin)
    except LadingError:  # that target is not in the manifest any more, or cannot be bound: nobody asked for it
        return ()


def tell_first_deploy(session: Session, target: Section) -> None:
    """Tell in a few words what a first deploy to a target loses."""
    settings = first_deploy(session, target)
    if not settings:
        return
    origin = settings[0].origin
    lost = ", ".join(setting.name for setting in settings if setting.fate is not Fate.KEPT)
    more = f"lost from '{origin}': {lost}; `lading plan --target {target.name} --from {origin}` says why"
    detail = more if lost else f"every setting of '{origin}' is kept"
    session.events.emit("progress", stage="deploy", target=target.name, phase="first deploy here", detail=detail)


def _settings(origin: Section, target: Section, plugin: BoundPlugin) -> Iterator[Setting]:
    for name in origin.record:
        fate, detail = _fate(name, origin, target, plugin)
        yield Setting(origin.name, target.name, name, fate, detail)


def _fate(name: str, origin: Section, target: Section, plugin: BoundPlugin) -> tuple[Fate, str]:
    options = plugin.description.options
    if name not in hints(options):
        return Fate.UNSUPPORTED, f"'{target.plugin}' has no such option"
    refused = refusal(options, name, origin.value[name], origin.record[name])
    if refused:
        return Fate.LOSSY, f"'{target.plugin}' does not take {_text(origin.record[name])}: {refused}"
    if name in target.record:
        same = origin.value[name] == target.value[name]
        return Fate.KEPT, "" if same else f"{_text(target.record[name])} there"
    if getattr(target.options, name) == getattr(origin.options, name):
        return Fate.KEPT, "by default"
    written = _text(origin.record[name])
    return Fate.LOSSY, f"not set there: add `{name}: {written}` to targets.{target.name}, or its default applies"


def _capabilities(origin: Section, declared: BoundPlugin, target: Section, plugin: BoundPlugin) -> Iterator[Setting]:
    for capability in sorted(declared.description.capabilities - plugin.description.capabilities):
        detail = _LOSSES.get(capability, f"'{target.plugin}' does not offer it")
        yield Setting(origin.name, target.name, capability, Fate.LOSSY, detail)


_LOSSES = {
    Capability.KEEPS_OLD_RELEASE: "the old release is taken down before the new one is up",
    Capability.STATUS: "the target cannot tell how a deployment stands",
}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
