"""The status of a service on its targets, as the targets report it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.session.binding import bind_manifest
from ..engine.session.order import Needs
from ..errors import BadInput, LadingError
from ..model import State, Status
from ..model.description import Role
from ..model.records import OnEvent, ignore
from ..plugin.discovery import TARGETS, is_usable
from ..store import MANIFEST
from ..store.guard import Foreign
from ..store.origin import last_live
from .deploying import deployment
from .measurement import Measurement
from .records import drafted, warning


@dataclass(frozen=True)
class Standing:
    """A service on one target: its release in the store, and the status that the target reports."""

    target: str
    service: str
    release: int | None
    status: Status
    answered: bool = True
    """Whether the target could be queried. Otherwise the status's detail has the reason."""
    measured: Measurement = field(default_factory=Measurement)
    """The figures of its releases, if it runs."""


def unrecorded(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Standing, ...]:
    """The service on targets without a release in this store, for example after a deploy from another store.

    Without `targets`, every target with an installed plugin is queried, but only if the store has no release of the
    manifest. A target that cannot be queried is left out with a warning.
    """
    with drafted(manifest, store, ignore) as (draft, opened):
        known = {(release.service, release.target) for release in opened.releases.list()}
    services, plugins = draft.services(), {ref.name: ref.plugin for ref in draft.sections() if ref.role == Role.TARGET}
    fresh = not any((service, name) in known for name, service in services.items())
    chosen = targets or [name for name in services if fresh and is_usable(TARGETS, plugins.get(name, ""))]
    found = []
    for name, service in services.items():
        if name not in chosen or (service, name) in known:
            continue
        try:
            found.append(Standing(name, service, None, deployment(manifest, target=name, store=store).status()))
        except Foreign:
            raise
        except LadingError as error:
            on_event(warning(f"the target '{name}' was not asked: {error.message}"))
    return tuple(one for one in found if one.status.state not in (State.ABSENT, State.UNKNOWN))


def statuses(
    manifest: str | Path = MANIFEST,
    *,
    targets: Sequence[str] = (),
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> tuple[Standing, ...]:
    """The status of the service on each target; by default on targets with an installed plugin or with a release.

    A target that cannot be queried is shown as unknown, with the reason; if `targets` names it, with a warning too.
    BadInput is raised if `targets` names the target, unless its plugin is gone but a release exists. If the block
    of a target has moved its service, a row for each old place that is not empty follows. A canary has a row too.
    """
    with drafted(manifest, store, on_event) as (draft, opened):
        bind_manifest(draft, opened, targets=None, needs=Needs.QUESTION)  # reports the problems of the core sections
        refs = {ref.name: ref for ref in draft.sections() if ref.role == Role.TARGET}
        services = draft.services()
        live = {name: last_live(opened.releases, service, name) for name, service in services.items()}
    usable = {name for name, ref in refs.items() if is_usable(TARGETS, ref.plugin)}
    chosen = targets or [name for name in refs if name in usable or live[name]]
    found = []
    for name in chosen:
        try:
            one = deployment(manifest, target=name, store=store)
            status, old, canary = one.standing()
            measured = one.measured() if status.state is State.RUNNING else Measurement()
            beside = canary[1].release_id if canary else None
            served = measured.without(beside) if canary else measured
            found.append(Standing(one.target, one.service, one.release, status, measured=served))
            if canary:
                found.append(Standing(name, one.service, *canary, measured=measured.of(beside)))
            found += [Standing(name, service, None, elsewhere) for service, elsewhere in old]
        except Foreign:
            raise
        except LadingError as error:
            release = live.get(name)
            if name in targets and isinstance(error, BadInput) and (name in usable or release is None):
                raise
            if name in targets:
                on_event(warning(f"the target '{name}' was not asked: {_reason(error)}"))
            status = Status(state=State.UNKNOWN, detail=_reason(error))
            number = release.number if release else None
            found.append(Standing(name, services[name], number, status, answered=False))
    return tuple(found)


def _reason(error: LadingError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
