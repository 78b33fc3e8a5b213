"""Compare the settings of one target with another, from the declarations of both plugins and the manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import LadingError
from ...manifest.build import hints
from ...model import Capability, Means
from ...model.counterparts import Counterpart, Fate
from ...model.planning import Setting
from ..session.order import Needs
from ..session.session import open_session

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json
    from ...plugin.bound import BoundPlugin
    from ..session.session import Session
    from .service import Service


def compare(session: Session, target: Section, origin: str) -> tuple[Setting, ...]:
    """Each setting and capability of the target named `origin`, and its counterpart on `target`.

    Raises BadInput if the manifest has no target `origin`.
    """
    order = replace(session.order, targets=(origin,), needs=session.order.needs & Needs.CHANGES)
    with open_session(order, lambda _event: None) as other:
        (section,) = other.targets
        declared, plugin = other.plugin(section), session.plugin(target)
        settings = _settings(section, declared, target, plugin)
        return (*settings, *_capabilities(section, declared, target, plugin))


def first_deploy(session: Session, target: Section) -> tuple[Setting, ...]:
    """The comparison with the target that already serves the same model, if `target` has never had a release."""
    releases, name = session.store.releases, session.manifest.register.model
    if releases.list(target.service_name, target.name):
        return ()
    up = (found for found in releases.list() if found.state == "up" and found.model == name)
    origin = next((found.target for found in up if found.target != target.name), None)
    try:
        return () if origin is None else compare(session, target, origin)
    except LadingError:  # that target has left the manifest or cannot be bound, and the user did not request it
        return ()


def report_first_deploy(service: Service) -> None:
    """Report briefly which settings a first deploy to a target loses."""
    target = service.target
    settings = first_deploy(service.session, target)
    if not settings:
        return
    origin = settings[0].origin
    lost = ", ".join(setting.name for setting in settings if setting.lost)
    more = f"lost from '{origin}': {lost}; `lading plan --target {target.name} --from {origin}` says why"
    detail = more if lost else f"every setting of '{origin}' is kept"
    service.emit("progress", phase="first deploy here", detail=detail)


def _settings(origin: Section, declared: BoundPlugin, target: Section, plugin: BoundPlugin) -> Iterator[Setting]:
    found = {name: getattr(origin.options, name) for name in origin.record}
    given = {name: value for name, value in found.items() if value is not None}  # null is like a missing option
    known = target.options.counterparts(origin.plugin, given)
    for name in given:
        fate = known.get(name) or _counterpart(name, origin, declared, target, plugin)
        yield Setting(origin=origin.name, target=target.name, name=name, fate=fate.fate, detail=fate.detail)


def _counterpart(
    name: str, origin: Section, declared: BoundPlugin, target: Section, plugin: BoundPlugin
) -> Counterpart:
    """The fate of a setting that the target's plugin does not explain: by its name, or by its meaning."""
    wanted = _wanted(name, origin, declared.description.options, plugin.description.options)
    if wanted is None:
        return Counterpart(fate=Fate.UNSUPPORTED, detail=f"'{target.plugin}' has no such option")
    fate, detail = _fate(wanted, target, plugin)
    if fate is Fate.KEPT and wanted.name != name:
        fate, detail = Fate.MAPPED, f"as {wanted.name}{detail and f', {detail}'}"
    return Counterpart(fate=fate, detail=detail)


class _Wanted(NamedTuple):
    """A setting as the other target would receive it: the option's name, and its value as given, bound and written."""

    name: str
    value: Json
    bound: object
    written: Json


def _wanted(name: str, origin: Section, declared: type, options: type) -> _Wanted | None:
    """The setting under its own name, or under a name that its plugin declares equivalent; else None."""
    value, bound, written = origin.value[name], getattr(origin.options, name), origin.record[name]
    if name in hints(options):
        return _Wanted(name, value, bound, written)
    means, others = _meanings(declared).get(name), _meanings(options)
    other = next((other for other in others if means and others[other].what == means.what), None)
    if means is None or other is None:
        return None
    scale = means.unit / others[other].unit
    number = bound if isinstance(value, str) else value  # the text of a variable means the bound number
    return _Wanted(other, _scaled(number, scale), _scaled(bound, scale), _scaled(written, scale))


def _meanings(options: type) -> dict[str, Means]:
    found = hints(options).items()
    marks = ((name, mark) for name, hint in found for mark in getattr(hint, "__metadata__", ()))
    return {name: mark for name, mark in marks if isinstance(mark, Means)}


def _scaled(value: Any, scale: float) -> Any:
    """A number in another unit, as an integer if possible. A variable gets the factor, for a message."""
    if isinstance(value, str) and scale != 1:
        return f"{value} times {scale:g}"
    if scale == 1 or not isinstance(value, int | float):
        return value
    scaled = round(value * scale, 9)
    return int(scaled) if scaled == int(scaled) else scaled


def _fate(wanted: _Wanted, target: Section, plugin: BoundPlugin) -> tuple[Fate, str]:
    from ...manifest.refusal import refusal  # loads YAML, and most plans compare nothing

    name, written = wanted.name, _text(wanted.written)
    refused = refusal(plugin.description.options, name, wanted.value, wanted.written)
    if refused:
        return Fate.LOSSY, f"'{target.plugin}' does not take {written}: {refused}"
    if name in target.record:
        same = wanted.value == target.value[name] or wanted.bound == getattr(target.options, name)
        return Fate.KEPT, "" if same else f"{_text(target.record[name])} there"
    if getattr(target.options, name) == wanted.bound:
        return Fate.KEPT, "by default"
    return Fate.LOSSY, f"not set there: add `{name}: {written}` to targets.{target.name}, or its default applies"


def _capabilities(origin: Section, declared: BoundPlugin, target: Section, plugin: BoundPlugin) -> Iterator[Setting]:
    for capability in sorted(Capability):
        if declared.can(capability) and not plugin.can(capability):
            detail = capability.lack or f"'{target.plugin}' does not offer it"
            yield Setting(origin=origin.name, target=target.name, name=capability, fate=Fate.LOSSY, detail=detail)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
