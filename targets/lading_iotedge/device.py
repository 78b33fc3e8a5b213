"""One step of a deploy to one device: read what runs there, do the next thing that is missing, and return.

The content of a device has no etag, so it is read anew right before it is written; our own part is all that changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lading import (
    BadInput,
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
)

from . import content, record
from .addresses import device_uri
from .image import check_platform, warn_of_floating
from .judging import Judgement, Seen, judge, offline
from .module import Part, our_module, part, routes_of, variables, with_values, without_values
from .options import IotEdgeOptions
from .pace import pause
from .port import AGENT, ROUTER, Hub, Twin
from .record import WRONG, Record

Content = Mapping[str, Json]

_LINES = 20  # of a log that are shown


def step(request: DeployRequest, context: Context, hub: Hub) -> DeployStep:
    """Take one step.

    Raises BadInput for a device that cannot take the module, StageFailed where another one has its name, and
    OutcomeUnknown where the device has not reported in time.
    """
    return _Step(request, context, hub).take()


class _Step:
    def __init__(self, request: DeployRequest, context: Context, hub: Hub) -> None:
        options = request.deployment.options
        assert isinstance(options, IotEdgeOptions)
        assert options.device is not None
        self._request = request
        self._context = context
        self._hub = hub
        self._options = options
        self._device = options.device
        self._wanted = part(request, context)  # what is wrong with it is said before anything is asked
        self._record = record.read(context.work, request.release)

    def take(self) -> DeployStep:
        if self._record is None:
            _check_device(self._hub, self._device)
        agent, router = self._twins()
        ours = our_module(agent.desired.get("modules") or {}, self._request.deployment, self._device)
        if self._record is None:
            return self._begin(agent, router, ours)
        if self._record.gone:
            return self._take_back(self._record, agent, router, ours)
        if self._request.verdict is not None and not self._request.verdict.up:
            return self._give_up(self._record, WRONG)
        if not content.holds(self._wanted, agent, router):
            return self._apply("apply", self._put(self._wanted, agent, router, ours))
        return self._follow(self._record, agent, router)

    def _twins(self) -> tuple[Twin, Twin]:
        agent, router = (self._hub.twin(self._device, name) for name in (AGENT, ROUTER))
        return content.begun(agent, router, self._device, self._options.edge_version)

    def _begin(self, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> Pending:
        """Check what the device says of itself, and keep what it runs."""
        if agent.deployments:
            raise BadInput(
                f"the device {self._device} is managed by the automatic deployment {', '.join(agent.deployments)}",
                hint="use target_condition, or take the device out of that deployment",
                option="device",
            )
        platform = (agent.reported.get("runtime") or {}).get("platform") or {}
        reported = (str(platform["os"]), str(platform["architecture"])) if platform.get("architecture") else None
        check_platform(self._request, self._options.platform, reported, f"the device {self._device}")
        warn_of_floating(self._wanted.image, self._context)
        self._put(self._wanted, agent, router, ours)
        previous = None
        if ours is not None:
            has = router.desired.get("routes") or {}
            module, routes = without_values(ours, {name: has[name] for name in routes_of(ours) if name in has})
            previous = {"module": module, "routes": routes}
        earlier = record.last(self._context.work)
        names = variables(self._request.deployment).union(earlier.names if earlier else ())
        Record(self._request.release, previous, names=tuple(sorted(names))).write(self._context.work)
        return Pending("checked", self._device, retry_after=0.0)

    def _put(self, ours: Part, agent: Twin, router: Twin, now: Mapping[str, Json] | None) -> Content:
        return content.put(agent, router, ours, replaces=routes_of(now) if now else ())

    def _apply(self, what: str, target: Content) -> Pending:
        deployment = self._request.deployment
        self._context.intend(f"iot-edge/{self._device}/{deployment.service}/{self._request.release}/{what}")
        self._hub.apply(self._device, target)
        return Pending("applied", self._device, retry_after=0.2)

    def _follow(self, kept: Record, agent: Twin, router: Twin) -> DeployStep:
        """Look how the module stands; it is up once it has run through the grace."""
        found, wait = judge(agent, self._wanted.name, self._wanted.image), self._options.wait
        if found.seen is Seen.RUNNING and kept.steady >= wait.grace and found.restarts == kept.restarts:
            return self._up(agent, router)
        if found.seen is Seen.REFUSED:
            return self._give_up(kept, found.detail)
        if kept.down >= wait.grace:
            return self._give_up(kept, found.detail if found.seen is Seen.CRASHING else "the module keeps restarting")
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
        return Pending(found.detail, detail, seconds)

    def _up(self, agent: Twin, router: Twin) -> DeployStep:
        """The module runs; where it can be reached, the golden requests are asked before anything else goes."""
        address = device_uri(self._hub, self._options, self._wanted.name, agent)
        if self._request.verdict is None and isinstance(address, ScoringUri):
            return Candidate(address.uri)
        others = content.alone(self._wanted, agent, router)
        if self._options.mode == "replace" and others is not None:
            return self._apply("take the others away", others)
        return Ready()

    def _late(self, kept: Record, found: Judgement) -> DeployStep:
        if found.seen in (Seen.FAILING, Seen.CRASHING):
            return self._give_up(kept, found.detail)
        replace(kept, waited=0.0).write(self._context.work)
        raise OutcomeUnknown(
            f"{self._request.deployment.service} on {self._device}: {found.detail}",
            hint="run the same command again: it goes on where this one ended",
        )

    def _give_up(self, kept: Record, reason: str) -> Pending:
        log = self._hub.module_log(self._device, self._wanted.name, _LINES)
        if log:  # told now, for it goes with the container
            self._context.warn("\n".join(("the end of the module's log:", *log)))
        replace(kept, gone=reason, waited=0.0).write(self._context.work)
        return Pending("taking the release back", reason, retry_after=0.0)

    def _take_back(self, kept: Record, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> DeployStep:
        """Put the previous content there again, and wait until the device runs it, if it can be reached."""
        before = self._previous(kept)
        if (ours is not None) if before is None else not content.holds(before, agent, router):
            self._context.warn(f"what {self._device} ran before is applied again: {kept.gone}")
            return self._apply("take back", self._before(before, agent, router, ours))
        if not agent.connected:
            return Failed(f"{kept.gone}; what ran before is queued{offline(agent)}")
        if self._is_back(before, agent):
            return Failed(kept.gone)
        if kept.waited >= self._options.wait.timeout:
            return Failed(f"{kept.gone}; what ran before is applied, and the device does not report that it runs")
        seconds = pause(self._options.wait.grace)
        kept.with_look(seconds, running=False, down=False).write(self._context.work)
        return Pending("taking the release back", kept.gone, seconds)

    def _before(self, before: Part | None, agent: Twin, router: Twin, ours: Mapping[str, Json] | None) -> Content:
        if before is None:
            assert ours is not None
            return content.without(agent, router, self._wanted.name, routes_of(ours), self._options.registry)
        return self._put(before, agent, router, ours)

    def _previous(self, kept: Record) -> Part | None:
        if kept.previous is None:
            return None
        module, routes = with_values(kept.previous["module"], kept.previous["routes"], self._context, kept.names)
        return replace(self._wanted, module=module, routes=routes, credentials={})

    def _is_back(self, before: Part | None, agent: Twin) -> bool:
        name = self._wanted.name
        if before is None:
            return name not in (agent.reported.get("modules") or {})
        return judge(agent, name, before.image).seen is Seen.RUNNING


def _check_device(hub: Hub, device: str) -> None:
    edge = hub.is_edge(device)
    if edge is None:
        raise BadInput(
            f"the hub {hub.name} has no device {device}", hint="register it there, or name another one", option="device"
        )
    if not edge:
        raise BadInput(
            f"the device {device} of {hub.name} is not an IoT Edge device",
            hint="make it one, or name another device",
            option="device",
        )
