"""The old places of a service whose block has changed: they are cleared once the new release is up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from ...errors import LadingError, StageFailed
from ...manifest.moved import moved
from ...manifest.references import names
from ...model import Capability, PlanEffect, PlanFinding, State, Status
from ...store.codec import to_json
from ...store.places import Place, Places
from .service import Service


def old_places(service: Service) -> tuple[Place, ...]:
    """The places that the next deploy clears, oldest first."""
    places, here = _places(service), _here(service)
    found: list[Place] = []
    for place in places.all:
        is_known = any(_is_same(service, place, other) for other in (here, *found))
        if not is_known and place.options.keys() == here.options.keys():
            found.append(place)
    return tuple(found)


def has_moved(service: Service) -> bool:
    """Whether the last release is up at another place than that of the block."""
    last, here = _places(service).last, _here(service)
    return last is not None and last.options.keys() == here.options.keys() and not _is_same(service, last, here)


def enter_place(service: Service) -> None:
    """Record the place of the block before anything is there. So it is cleared even if its deploy never ends."""
    places, here = _places(service), _here(service)
    if not any(_is_same(service, here, place) for place in places.all):
        places.put(places.last, [*places.old, here])


def foreseen_moves(service: Service) -> Iterator[PlanFinding]:
    """What stays at an old place, and what happens to it."""
    here = _here(service)
    for place in old_places(service):
        stays = _stays(service)
        fate = "stays there" if stays else f"is removed once {here.compared_with(place)} is up"
        yield PlanFinding(
            message=f"{place.compared_with(here)}, the old place, {fate}",
            effect=PlanEffect.LEFT if stays else PlanEffect.MOVED,
            option=_changed(place, here),
            hint=None if stays else "`keep_old_place: true` in the block leaves it",
        )


def clear_old_places(service: Service) -> None:
    """Record the place of the release that is up, and clear the old ones. One that cannot be cleared is kept in mind.

    The caller holds the lock of the service.
    """
    places, here, left = _places(service), _here(service), _to_clear(service)
    places.put(here, left)
    for place in tuple(left):
        if _is_cleared(service, place):
            left.remove(place)
            places.put(here, left)


def delete_old_places(service: Service) -> bool:
    """Clear the old places after the service itself was deleted. False if the service was at none of them."""
    cleared = [_clear(service, place) for place in _to_clear(service)]
    _places(service).forget()
    return any(cleared)


def _to_clear(service: Service) -> list[Place]:
    return [] if service.target.keep_old_place else list(old_places(service))


def _stays(service: Service) -> bool:
    return service.target.keep_old_place or not service.plugin.can(Capability.DELETE)


def at_old_places(service: Service, here: Status) -> Iterator[tuple[str, Status]]:
    """The service at each old place that is not empty: its name, and its status there with a remark.

    `here` is its status at the present place: the same release is not shown twice. A place that cannot be asked is
    unknown.
    """
    remark = "and it stays there" if _stays(service) else "which the next `lading deploy` clears"
    for place in old_places(service):
        try:
            status = _at(service, place).status()
        except LadingError as error:
            status = Status(state=State.UNKNOWN, detail=error.message)
        if status.state is not State.ABSENT and not _is_one(status, here):
            detail = "; ".join(filter(None, (status.detail, f"at its old place, {remark}")))
            yield place.service, replace(status, detail=detail)


def _is_one(status: Status, other: Status) -> bool:
    """Whether two places are one under two names: they have the same release."""
    return status.release_id is not None and status.release_id == other.release_id


def _is_same(service: Service, place: Place, other: Place) -> bool:
    """Whether two places are the same one, as far as the options show it."""
    options = service.target.options
    key, another = (options.place_of(each.service, each.options) for each in (place, other))
    return (place.service, place.connection, key) == (other.service, other.connection, another)


def _changed(old: Place, new: Place) -> str:
    """The key of the block that moves the service."""
    if old.service != new.service:
        return "service_name"
    changed = [name for name in new.options if old.options.get(name) != new.options[name]]
    written = (name for name in changed if new.options[name] is not None)
    return next(written, changed[0] if changed else "connection")


def _is_cleared(service: Service, place: Place) -> bool:
    """Clear one place. A failure is a warning: the new release is up."""
    name = f"{place.compared_with(_here(service))}, the old place,"
    if not service.plugin.can(Capability.DELETE):
        service.emit("warning", detail=f"{name} stays up: '{service.target.name}' cannot delete")
        return True
    try:
        _clear(service, place)
    except LadingError as error:
        again = "the next `lading deploy` tries again"
        service.emit("warning", detail=f"{name} is not cleared yet: {error.message}; {again}")
        return False
    return True


def _clear(service: Service, place: Place) -> bool:
    """Clear one place; False if it was empty, or if it is the present place under another name."""
    old = _at(service, place)
    if _is_one(old.status(), service.status()):
        return False
    service.emit("progress", phase="clearing the old place", detail=place.compared_with(_here(service)))
    return old.clear() if place.service == service.target.service_name else old.delete()


def _at(service: Service, place: Place) -> Service:
    """The service at another place. Raises StageFailed if its connection cannot be used any more."""
    name = place.connection
    if name not in (None, *service.session.manifest.connections):
        raise StageFailed(
            f"the connection '{name}' is not in the manifest any more, or one of its variables is not set",
            hint=f"write '{name}' under connections again: the next `lading deploy` clears the old place",
        )
    folder = service.session.order.file.absolute().parent
    try:
        section = moved(service.target, folder, place.service, place.connection, place.options)
    except ValueError as error:
        raise StageFailed(
            f"the block cannot name it any more: {error}",
            hint=f"`lading delete` removes {place.service} with the block as it was",
        ) from error
    return Service(service.session, section)


def _here(service: Service) -> Place:
    """The place in the block, with values as the store returns them.

    An option with a variable is left out, because the store keeps no values of variables.
    """
    target = service.target
    written = {name: target.record.get(name) for name in target.options.placed_by}
    plain = (name for name, value in written.items() if not any(names(value)))
    options = {name: json.loads(to_json(getattr(target.options, name))) for name in plain}
    return Place(target.service_name, target.connection, options)


def _places(service: Service) -> Places:
    session = service.session
    return Places.of(
        session.store.reuse,
        session.store.root,
        session.order.file,
        service.target.name,
        session.manifest.register.model,
    )
