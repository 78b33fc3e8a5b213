"""How long a command takes that has little to do, against a click app that has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator

from .environments import Bench
from .measure import Row, stopwatch, timing


def rows(bench: Bench) -> Iterator[Row]:
    lading, bare = bench.ours.tool("lading"), bench.ours.tool("bare")
    for limit, arguments, peer in (
        (1.1, ("--version",), "--version"),
        (1.25, ("--help",), "--help"),
        (2, ("target", "list"), "--help"),
    ):
        what = " ".join(("lading", *arguments))
        yield timing(what, limit, stopwatch(lading, *arguments), stopwatch(bare, peer), bench.times(40))
