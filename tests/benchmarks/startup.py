"""The duration of short commands, compared with an empty click app."""

from __future__ import annotations

from collections.abc import Iterator

from . import reference
from .crowd import crowd
from .environments import Bench
from .measure import Row, added, stopwatch, timing

PLUGINS = 50
ADDED = 10  # milliseconds; the limit for these commands


def rows(bench: Bench) -> Iterator[Row]:
    lading, bare = bench.ours.tool("lading"), bench.ours.tool("bare")
    for limit, arguments, peer in (
        (1.1, ("--version",), "--version"),
        (1.25, ("--help",), "--help"),
        (2, ("target", "list"), "--help"),
    ):
        what = " ".join(("lading", *arguments))
        yield timing(what, limit, stopwatch(lading, *arguments), stopwatch(bare, peer), bench.times(40))
    yield from _crowded(bench)
    if bench.reference:
        yield from reference.rows(bench)


def _crowded(bench: Bench) -> Iterator[Row]:
    """The same commands with and without many unused plugins."""
    folder, empty = crowd(bench, PLUGINS), bench.work / "nobody"
    empty.mkdir(exist_ok=True)
    manifest = bench.project / "manifests" / "salary.yaml"
    with bench.deployment(manifest, "crowded"):
        for what, command in (
            ("lading --help", [bench.ours.tool("lading"), "--help"]),
            ("lading deploy, nothing to do", bench.deploy(manifest, "crowded")),
        ):
            ours, peer = (stopwatch("env", f"PYTHONPATH={path}", *command) for path in (folder, empty))
            yield added(f"{what}, {PLUGINS} plugins or none", ADDED, ours, peer, bench.times(40))
