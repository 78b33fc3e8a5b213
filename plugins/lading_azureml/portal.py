"""The file `config.json` of the Azure portal, which names a workspace."""

from __future__ import annotations

import json
from pathlib import Path

from lading import BadInput

_KEYS = ("subscription_id", "resource_group", "workspace_name")


def names_in(file: Path) -> tuple[str, str, str]:
    """The subscription, the resource group and the workspace. Raises BadInput for a file that does not name them."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{file} names no workspace: {error}", option="config") from None
    subscription, group, workspace = (value.get(key) if isinstance(value, dict) else None for key in _KEYS)
    if not all(isinstance(part, str) and part for part in (subscription, group, workspace)):
        raise BadInput(
            f"{file} names no workspace",
            hint="it needs subscription_id, resource_group and workspace_name, as in the portal's config.json",
            option="config",
        )
    return str(subscription), str(group), str(workspace)
