"""The result of a deploy to one target, for notebooks and the command line."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..engine import pipeline
from ..engine.release import choosing
from ..engine.release import deploy as deploy_stage
from ..engine.session.session import Session
from ..errors import LadingError
from ..model import Capability, GoldenRequest, NoScoringUri, Package, ScoringUri
from .live import LiveDeployment

if TYPE_CHECKING:
    from ..engine.release.answers import GoldenChange
    from ..engine.release.traffic import Split
    from ..model import Traffic


@dataclass(frozen=True)
class Outcome:
    """The result of a deploy to one target: a deployment with its address, or the failure.

    `example` is a command line that sends the manifest's first sample, ready to paste into a shell. `asked` tells
    whether the release has answered a request before it was up; if not, `advice` is the line to add under `package`.
    `traffic` is set if the release is a canary. Its `rollout` is set if it is detached. `golden` compares the golden
    answers with those of the release before.
    """

    target: str
    deployment: LiveDeployment | None = None
    uri: ScoringUri | NoScoringUri | None = None
    example: str | None = None
    reused: bool = False
    asked: bool = False
    advice: str = ""
    traffic: Traffic | None = None
    golden: GoldenChange | None = None
    error: LadingError | None = None


def deploy_one(
    session: Session,
    name: str,
    package: Package,
    split: Split | None,
    *,
    force: bool,
    detached: tuple[str, ...] | None = None,
    rollout_of: str | None = None,
) -> Outcome:
    """Deploy a package to one target. A failure is in the outcome.

    With `detached`, the options of the command, a rollout is left to a process that runs the same command. With
    `rollout_of`, the id of a release, only its rollout is continued.
    """
    emit, target = session.events.of(pipeline.DEPLOY.name, name), session.manifest.targets[name]
    try:
        is_detached = detached is not None
        done = choosing.deploy(
            session, target, package, force=force, split=split, detach=is_detached, rollout_of=rollout_of
        )
        if detached is not None and done.release.state == "canary":
            from ..engine.release.service import Service
            from ..engine.release.traffic import traffic
            from .detaching import detach  # most deploys start no process

            service = Service(session, target)
            detach(service, done.release, detached)
            done = done._replace(traffic=traffic(service))
    except LadingError as error:
        session.events.redact_failure(error)
        emit("stage.failed", detail=error.message)
        return Outcome(name, error=error)
    deployment = live(session, name, done.release.number)
    samples = deploy_stage.wanted(session, package).samples
    asked = done.release.asked
    return Outcome(
        name,
        deployment,
        done.uri,
        _example(session, name, samples, done.uri),
        reused=done.reused,
        asked=asked,
        advice="" if asked else _advice(session, done.uri),
        traffic=done.traffic,
        golden=done.golden,
    )


def _advice(session: Session, uri: ScoringUri | NoScoringUri) -> str:
    """The line under `package` with which a release is asked. Empty without an address."""
    if isinstance(uri, NoScoringUri) or session.manifest.samples or session.manifest.recorded:
        return ""
    train = session.manifest.train
    can_record = train is not None and train.options is not None and not train.options.cannot_record
    return "samples: {record: 5}" if can_record else "samples: [{request: {data: [[1, 2]]}, response: [3]}]"


def _example(
    session: Session, target: str, samples: Sequence[GoldenRequest], uri: ScoringUri | NoScoringUri
) -> str | None:
    if not samples or isinstance(uri, NoScoringUri):
        return None
    body = shlex.quote(json.dumps(samples[0].request))
    manifest = session.manifest
    plugin = session.plugin(manifest.targets[target])
    finds_key = uri.needs_key is None and plugin.can(Capability.KEYS)
    if finds_key or (uri.uri.startswith("https:") and plugin.can(Capability.INVOKE)):  # the target knows whom to trust
        return f"lading score {shlex.quote(str(manifest.file))} --target {target} -d {body}"
    key = '-H "Authorization: Bearer $KEY" ' if uri.needs_key else ""
    hint = "  # lading keys --show" if uri.needs_key else ""
    return f"curl {key}-H 'content-type: application/json' -d {body} {shlex.quote(uri.uri)}{hint}"


def live(session: Session, target: str, release: int | None, *, timeout: float | None = None) -> LiveDeployment:
    """The deployment of a target, for later calls."""
    order = replace(session.order, targets=(target,), timeout=timeout)
    return LiveDeployment(session.manifest.targets[target].service_name, target, release, order)
