"""One step of a deploy: read the service and its operation, do the next missing action, and return.

The service's own tags show its package and options. A file in the deployment's folder records the requests of this
release. After a lost answer, the service is read. It is created again only if it stays invisible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lading import (
    Context,
    DeployRequest,
    DeployStep,
    Failed,
    LadingError,
    OutcomeUnknown,
    Pending,
    Ready,
    Refused,
    StageFailed,
    Transient,
)
from lading_azureml.contents import contents
from lading_azureml.port import Operation, Service, ServiceSpec, Taken
from lading_azureml.sealing import fits, seal
from lading_azureml.servers import server

from . import sent
from .deleting import forget_delete, remove
from .failing import failed
from .kind import KEEPS_KEYS, RECREATE, Kind, keys, secrets
from .naming import check_name
from .ownership import FIXED, KEYS, OPTIONS, PACKAGE, SECRETS, connection, is_ours, not_ours, our_service
from .sent import Sent
from .writers import MAX_UNDONE, not_shown, release_of, taken, undone, writer

if TYPE_CHECKING:
    from .options import ServiceOptions

Prepare = Callable[[], Pending | None]

PHASES = {
    "BuildEnvironment": "building the image",
    "BuildImage": "building the image",
    "DeployService": "creating the service",
}
_TRANSITIONAL_STATES = ("transitioning", "deleting", "updating")
_MAX_UNSEEN_CHECKS = 5  # checks of a requested but invisible object, before the request counts as lost
_MAX_CONTRADICTIONS = 12  # reads of a service that contradict its finished operation, before they count
_MAX_POLL_INTERVAL = 5.0  # seconds between two checks
_CHECKS_UNTIL_MAX = 6  # checks until the pause has this length


def step(
    kind: Kind, request: DeployRequest[ServiceOptions], context: Context, prepare: Prepare = lambda: None
) -> DeployStep:
    """Take one step. `prepare` provides the needs of a new service, and returns what is still missing.

    Raises StageFailed if a service of that name is not ours. Raises Refused for a change that Azure cannot make in
    place, and Transient if Azure requests a retry.
    """
    check_name(request.deployment.service)
    return _Step(kind, request, context, prepare).take()


class _Step:
    def __init__(self, kind: Kind, request: DeployRequest[ServiceOptions], context: Context, prepare: Prepare) -> None:
        self._kind = kind
        self._request = request
        self._context = context
        self._prepare = prepare
        self._workspace = connection(context).workspace
        self._options = request.deployment.options
        self._digest, self._fixed = kind.digests(self._options)
        self._secrets, self._keys = secrets(self._options, context), keys(self._options, context)
        self._sent = sent.read(context.work, request.release_id)
        self._undone = self._sent.undone if self._sent else 0

    def take(self) -> DeployStep:
        service = self._read()
        operation = self._operation()
        if operation is not None and operation.is_running:
            return self._look(_phase(operation), operation)
        if operation is not None and operation.state == "Succeeded":
            return self._succeeded(service, operation)
        if service is None:
            return self._unseen() or self._create()
        if operation is not None and operation.state in ("Failed", "Cancelled"):
            return self._failed(service, operation)
        if service.state in _TRANSITIONAL_STATES:
            return self._look("health" if operation else "waiting for Azure", operation, service.state)
        return self._settled(service, operation)

    def _read(self) -> Service | None:
        """The deployment's service. Raises StageFailed if it belongs to others, or was taken during the deploy."""
        deployment = self._request.deployment
        found = self._workspace.find_service(deployment.service)
        if found is None or is_ours(found, deployment):
            return found
        raise taken(found) if self._sent and self._sent.operation else not_ours(found, self._context)

    def _succeeded(self, service: Service | None, operation: Operation) -> DeployStep:
        """The step after an operation that succeeded. A service that contradicts it may lag behind: it is read again.

        Raises OutcomeUnknown if the service never shows this release.
        """
        if service is not None and self._is_of_others(service):
            return self._again(service)
        shown = service is not None and self._is_wanted(service)
        if service is not None and service.state in _TRANSITIONAL_STATES:
            return self._look("health", operation, service.state)
        if service is not None and shown and service.state == "healthy":
            return self._ready(service)
        if self._sent is not None and self._sent.contradictions < _MAX_CONTRADICTIONS:
            self._sent = replace(self._sent, contradictions=self._sent.contradictions + 1)
            return self._look("health", operation, service.state if service and shown else "waiting for this release")
        if service is not None and shown:
            return self._failed(service, operation)
        raise self._not_shown(service)

    def _not_shown(self, service: Service | None) -> OutcomeUnknown:
        """The failure if the service contradicts its operation for long. The next command sends the request again."""
        self._count_undone(service)
        again = Sent(self._request.release_id, looks=_MAX_UNSEEN_CHECKS, undone=self._undone)
        replace(again, before=release_of(service)).write(self._context.work)
        return not_shown(self._request.deployment.service, service)

    def _is_of_others(self, service: Service) -> bool:
        """Whether the release of the service is neither ours nor the one before our request: another writer's."""
        if self._sent is None or self._is_wanted(service):
            return False
        return release_of(service) not in (self._request.release_id, self._sent.before)

    def _again(self, service: Service) -> DeployStep:
        """Send the request again that another writer has undone. Raises StageFailed after a few times."""
        self._count_undone(service)
        self._context.warn(f"another writer has changed {service.name}: {writer(service)}; it is updated again")
        return self._update(service)

    def _count_undone(self, service: Service | None) -> None:
        """Raises StageFailed if another writer has undone the request too often."""
        self._undone += 1
        if self._undone >= MAX_UNDONE:
            sent.forget(self._context.work)
            raise undone(self._request.deployment.service, self._undone, service)

    def _settled(self, service: Service, operation: Operation | None) -> DeployStep:
        """The step for a service without a running operation."""
        if self._is_of_others(service):
            return self._again(service)
        if not self._is_wanted(service):
            return self._unseen() or self._update(service)
        if service.state != "healthy":
            return self._failed(service, operation) if self._sent else self._update(service)
        return self._ready(service)

    def _ready(self, service: Service) -> Ready:
        if service.auth != "none" and (service.scoring_uri or "").startswith("http://"):
            self._context.warn(f"{service.name} uses plain HTTP: its key can be read in transit")
        return Ready()

    def _is_wanted(self, service: Service) -> bool:
        found = (service.tags.get(PACKAGE), service.tags.get(OPTIONS))
        if found != (self._request.package.digest, self._digest):
            return False
        return fits(service.tags.get(SECRETS), self._secrets) and fits(service.tags.get(KEYS), self._keys)

    def _operation(self) -> Operation | None:
        """The operation of this release's request; None if there is none, or if Azure has forgotten it."""
        if self._sent is None or not self._sent.operation:
            return None
        found = self._workspace.operation(self._sent.operation, self._sent.offset)
        if found is None:
            kept = self._sent
            forgotten = Sent(kept.release, lines=kept.lines, before=kept.before, undone=kept.undone)
            self._sent = forgotten.write(self._context.work)
        return found

    def _look(self, phase: str, operation: Operation | None, detail: str = "") -> Pending:
        """Wait, with a pause that grows each time."""
        looks = self._sent.looks if self._sent else 0
        if self._sent is not None:
            lines, length = (operation.lines, operation.length) if operation else ((), 0)
            self._sent = self._sent.looked(lines, length).write(self._context.work)
            detail = self._sent.lines[-1] if self._sent.lines else detail
        return Pending(
            phase=phase, detail=detail, retry_after=min(_MAX_POLL_INTERVAL, 0.5 * 1.5 ** min(looks, _CHECKS_UNTIL_MAX))
        )

    def _unseen(self) -> Pending | None:
        """Check a few more times for the requested object."""
        if self._sent is None or self._sent.looks >= _MAX_UNSEEN_CHECKS:
            return None
        return self._look(f"looking for {self._request.deployment.service}", None)

    def _create(self) -> DeployStep:
        waiting = self._prepare()
        if waiting is not None:
            return waiting
        forget_delete(self._context)
        spec = self._spec(update=False)
        return self._ask("create", lambda: self._workspace.create_service(spec))

    def _update(self, service: Service) -> DeployStep:
        if service.kind != self._kind.name or service.tags.get(FIXED, self._fixed) != self._fixed:
            if self._options.recreate:
                return self._recreate(service)
            names = ", ".join(self._kind.fixed)
            raise Refused(
                f"Azure cannot change {service.name} in place: "
                f"an existing {service.kind} service keeps its kind and {names}",
                hint=f"`lading plan` shows which; {RECREATE}",
            )
        if not fits(service.tags.get(KEYS), self._keys):
            if self._options.recreate:
                return self._recreate(service)
            raise Refused(
                f"the value of primary_key or secondary_key has changed, and {service.name} keeps its keys",
                hint=KEEPS_KEYS,
            )
        spec = self._spec(update=True)
        return self._ask("update", lambda: self._workspace.update_service(spec), release_of(service))

    def _recreate(self, service: Service) -> Pending:
        """Delete the service, once everything that the new one needs is there. The next steps create it again.

        Raises StageFailed if Azure does not delete it.
        """
        waiting = self._prepare()
        if waiting is not None:
            return waiting
        self._spec(update=False)
        taken = remove(service, self._context)
        if isinstance(taken, Failed):
            raise StageFailed(f"{service.name} is not created again: {taken.reason}", hint="it still serves as before")
        return taken

    def _ask(self, what: str, ask: Callable[[], str | None], before: str = "") -> Pending:
        """Send one request to Azure once. A refused request is forgotten. After a lost answer, the object
        is searched.
        """
        work = self._context.work
        self._context.intend(f"service/{self._request.deployment.service}/{what}")
        self._context.progress("validating")
        self._sent = Sent(self._request.release_id, before=before, undone=self._undone).write(work)
        try:
            operation = ask()
        except Transient:
            raise
        except Taken:
            if what == "update" or our_service(self._request.deployment, self._context) is None:
                raise
            operation = None  # an earlier create of ours, which was not visible before
        except LadingError:
            sent.forget(work)
            raise
        self._sent = replace(self._sent, operation=operation).write(work)
        sent.keep_operation(work, operation or "")
        return Pending(phase="creating the service" if what == "create" else "updating the service", retry_after=0.5)

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
            image=contents(request.package, request.deployment.service, options, added, self._context, env=options.env),
            tags={**options.tags, **request.tags, OPTIONS: self._digest, FIXED: self._fixed, **self._seals()},
            settings=self._kind.settings(options, self._context, update=update),
        )

    def _seals(self) -> dict[str, str]:
        values = {SECRETS: self._secrets, KEYS: self._keys}
        return {name: seal(found) for name, found in values.items() if found}


def _phase(operation: Operation) -> str:
    return PHASES.get(operation.part, "validating" if not operation.part else "creating the service")
