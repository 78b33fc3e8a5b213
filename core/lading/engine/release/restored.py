"""The options that an earlier release was deployed with. Secrets come from the environment, by their references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadInput
from ...manifest.moved import restored
from ...manifest.references import names
from ...store.origin import mark, record_of
from .service import Service

if TYPE_CHECKING:
    from ...manifest import Path_
    from ...model import Json, Release


def options_of(service: Service, release: Release) -> Json:
    """The options of a release as written in its manifest; None if they are not recorded."""
    return record_of(service.session.store.reuse, mark(release)).get("options")


def as_released(service: Service, release: Release) -> Service:
    """The service with the options of a release. If they are not recorded, with those of the manifest.

    Raises BadInput if one of their variables is not set, or if the target does not take them any more.
    """
    written = options_of(service, release)
    if not isinstance(written, dict) or written == service.target.record:
        return service

    def refuse(_path: Path_, message: str) -> None:
        raise BadInput(f"the options of release {release.number} of {service.name}: {message}")

    order = service.session.order
    _hide_variables(service, written)
    try:
        section = restored(service.target, order.file.absolute().parent, written, order.environ, refuse)
    except ValueError as error:
        raise BadInput(
            f"'{service.target.name}' does not take the options of release {release.number} any more: {error}",
            hint="write them into the manifest as they are now, and deploy",
        ) from error
    return Service(service.session, section, service.emit.stage)


def _hide_variables(service: Service, written: Json) -> None:
    """Redact the values of the variables that earlier options name: the manifest may not name them now."""
    session = service.session
    environ = session.order.environ
    session.events.hidden.hide_variables({name: environ[name] for name in names(written) if name in environ})


def as_serving(service: Service, release: Release) -> Service:
    """The service with the options of a release that serves, for a shift of its requests.

    If they cannot be restored, those of the manifest count, and a warning says so.
    """
    try:
        return as_released(service, release)
    except BadInput as error:
        service.emit("warning", detail=f"{error.message}; the options of the manifest count")
        return service
