"""One step of a rollout to a fleet: an automatic deployment per release, above those of the releases before.

The hub counts a module that crashes over and over as a success, so our own queries count the modules that run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lading import (
    BadInput,
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

from . import content, record
from .addresses import applied, fleet_uri
from .image import check_platform, warn_of_floating
from .module import Part, part
from .options import IotEdgeOptions
from .pace import pause
from .port import Configuration, Hub
from .record import WRONG, Record

_CONTENT = "lading_content"
_UNSEEN = 8.0  # seconds that a new deployment may stay invisible, before it is created again


@dataclass(frozen=True)
class Counts:
    """Devices of a fleet: those that a deployment is for, that were given it, that run our module, and that failed."""

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
    """What the hub counts. `failing` are the devices whose agents report an error and try again, too."""
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
    """Whether so many devices run the module, and so few have failed, as the manifest wants."""
    wait = options.wait
    return 0 < found.targeted * wait.min_success <= found.running and found.failed <= wait.max_failed


def ours(found: Sequence[Configuration], deployment: Deployment) -> list[Configuration]:
    """The automatic deployments of a deployment, the one that counts first."""
    mine = [each for each in found if is_ours(each, deployment)]
    return sorted(mine, key=lambda each: each.priority, reverse=True)


def is_ours(found: Configuration, deployment: Deployment) -> bool:
    owner = (found.labels.get("lading_service"), found.labels.get("lading_target"))
    return owner == (deployment.service, deployment.target)


def step(request: DeployRequest, context: Context, hub: Hub) -> DeployStep:
    """Take one step.

    Raises BadInput for a condition that the hub does not understand, StageFailed where a deployment of that name is not
    ours, and OutcomeUnknown where too few devices have reported in time.
    """
    return _Step(request, context, hub).take()


class _Step:
    def __init__(self, request: DeployRequest, context: Context, hub: Hub) -> None:
        options = request.deployment.options
        assert isinstance(options, IotEdgeOptions)
        assert options.target_condition is not None
        self._request = request
        self._context = context
        self._hub = hub
        self._options = options
        self._condition = options.target_condition
        self._part = part(request, context)  # what is wrong with it is said before anything is asked
        self._record = record.read(context.work, request.release)

    def take(self) -> DeployStep:
        kept = self._record
        if kept is None:
            return self._begin()
        verdict = self._request.verdict
        if verdict is not None and not verdict.up and not kept.gone:
            kept = replace(kept, gone=WRONG).write(self._context.work)
        found = self._hub.configuration(kept.deployment)
        if found is not None and not is_ours(found, self._request.deployment):
            raise StageFailed(
                f"an automatic deployment {found.id} is on {self._hub.name} already, and it is not Lading's: "
                "it is left alone",
                hint="give the target's block a service_name of its own",
            )
        if kept.gone:
            return self._take_back(kept, found)
        return self._create(kept) if found is None else self._follow(kept, found)

    def _begin(self) -> Pending:
        """Let the hub judge the condition, and find a deployment of ours that is the same, or a name for a new one."""
        whole = self._content()
        check_platform(self._request, self._options.platform, None, "the fleet")
        warn_of_floating(self._part.image, self._context)
        objections = self._hub.test(self._condition, _metrics("new", self._part))
        if objections:
            raise BadInput(
                f"{self._hub.name} says: {'; '.join(objections)}",
                hint="put it right in the manifest",
                option="target_condition",
            )
        digest = self._digest(whole)
        mine = ours(self._hub.configurations(), self._request.deployment)
        name = f"{self._request.deployment.service}-{self._request.release}-{digest[:12]}"
        if mine and mine[0].labels.get(_CONTENT) == digest:
            name = mine[0].id
        Record(self._request.release, deployment=name).write(self._context.work)
        return Pending("checked", self._condition, retry_after=0.0)

    def _content(self) -> dict[str, Json]:
        if self._options.mode == "merge":
            return content.layer(self._part)
        agent, router = content.begun(None, None, "", self._options.edge_version)
        return content.put(agent, router, self._part)

    def _digest(self, whole: Mapping[str, Json]) -> str:
        shape = [whole, self._condition, dict(self._options.labels)]
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()

    def _create(self, kept: Record) -> Pending:
        if kept.created and kept.waited < _UNSEEN:
            kept.with_look(1.0, running=False, down=False).write(self._context.work)
            return Pending("looking for the deployment", kept.deployment)
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
                "priority": max([self._options.priority, *(each.priority + 1 for each in mine)]),
                "metrics": {"queries": _metrics(kept.deployment, self._part)},
            }
        )
        return Pending("rolling out", kept.deployment, retry_after=0.2)

    def _follow(self, kept: Record, found: Configuration) -> DeployStep:
        """Look how many devices run the module; it is up once enough have through the grace."""
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
        return Pending("rolling out", str(seen), seconds)

    def _up(self, found: Configuration) -> DeployStep:
        """Enough devices run it; where one can be reached, it is asked before the earlier releases go."""
        if self._request.verdict is None:
            address = fleet_uri(self._hub, self._options, self._part.name, found.id)
            if isinstance(address, ScoringUri):
                return Candidate(address.uri)
        earlier = next(
            (c for c in ours(self._hub.configurations(), self._request.deployment) if c.id != found.id), None
        )
        if earlier is None:
            return Ready()
        self._context.intend(f"iot-edge/{earlier.id}/delete")
        self._hub.delete(earlier)
        return Pending("removing earlier releases", earlier.id, retry_after=0.0)

    def _late(self, kept: Record, found: Configuration, seen: Counts) -> Pending:
        if seen.failing > self._options.wait.max_failed:
            return self._give_up(kept, found, seen)
        replace(kept, waited=0.0).write(self._context.work)
        raise OutcomeUnknown(
            f"{found.id}: {seen}",
            hint="run the same command again: it goes on where this one ended",
        )

    def _give_up(self, kept: Record, found: Configuration, seen: Counts) -> Pending:
        some = ", ".join(sorted(twin.device for twin in self._hub.query(_crashed(found.id, self._part), limit=5)))
        reason = f"{seen}" + (f": {some}{', …' if seen.failed > 5 else ''}" if some else "")
        replace(kept, gone=reason).write(self._context.work)
        return Pending("taking the release back", reason, retry_after=0.0)

    def _take_back(self, kept: Record, found: Configuration | None) -> DeployStep:
        """Remove the deployment that this release has made: the one below it applies again."""
        if found is None or not kept.created:
            return Failed(kept.gone)
        self._context.warn(f"the deployment {found.id} is removed: {kept.gone}")
        self._context.intend(f"iot-edge/{found.id}/take back")
        self._hub.delete(found)
        return Pending("taking the release back", found.id, retry_after=0.0)


def _metrics(deployment: str, part: Part) -> dict[str, str]:
    """Our own counts of an automatic deployment, by name, as queries."""
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
