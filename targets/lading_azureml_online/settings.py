"""The settings of an endpoint and its deployments, as Azure shows them, compared with the options."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lading_azureml.sealing import fits

from . import bodies
from .owning import ENVIRONMENT, OPTIONS, SECRETS, has_auth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lading import Json
    from lading_azureml_v2.resources import Endpoint, OnlineDeployment
    from lading_azureml_v2.workspace import Workspace

    from .kind import Kind
    from .options import OnlineOptions

_OPTION_OF = {
    "instanceType": "instance_type",
    "livenessProbe": "liveness_probe",
    "readinessProbe": "readiness_probe",
    "requestSettings": "request_settings",
    "appInsightsEnabled": "app_insights_enabled",
    "egressPublicNetworkAccess": "egress_public_network_access",
    "scaleSettings": "scale_settings",
}
"""The properties of a deployment that are compared, with their options."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def differs(kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace) -> bool:
    """Whether an endpoint has other settings than the options, of those that change without a new deployment."""
    same = options.tags == endpoint.user_tags and (options.description or "") == endpoint.description
    return not same or not has_auth(endpoint, options) or _access(kind, options, endpoint, workspace) != ""


def endpoint_changes(
    kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace
) -> Iterator[tuple[str, str]]:
    """The settings of an endpoint that others have changed, by their options, in words.

    A policy of the subscription may add tags, and Azure may not keep each value. Neither is a change.
    """
    if not has_auth(endpoint, options):
        auth = next((option for option, mode in bodies.AUTH.items() if mode.lower() == endpoint.auth), endpoint.auth)
        yield "auth", f"changed to {auth or 'another way of signing in'}"
    if access := _access(kind, options, endpoint, workspace):
        yield "public_network_access", f"changed to {access}"
    if endpoint.description and _is_other(options.description or "", endpoint.description):
        yield "description", "changed on the endpoint"
    shown = endpoint.user_tags
    for name, value in options.tags.items():
        if name in shown and _is_other(value, shown[name]):
            yield f"tags.{name}", "changed on the endpoint"


def is_of(kind: Kind, options: OnlineOptions, found: OnlineDeployment, workspace: Workspace) -> bool:
    """Whether a deployment was made with these options, apart from values of variables."""
    version = found.tags.get(ENVIRONMENT)
    made = workspace.environment_id(version) if version else found.environment
    return found.tags.get(OPTIONS) == bodies.digest(kind, options, workspace, made)


def deployment_changes(
    kind: Kind, options: OnlineOptions, found: OnlineDeployment, workspace: Workspace
) -> Iterator[tuple[str, str]]:
    """The settings of a deployment made with these options that others have changed, by their options, in words.

    Azure may leave out a value, and adds its own defaults. Neither is a change.
    """
    count = kind.instances(options)
    if count is not None and found.instances != count:
        yield "instance_count", f"changed to {found.instances}"
    wanted = bodies.content(kind, options, workspace)
    for name, option in _OPTION_OF.items():
        if is_changed(wanted.get(name), found.settings.get(name)):
            yield option, f"changed to {_words(found.settings[name])}"
    made, version = found.tags.get(ENVIRONMENT), found.environment.rpartition("/")[2]
    if made and version and made != version:
        yield "environment", f"changed to version {version}"
    if _has_other_variables(options, found):
        yield "env", "changed: a variable has another value, or is gone"


def _has_other_variables(options: OnlineOptions, found: OnlineDeployment) -> bool:
    """Whether variables have other values than the release. The options of a command that only reads may lack values,
    so the seal is compared.
    """
    shown = found.settings.get("environmentVariables")
    if not options.env or not isinstance(shown, dict):
        return False
    values = {name: str(shown.get(name)) for name in options.env}
    return not options.env.keys() <= shown.keys() or not fits(found.tags.get(SECRETS), values)


def is_changed(wanted: Json, shown: Json) -> bool:
    """Whether Azure shows another value than a wanted one, or than a part of it."""
    if wanted is None or shown is None:
        return False
    if isinstance(wanted, dict):
        return isinstance(shown, dict) and any(is_changed(value, shown.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return not isinstance(shown, list) or len(wanted) != len(shown) or any(map(is_changed, wanted, shown))
    return bool(_plain(wanted) != _plain(shown))


def _plain(value: Json) -> Json:
    """A value without the differences that Azure may make: another case, another form, or no parts of a second."""
    parts = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        return value.lower() if isinstance(value, str) else value
    days, hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return int(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _words(value: Json) -> str:
    """A value of Azure in the words of the options."""
    if isinstance(value, str):
        return value.lower() if value in ("Enabled", "Disabled") else value
    return json.dumps(value, sort_keys=True)


def _access(kind: Kind, options: OnlineOptions, endpoint: Endpoint, workspace: Workspace) -> str:
    """The access that an endpoint has in place of that of the options; empty if it is the same."""
    private = kind.endpoint(options, workspace.id).get("publicNetworkAccess") == "Disabled"
    shown = "enabled" if endpoint.is_public else "disabled"
    return shown if endpoint.is_public == private else ""


def _is_other(wanted: str, shown: str) -> bool:
    """Whether a text is another one. That of a variable which is not set is unknown."""
    return wanted != shown and "${" not in wanted
