"""One step of a deploy: read the service and its operation, do the next thing that is missing, and return.

The service's own tags say which package and options it has; a file in the deployment's folder says what this release
has asked for. An answer that was lost is found by reading: nothing is created again unless it stays unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from lading import BadInput, Context, DeployRequest, DeployStep, LadingError, Pending, Ready, Refused, Transient
from lading_azureml.contents import contents
from lading_azureml.port import Operation, Service, ServiceSpec, Taken
from lading_azureml.servers import server

from . import sent
from .failing import failed
from .kind import Kind
from .ownership import FIXED, OPTIONS, PACKAGE, connection, our_service
from .sent import Sent

if TYPE_CHECKING:
    from .options import ServiceOptions

Prepare = Callable[[DeployRequest, Context], Pending | None]

PHASES = {
    "BuildEnvironment": "building the image",
    "BuildImage": "building the image",
    "DeployService": "creating the service",
}
_MOVING = ("transitioning", "deleting", "updating")
_UNSEEN = 5  # looks for something that was asked for and is not visible, before it is taken for not done
_SLOWEST = 5.0  # seconds between two looks
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")


def step(
    kind: Kind, request: DeployRequest, context: Context, prepare: Prepare = lambda _request, _context: None
) -> DeployStep:
    """Take one step. `prepare` sees to what a new service needs, and says what is still missing.

    Raises StageFailed for a service of that name that is not ours, Refused for a change that Azure cannot make in
    place, and Transient where Azure asks to come back.
    """
    if not _NAME.fullmatch(request.deployment.service):
        raise BadInput(
            f"'{request.deployment.service}' cannot be the name of a service on Azure ML",
            hint="give the block a service_name: 3 to 32 lower-case letters, digits and dashes, a letter first",
        )
    return _Step(kind, request, context, prepare).take()


class _Step:
    def __init__(self, kind: Kind, request: DeployRequest, context: Context, prepare: Prepare) -> None:
        self._kind = kind
        self._request = request
        self._context = context
        self._prepare = prepare
        self._workspace = connection(context).workspace
        self._options = cast("ServiceOptions", request.deployment.options)
        self._digest, self._fixed = kind.digests(self._options)
        self._sent = sent.read(context.work, request.release)

    def take(self) -> DeployStep:
        service = our_service(self._request.deployment, self._context)
        operation = self._operation()
        if operation is not None and operation.is_running:
            return self._look(_phase(operation), operation)
        if service is None:
            return self._unseen() or self._create()
        if operation is not None and operation.state in ("Failed", "Cancelled"):
            return self._failed(service, operation)
        if service.state in _MOVING:
            return self._look("health" if operation else "waiting for Azure", operation, service.state)
        return self._settled(service, operation)

    def _settled(self, service: Service, operation: Operation | None) -> DeployStep:
        """The step for a service that nothing is happening to."""
        if not self._is_wanted(service):
            return self._unseen() or self._update(service)
        if service.state != "healthy":
            return self._failed(service, operation) if self._sent else self._update(service)
        if service.auth != "none" and (service.scoring_uri or "").startswith("http://"):
            self._context.warn(f"{service.name} is asked over plain HTTP: its key can be read on the way")
        return Ready()

    def _is_wanted(self, service: Service) -> bool:
        found = (service.tags.get(PACKAGE), service.tags.get(OPTIONS))
        return found == (self._request.package.digest, self._digest)

    def _operation(self) -> Operation | None:
        if self._sent is None or self._sent.operation is None:
            return None
        return self._workspace.operation(self._sent.operation, self._sent.offset)

    def _look(self, phase: str, operation: Operation | None, detail: str = "") -> Pending:
        """Wait, a little longer each time."""
        looks = self._sent.looks if self._sent else 0
        if self._sent is not None:
            lines, length = (operation.lines, operation.length) if operation else ((), 0)
            self._sent = self._sent.looked(lines, length).write(self._context.work)
            detail = self._sent.lines[-1] if self._sent.lines else detail
        return Pending(phase, detail, min(_SLOWEST, 0.5 * 1.5**looks))

    def _unseen(self) -> Pending | None:
        """Look again for what was asked for, a few times."""
        if self._sent is None or self._sent.looks >= _UNSEEN:
            return None
        return self._look(f"looking for {self._request.deployment.service}", None)

    def _create(self) -> DeployStep:
        waiting = self._prepare(self._request, self._context)
        if waiting is not None:
            return waiting
        spec = self._spec(update=False)
        return self._ask("create", lambda: self._workspace.create_service(spec))

    def _update(self, service: Service) -> DeployStep:
        if service.kind != self._kind.name or service.tags.get(FIXED, self._fixed) != self._fixed:
            names = ", ".join(self._kind.fixed)
            raise Refused(
                f"Azure cannot turn the service {service.name} into what the manifest says: of a living {service.kind} "
                f"service, its kind and {names} stay as they are",
                hint="`lading plan` shows which; `lading delete` it first, or give the block another service_name",
            )
        spec = self._spec(update=True)
        return self._ask("update", lambda: self._workspace.update_service(spec))

    def _ask(self, what: str, ask: Callable[[], str | None]) -> Pending:
        """Ask Azure for something once. What is refused is forgotten; what nobody answered is looked for."""
        work = self._context.work
        self._context.intend(f"service/{self._request.deployment.service}/{what}")
        self._context.progress("validating")
        self._sent = Sent(self._request.release).write(work)
        try:
            operation = ask()
        except Transient:
            raise
        except Taken:
            if what == "update" or our_service(self._request.deployment, self._context) is None:
                raise
            operation = None  # an earlier create of ours, which was not visible yet
        except LadingError:
            sent.forget(work)
            raise
        self._sent = Sent(self._request.release, operation).write(work)
        return Pending("creating the service" if what == "create" else "updating the service", retry_after=0.5)

    def _failed(self, service: Service, operation: Operation | None) -> DeployStep:
        lines = self._sent.lines if self._sent else ()
        sent.forget(self._context.work)
        phase = _phase(operation) if operation and operation.state != "Succeeded" else "health"
        return failed(self._workspace, service, operation, phase, lines)

    def _spec(self, *, update: bool) -> ServiceSpec:
        request, options, added = self._request, self._options, server(self._request.environment)
        return ServiceSpec(
            name=request.deployment.service,
            kind=self._kind.name,
            image=contents(request.package, request.deployment.service, options, added, self._context),
            tags={**options.tags, **request.tags, OPTIONS: self._digest, FIXED: self._fixed},
            settings=self._kind.settings(options, self._context, update=update),
        )


def _phase(operation: Operation) -> str:
    return PHASES.get(operation.part, "validating" if not operation.part else "creating the service")
