"""Plan the effect of a change, without a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

if TYPE_CHECKING:
    from lading import PlanRequest

    from .options import OnlineOptions


def findings(request: PlanRequest[OnlineOptions]) -> PlanFindings:
    """The effect of another way to sign requests: clients with the old one are refused from the switch on."""
    if request.up is None:
        return PlanFindings()
    before, after = request.up.written.get("auth", "key"), request.deployment.options.auth
    if before == after:
        return PlanFindings()
    message = f"requests with {_words(before)} are refused once the new release serves"
    hint = f"give clients {_words(after)}: `lading keys` shows it"
    return PlanFindings(findings=(PlanFinding(message=message, effect=PlanEffect.GAP, option="auth", hint=hint),))


def _words(auth: object) -> str:
    return {"key": "a key", "aml_token": "a token of Azure ML"}.get(str(auth), "a token of Microsoft Entra")
