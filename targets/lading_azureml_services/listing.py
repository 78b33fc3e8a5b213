"""List the services of a workspace that have Lading's tags."""

from __future__ import annotations

from lading import Context, Listed, Listing
from lading_azureml.port import Service

from .kind import Kind
from .ownership import MODEL, PACKAGE, RELEASE, RELEASE_ID, SERVICE, TARGET, connection
from .states import state_of


def everything(kind: Kind, context: Context) -> Listing:
    """All services of this kind in the workspace with our tags, of every service and store."""
    found = connection(context).workspace.all_services()
    return Listing(objects=tuple(_listed(each) for each in found if each.kind == kind.name and TARGET in each.tags))


def _listed(service: Service) -> Listed:
    tags = service.tags
    release = tags.get(RELEASE, "")
    return Listed(
        name=service.name,
        service=tags.get(SERVICE, ""),
        target=tags[TARGET],
        state=state_of(service),
        release=int(release) if release.isascii() and release.isdigit() else None,
        release_id=tags.get(RELEASE_ID),
        package_digest=tags.get(PACKAGE),
        model_sha256=tags.get(MODEL),
        uri=service.scoring_uri,
        created=service.created,
    )
