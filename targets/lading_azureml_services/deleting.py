"""Delete a service: one request, and then the operation that Azure reports."""

from __future__ import annotations

from lading import Context, DeleteStep, Deployment, Done, Failed, LadingError, Pending, Transient
from lading_azureml.port import Operation, Service
from lading_azureml.text import reason

from . import sent
from .ownership import connection, our_service
from .sent import Sent

_FILE = "deleted.json"
_POLL_INTERVAL = 2.0  # seconds between two checks of a service that is being deleted
_MAX_CHECKS = 10  # checks of a service that nothing deletes, before the request counts as without effect


def delete(deployment: Deployment, context: Context) -> DeleteStep:
    """Request the deletion of the service once, and check until it is gone, which takes minutes."""
    service = our_service(deployment, context)
    if service is None:
        forget_delete(context)
        return Done()
    return remove(service, context)


def forget_delete(context: Context) -> None:
    sent.forget(context.work, _FILE)


def remove(service: Service, context: Context) -> Pending | Failed:
    """One step of the deletion of a service that exists and is ours."""
    asked = sent.read(context.work, service.name, _FILE)
    if asked is None:
        return _pending(service) if service.state == "deleting" else _ask(service, context)
    operation = connection(context).workspace.operation(asked.operation, 0) if asked.operation else None
    if operation is not None and operation.state in ("Failed", "Cancelled"):
        sent.forget(context.work, _FILE)
        return Failed(reason=f"Azure did not delete it: {_said(operation)}")
    if (operation is not None and operation.is_running) or service.state == "deleting":
        return _pending(service)
    return _without_effect(service, asked, context)


def _without_effect(service: Service, asked: Sent, context: Context) -> Pending | Failed:
    """Read the service a few more times. A request without an answer is then repeated; any other one has failed."""
    if asked.looks < _MAX_CHECKS:
        asked.looked().write(context.work, _FILE)
        return _pending(service)
    if asked.operation is None:
        return _ask(service, context)
    sent.forget(context.work, _FILE)
    return Failed(reason=f"Azure has accepted the delete, but the service is still {service.state}")


def _ask(service: Service, context: Context) -> Pending:
    context.intend(f"service/{service.name}/delete")
    Sent(service.name).write(context.work, _FILE)
    try:
        operation = connection(context).workspace.delete_service(service.name)
    except Transient:
        raise
    except LadingError:
        sent.forget(context.work, _FILE)
        raise
    Sent(service.name, operation or "").write(context.work, _FILE)
    return _pending(service)


def _pending(service: Service) -> Pending:
    return Pending(phase="deleting", detail=f"Azure is deleting {service.name}", retry_after=_POLL_INTERVAL)


def _said(operation: Operation) -> str:
    said = reason(operation.error) or f"the operation is {operation.state.lower()}"
    code = operation.error.get("code")
    return f"{said} ({code})" if code else said
