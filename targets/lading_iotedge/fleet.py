"""One step of a rollout to a fleet: each release has an automatic deployment with a higher priority than earlier ones.

The hub counts a module that crashes repeatedly as a success. So our own queries count the running modules.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lading import (
    Candidate,
    Context,
    Deployment,
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

from . import comparing, content, record
from .addresses import applied, fleet_uri
from .fleet_checks import check_condition, check_platform_of_fleet, check_rank
from .image import check_platform, warn_of_floating
from .module import RELEASE, RELEASE_ID, Part, part
from .options import IotEdgeOptions
from .pace import pause
from .port import Configuration, Hub
from .record import Record

_CONTENT = "lading_content"
_MAX_UNSEEN_SECONDS = 8.0  # seconds that a new deployment may stay invisible, before it is created again


@dataclass(frozen=True)
class Counts:
    """Counts of devices of a fleet: targeted, applied, running our module, and failed."""

    targeted: int
    applied: int
    running: int
    failed: int
    failing: int

    def __str__(self) -> str:
        if self.targeted == 0:
            return "no device meets the target condition"
        return f"applied {self.applied}, running {self.running}, failed {self.failed} of {self.targeted}"


def counts(found: Configuration) -> Counts:
    """The hub's counts. `failing` also has the devices whose agents report an error and try again."""
    metric = found.metrics.get
    failed = metric("crashed", 0) + metric("refused", 0)
    return Counts(
        metric("targetedCount", 0),
        metric("appliedCount", 0),
        metric("running", 0),
        failed,
        max(failed, metric("crashed", 0) + metric("reportedFailedCount", 0)),
    )


def is_enough(found: Counts, options: IotEdgeOptions) -> bool:
    """Whether enough devices run the module and few enough have failed, by the manifest's limits."""
    wait = options.wait
    # A quotient equals the share in the manifest. As a product, 0.07 of 100 devices is more than 7.
    runs = found.targeted > 0 and found.running / found.targeted >= wait.min_success
    return runs and found.failed <= wait.max_failed


def ours(found: Sequence[Configuration], deployment: Deployment) -> list[Configuration]:
    """The automatic deployments of a deployment, the current one first."""
    mine = [each for each in found if is_ours(each, deployment)]
    return sorted(mine, key=lambda each: each.priority, reverse=True)


def is_ours(found: Configuration, deployment: Deployment) -> bool:
    owner = (found.labels.get("lading_service"), found.labels.get("lading_target"))
    return owner == (deployment.service, deployment.target)


def step(request: DeployRequest[IotEdgeOptions], context: Context, hub: Hub) -> DeployStep:
    """Take one step.

    Raises BadInput for a condition that the hub does not understand. Raises StageFailed if a deployment of that name is
    not ours. Raises OutcomeUnknown if too few devices have reported in time.
    """
    return _Step(request, context, hub).take()


