"""The figures of a container, from the service in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import Metrics, StageFailed, Transient
from lading_serving.scrape import Unread, figures

from .keys import ring

if TYPE_CHECKING:
    from lading import Context

    from .containers import Container


def metrics(found: Container | None, context: Context) -> Metrics:
    """The figures of the serving container. Raises Transient if it does not answer, and StageFailed if none runs."""
    if found is None or found.uri is None or found.state != "running":
        raise StageFailed("no container serves")
    known = ring(context).kept() if found.asks_for_key else None
    try:
        return Metrics.from_json(figures(found.uri, known.primary if known else "", found.certificate))
    except OSError as error:
        raise Transient(f"{found.name} does not answer: {error}") from error
    except (Unread, ValueError) as error:
        raise StageFailed(str(error)) from error
