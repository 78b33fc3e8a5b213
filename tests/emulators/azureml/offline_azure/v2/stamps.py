"""The facts that Resource Manager adds to each resource."""

from __future__ import annotations

from ..routing import Visit
from ..state import Record, now


def system_data(visit: Visit, before: Record | None = None) -> Record:
    """Who created and changed a resource, and when. `before` is the resource before a change."""
    who, when = visit.world.client_id, now()
    created = {"createdAt": when, "createdBy": who, "createdByType": "Application"}
    if before is not None:
        created = {name: before["systemData"][name] for name in created}
    return {**created, "lastModifiedAt": when, "lastModifiedBy": who, "lastModifiedByType": "Application"}
