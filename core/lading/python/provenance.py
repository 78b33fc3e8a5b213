"""The provenance of a release: its package, model and run, as far as the store knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.session.binding import bind_manifest, no_target
from ..engine.session.order import Needs
from ..errors import BadInput, LadingError
from ..model import Json, ModelVersion, Package, Release, Run, Shown, Traffic
from ..model.description import Role
from ..model.records import OnEvent, ignore
from ..plugin.discovery import TARGETS, is_usable
from ..store import MANIFEST
from ..store.addresses import Addresses, addresses, normalized
from ..store.evaluations import Evaluations
from ..store.guard import Foreign
from ..store.origin import last_live, mark, record_of, run_mark
from .records import drafted, warning

if TYPE_CHECKING:
    from ..manifest import Draft
    from ..store import StoreToRead


@dataclass(frozen=True, kw_only=True)
class Provenance(Shown):
    """A release with its package, its model and the run that trained it. A part that the store does not have is None.

    `metrics` are those of the run or, for a finished model, of its last evaluation. `options` are the inputs of the
    release besides its package, and `training` those of the run, with each `${NAME}` as in the manifest. `missing` has
    the reason for each part that is None. `traffic` has the shares of two releases at a scoring URI, of which
    `release` is the stable one.
    """

    release: Release
    package: Package | None = None
    model: ModelVersion | None = None
    run: Run | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    options: Mapping[str, Json] | None = None
    training: Mapping[str, Json] | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    traffic: Traffic | None = None


def why(
    of: str | int,
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    on_event: OnEvent = ignore,
) -> Provenance:
    """The provenance of a release, by its number or by the scoring URI of its service.

    A number is one of the manifest's service on `target`, by default the manifest's own. A URI can be that of any
    service in the store; it leads to the release that is up, or to the last one. Raises BadInput if the store has
    neither.
    """
    with drafted(manifest, store, on_event) as (draft, opened):
        bind_manifest(draft, opened, targets=None, needs=Needs.QUESTION)  # reports the problems of the core sections
        number = int(of) if isinstance(of, int) or of.isdecimal() else None
        if number is not None:
            return trace(opened, numbered(draft, opened, target, number), draft.name)
        place = _place(str(of))
        releases = {(each.service, each.target) for each in opened.releases.list() if target in (None, each.target)}
        found = Addresses(opened.reuse).at(place, releases)
        if not found:
            live = _live_targets(draft, opened, target)
            found = [(live[name], name) for name in live if place in _asked(name, manifest, store, on_event)]
        if not found:
            raise BadInput(
                f"no release in this store was at {of}",
                hint="`lading list` shows what is deployed; `--store` names another store",
            )
        release = _newest(opened, found)
        chain = trace(opened, release, draft.name)
        if not _has_canary(draft, opened, release):
            return chain
        return replace(chain, traffic=_traffic(release.target, manifest, store, on_event))


def chosen_target(draft: Draft, target: str | None) -> tuple[str, str]:
    """The service and the name of one target, by default the manifest's. Raises BadInput if there is none."""
    services = draft.services()
    names = (target,) if target else draft.default_targets()
    if not names:
        raise BadInput("the manifest has several targets and no default", hint="add `target: NAME`, or give --target")
    if names[0] not in services:
        raise no_target(names[0], services)
    return services[names[0]], names[0]


def numbered(draft: Draft, store: StoreToRead, target: str | None, number: int) -> Release:
    """A release of the manifest's service on one target. Raises BadInput with the existing releases if it is none."""
    service, name = chosen_target(draft, target)
    history = store.releases.list(service, name)
    found = next((release for release in history if release.number == number), None)
    if found is not None:
        return found
    others = {other for other, known in draft.services().items() if store.releases.list(known, other)}
    known = ", ".join(f"{each.number} ({each.versioned_model}, {each.state})" for each in history)
    if history:
        raise BadInput(f"{service} on '{name}' has no release {number}", hint=f"its releases are {known}")
    elsewhere = f"; --target names another: {', '.join(sorted(others))}" if others else ""
    raise BadInput(f"{service} on '{name}' has no release in this store", hint=f"`lading deploy` makes one{elsewhere}")


