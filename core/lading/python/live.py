"""A deployment for code and notebooks. Each call queries the target again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.release.moves import at_old_places, delete_old_places
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput
from ..model import NoScoringUri, ScoringUri, Shown, State, Status
from ..model.records import OnEvent, ignore

if TYPE_CHECKING:
    from datetime import datetime

    from ..engine.release.scoring import Answer
    from ..model import Deployment, Json, Keys, Logs, Metrics, Traffic
    from .batch import Batch
    from .measurement import Measurement


def compared_with_store(status: Status, deployment: Deployment) -> Status:
    """The status. Its detail says if another package serves than that of the store's release."""
    known, found = deployment.package_digest, status.package_digest
    if status.state is not State.RUNNING or None in (known, found) or known == found:
        return status
    remark = (
        f"it serves package {str(found)[:12]}, but release {deployment.release} of this store has package "
        f"{str(known)[:12]}: `lading deploy` serves it"
    )
    return with_remark(status, remark)


def with_remark(status: Status, remark: str) -> Status:
    """The status with a remark in its detail."""
    return replace(status, detail="; ".join(filter(None, (status.detail, remark))))


@dataclass(frozen=True)
class LiveDeployment(Shown):
    """One service on one target; `release` is None before the first."""

    service: str
    target: str
    release: int | None
    order: Order = field(repr=False)

    @property
    def scoring_uri(self) -> str:
        """The scoring URI of the service. Raises StageFailed, with the reason, if it has none."""
        from ..engine.release.addresses import no_address

        found = self.address()
        if isinstance(found, NoScoringUri):
            raise no_address(self.service, self.target, found)
        return found.uri

    def address(self) -> ScoringUri | NoScoringUri:
        """Every address of the service, or the reason why it has none."""
        with self._open() as service:
            return service.scoring_uri()

    def score(self, request: Json, *, device: str | None = None) -> Json:
        """Send one request and return the JSON of the answer. Raises StageFailed for any status but 200."""
        return self.ask(request, device=device).json()

    def ask(self, request: Json, *, device: str | None = None) -> Answer:
        """Send one request and return the unchanged answer. Raises Transient if nothing answers."""
        with self._open() as service:
            service.session.store.demand_trust()  # the store decides the address that receives the request
            return service.score(request, device=device)

    def score_file(
        self,
        file: str | Path,
        out: str | Path,
        *,
        rows: int = 500,
        parallel: int = 4,
        timeout: float = 600.0,
        device: str | None = None,
        on_event: OnEvent = ignore,
    ) -> Batch:
        """Score each row of a CSV, JSON lines or Parquet file, and write all rows with their answers to `out`.

        `rows` is the number of rows in a request, and `parallel` the number of requests at once. A request waits as
        long as a busy service asks, for at most `timeout` seconds. The same call goes on after an interrupt. Raises
        Transient if the service stops answering, and StageFailed if it answers no row.
        """
        from .batch import check_files, score_rows  # most calls send one request

        check_files(Path(file), Path(out))
        with self._open(on_event) as service:
            service.session.store.demand_trust()
            return score_rows(
                service, Path(file), Path(out), size=rows, parallel=parallel, limit=timeout, device=device
            )

    def status(self) -> Status:
        """The status that the target reports."""
        with self._open() as service:
            return service.status()

    def standing(self) -> tuple[Status, Sequence[tuple[str, Status]], tuple[int | None, Status] | None]:
        """The status with a remark if it contradicts the store, and the service at each old place: name and status.

        The last part is the canary, if there is one: its number and its status.
        """
        from ..engine.release.rollout_state import abort_reason
        from ..engine.release.traffic import canary_status

        with self._open() as service:
            status = service.status()
            compared = with_remark(compared_with_store(status, service.deployment), abort_reason(service))
            return compared, tuple(at_old_places(service, status)), canary_status(service, status)

    def traffic(self) -> Traffic:
        """The releases that share the requests of the service."""
        from ..engine.release.traffic import traffic

        with self._open() as service:
            return traffic(service)

    def metrics(self) -> Metrics:
        """The figures of the releases that run. Raises BadInput if the target has none."""
        from ..engine.release.observing import read_metrics

        with self._open() as service:
            return read_metrics(service)

    def measured(self) -> Measurement:
        """The figures of the releases that run, with their numbers in the store, or the reason why there are none."""
        from ..engine.release.observing import seen_metrics
        from .measurement import Measurement

        with self._open() as service:
            found = seen_metrics(service)
            if isinstance(found, str):
                return Measurement(missing=found)
            numbers = {release.id: release.number for release in service.releases}
            return Measurement(releases=tuple((numbers.get(each.release_id), each) for each in found.releases))

    def logs(
        self,
        *,
        tail: int = 100,
        cursor: str | None = None,
        since: datetime | None = None,
        release: int | None = None,
    ) -> Logs:
        """The last lines of the service's log, or those after `cursor`; with `since`, none from before that time."""
        from ..engine.release.observing import read_log

        with self._open() as service:
            return read_log(service, tail=tail, cursor=cursor, since=since, release=release)

    def build_log(self) -> Logs:
        """The whole log of the last image build for the service."""
        from ..engine.release.observing import read_build_log

        with self._open() as service:
            return read_build_log(service)

    def keys(self, *, rotate: str | None = None) -> Keys:
        """The keys of the service, as secrets. `rotate` (`primary` or `secondary`) rotates that key first."""
        if rotate is not None and self._is_nowhere():
            self.keys()  # the target raises the reason why it has no keys
            raise BadInput(
                f"{self.service} is not on '{self.target}'", hint=f"`lading deploy --target {self.target}` brings it up"
            )
        with self._open(needs=Needs.QUESTION if rotate is None else Needs.CHANGES) as service:
            return service.keys(rotate=rotate)

    def delete(self, *, on_event: OnEvent = ignore) -> bool:
        """Delete the service; False if it did not exist."""
        if self._is_nowhere():
            return False
        with self._open(on_event, needs=Needs.SERVICE) as service:
            existed = service.delete()
            return delete_old_places(service) or existed

    def _is_nowhere(self) -> bool:
        """Whether neither a store nor the target knows the service. Then a command would create a store in vain."""
        return not self.order.has_store and self.status().state is State.ABSENT

    @contextmanager
    def _open(self, on_event: OnEvent = ignore, *, needs: Needs = Needs.QUESTION) -> Iterator[Service]:
        with open_session(replace(self.order, needs=needs), on_event) as session:
            yield Service(session, session.targets[0])
