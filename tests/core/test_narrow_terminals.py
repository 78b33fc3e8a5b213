"""Tables on a terminal of 80 columns: each row is one readable line."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lading.cli.fitting import GAP, fitted

TARGETS = ("local", "production-kubernetes-west-europe", "edge-devices-of-the-factory")
PROGRAM = """
from datetime import datetime
from lading.cli import output
rows = [
    {
        "release": number,
        "target": target,
        "state": "replaced",
        "started": datetime(2026, 11, 29, 15, number, 17),
        "ended": datetime(2026, 11, 29, 15, number, 19),
        "package": f"69da78464a{number:02}",
        "model": f"house-prices-of-the-northern-region:{number}",
        "metrics": {"r2": 0.987654, "mae": 1234.5, "neg_log_loss": -0.34},
        "reason": "did not come up: golden request 1 of house-prices-svc is answered with 5" if number == 3 else "",
    }
    for number in range(1, 6)
    for target in TARGETS
]
output.table(rows, empty="", less=("ended", "package", "metrics", "model"))
""".replace("TARGETS", repr(TARGETS))


def on_a_terminal(columns: int) -> list[str]:
    """The lines that the program prints on a terminal, without colours."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    argv = [sys.executable, "-c", PROGRAM]
    program = subprocess.Popen(argv, stdout=theirs, stderr=subprocess.PIPE, env=env, text=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError), os.fdopen(ours, "rb", buffering=0) as terminal:  # Linux reports a closed terminal so
        while chunk := terminal.read(4096):
            shown += chunk
    assert program.communicate()[1].splitlines()[-1:] == ["shortened for this terminal; --json has everything"]
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).splitlines()


@pytest.mark.parametrize("columns", [80, 100])
def test_each_release_has_one_line_with_what_tells_it_apart(columns: int) -> None:
    head, *lines = on_a_terminal(columns)
    assert len(lines) == 15
    assert max(map(len, lines)) <= columns
    assert head.split()[:4] == ["release", "target", "state", "started"]
    for place, line in enumerate(lines):
        number = place // 3 + 1
        assert line.startswith(f"{number} ")
        assert f"2026-11-29 15:{number:02}:17" in line
    assert len({line.split()[1] for line in lines}) == 3
    assert "did not come up" in lines[6]


def test_a_pipe_gets_every_column_and_whole_texts() -> None:
    env = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=env)
    assert all(target in done.stdout for target in TARGETS)
    assert "golden request 1 of house-prices-svc is answered with 5" in done.stdout
    assert "neg_log_loss=-0.34" in done.stdout
    assert done.stderr == ""


COLUMNS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.text(), min_size=2, max_size=2), min_size=1)


@given(columns=COLUMNS, width=st.integers(20, 120), less=st.sets(st.sampled_from("abc")))
def test_every_table_fits_and_loses_only_what_it_must(columns: Any, width: int, less: set[str]) -> None:
    able = [name for name in less if name in columns and len(columns) > len(less)]
    found = fitted(columns, width, less=able, whole=())
    assert found.keys() >= {name for name in columns if any(columns[name])} - set(able)
    sizes = [max(1, *map(cell_len, texts)) for texts in found.values()]
    assert sum(sizes) + GAP * max(0, len(sizes) - 1) <= width
    if sum(max(1, *map(cell_len, texts)) for texts in columns.values()) + GAP * (len(columns) - 1) <= width:
        assert found == columns