def trace(store: StoreToRead, release: Release, manifest: str) -> Provenance:
    """The provenance of a release of a store. `manifest` is the name of the manifest that evaluated its model."""
    model = store.models.get(release.model, release.model_version)
    package = store.packages.get(release.package_digest, model) if model else None
    run = store.runs.get(model.run) if model and model.run else None
    options, training = (_known(store, key) for key in (mark(release), run_mark(run.id) if run else ""))
    found = Provenance(
        release=release,
        package=package,
        model=model,
        run=run,
        metrics=run.metrics if run else Evaluations(store.reuse, manifest).of(release.model_sha256),
        options=options,
        training=training,
    )
    return replace(found, missing=dict(_missing(store, found)))


def _known(store: StoreToRead, key: str) -> Mapping[str, Json] | None:
    return record_of(store.reuse, key) or None


def _missing(store: StoreToRead, found: Provenance) -> Iterable[tuple[str, str]]:
    """The parts that are None, each with its reason."""
    release, model = found.release, found.model
    name = release.versioned_model
    if model is None:
        yield "model", f"{name} is gone from this store" if release.model_version else "another store has this model"
    if found.package is None:
        is_altered = store.packages.place(release.package_digest).exists() and model is not None
        gone = "is gone from this store (`lading gc` removes old ones)"
        yield "package", f"its package {'was altered (see `lading repair`)' if is_altered else gone}"
    if found.run is None and model is not None:
        yield (
            "run",
            (
                f"run {model.run} of {name} is gone from this store"
                if model.run
                else f"{name} was not trained in this store (a finished model, or an imported package)"
            ),
        )
    if found.options is None:
        yield "options", "its options are not recorded"


def _place(uri: str) -> str:
    try:
        return normalized(uri)
    except ValueError as error:
        raise BadInput(
            f"'{uri}' is neither the number of a release nor a scoring URI: {error}",
            hint="`lading history` shows the numbers; a URI is written like http://127.0.0.1:5001/score",
        ) from error


def _newest(store: StoreToRead, deployments: Iterable[tuple[str, str]]) -> Release:
    """The live release of several deployments that had one address, otherwise the last one that came up."""
    releases = {place: store.releases.list(*place) for place in deployments}
    live = [release for place in releases if (release := last_live(store.releases, *place))]
    every = [release for history in releases.values() for release in history]
    up = [release for release in every if release.came_up]
    return max(live or up or every, key=lambda release: release.started)


def _live_targets(draft: Draft, store: StoreToRead, target: str | None) -> dict[str, str]:
    """The targets on which the manifest has a live release, each with its service."""
    services = draft.services()
    refs = (ref for ref in draft.sections() if ref.role == Role.TARGET and target in (None, ref.name))
    usable = [ref.name for ref in refs if is_usable(TARGETS, ref.plugin)]
    return {name: services[name] for name in usable if last_live(store.releases, services[name], name)}


def _has_canary(draft: Draft, store: StoreToRead, release: Release) -> bool:
    """Whether a canary answers at the address of a release, and the manifest has its target."""
    is_ours = draft.services().get(release.target) == release.service
    return is_ours and store.releases.canary(release.service, release.target) is not None


def _traffic(target: str, manifest: str | Path, store: str | Path | None, on_event: OnEvent) -> Traffic | None:
    """The shares of two releases, as their target reports them."""
    from .deploying import deployment  # most services have no canary

    try:
        return deployment(manifest, target=target, store=store).traffic()
    except Foreign:
        raise
    except LadingError as error:
        on_event(warning(f"the target '{target}' was not asked for its canary: {error.message}"))
        return None


def _asked(target: str, manifest: str | Path, store: str | Path | None, on_event: OnEvent) -> list[str]:
    """The present addresses of a service, as its target reports them. A platform can change an address by itself."""
    from .deploying import deployment  # most addresses are recorded

    try:
        return addresses(deployment(manifest, target=target, store=store).address())
    except Foreign:
        raise
    except LadingError as error:
        on_event(warning(f"the target '{target}' was not asked: {error.message}"))
        return []
