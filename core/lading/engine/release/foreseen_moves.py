"""The findings of a plan about the old places of a service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...model import PlanEffect, PlanFinding
from .located import Located, account_of, present
from .moves import old_located, remedy, stays

if TYPE_CHECKING:
    from .service import Service


def foreseen_moves(service: Service) -> Iterator[PlanFinding]:
    """What stays at an old place, and what happens to it."""
    here = present(service)
    for old in old_located(service):
        way_out, remains = remedy(service, old), stays(service)
        name = f"{old.place.compared_with(here.place)}, the old place,"
        fate = "stays there" if remains or way_out else f"is removed once {here.place.compared_with(old.place)} is up"
        message, option = _at_its_option(service, f"{name} {fate}", old, here)
        yield PlanFinding(
            message=message,
            effect=PlanEffect.LEFT if remains or way_out else PlanEffect.MOVED,
            option=option,
            hint=None if remains else way_out or "`keep_old_place: true` in the block leaves it",
        )


def _at_its_option(service: Service, message: str, old: Located, new: Located) -> tuple[str, str | None]:
    """The message, and the key of the block that moves the service. If it is in the block of the connection, the
    message has its position already.
    """
    if old.place.service != new.place.service:
        return message, "service_name"
    if old.place.plugin not in ("", new.place.plugin):
        return message, "plugin"
    changed = [name for name, value in new.options.items() if old.options.get(name) != value]
    written = (name for name in changed if new.options[name] is not None)
    account = account_of(service, new.place.connection)
    if changed or account is None or old.place.connection != new.place.connection:
        return message, next(written, changed[0] if changed else "connection")
    moved_by = next((name for name, value in new.account.items() if old.account.get(name) != value), "")
    return service.session.at_option(account.path, moved_by, message), None
