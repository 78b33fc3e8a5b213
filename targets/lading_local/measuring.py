"""The figures of a local service, from one of its workers, or from its supervisor if all workers are busy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lading import Compared, Metrics, StageFailed, Transient
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.scrape import Unread, figures

from .folder import checked_uri
from .invoking import certificate
from .keys import keys

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_serving.control import ComparedState


def metrics(folder: ControlFolder, deployment: Deployment, context: Context) -> Metrics:
    """The figures of all releases, from the public address, at which the supervisor answers too.

    Raises Transient if no worker answers, and StageFailed if there is nothing to ask.
    """
    desired = folder.desired() or NOTHING
    number = desired["serving"] or desired["candidate"]
    release = folder.state()["releases"].get(str(number)) if folder.is_supervised() else None
    if release is None or not release["uri"]:
        raise StageFailed("nothing serves")
    key = keys(folder, deployment, context, None).primary
    try:
        uri = checked_uri(folder, release["public_uri"] or release["uri"])
        pinned = certificate(folder, context) if uri.startswith("https://") else ""
        found = figures(uri, key.reveal() if key else "", pinned)
        return _with_copies(Metrics.from_json(found), folder)
    except OSError as error:
        raise Transient(f"no worker answers: {error}") from error
    except (Unread, ValueError) as error:
        raise StageFailed(str(error)) from error


def _with_copies(found: Metrics, folder: ControlFolder) -> Metrics:
    """The figures with the comparisons of the release that gets copies."""
    states = folder.state()["releases"].values()
    sums = {state["tags"].get("lading.release-id"): state.get("compared") for state in states}
    releases = (
        replace(release, compared=_compared(known)) if (known := sums.get(release.release_id)) else release
        for release in found.releases
    )
    return Metrics(releases=tuple(releases))


def _compared(sums: ComparedState) -> Compared:
    values = sum(count for count, _total, _largest in sums["outputs"])
    return Compared(
        requests=sums["requests"],
        equal=sums["equal"],
        largest=max((largest for _values, _total, largest in sums["outputs"]), default=0.0),
        mean=sum(total for _values, total, _largest in sums["outputs"]) / values if values else 0.0,
    )
