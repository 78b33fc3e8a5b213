"""An update on a real cluster, with each fault at each of its requests."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue

from container_engine import engine_for_tests

from .api_proxy import Point
from .gate import Figures, Found, Gate, Trial
from .kubernetes_sweep import Lane, points


def _sweep(trial: Trial) -> Figures:
    kubeconfig = Path(os.environ["LADING_TEST_KUBECONFIG"])
    lanes: SimpleQueue[Lane] = SimpleQueue()
    with ExitStack() as stack:
        engine = stack.enter_context(engine_for_tests())
        for number in range(trial.lanes):
            lane = Lane.open(trial.build.python, trial.folder / f"lane-{number}", kubeconfig, engine)
            lanes.put(stack.enter_context(closing(lane)))
        found = points(lane.record())

        def attempt(point: Point) -> list[Found] | None:
            free = lanes.get()
            try:
                return free.strike(point)
            finally:
                lanes.put(free)

        return trial.meet(attempt, found)


GATES = (
    Gate(
        "kubernetes-sweep",
        "an update on Kubernetes that meets a fault at each of its requests",
        _sweep,
        needs="kubectl",
        share=0,
        variable="LADING_TEST_KUBECONFIG",
    ),
)
