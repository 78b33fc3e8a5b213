"""Plan the effect of a change, without a connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

from .options import ANOTHER, KubernetesOnlineOptions, identities

if TYPE_CHECKING:
    from lading import Json, PlanRequest

    from .options import OnlineOptions


def findings(request: PlanRequest[OnlineOptions]) -> PlanFindings:
    """The effect of another identity, another cluster, or another way to sign requests."""
    if request.up is None:
        return PlanFindings()
    before, options = request.up.written, request.deployment.options
    found = [
        *_identity(before.get("identity"), options),
        *_compute(before.get("compute"), options),
        *_auth(before.get("auth", "key"), options.auth),
    ]
    return PlanFindings(findings=tuple(found))


def _identity(before: Json, options: OnlineOptions) -> Iterator[PlanFinding]:
    """Azure makes the identity of an endpoint with it, and never changes it.

    The ids before are unknown if a variable has one of them. The deploy compares them with those of the endpoint.
    """
    if "${" in json.dumps(before):
        return
    named = (before or {}).get("user_assigned_identities") or ()
    if {str(each["resource_id"]).lower() for each in named} == identities(options):
        return
    message = "Azure cannot change the identity of an endpoint"
    yield PlanFinding(message=message, effect=PlanEffect.REFUSED, option="identity", hint=ANOTHER)


def _compute(before: Json, options: OnlineOptions) -> Iterator[PlanFinding]:
    """An endpoint stays on its cluster. The name before is unknown if it is that of a variable."""
    if not isinstance(options, KubernetesOnlineOptions) or not isinstance(before, str) or "${" in before:
        return
    if before.lower() != options.compute.lower():
        message = f"Azure cannot move an endpoint from cluster {before} to another one"
        yield PlanFinding(message=message, effect=PlanEffect.REFUSED, option="compute", hint=ANOTHER)


def _auth(before: object, after: str) -> Iterator[PlanFinding]:
    """Clients that sign requests in the earlier way are refused from the switch on."""
    if before == after:
        return
    message = f"requests with {_words(before)} are refused once the new release serves"
    hint = f"give clients {_words(after)}: `lading keys` shows it"
    yield PlanFinding(message=message, effect=PlanEffect.GAP, option="auth", hint=hint)


def _words(auth: object) -> str:
    return {"key": "a key", "aml_token": "a token of Azure ML"}.get(str(auth), "a token of Microsoft Entra")
