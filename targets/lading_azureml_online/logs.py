"""The log of a deployment: the lines of its server, after those of the container that prepares it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from lading import Logs, LogsRequest, StageFailed
from lading_azureml.log_pages import LONGEST, page

from .owning import is_ours, our_endpoint, stable_of, workspace_of

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_azureml_v2.resources import OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

_SERVER, _INITIALIZER = "InferenceServer", "StorageInitializer"
_LINES = 30  # lines to show of a release that failed


def read_log(request: LogsRequest, context: Context) -> Logs:
    """The log of the deployment that serves; while none does, of the newest one."""
    deployment = request.deployment
    endpoint = our_endpoint(deployment, context)
    if endpoint is None:
        raise StageFailed(f"{deployment.service} is not deployed", hint="run `lading deploy` to start it")
    found = workspace_of(context).deployments(endpoint.name)
    name = stable_of(endpoint, found) or _newest(found, deployment)
    if not name:
        return Logs(lines=(), cursor=request.cursor)
    return page(_lines(workspace_of(context), endpoint.name, name, LONGEST), request)


def last_lines(workspace: Workspace, endpoint: str, deployment: str) -> tuple[str, ...]:
    """The last lines of a deployment that failed."""
    return _lines(workspace, endpoint, deployment, _LINES)[-_LINES:]


def _lines(workspace: Workspace, endpoint: str, deployment: str, tail: int) -> tuple[str, ...]:
    prepared: tuple[str, ...] = ()
    with suppress(StageFailed):  # a deployment without a model to prepare may have no such container
        prepared = workspace.log(endpoint, deployment, _INITIALIZER, tail)
    served = workspace.log(endpoint, deployment, _SERVER, tail)
    return (*(f"storage initializer: {line}" for line in prepared), *served)


def _newest(found: Sequence[OnlineDeployment], deployment: Deployment) -> str:
    ours = [each for each in found if is_ours(each.tags, deployment)]
    return max(ours, key=lambda each: int(each.tags.get("lading.release", "0"))).name if ours else ""
