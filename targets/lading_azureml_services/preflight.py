"""Check for problems of a deploy to a workspace, without any effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lading import BadInput, StageFailed, TargetFinding, TargetFindings, Transient
from lading_azureml.port import NoAdminUser

from .kind import RECREATE, Kind, keys, secrets
from .naming import check_name
from .ownership import connection, our_service

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import ServiceOptions


def findings(
    kind: Kind,
    deployment: Deployment[ServiceOptions],
    context: Context,
    needs: Callable[[], object] = lambda: None,
) -> TargetFindings:
    """Check the name, its owner, the registry, and with `needs` what else a new service needs.

    Raises BadInput for a variable that is not set, and Transient if Azure does not answer.
    """
    secrets(deployment.options, context)
    keys(deployment.options, context)
    found = list(_problem("service_name", lambda: check_name(deployment.service)))
    if not found:
        found += _service(kind, deployment, context, needs)
    return TargetFindings(findings=(*found, *_registry(context)))


def _service(
    kind: Kind, deployment: Deployment[ServiceOptions], context: Context, needs: Callable[[], object]
) -> Iterator[TargetFinding]:
    try:
        service = our_service(deployment, context)
    except StageFailed as error:
        yield TargetFinding(message=error.message, option="service_name", hint=error.hint)
        return
    if service is None:
        yield from _problem("compute_target_name", needs)
    elif service.kind != kind.name and not deployment.options.recreate:
        message = f"the service {service.name} is on {service.kind}, and cannot become one on {kind.name} in place"
        yield TargetFinding(message=message, option="service_name", hint=RECREATE)


def _registry(context: Context) -> Iterator[TargetFinding]:
    try:
        connection(context).workspace.check_registry()
    except NoAdminUser as error:
        yield TargetFinding(message=error.message, hint=error.hint)
    except StageFailed:  # a deploy does not need to read these keys itself
        return


def _problem(option: str, attempt: Callable[[], object]) -> Iterator[TargetFinding]:
    try:
        attempt()
    except Transient:
        raise
    except (BadInput, StageFailed) as error:
        yield TargetFinding(message=error.message, option=option, hint=error.hint)
