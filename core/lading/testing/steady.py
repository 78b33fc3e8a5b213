"""A program that sends requests to a service at its public address without a pause, like clients during an update.

`python -m lading.testing.steady MANIFEST` prints `asking` after the first request has ended. When its standard input
closes, it sends one more request and writes all results as one JSON object.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..engine.release import scoring
from ..engine.release.addresses import no_address
from ..engine.release.endpoint import Endpoint
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import LadingError
from ..model import NoScoringUri
from .probe import REQUEST
from .project import number_in

_PAUSE = 0.01  # seconds between an answer and the next request


def main() -> None:
    with _endpoint(Path(sys.argv[1])) as endpoint:
        _send_requests(endpoint)


def _send_requests(endpoint: Endpoint) -> None:
    stopped = threading.Event()
    threading.Thread(target=_wait_for_end, args=(stopped,), daemon=True).start()
    answers: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    _ask(endpoint, answers, failures)
    sys.stdout.write("asking\n")
    sys.stdout.flush()
    last = False
    while not last:
        time.sleep(_PAUSE)
        last = stopped.is_set()
        _ask(endpoint, answers, failures)
    sys.stdout.write(json.dumps({"answers": answers, "failures": failures}))


@contextmanager
def _endpoint(manifest: Path) -> Iterator[Endpoint]:
    """The public address and the key. They are read once, because clients keep them."""
    order = Order.of("plugin check", manifest, Needs.QUESTION, targets=())
    with open_session(order, lambda _event: None) as session:
        service = Service(session, session.targets[0])
        found = service.scoring_uri()
        if isinstance(found, NoScoringUri):
            raise no_address(service.target.service_name, service.target.name, found)
        yield service.endpoint(found.uri)


def _wait_for_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def _ask(endpoint: Endpoint, answers: Counter[str], failures: Counter[str]) -> None:
    try:
        answer = endpoint.ask(scoring.encode(REQUEST))
    except LadingError as error:
        failures[error.message] += 1
        return
    number = number_in(answer.text()) if answer.status == 200 else None
    if number is None:
        failures[f"answered {answer.status}: {answer.text(200)}"] += 1
    else:
        answers[str(number)] += 1


if __name__ == "__main__":
    main()
