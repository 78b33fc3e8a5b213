"""Run the commands of the README's picture in a terminal, and draw it: `python docs/picture.py` writes picture.svg.

Values that differ in each run get a fixed one: the same output gives the same picture.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "picture.svg"
WIDTH = 104
COMMANDS = (
    "lading deploy manifests/salary.yaml",
    """lading score manifests/salary.yaml -d '{"data": [[21]]}'""",
    "echo 21,141700 >> data/sal.csv",
    "lading plan manifests/salary.yaml",
)
AT_THE_END = "lading delete manifests/salary.yaml"
FIXED = {
    r"\b\d{8}-\d{6}-[0-9a-f]{6}\b": "20260102-030405-4f2a91",
    r"(?<=127\.0\.0\.1:)\d+": "8000",
    r"(?<=package: done · )[0-9a-f]{12}": "9c1e5b7a20d4",
}
# Fonts of the reader's machine: a picture in a page must not load anything.
FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def transcript() -> str:
    """Run the commands in a copy of the salary project. Returns them with their output, as a terminal shows it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("manifests", "data"):
            shutil.copytree(ROOT / name, Path(folder, name))
        try:
            shown = "".join(f"\x1b[1m$ {command}\x1b[0m\n{_run(command, folder)}\n" for command in COMMANDS)
        finally:
            _run(AT_THE_END, folder)
    for pattern, fixed in FIXED.items():
        shown = re.sub(pattern, fixed, shown)
    return shown.rstrip()


def _run(command: str, folder: str) -> str:
    """The output of a command in a terminal that cannot move its cursor, so that no line replaces another."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("LADING_")}
    env = {**own, "PATH": path, "TERM": "dumb", "COLUMNS": str(WIDTH)}
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, shell=True, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        shown = b"".join(_read(ours))
    if run.returncode != 0:
        raise RuntimeError(f"{command} ended with {run.returncode}:\n{shown.decode()}")
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:  # Linux reports a closed terminal so
        while chunk := file.read(4096):
            yield chunk


def draw(shown: str) -> str:
    """The picture of a transcript, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(shown))
    console.line()
    return console.export_svg(title="from a manifest to a scoring URI", code_format=FRAME, unique_id="lading")


if __name__ == "__main__":
    PICTURE.write_text(draw(transcript()), encoding="utf-8")
