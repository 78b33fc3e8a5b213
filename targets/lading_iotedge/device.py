"""One step of a deploy to one device: read what runs there, do the next missing action, and return.

The content of a device has no etag. So it is read again just before each write, and only our own part is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lading import (
    Candidate,
    Context,
    DeployRequest,
    DeployStep,
    Failed,
    Json,
    OutcomeUnknown,
    Pending,
    Ready,
    ScoringUri,
    StageFailed,
)

from . import comparing, content, create_options, record
from .addresses import device_uri
from .device_checks import check_device, check_unmanaged
from .image import check_platform, platform_of, warn_of_floating
from .judging import Judgement, Seen, judge, offline
from .module import (
    RELEASE_ID,
    Part,
    credentials_again,
    is_ours,
    our_module,
    own_routes,
    part,
    routes_of,
    twin_of,
    variables,
    with_values,
    without_values,
)
from .options import IotEdgeOptions
from .pace import pause
from .port import AGENT, ROUTER, Hub, Twin
from .record import Record

Content = Mapping[str, Json]

_RESTARTS = "the module keeps restarting"
_MAX_UNDONE = 3  # times that another writer may undo a release
_LINES = 20  # lines of a log to show


def step(request: DeployRequest[IotEdgeOptions], context: Context, hub: Hub) -> DeployStep:
    """Take one step.

    Raises BadInput if the device cannot run the module, and StageFailed if another module has its name. Raises
    OutcomeUnknown if the device has not reported in time.
    """
    return _Step(request, context, hub).take()


class _Step:
    def __init__(self, request: DeployRequest[IotEdgeOptions], context: Context, hub: Hub) -> None:
        options = request.deployment.options
        assert options.device is not None
        self._request = request
        self._context = context
        self._hub = hub
        self._options = options
        self._device = options.device
        self._wanted = part(request, context)  # report its errors before any call to the hub
        self._record = record.read(context.work, request.release_id)

    def take(self) -> DeployStep:
        if self._record is None:
            check_device(self._hub, self._device)
        agent, router = self._twins()
        ours = our_module(agent.desired.get("modules") or {}, self._request.deployment, self._device, self._context)
        if self._record is None:
            return self._begin(agent, router, ours)
        if self._record.gone:
            return self._roll_back(self._record, agent, router, ours)
        if self._request.verdict is not None and not self._request.verdict.up:
            return self._give_up(self._record, record.reason(self._request.verdict))
        if not self._holds(self._wanted, agent, router):
            return self._write(self._record, agent, router, ours)
        return self._follow(self._alone(self._record, agent), agent, router)

    def _twins(self) -> tuple[Twin, Twin]:
        agent, router = (self._hub.twin(self._device, name) for name in (AGENT, ROUTER))
        return content.begun(agent, router, self._device, self._options)

    def _begin(self, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> Pending:
        """Check the device's own reports, and store its current content."""
        check_unmanaged(agent)
        assert self._request.image is not None
        made_for, whose = self._request.image.platform, f"the device {self._device}"
        check_platform(made_for, self._options.platform, platform_of(agent), whose)
        warn_of_floating(self._wanted.image, self._context)
        self._put(self._wanted, agent, router)
        previous = None
        if ours is not None and is_ours(ours, self._request.deployment):  # without labels, values would be stored
            has = router.desired.get("routes") or {}
            twin = content.picked(self._desired(), twin_of(ours)) if twin_of(ours) else {}
            previous = without_values(ours, content.picked(has, routes_of(ours)), twin)
        earlier = record.last(self._context.work)
        names = variables(self._request.deployment).union(earlier.names if earlier else ())
        Record(self._request.release_id, previous, names=tuple(sorted(names))).write(self._context.work)
        return Pending(phase="checked", detail=self._device, retry_after=0.0)

    def _put(self, ours: Part, agent: Twin, router: Twin) -> Content:
        modules = agent.desired.get("modules") or {}
        names = own_routes(modules, modules.get(ours.name), self._request.deployment, self._context)
        return content.put(agent, router, ours, replaces=names)

    def _apply(self, what: str, target: Content) -> Pending:
        deployment = self._request.deployment
        self._context.intend(f"iot-edge/{self._device}/{deployment.service}/{self._request.release}/{what}")
        self._hub.apply(self._device, target)
        return Pending(phase="applied", detail=self._device, retry_after=0.2)

    def _holds(self, ours: Part, agent: Twin, router: Twin) -> bool:
        return content.holds(ours, agent, router, self._desired() if ours.twin else {})

    def _desired(self) -> Content:
        """The desired properties of our module."""
        found = self._hub.twin(self._device, self._wanted.name)
        return found.desired if found else {}

    def _write(self, kept: Record, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> Pending:
        """Apply the release. Raises StageFailed if another writer has undone that too often."""
        target = self._put(self._wanted, agent, router)
        if kept.writes >= _MAX_UNDONE:
            raise StageFailed(
                f"the module {self._wanted.name} on {self._device} was changed or removed {kept.writes} times "
                f"right after it was applied; the last writer: {self._last_writer(agent, ours)}",
                hint=f"stop the other writer of {self._device}, then run the same command again",
            )
        if kept.writes:
            self._context.warn(
                f"another writer has changed the module {self._wanted.name} on {self._device}: "
                f"{self._last_writer(agent, ours)}; it is applied again, together with the other changes"
            )
        replace(kept, writes=kept.writes + 1, version=agent.version).write(self._context.work)
        return self._apply("apply", target)

    def _last_writer(self, agent: Twin, ours: Mapping[str, Json] | None) -> str:
        """The last writer of a device's content, as far as the hub shows it."""
        found = create_options.labels(ours or {}).get(RELEASE_ID)
        if found and found != self._request.release_id:
            who = f"Lading with another store, for the release with the id {found}"
        else:
            who = f"a program without the module {self._wanted.name}" if ours is None else "a program other than Lading"
        return f"{who}, version {agent.version}" + (f" at {agent.written}" if agent.written else "")

    def _alone(self, kept: Record, agent: Twin) -> Record:
        """Report a write of somebody else between our reading and our writing: it may be lost."""
        if kept.version and agent.version > kept.version + 1:
            self._context.warn(
                f"the content of {self._device} was also written by somebody else at the same time "
                f"(version {kept.version} became {agent.version}): look whether that change is still there"
            )
        return replace(kept, version=0)

    def _follow(self, kept: Record, agent: Twin, router: Twin) -> DeployStep:
        """Check the state of the module. It counts as running after the grace period."""
        found, wait = judge(agent, self._wanted.name, self._wanted.image), self._options.wait
        if found.seen is Seen.RUNNING and kept.steady >= wait.grace and found.restarts == kept.restarts:
            return self._up(agent, router)
        if found.seen is Seen.REFUSED:
            return self._give_up(kept, found.detail)
        if kept.down >= wait.grace:
            return self._give_up(kept, found.detail if found.seen is Seen.CRASHING else _RESTARTS)
        if kept.waited >= wait.timeout:
            return self._late(kept, found)
        seconds = pause(wait.grace)
        kept.with_look(
            seconds,
            running=found.seen is Seen.RUNNING,
            down=found.seen is Seen.CRASHING,
            restarts=found.restarts,
        ).write(self._context.work)
        detail = f"{kept.steady:.0f} of {wait.grace:g} s" if kept.steady else ""
        return Pending(phase=found.detail, detail=detail, retry_after=seconds)

    def _up(self, agent: Twin, router: Twin) -> DeployStep:
        """The module runs. If it is reachable, golden requests are sent before the previous release is removed."""
        address = device_uri(self._hub, self._options, self._wanted.name, agent)
        if self._request.verdict is None and isinstance(address, ScoringUri):
            return Candidate(uri=address.uri, start_limit=self._options.wait.timeout)
        others = content.alone(self._wanted, agent, router)
        if self._options.mode == "replace" and others is not None:
            return self._apply("remove the others", others)
        place = f"{self._device}/{self._wanted.name}"
        comparing.remember(self._context, self._request.release_id, self._wanted.parts, place)
        return Ready()

    def _late(self, kept: Record, found: Judgement) -> DeployStep:
        if found.seen in (Seen.FAILING, Seen.CRASHING):
            return self._give_up(kept, found.detail)
        if kept.down:
            return self._give_up(kept, _RESTARTS)
        replace(kept, waited=0.0).write(self._context.work)
        raise OutcomeUnknown(
            f"{self._request.deployment.service} on {self._device}: {found.detail}",
            hint="run the same command again: it continues from here",
        )

    def _give_up(self, kept: Record, reason: str) -> Pending:
        log = self._hub.module_log(self._device, self._wanted.name, _LINES)
        if log:  # reported now, because it disappears with the container
            self._context.warn("\n".join(("the end of the module's log:", *log)))
        replace(kept, gone=reason, waited=0.0).write(self._context.work)
        return Pending(phase="reverting the release", detail=reason, retry_after=0.0)

    def _roll_back(self, kept: Record, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> DeployStep:
        """Restore the previous content. If the device is reachable, wait until it runs that content."""
        before = self._previous(kept)
        if (ours is not None) if before is None else not self._holds(before, agent, router):
            self._context.warn(f"the previous content of {self._device} is applied again: {kept.gone}")
            return self._apply("take back", self._before(before, agent, router, ours))
        if not agent.connected:
            return Failed(reason=f"{kept.gone}; the previous content is queued{offline(agent)}")
        if self._is_back(before, agent):
            return Failed(reason=kept.gone)
        if kept.waited >= self._options.wait.timeout:
            return Failed(
                reason=f"{kept.gone}; the previous content is applied, but the device does not report that it runs"
            )
        seconds = pause(self._options.wait.grace)
        kept.with_look(seconds, running=False, down=False).write(self._context.work)
        return Pending(phase="reverting the release", detail=kept.gone, retry_after=seconds)

    def _before(self, before: Part | None, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> Content:
        if before is None:
            assert ours is not None
            return content.without(agent, router, self._wanted.name)
        return self._put(before, agent, router)

    def _previous(self, kept: Record) -> Part | None:
        if kept.previous is None:
            return None
        module, routes, twin = with_values(kept.previous, self._context, kept.names)
        credentials = credentials_again(module, self._context, kept.names)
        return replace(self._wanted, module=module, routes=routes, credentials=credentials, twin=twin)

    def _is_back(self, before: Part | None, agent: Twin) -> bool:
        name = self._wanted.name
        if before is None:
            return name not in (agent.reported.get("modules") or {})
        return judge(agent, name, before.image).seen is Seen.RUNNING
