"""The names that Azure ML allows for a service."""

from __future__ import annotations

import re

from lading import BadInput

_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")


def check_name(service: str) -> None:
    """Raise BadInput for a name that Azure ML does not allow."""
    if not _NAME.fullmatch(service):
        raise BadInput(
            f"'{service}' cannot be the name of a service on Azure ML",
            hint="give the block a service_name: 3 to 32 lower-case letters, digits and dashes, a letter first",
        )
