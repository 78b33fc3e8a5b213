"""The target `local`: a scoring server on this machine, kept up by a supervisor that outlives the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Capability, Description, NoScoringUri, ScoringUri, State, Status, hookimpl
from lading_serving.control import NOTHING, ControlFolder

from .folder import checked_uri, opened
from .options import LocalOptions

if TYPE_CHECKING:  # a deploy with nothing to do comes here for the status alone
    from lading import Context, Deployment, DeployRequest, DeployStep, Logs, LogsRequest

_STATES = {
    "starting": State.PENDING,
    "ready": State.PENDING,
    "serving": State.RUNNING,
    "failed": State.FAILED,
    "draining": State.STOPPED,
}


@hookimpl
def lading_describe() -> Description:
    return Description(
        summary="a scoring server on this machine",
        options=LocalOptions,
        capabilities=frozenset(
            {
                Capability.STATUS,
                Capability.LOGS,
                Capability.DELETE,
                Capability.SCORING_URI,
                Capability.KEEPS_OLD_RELEASE,
            }
        ),
    )


@hookimpl
def lading_deploy(request: DeployRequest, context: Context) -> DeployStep:
    from .deploying import step

    return step(request, context)


@hookimpl
def lading_scoring_uri(context: Context) -> ScoringUri | NoScoringUri:
    with opened(context) as folder:
        return _scoring_uri(folder)


def _scoring_uri(folder: ControlFolder) -> ScoringUri | NoScoringUri:
    serving = (folder.desired() or NOTHING)["serving"]
    if serving is None:
        return NoScoringUri("nothing is deployed")
    if not folder.is_supervised():
        return NoScoringUri("the service is stopped; `lading deploy` starts it again")
    release = folder.state()["releases"].get(str(serving))
    if release is None or not release["public_uri"]:
        return NoScoringUri(f"release {serving} is starting")
    return ScoringUri(checked_uri(folder, release["public_uri"]))


@hookimpl
def lading_status(context: Context) -> Status:
    with opened(context) as folder:
        return _status(folder)


def _status(folder: ControlFolder) -> Status:
    desired = folder.desired() or NOTHING
    number = desired["serving"] or desired["candidate"]
    if number is None:
        return Status(State.ABSENT)
    release = folder.state()["releases"].get(str(number))
    tags = release["tags"] if release else {}
    digests = (tags.get("lading.package"), tags.get("lading.model"))
    if not folder.is_supervised():
        return Status(State.STOPPED, *digests, "the supervisor is not running; `lading deploy` starts it again")
    if release is None:
        return Status(State.PENDING, *digests, f"release {number} is starting")
    return Status(_STATES[release["phase"]], *digests, release["reason"] if release["phase"] == "failed" else "")


@hookimpl
def lading_logs(request: LogsRequest, context: Context) -> Logs:
    from .logs import read_log

    with opened(context) as folder:
        return read_log(folder, request.tail, request.cursor)


@hookimpl
def lading_delete(deployment: Deployment, context: Context) -> Status:
    with opened(context) as folder:
        return _delete(folder, deployment, context)


def _delete(folder: ControlFolder, deployment: Deployment, context: Context) -> Status:
    with folder.unsupervised() as unsupervised:
        if unsupervised:
            from .releases import remove_everything

            remove_everything(folder)
            return Status(State.ABSENT)
    # Nobody is signalled: a supervisor leaves when nothing is desired, and the lock tells when it has.
    if folder.desired() == NOTHING:
        folder.wake()  # a command that was killed may have written it down and not said so
    else:
        context.intend(f"local/{deployment.service}/delete")
        folder.desire(NOTHING)
    return Status(State.PENDING, detail="draining")
