"""The shares of the deployments of an endpoint."""

from __future__ import annotations

from ..state import Record, Workspace
from .refusing import invalid

MOST_MIRRORED = 50
STRIDE = 37  # has no common divisor with 100, so each 100 requests in a row are split exactly


def check_traffic(workspace: Workspace, endpoint: str, properties: Record) -> None:
    """Raise Refusal if the service would not take the traffic of an endpoint."""
    traffic, mirrored = (properties.get(name) or {} for name in ("traffic", "mirrorTraffic"))
    for field, shares in (("traffic", traffic), ("mirrorTraffic", mirrored)):
        for name, share in shares.items():
            _check_share(workspace, endpoint, field, name, share)
    if sum(traffic.values()) not in (0, 100):
        raise invalid("traffic", "The sum of traffic percentage values should be 0 or 100")
    live = [name for name in mirrored if traffic.get(name)]
    if len(mirrored) > 1 or live:
        raise invalid("mirrorTraffic", "Traffic can be mirrored to one deployment only, which has no live traffic")
    if any(share > MOST_MIRRORED for share in mirrored.values()):
        raise invalid("mirrorTraffic", f"At most {MOST_MIRRORED} percent of the traffic can be mirrored")


def chosen(shares: dict[str, int], number: int) -> str | None:
    """The deployment that gets a request with this number. None if no share covers it."""
    point, start = number * STRIDE % 100, 0
    for name, share in shares.items():
        start += share
        if point < start:
            return name
    return None


def _check_share(workspace: Workspace, endpoint: str, field: str, name: str, share: int) -> None:
    deployment = workspace.v2.deployments.get(f"{endpoint}/{name}")
    if deployment is None:
        raise invalid(field, f"The deployment '{name}' does not exist")
    if share and deployment["properties"]["provisioningState"] != "Succeeded":
        raise invalid(field, f"The deployment '{name}' is not in the state Succeeded")
    if not 0 <= share <= 100:
        raise invalid(field, f"The traffic of '{name}' should be from 0 to 100")
