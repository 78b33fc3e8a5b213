"""List the services of a workspace that have Lading's tags."""

from __future__ import annotations

from lading import Context, Listed, Listing
from lading_azureml.port import Service

from .kind import Kind
from .ownership import TARGET, connection
from .states import state_of


def everything(kind: Kind, context: Context) -> Listing:
    """All services of this kind in the workspace with our tags, of every service and store."""
    found = connection(context).workspace.all_services()
    return Listing(objects=tuple(_listed(each) for each in found if each.kind == kind.name and TARGET in each.tags))


def _listed(service: Service) -> Listed:
    return Listed.from_tags(
        service.tags, name=service.name, state=state_of(service), uri=service.scoring_uri, created=service.created
    )
