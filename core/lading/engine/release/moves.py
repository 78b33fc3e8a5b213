"""The old places of a service whose block has changed: they are cleared once the new release is up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ...errors import LadingError, StageFailed
from ...model import Capability, Json, State, Status
from ...store.places import Place, Places
from .located import Located, account_of, located, present
from .service import Service


def old_places(service: Service) -> tuple[Place, ...]:
    """The places that the next deploy clears, oldest first."""
    return tuple(found.place for found in old_located(service))


def old_located(service: Service) -> list[Located]:
    """The places that the next deploy clears with the values of their options, oldest first."""
    places, here = _places(service).all, present(service)
    found: list[Located] = []
    for place in map(partial(located, service), places):
        if not any(_is_same(service, place, other) for other in (here, *found)):
            found.append(place)
    return found


def has_moved(service: Service) -> bool:
    """Whether the last release is up at another place than that of the block."""
    last = _places(service).last
    return last is not None and not _is_same(service, located(service, last), present(service))


def enter_place(service: Service) -> None:
    """Record the place of the block before anything is there. So it is cleared even if its deploy never ends."""
    places, here = _places(service), present(service)
    if not any(_is_same(service, here, located(service, place)) for place in places.all):
        places.put(places.last, [*places.old, here.place])


def clear_old_places(service: Service) -> None:
    """Record the place of the release that is up, and clear the old ones. One that cannot be cleared is kept in mind.

    The caller holds the lock of the service.
    """
    places, here, left = _places(service), present(service).place, _to_clear(service)
    places.put(here, left)
    for place in tuple(left):
        if _is_cleared(service, place):
            left.remove(place)
            places.put(here, left)


def delete_old_places(service: Service) -> bool:
    """Clear the old places after the service itself was deleted. False if the service was at none of them."""
    places, left, existed = _places(service), _to_clear(service), False
    while left:
        places.put(None, left)  # the present place is empty already
        existed = _clear(service, left[0]) or existed
        del left[0]
    places.forget()
    return existed


def _to_clear(service: Service) -> list[Place]:
    return [] if service.target.keep_old_place else list(old_places(service))


def stays(service: Service) -> bool:
    """Whether the service is left at its old places."""
    return service.target.keep_old_place or not service.plugin.can(Capability.DELETE)


def at_old_places(service: Service, here: Status) -> Iterator[tuple[str, Status]]:
    """The service at each old place that is not empty: its name, and its status there with a remark.

    `here` is its status at the present place: the same release is not shown twice. A place that cannot be asked is
    unknown.
    """
    remark = "and it stays there" if stays(service) else "which the next `lading deploy` clears"
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


def _is_same(service: Service, place: Located, other: Located) -> bool:
    """Whether two places are the same one, as far as the options show it."""
    return _key(service, place) == _key(service, other)


def _key(service: Service, found: Located) -> tuple[Json, ...]:
    place, account = found.place, account_of(service, found.place.connection)
    return (
        place.service,
        place.plugin or service.target.plugin,
        place.connection,
        service.target.options.place_of(place.service, found.options),
        account.options.place_of(place.service, found.account) if account else None,
    )


def remedy(service: Service, old: Located) -> str:
    """What a user can do if the old place cannot be cleared; empty if it can."""
    if old.place.plugin not in ("", service.target.plugin):
        return f"`lading delete` removes it while the block has `plugin: {old.place.plugin}`"
    if old.unknown:
        return f"set the variable of {old.unknown[0]} to its earlier value: then the next `lading deploy` clears it"
    return ""


def _is_cleared(service: Service, place: Place) -> bool:
    """Clear one place. A failure is a warning: the new release is up."""
    name = f"{place.compared_with(present(service).place)}, the old place,"
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
    service.emit("progress", phase="clearing the old place", detail=place.compared_with(present(service).place))
    return old.clear() if place.service == service.target.service_name else old.delete()


def _at(service: Service, place: Place) -> Service:
    """The service at another place. Raises StageFailed if it cannot be reached any more."""
    from ...manifest.moved import moved  # few services have an old place

    name, found = place.connection, located(service, place)
    if name not in (None, *service.session.manifest.connections):
        raise StageFailed(
            f"the connection '{name}' is not in the manifest any more, or one of its variables is not set",
            hint=f"write '{name}' under connections again: the next `lading deploy` clears the old place",
        )
    if way_out := remedy(service, found):
        what = f"the value of {found.unknown[0]} has changed since" if found.unknown else "its plugin is another one"
        raise StageFailed(f"the manifest does not name it any more: {what}", hint=way_out)
    folder = service.session.order.file.absolute().parent
    try:
        section = moved(service.target, folder, place.service, name, found.options)
        account = account_of(service, name)
        session = service.session
        if account is not None and found.account != located(service, replace(place, account={})).account:
            session = session.with_connection(moved(account, folder, "", None, found.account))
    except ValueError as error:
        raise StageFailed(
            f"the block cannot name it any more: {error}",
            hint=f"`lading delete` removes {place.service} with the block as it was",
        ) from error
    return Service(session, section)


def _places(service: Service) -> Places:
    session = service.session
    return Places(
        session.store.reuse,
        session.store.root,
        session.order.file,
        service.target.name,
        session.manifest.register.model,
    )
