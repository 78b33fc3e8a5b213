"""A deployment, as code and notebooks hold it: each question is asked of the target anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..engine.release.service import Service, no_address
from ..engine.session.session import Order, open_session
from ..model import Json, Keys, Logs, NoScoringUri, ScoringUri, Shown, Status
from ..model.records import OnEvent, ignore

if TYPE_CHECKING:
    from ..engine.release.scoring import Answer


@dataclass(frozen=True)
class LiveDeployment(Shown):
    """One service on one target; `release` is None before the first."""

    service: str
    target: str
    release: int | None
    order: Order = field(repr=False)

    @property
    def scoring_uri(self) -> str:
        """Where the service answers. Raises StageFailed, with the reason, where it has no address."""
        found = self.address()
        if isinstance(found, NoScoringUri):
            raise no_address(self.service, self.target, found)
        return found.uri

    def address(self) -> ScoringUri | NoScoringUri:
        """Every address of the service, or the reason why it has none."""
        with self._open() as service:
            return service.scoring_uri()

    def score(self, request: Json, *, device: str | None = None) -> Json:
        """Send one request and return the answer's JSON. Raises StageFailed for any answer but 200."""
        return self.ask(request, device=device).json()

    def ask(self, request: Json, *, device: str | None = None) -> Answer:
        """Send one request and return the answer as it came. Raises Transient where nothing answers."""
        with self._open() as service:
            service.session.store.demand_trust()  # it names the address that the request is sent to
            return service.score(request, device=device)

    def status(self) -> Status:
        """What the target says of the service."""
        with self._open() as service:
            return service.status()

    def logs(self, *, tail: int = 100, cursor: str | None = None) -> Logs:
        """The last lines of the service's log, or those after `cursor`."""
        with self._open() as service:
            return service.logs(tail=tail, cursor=cursor)

    def keys(self, *, rotate: str | None = None) -> Keys:
        """The keys of the service, as secrets; `rotate` (`primary` or `secondary`) makes that one anew first."""
        with self._open(changes=rotate is not None) as service:
            return service.keys(rotate=rotate)

    def delete(self, *, on_event: OnEvent = ignore) -> bool:
        """Remove the service; False where there was none."""
        with self._open(on_event, changes=True) as service:
            return service.delete()

    @contextmanager
    def _open(self, on_event: OnEvent = ignore, *, changes: bool = False) -> Iterator[Service]:
        with open_session(replace(self.order, reads=not changes), on_event) as session:
            yield Service(session, session.targets[0])
