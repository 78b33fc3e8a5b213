"""Canaries from Python: the shares of the requests, and the end of a canary. No function here prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.release import traffic as engine
from ..engine.release.adopting import adopt_canary, canary_of_others
from ..engine.release.canaries import require_traffic
from ..engine.release.scoring import encode
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput
from ..model import Capability
from ..model.records import OnEvent, ignore
from ..store import MANIFEST

if TYPE_CHECKING:
    from ..engine.release.comparing import AnswerComparison
    from ..model import Json, Release, Traffic
    from .tables import Row


def traffic(
    manifest: str | Path = MANIFEST,
    *,
    weight: int | None = None,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> Traffic:
    """The releases that share the requests of a service. `weight` first gives the canary that percent of them.

    Raises BadInput if no canary can get a weight.
    """
    needs = Needs.QUESTION if weight is None else Needs.SERVICE
    targets = () if target is None else (target,)
    order = Order.of("traffic", manifest, needs, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait)
    with _service("traffic", order, on_event) as service:
        if weight is None:
            return engine.traffic(service)
        require_traffic(service.session, service.target, "--weight")
        with service.locked():
            adopt_canary(service)
            return engine.set_share(service, engine.Split(weight=weight))


def promote(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> Release:
    """Make the canary the stable release, which gets all requests, and remove the release before it.

    Raises BadInput if there is no canary. The same call continues after an interrupt.
    """
    targets = () if target is None else (target,)
    order = Order.of(
        "promote", manifest, Needs.SERVICE, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait
    )
    with _service("promote", order, on_event) as service, service.locked():
        adopt_canary(service)
        return engine.promote(service)


def abort(
    manifest: str | Path = MANIFEST,
    *,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    lock_wait: float = 0.0,
    on_event: OnEvent = ignore,
) -> Release | None:
    """Remove the canary; the stable release gets all requests again. None if the last canary was aborted already.

    Raises BadInput if there is no canary. The same call continues after an interrupt.
    """
    targets = () if target is None else (target,)
    order = Order.of(
        "abort", manifest, Needs.SERVICE, store=store, targets=targets, timeout=timeout, lock_wait=lock_wait
    )
    with _service("abort", order, on_event) as service, service.locked():
        adopt_canary(service)
        return engine.abort(service)


def compare(
    manifest: str | Path = MANIFEST,
    *,
    releases: tuple[int, int] | None = None,
    data: str | Path | None = None,
    target: str | None = None,
    store: str | Path | None = None,
    timeout: float | None = None,
    on_event: OnEvent = ignore,
) -> AnswerComparison:
    """Ask two releases that serve the same requests, and compare their answers and latencies.

    By default they are the stable release and the canary, and the requests are the golden ones. `data` is a CSV, JSON
    lines or Parquet file, whose rows are sent one by one instead. Each release gets the columns that its model takes.
    The whole file is checked before the first request. `timeout` limits each request, in seconds.
    """
    from ..engine.release.comparing import compare as compare_releases

    targets = () if target is None else (target,)
    order = Order.of("compare", manifest, Needs.QUESTION, store=store, targets=targets, timeout=timeout)
    with _service("compare", order, on_event) as service:
        service.session.store.demand_trust()  # the store decides the address that receives the requests
        rows = None if data is None else _rows(service, Path(data))
        return compare_releases(service, releases or (), rows)


def _rows(service: Service, file: Path) -> Callable[[Release], Iterator[Json]]:
    """Reads the rows of a file as requests to a release. Raises BadInput for a row that cannot be sent."""
    from .batch import reader_of
    from .formats import format_of

    format_of(file)
    if not file.is_file():
        raise BadInput(f"{file} is not a file")

    def rows(release: Release) -> Iterator[Json]:
        return (_request(file, number, row) for number, row in enumerate(reader_of(service, file, release).rows(), 1))

    return rows


def _request(file: Path, number: int, row: Row) -> Json:
    request: Json = {"data": [row.value]}
    problem = row.problem
    try:
        encode(request)
    except BadInput:
        problem = problem or "a value is not a finite number"
    if problem:
        raise BadInput(f"{file}: row {number} cannot be sent: {problem}")
    return request


@contextmanager
def _service(command: str, order: Order, on_event: OnEvent) -> Iterator[Service]:
    with open_session(_order(order), on_event) as session:
        yield Service(session, session.targets[0], command)


def _order(order: Order) -> Order:
    """The order. Without a store it only reads, unless the target has a canary of another store."""
    if order.has_store:
        return order
    if Needs.CHANGES not in order.needs:
        return order.reading
    with open_session(order.reading, ignore) as session:
        service = Service(session, session.targets[0])
        if not service.plugin.can(Capability.TRAFFIC):
            return order.reading
        return order if canary_of_others(service, service.status()) else order.reading
