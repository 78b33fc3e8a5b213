"""A service with a canary that gets half of the requests, compared with one without a canary."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from .deploying import KIB
from .environments import Bench
from .measure import Row, alternate, ratio, ratios, run, spread
from .processes import processes_of
from .serving import Slot, load, missing

RATE = "one row, canary at 50: requests per second"
SLOWEST = "one row, canary at 50: p99"
FLOOR = 0.6


def rows(bench: Bench) -> Iterator[Row]:
    if reason := missing():
        yield Row(RATE, reason, "", None, FLOOR, at_least=True)
        return
    folder = bench.model("canary", KIB)
    manifest, script = folder / "lading.yaml", folder / "score.py"
    with bench.deployment(manifest, "alone") as alone, bench.deployment(manifest, "split") as uri:
        script.write_text(script.read_text(encoding="utf-8") + "\n# another release\n", encoding="utf-8")
        run([*bench.deploy(manifest, "split"), "--canary", "50"])
        slots = alternate(
            load(bench, uri, processes_of(bench.store("split"))),
            load(bench, alone, processes_of(bench.store("alone"))),
            bench.times(9),
        )
    yield from _compared(slots)


def _compared(slots: tuple[list[Slot], list[Slot]]) -> Iterator[Row]:
    rates, plain = [[slot.rate for slot in side] for side in slots]
    shown = f"{median(rates):.0f} /s", f"{median(plain):.0f} /s"
    yield Row(RATE, *shown, ratio(rates, plain), FLOOR, at_least=True, spread=spread(ratios(rates, plain)))
    slowest, plain = [[slot.p99 for slot in side] for side in slots]
    shown = f"{median(slowest) * 1e3:.1f} ms", f"{median(plain) * 1e3:.1f} ms"
    yield Row(SLOWEST, *shown, ratio(slowest, plain), 3, spread=spread(ratios(slowest, plain)))