class _Step:
    def __init__(self, request: DeployRequest[IotEdgeOptions], context: Context, hub: Hub) -> None:
        options = request.deployment.options
        assert options.target_condition is not None
        self._request = request
        self._context = context
        self._hub = hub
        self._options = options
        self._condition = options.target_condition
        self._part = part(_without_release(request), context)  # report its errors before any call to the hub
        self._record = record.read(context.work, request.release_id)

    def take(self) -> DeployStep:
        kept = self._record
        if kept is None:
            return self._begin()
        verdict = self._request.verdict
        if verdict is not None and not verdict.up and not kept.gone:
            kept = replace(kept, gone=record.reason(verdict)).write(self._context.work)
        found = self._hub.configuration(kept.deployment)
        if found is not None and not is_ours(found, self._request.deployment):
            raise StageFailed(
                f"an automatic deployment {found.id} is on {self._hub.name} already, and it is not Lading's: "
                "it is left alone",
                hint="give the target's block another service_name",
            )
        if kept.gone:
            return self._roll_back(kept, found)
        return self._create(kept) if found is None else self._follow(kept, found)

    def _begin(self) -> Pending:
        """Let the hub check the condition. Find an equal deployment of ours, or a name for a new one."""
        whole = self._content()
        assert self._request.image is not None
        made_for = self._request.image.platform
        check_platform(made_for, self._options.platform, None, "the fleet")
        warn_of_floating(self._part.image, self._context)
        check_condition(self._hub, self._condition, _metrics("new", self._part))
        digest = self._digest(whole)
        found, request = self._hub.configurations(), self._request
        mine = ours(found, request.deployment)
        name = f"{request.deployment.service}-{request.package.digest[:12]}-{request.release_id}"
        if mine and mine[0].labels.get(_CONTENT) == digest and self._is_unchanged(mine[0], whole):
            name = mine[0].id
        else:
            theirs = [each for each in found if each not in mine]
            check_rank(found, theirs, self._priority(mine), self._options)
            check_platform_of_fleet(self._hub, made_for, self._condition)
        Record(self._request.release_id, deployment=name).write(self._context.work)
        return Pending(phase="checked", detail=self._condition, retry_after=0.0)

    def _content(self) -> dict[str, Json]:
        if self._options.mode == "merge":
            return content.layer(self._part)
        agent, router = content.begun(None, None, "", self._options)
        return content.put(agent, router, self._part)

    def _is_unchanged(self, found: Configuration, whole: Mapping[str, Json]) -> bool:
        """Whether nobody has edited a deployment of ours on the hub. Its labels do not show that."""
        return found.condition == self._condition and found.content == whole

    def _digest(self, whole: Mapping[str, Json]) -> str:
        shape = [whole, self._condition, dict(self._options.labels)]
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()

    def _priority(self, mine: Sequence[Configuration]) -> int:
        """The priority of a new deployment, above those of `mine`."""
        return max([self._options.priority, *(each.priority + 1 for each in mine)])

    def _create(self, kept: Record) -> Pending:
        if kept.created and kept.waited < _MAX_UNSEEN_SECONDS:
            kept.with_look(1.0, running=False, down=False).write(self._context.work)
            return Pending(phase="looking for the deployment", detail=kept.deployment)
        whole = self._content()
        mine = ours(self._hub.configurations(), self._request.deployment)
        labels = {name.replace(".", "_"): value for name, value in self._request.tags.items()}
        self._context.intend(f"iot-edge/{kept.deployment}/create")
        replace(kept, created=True, waited=0.0).write(self._context.work)
        self._hub.create(
            {
                "id": kept.deployment,
                "schemaVersion": "2.0",
                "labels": {**self._options.labels, **labels, _CONTENT: self._digest(whole)},
                "content": {"modulesContent": whole},
                "targetCondition": self._condition,
                "priority": self._priority(mine),
                "metrics": {"queries": _metrics(kept.deployment, self._part)},
            }
        )
        return Pending(phase="rolling out", detail=kept.deployment, retry_after=0.2)

    def _follow(self, kept: Record, found: Configuration) -> DeployStep:
        """Check how many devices run the module. The release is up when enough do after the grace period."""
        wait, seen = self._options.wait, counts(found)
        enough, too_many = is_enough(seen, self._options), seen.failed > wait.max_failed
        if enough and kept.steady >= wait.grace:
            return self._up(found)
        if kept.down >= wait.grace:
            return self._give_up(kept, found, seen)
        if kept.waited >= wait.timeout:
            return self._late(kept, found, seen)
        seconds = pause(wait.grace)
        kept.with_look(seconds, running=enough, down=too_many).write(self._context.work)
        return Pending(phase="rolling out", detail=str(seen), retry_after=seconds)

    def _up(self, found: Configuration) -> DeployStep:
        """Enough devices run it. If one is reachable, golden requests are sent before the earlier releases
        are removed.
        """
        if self._request.verdict is None:
            address = fleet_uri(self._hub, self._options, self._part.name, found.id)
            if isinstance(address, ScoringUri):
                return Candidate(uri=address.uri, start_limit=self._options.wait.timeout)
        earlier = next(
            (c for c in ours(self._hub.configurations(), self._request.deployment) if c.id != found.id), None
        )
        if earlier is None:
            release = found.labels.get(RELEASE_ID.replace(".", "_"), "")
            comparing.remember(self._context, release, {**self._part.parts, "target_condition": self._condition}, "")
            return Ready()
        self._context.intend(f"iot-edge/{earlier.id}/delete")
        self._hub.delete(earlier)
        return Pending(phase="removing earlier releases", detail=earlier.id, retry_after=0.0)

    def _late(self, kept: Record, found: Configuration, seen: Counts) -> Pending:
        if seen.failing > self._options.wait.max_failed:
            return self._give_up(kept, found, seen)
        replace(kept, waited=0.0).write(self._context.work)
        raise OutcomeUnknown(
            f"{found.id}: {seen}",
            hint="run the same command again: it continues from here",
        )

    def _give_up(self, kept: Record, found: Configuration, seen: Counts) -> Pending:
        some = ", ".join(sorted(twin.device for twin in self._hub.query(_crashed(found.id, self._part), limit=5)))
        reason = f"{seen}" + (f": {some}{', …' if seen.failed > 5 else ''}" if some else "")
        replace(kept, gone=reason).write(self._context.work)
        return Pending(phase="reverting the release", detail=reason, retry_after=0.0)

    def _roll_back(self, kept: Record, found: Configuration | None) -> DeployStep:
        """Remove the automatic deployment of this release. The one with the next lower priority applies again."""
        if found is None or not kept.created:
            return Failed(reason=kept.gone)
        self._context.warn(f"the deployment {found.id} is removed: {kept.gone}")
        self._context.intend(f"iot-edge/{found.id}/take back")
        self._hub.delete(found)
        return Pending(phase="reverting the release", detail=found.id, retry_after=0.0)


def _without_release(request: DeployRequest[IotEdgeOptions]) -> DeployRequest[IotEdgeOptions]:
    """The request without the tags of its release.

    Only the automatic deployment has these tags. So the modules stay the same in the next release if nothing else
    changes.
    """
    tags = {name: value for name, value in request.tags.items() if not name.startswith(RELEASE)}
    return replace(request, tags=tags)


def _metrics(deployment: str, part: Part) -> dict[str, str]:
    """The queries for our own counts of an automatic deployment, by name."""
    codes = "properties.reported.lastDesiredStatus.code IN [400, 412, 417]"
    return {
        "running": f"{_runs(deployment, part)} = 'running'",
        "crashed": _crashed(deployment, part),
        "refused": f"{applied(deployment, 'deviceId')} AND {codes}",
    }


def _crashed(deployment: str, part: Part) -> str:
    return f"{_runs(deployment, part)} IN ['backoff', 'failed', 'stopped', 'unknown']"


def _runs(deployment: str, part: Part) -> str:
    module = f"properties.reported.modules.[[{part.name}]]"
    return f"{applied(deployment, 'deviceId')} AND {module}.settings.image = '{part.image}' AND {module}.runtimeStatus"
