"""List all our objects on the platforms of a manifest's targets, with their owners."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput, LadingError
from ..model import Capability, Listed, Shown
from ..model.description import Role
from ..model.records import OnEvent, ignore
from ..plugin.bound import bind
from ..plugin.discovery import TARGETS, is_usable
from ..store import MANIFEST
from ..store.guard import Foreign
from .records import drafted, warning

if TYPE_CHECKING:
    from ..model import Release
    from ..store import Store

_SERVING = ("up", "canary", "pending")


class Belongs(StrEnum):
    """The owner of an object on a platform.

    An orphan belongs to a release that the store knows and that serves no longer. An object that the store does not
    know belongs to another store, or to one that was lost.
    """

    MANIFEST = "this manifest"
    STORE = "this store"
    ORPHAN = "orphan"
    OTHER = "another store"


@dataclass(frozen=True, kw_only=True)
class FoundService(Shown):
    """An object on the platform of the manifest's target `platform`, and its owner."""

    platform: str
    belongs: Belongs
    found: Listed


def list_services(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    connection: str | None = None,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> tuple[FoundService, ...]:
    """List all objects with our tags on the platforms of the targets; by default of every target that can list them.

    With `connection`, only the targets that use it are asked. Raises BadInput if there is none.
    An object that several targets show, because they share a platform, is listed once. A target that does not answer is
    reported as a warning. Its failure is raised if `targets` names it, or if no target answers.
    """
    plugins, services = _named(manifest, targets, store, on_event)
    found: dict[tuple[str, str | None, Listed], FoundService] = {}
    failures, answered = [], False
    for name, plugin in plugins.items():
        try:
            if name in targets or bind(Role.TARGET, plugin).can(Capability.LIST):
                asked = _asked(manifest, name, connection, store, services)
                found, answered = {**(asked or {}), **found}, answered or asked is not None
        except Foreign:
            raise
        except LadingError as error:
            if name in targets:
                raise
            on_event(warning(f"'{name}' is not listed: {error.message}"))
            failures.append(error)
    if failures and not answered:
        raise failures[0]
    if connection is not None and not answered:
        raise BadInput(
            f"no target that can list what is on its platform uses the connection '{connection}'",
            hint=f"name it in the block of such a target: `connection: {connection}`",
        )
    return tuple(found.values())


def _named(
    manifest: str | Path, targets: Sequence[str], store: str | Path | None, on_event: OnEvent
) -> tuple[Mapping[str, str], Collection[tuple[str, str]]]:
    """The targets to query with their plugins, and the services of the manifest, each with its target."""
    with drafted(manifest, store, on_event) as (draft, _opened):
        refs = {ref.name: ref for ref in draft.sections() if ref.role == Role.TARGET}
        services = {(service, name) for name, service in draft.services().items()}
    chosen = targets or [name for name, ref in refs.items() if is_usable(TARGETS, ref.plugin)]
    return {name: refs[name].plugin if name in refs else "" for name in chosen}, services


def _asked(
    manifest: str | Path,
    target: str,
    connection: str | None,
    store: str | Path | None,
    services: Collection[tuple[str, str]],
) -> dict[tuple[str, str | None, Listed], FoundService] | None:
    """The objects that one target lists, under names that differ between platforms.

    None if it does not use `connection`, which is the name of one or None.
    """
    order = Order.of("list", manifest, Needs.QUESTION, store=store, targets=(target,))
    with open_session(order, ignore) as session:
        (section,) = session.targets
        if connection not in (None, section.connection):
            return None
        plugin = session.plugin(section).installed.full_name
        return {
            (plugin, section.connection, listed): FoundService(
                platform=target, belongs=_belongs(listed, session.store, services), found=listed
            )
            for listed in Service(session, section).listing().objects
        }


def _belongs(listed: Listed, store: Store, services: Collection[tuple[str, str]]) -> Belongs:
    release = _release(listed, store)
    if release is None:
        return Belongs.OTHER
    if release.state not in _SERVING:
        return Belongs.ORPHAN
    return Belongs.MANIFEST if (listed.service, listed.target) in services else Belongs.STORE


def _release(listed: Listed, store: Store) -> Release | None:
    """The store's release for an object; None if another store created it."""
    if listed.owner and not Path(listed.owner).is_relative_to(store.root.resolve()):
        return None
    releases = store.releases.list(listed.service, listed.target)
    if listed.release_id:
        return next((found for found in releases if found.id == listed.release_id), None)
    same = (found for found in releases if listed.release in (None, found.number))
    return next((found for found in same if found.package_digest == listed.package_digest), None)
