"""A deploy to the offline Azure, with each fault at each of its requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

from offline_azure.azurite import azurite
from offline_azure.client import Emulator

from .azure_attempt import Attempt, Lane, Strike, pack, strikes
from .azure_sweep import ServiceAttempt
from .azure_v2_sweep import OnlineAttempt
from .gate import Figures, Found, Gate, Trial


def _sweep(kind: type[Attempt], trial: Trial) -> Figures:
    packed = pack(trial.build.lading, trial.folder / "packed", trial.build.environment())
    script, size = azurite(), trial.lanes * 3 // 2  # most of the time they wait for Azure
    lanes: SimpleQueue[Lane] = SimpleQueue()
    with ExitStack() as stack:

        def open_lane() -> Lane:
            emulator = stack.enter_context(closing(Emulator(script)))
            folder = trial.folder / f"lane-{lanes.qsize()}"
            lane = Lane.open(kind, emulator, trial.build.python, folder, packed)
            lanes.put(stack.enter_context(closing(lane)))
            return lane

        points = strikes(open_lane().record(trial.folder / "record"), kind.only)
        tried = list(enumerate(_with_each_fault(kind, trial, points)))
        while lanes.qsize() < min(size, len(tried)):
            open_lane()

        unmet: list[Strike] = []  # a deploy on a busy machine can have fewer requests than the recorded one

        def attempt(numbered: tuple[int, Strike]) -> Iterator[Found]:
            number, strike = numbered
            free = lanes.get()
            try:
                found = free.strike(strike, trial.folder / f"attempt-{number:04}")
            finally:
                lanes.put(free)
            if found is None:
                unmet.append(strike)
            yield from found or ()

        found = replace(trial, lanes=size).each(attempt, tried)
    return Figures(len(points), len(tried) - len(unmet), found)


def _with_each_fault(kind: type[Attempt], trial: Trial, points: list[Strike]) -> list[Strike]:
    """A sample. In place of its first points, it has the faults that are for one request only."""
    sample = trial.sample(points)
    once = [strike for strike in trial.focused(points) if strike.fault in kind.only and strike not in sample]
    return [*once, *sample[len(once) :]]


GATES = (
    Gate(
        "azure-sweep",
        "a deploy to Azure that meets a fault at each of its requests",
        partial(_sweep, ServiceAttempt),
        needs="node",
        share=0,
    ),
    Gate(
        "azure-v2-sweep",
        "a deploy to an online endpoint of Azure that meets a fault at each of its requests",
        partial(_sweep, OnlineAttempt),
        needs="node",
        share=0,
    ),
)
