"""Check for problems of a deploy to a workspace, without any effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from lading import BadInput, FindingSeverity, Json, Refused, StageFailed, TargetFinding, TargetFindings

from .checking import unchangeable
from .naming import check_name
from .options import ManagedOptions
from .owning import connection, our_endpoint, workspace_of

if TYPE_CHECKING:
    from lading import Context, PreflightRequest
    from lading_azureml_v2.autoscaling import AutoscaleSettings
    from lading_azureml_v2.registries import Registry
    from lading_azureml_v2.workspace import Workspace

    from .options import OnlineOptions

_ENDPOINTS = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
ACTIONS = (
    "Microsoft.MachineLearningServices/workspaces/environments/versions/write",
    f"{_ENDPOINTS}/read",
    f"{_ENDPOINTS}/write",
    f"{_ENDPOINTS}/delete",
    f"{_ENDPOINTS}/deployments/read",
    f"{_ENDPOINTS}/deployments/write",
    f"{_ENDPOINTS}/deployments/delete",
)
"""The actions of every deploy."""
RECORDING = (
    "Microsoft.MachineLearningServices/workspaces/experiments/read",
    "Microsoft.MachineLearningServices/workspaces/experiments/write",
    "Microsoft.MachineLearningServices/workspaces/experiments/runs/read",
    "Microsoft.MachineLearningServices/workspaces/experiments/runs/write",
)
"""The actions that record a run. A deploy of a registered model does not need them."""
REGISTERING = (
    "Microsoft.MachineLearningServices/workspaces/metadata/artifacts/read",
    "Microsoft.MachineLearningServices/workspaces/metadata/artifacts/write",
    "Microsoft.MachineLearningServices/workspaces/models/versions/read",
    "Microsoft.MachineLearningServices/workspaces/models/versions/write",
)
"""The actions that register a model. A deploy with an image does not need them if the model is registered."""
SHARING = (
    "Microsoft.MachineLearningServices/registries/assets/read",
    "Microsoft.MachineLearningServices/registries/assets/write",
)
"""The actions on a registry that register a model there, in place of those on the workspace."""
COLLECTING = (
    "Microsoft.MachineLearningServices/workspaces/data/versions/read",
    "Microsoft.MachineLearningServices/workspaces/data/versions/write",
)
"""The actions of a deploy that collects data."""
SCRIPT = (
    "Microsoft.MachineLearningServices/workspaces/codes/versions/read",
    "Microsoft.MachineLearningServices/workspaces/codes/versions/write",
)
"""The actions of a deploy without an image, beside those that register a model."""
SCALING = (
    "Microsoft.Insights/autoscaleSettings/read",
    "Microsoft.Insights/autoscaleSettings/write",
    "Microsoft.Insights/autoscaleSettings/delete",
)
"""The actions of a deploy with `autoscale`, on the resource group. A role on the workspace cannot give them."""
LOGS = f"{_ENDPOINTS}/deployments/getLogs/action"
"""The action that reads the log of a release that fails."""
OF_AUTH = {
    "key": f"{_ENDPOINTS}/listKeys/action",
    "aml_token": f"{_ENDPOINTS}/token/action",
    "aad_token": f"{_ENDPOINTS}/score/action",
}
"""The action that golden requests need."""


def findings(request: PreflightRequest[OnlineOptions], context: Context) -> TargetFindings:
    """Check the name, its owner, the options that Azure cannot change, and the actions that the sign-in may take."""
    options = request.deployment.options
    found = [*_name(request, context), *_actions(options, context), *_sharing(options, context)]
    found += _scaling(options, context)
    return TargetFindings(findings=tuple(found))


def _name(request: PreflightRequest[OnlineOptions], context: Context) -> Iterator[TargetFinding]:
    try:
        check_name(request.deployment.service)
        endpoint = our_endpoint(request.deployment, context)
    except (BadInput, Refused) as error:
        yield TargetFinding(message=error.message, option="service_name", hint=error.hint)
        return
    fault = endpoint and unchangeable(request.deployment.options, endpoint, workspace_of(context))
    if fault:
        yield TargetFinding(message=fault.message, option=fault.option or None, hint=fault.hint)


def _actions(options: OnlineOptions, context: Context) -> Iterator[TargetFinding]:
    """The actions that the sign-in lacks. Some releases come up without those that are warnings."""
    needed, optional = _wanted(options, () if connection(context).registry else REGISTERING)
    missing = lacking(workspace_of(context), [*needed, *optional])
    severities = ((FindingSeverity.ERROR, needed), (FindingSeverity.WARNING, optional))
    for severity, actions in severities:
        names = ", ".join(action for action in actions if action in missing)
        if names:
            place = connection(context).place.workspace
            message = f"this sign-in lacks actions on workspace {place}: {names}"
            hint = "the role AzureML Data Scientist on the workspace has them"
            yield TargetFinding(message=message, severity=severity, hint=hint)


def _sharing(options: OnlineOptions, context: Context) -> Iterator[TargetFinding]:
    """The actions on the registry that the sign-in lacks, or its absence if the deploy needs it. The registration of a
    model reports the absence, too.
    """
    registry = connection(context).registry
    try:
        names = ", ".join(lacking(registry, [*SHARING]) if registry else ())
    except BadInput as error:
        if options.environment:
            message = f"{error.message} (`registry` of the connection {connection(context).name})"
            yield TargetFinding(message=message, hint=error.hint)
        return
    if registry and names:
        yield TargetFinding(
            message=f"this sign-in lacks actions on registry {registry.name}: {names}",
            severity=FindingSeverity.ERROR if options.environment else FindingSeverity.WARNING,
            hint="the role AzureML Registry User on the registry has them",
        )


def _scaling(options: OnlineOptions, context: Context) -> Iterator[TargetFinding]:
    """The actions for `autoscale` that the sign-in lacks. The roles of Azure ML do not have them."""
    if not isinstance(options, ManagedOptions) or not options.autoscale:
        return
    from lading_azureml_v2.autoscaling import AutoscaleSettings  # only a release with `autoscale` needs it

    names = ", ".join(lacking(AutoscaleSettings(workspace_of(context)), list(SCALING)))
    if names:
        group = connection(context).place.resource_group
        message = f"this sign-in lacks actions on resource group {group}: {names}"
        hint = "a role such as Contributor on the resource group has them"
        yield TargetFinding(message=message, option="autoscale", hint=hint)


def _wanted(options: OnlineOptions, registering: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The actions on the workspace that each deploy with these options needs, and those that only some need.

    `registering` has those that register a model.
    """
    collecting = COLLECTING if options.data_collector else ()
    optional = (LOGS, *filter(None, [OF_AUTH.get(options.auth)]))
    if options.environment:
        return (*ACTIONS, *collecting, *registering, *SCRIPT), (*RECORDING, *optional)
    return (*ACTIONS, *collecting), (*RECORDING, *registering, *optional)


def lacking(place: Workspace | Registry | AutoscaleSettings, wanted: list[str]) -> list[str]:
    """The actions that the sign-in lacks at a place. None are known if it may not ask."""
    try:
        permissions = place.permissions()
    except StageFailed:
        return []
    return [action for action in wanted if not any(_allows(each, action) for each in permissions)]


def _allows(permission: Mapping[str, Json], action: str) -> bool:
    """Whether a permission gives an action and does not take it away again."""
    given, taken = permission.get("actions") or (), permission.get("notActions") or ()
    return any(_fits(each, action) for each in given) and not any(_fits(each, action) for each in taken)


def _fits(pattern: str, action: str) -> bool:
    """Whether an action matches a pattern, in which `*` stands for any text. Azure ignores the case.

    `workspaces/*/read` includes `workspaces/read`: the role AzureML Data Scientist reads its workspace so.
    """
    form = re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*")
    return bool(re.fullmatch(form, action, re.IGNORECASE))
