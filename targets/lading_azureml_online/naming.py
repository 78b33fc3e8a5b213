"""The names of endpoints, of deployments, and of the GPUs of a cluster."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lading import BadInput

if TYPE_CHECKING:
    from lading import DeployRequest

GPU = "nvidia.com/gpu"
"""The resource of a cluster that counts GPUs."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_SHOWN = 8  # digits of a digest or an id in a name


def check_name(service: str) -> None:
    """Raise BadInput for a service name that Azure ML does not accept."""
    if not _NAME.fullmatch(service):
        raise BadInput(
            f"'{service}' cannot be the name of an endpoint on Azure ML",
            hint="give the block a service_name: 3 to 32 letters, digits and dashes, a letter first, no dash last",
            option="service_name",
        )


def deployment_name(request: DeployRequest) -> str:
    """The name of a release's deployment, from its package and its id."""
    return f"r-{request.package.digest[:_SHOWN]}-{request.release_id[:_SHOWN]}"
