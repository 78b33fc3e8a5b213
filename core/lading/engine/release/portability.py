"""What the settings of one target are worth on another, by what the two plugins declare and the manifest says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import LadingError
from ...manifest.build import hints
from ...manifest.refusal import refusal
from ...model import Capability, Means
from ...model.planning import Fate, Setting
from ..session.session import open_session

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json
    from ...plugin.bound import BoundPlugin
    from ..session.session import Session


def compare(session: Session, target: Section, origin: str) -> tuple[Setting, ...]:
    """Each setting and capability of the target named `origin`, and what becomes of it on `target`.

    Raises BadInput where the manifest has no target `origin`.
    """
    order = replace(session.order, targets=(origin,), stages=False)
    with open_session(order, lambda _event: None) as other:
        (section,) = other.targets
        declared, plugin = other.plugin(section), session.plugin(target)
        settings = _settings(section, declared, target, plugin)
        return (*settings, *_capabilities(section, declared, target, plugin))


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
    lost = ", ".join(setting.name for setting in settings if setting.lost)
    more = f"lost from '{origin}': {lost}; `lading plan --target {target.name} --from {origin}` says why"
    detail = more if lost else f"every setting of '{origin}' is kept"
    session.events.emit("progress", stage="deploy", target=target.name, phase="first deploy here", detail=detail)


def _settings(origin: Section, declared: BoundPlugin, target: Section, plugin: BoundPlugin) -> Iterator[Setting]:
    for name in origin.record:
        wanted = _wanted(name, origin, declared.description.options, plugin.description.options)
        if wanted is None:
            yield Setting(origin.name, target.name, name, Fate.UNSUPPORTED, f"'{target.plugin}' has no such option")
        else:
            fate, detail = _fate(wanted, target, plugin)
            if fate is Fate.KEPT and wanted.name != name:
                fate, detail = Fate.MAPPED, f"as {wanted.name}{detail and f', {detail}'}"
            yield Setting(origin.name, target.name, name, fate, detail)


class _Wanted(NamedTuple):
    """What a setting would be on the other target: the option's name, its value as given, as bound and as written."""

    name: str
    value: Json
    bound: object
    written: Json


def _wanted(name: str, origin: Section, declared: type, options: type) -> _Wanted | None:
    """The setting under its own name, or under another one that its plugin says means the same; else None."""
    value, bound, written = origin.value[name], getattr(origin.options, name), origin.record[name]
    if name in hints(options):
        return _Wanted(name, value, bound, written)
    means, others = _meanings(declared).get(name), _meanings(options)
    other = next((other for other in others if means and others[other].what == means.what), None)
    if means is None or other is None:
        return None
    scale = means.unit / others[other].unit
    return _Wanted(other, _scaled(value, scale), _scaled(bound, scale), _scaled(written, scale))


def _meanings(options: type) -> dict[str, Means]:
    found = hints(options).items()
    marks = ((name, mark) for name, hint in found for mark in getattr(hint, "__metadata__", ()))
    return {name: mark for name, mark in marks if isinstance(mark, Means)}


def _scaled(value: Any, scale: float) -> Any:
    """A number in another unit, whole where it comes out so; anything else, such as `${NAME}`, as it is."""
    if scale == 1 or not isinstance(value, int | float):
        return value
    scaled = round(value * scale, 9)
    return int(scaled) if scaled == int(scaled) else scaled


def _fate(wanted: _Wanted, target: Section, plugin: BoundPlugin) -> tuple[Fate, str]:
    name, written = wanted.name, _text(wanted.written)
    refused = refusal(plugin.description.options, name, wanted.value, wanted.written)
    if refused:
        return Fate.LOSSY, f"'{target.plugin}' does not take {written}: {refused}"
    if name in target.record:
        same = wanted.value == target.value[name]
        return Fate.KEPT, "" if same else f"{_text(target.record[name])} there"
    if getattr(target.options, name) == wanted.bound:
        return Fate.KEPT, "by default"
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
