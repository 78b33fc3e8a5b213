"""The duration of a deploy: with nothing to do, and from nothing to the first response."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

from .environments import Bench
from .measure import Broken, Row, stopwatch, timing

KIB, GIB = 2**10, 2**30
# Two equally fast commands differ by a few per cent from run to run.
NO_SLOWER = 1.05


def rows(bench: Bench) -> Iterator[Row]:
    yield _nothing_to_do(bench)
    yield _big_model(bench)
    yield _first_answer(bench)


def _nothing_to_do(bench: Bench) -> Row:
    manifest = bench.project / "manifests" / "salary.yaml"
    with bench.deployment(manifest, "salary"):
        ours, bare = stopwatch(*bench.deploy(manifest, "salary")), stopwatch(bench.ours.tool("bare"), "--help")
        return timing("lading deploy with nothing to do", 2.5, ours, bare, bench.times(40))


def _big_model(bench: Bench) -> Row:
    small, big = bench.model("small", KIB) / "lading.yaml", bench.model("big", GIB) / "lading.yaml"
    with bench.deployment(small, "small"), bench.deployment(big, "big"):
        ours, peer = stopwatch(*bench.deploy(big, "big")), stopwatch(*bench.deploy(small, "small"))
        return timing("the same, a model of 1 GiB against one of 1 KiB", NO_SLOWER, ours, peer, bench.times(60))


def _first_answer(bench: Bench) -> Row:
    ours = _from_nothing(bench, bench.project / "manifests" / "salary.yaml")
    model = bench.model("small", KIB) / "model.joblib"
    floor = stopwatch(bench.ours.tool("python"), bench.programs / "floor.py", model)
    return timing("lading deploy from nothing to the first answer", 3, ours, floor, bench.times(7))


def _from_nothing(bench: Bench, manifest: Path) -> Callable[[], float]:
    def action() -> float:
        started = time.perf_counter()
        with bench.deployment(manifest, "new") as uri:
            ask(uri)
            return time.perf_counter() - started

    return action


def ask(uri: str) -> None:
    """Send one row to a scoring URI. Raises Broken if the response is not one salary."""
    request = Request(uri, b'{"data": [[21]]}', {"content-type": "application/json"})
    with urlopen(request, timeout=10) as response:
        answer = json.load(response)
    if not (isinstance(answer, list) and len(answer) == 1 and 140_000 < answer[0] < 143_000):
        raise Broken(f"{uri} answered {answer!r}, which is no salary")
