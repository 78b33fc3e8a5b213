"""A program that measures the shares of two releases, or asks for a share of a release that does not exist.

`python -m lading.testing.canary_probe REPORT MODE MANIFEST`. With the mode `measure` it sends 100 requests, one after
another. It records the numbers in the answers, the shares that the target shows, and the growth of its figures. With
the mode `absent` it calls `lading_shift`, and records its answer and the shares before and after.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ..engine.release.observing import read_metrics
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import LadingError
from ..model import Capability, Pending, Share, ShiftRequest
from .probe import REQUEST, Report
from .project import number_in

REQUESTS = 100
_ABSENT = "0" * 16  # the id of no release
_LIMIT = 60.0  # seconds until the hook must refuse


def main() -> None:
    """Run the arguments. An expected failure is in the report as `error`."""
    report, mode, manifest = Report(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
    order = Order.of("plugin check", manifest, Needs.SERVICE, targets=())
    try:
        with open_session(order, lambda _event: None) as session:
            service = Service(session, session.targets[0])
            (_measure if mode == "measure" else _ask_for_an_absent_release)(report, service)
    except LadingError as error:
        report.add("error", error.message)


def _measure(report: Report, service: Service) -> None:
    before, answers = _counted(service), Counter[str]()
    for _ in range(REQUESTS):
        answer = service.score(REQUEST)
        answers[str(number_in(answer.text())) if answer.status == 200 else f"status {answer.status}"] += 1
    after = _counted(service)
    report.add("answers", answers)
    report.add("shares", _shares(service))
    report.add("counted", sorted(after[each] - before.get(each, 0) for each in after))


def _ask_for_an_absent_release(report: Report, service: Service) -> None:
    before = _shares(service)
    stable = Share(release_id=before[0][0], weight=50)
    request = ShiftRequest(deployment=service.deployment, shares=(stable, Share(release_id=_ABSENT, weight=50)))
    end = service.session.end(_LIMIT)
    context = service.context(end)

    def step() -> Any:
        return service.session.run_hook(
            service.plugin, "lading_shift", lambda: service.plugin.shift(request, context), end=end
        )

    while isinstance(taken := step(), Pending):
        service.session.pause(taken.retry_after, "the shift", taken.phase, end)
    report.add("answer", type(taken).__name__)
    report.add("before", before)
    report.add("after", _shares(service))


def _shares(service: Service) -> list[tuple[str, int]]:
    """The releases that the target shows, with their weights; the largest weight first."""
    return sorted(((each.release_id, each.weight) for each in service.status().releases), key=lambda one: -one[1])


def _counted(service: Service) -> dict[str, int]:
    """The requests of each release according to the figures; empty if the target has none."""
    if not service.plugin.can(Capability.METRICS):
        return {}
    return {each.release_id: each.total.requests for each in read_metrics(service).releases}


if __name__ == "__main__":
    main()
