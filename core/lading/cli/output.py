"""Results on stdout: one value, a table, or one JSON document."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .plain import is_terminal, one_line

if TYPE_CHECKING:
    from ..model import ModelVersion, Release, Run


def document(value: Any) -> None:
    """Print one JSON document."""
    click.echo(as_text(value))


def as_text(value: Any) -> str:
    """A JSON document as text."""
    return json.dumps(value, indent=2, default=_plain)


def table(rows: Sequence[Mapping[str, object]], *, empty: str, less: Sequence[str] = ()) -> None:
    """Print rows with the same columns: a rich table on a terminal, aligned columns in a pipe.

    A terminal can be too narrow for whole rows. Then the columns of `less` are left out first.
    """
    if not rows:
        click.echo(empty, err=True)
    elif is_terminal(sys.stdout):
        _rich(rows, less)
    else:
        _aligned(rows)


def facts(values: Mapping[str, object]) -> None:
    """Print names and values, one per line. Empty values are left out."""
    shown = {name: text(value) for name, value in values.items() if value not in (None, "", (), {}, [])}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name:<{width}}  {value}")


def text(value: object) -> str:
    """A value in readable form."""
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{one_line(str(name))}={text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value)
    if is_dataclass(value):
        return text(vars(value))
    return "" if value is None else one_line(str(value))


def size(count: int) -> str:
    """A number of bytes in readable form, in powers of 1000."""
    number, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.3g} {unit}"


def _rich(rows: Sequence[Mapping[str, object]], less: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from .fitting import GAP, fitted

    console = Console()
    columns = {name: [text(row[name]) for row in rows] for name in rows[0]}
    whole = [name for name in columns if any(_is_whole(row[name]) for row in rows)]
    found = fitted(columns, console.width, less=less, whole=whole)
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for name in found:
        shown.add_column(name, no_wrap=True)
    for cells in zip(*found.values(), strict=True):
        shown.add_row(*map(Text, cells))
    console.print(shown)
    if found != columns:
        click.echo("shortened for this terminal; --json has everything", err=True)


def _is_whole(value: object) -> bool:
    """Whether a part of a value is useless: of a time, or of an address."""
    return isinstance(value, datetime) or (isinstance(value, str) and "://" in value and " " not in value)


def _aligned(rows: Sequence[Mapping[str, object]]) -> None:
    lines = [list(rows[0]), *([text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def record(value: Run | ModelVersion) -> dict[str, object]:
    """A run or model version as names and values. The list of installed distributions is left to its package."""
    return {name: item for name, item in vars(value).items() if name != "distributions"}


def release(value: Release) -> dict[str, object]:
    """A release as names and values. The version of its model is None if it is unknown."""
    return {**vars(value), "model_version": value.model_version or None}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return vars(value) if is_dataclass(value) else str(value)
