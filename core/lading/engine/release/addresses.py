"""The address of one device of a deployment, and the failure of a deployment without an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadInput, StageFailed

if TYPE_CHECKING:
    from ...model import NoScoringUri, ScoringUri


def no_address(service: str, target: str, found: NoScoringUri) -> StageFailed:
    """The failure for a deployment without a scoring URI."""
    return StageFailed(
        f"{service} on '{target}' has no scoring URI: {found.reason}",
        hint="`lading status` shows its state; `lading deploy` starts it if it is not up",
    )


def of_device(found: ScoringUri, device: str) -> str:
    """The scoring URI of one device. Raises BadInput, with the known devices, for another one."""
    if device not in found.devices:
        known = ", ".join(sorted(found.devices)) or "none"
        raise BadInput(f"no device '{device}' in this deployment", hint=f"its devices are: {known}")
    return found.devices[device]
