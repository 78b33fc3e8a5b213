"""Write flights.csv: a flight is late if the wind is strong and the airport is full."""

from __future__ import annotations

from pathlib import Path

rows = [(wind, traffic) for wind in range(0, 60, 3) for traffic in range(5, 100, 10)]
lines = (f"{wind},{traffic},{'late' if wind + traffic > 90 else 'early'}" for wind, traffic in rows)
Path("flights.csv").write_text("wind,traffic,arrival\n" + "\n".join(lines) + "\n", encoding="utf-8")
