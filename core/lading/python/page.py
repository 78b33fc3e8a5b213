"""A page or a table in HTML, complete in itself: no scripts, no external files."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8885; }
td { overflow-wrap: break-word; max-width: 24rem; }
section { overflow-x: auto; }
figure { display: inline-block; margin: 1rem 1rem 0 0; }
img { max-width: 32rem; width: 100%; background: #fff; }
pre { margin: 0; white-space: pre-wrap; }
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def page(title: str, sections: Mapping[str, Iterable[Html]]) -> str:
    """A whole document with a section for each heading. A section without content says so."""
    blocks = (
        f"<section><h2>{escape(heading)}</h2>{''.join(parts) or '<p>none</p>'}</section>"
        for heading, parts in sections.items()
    )
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    body = f"<h1>{escape(title)}</h1>{''.join(blocks)}"
    return f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n'


def table(rows: Sequence[Mapping[str, object]]) -> Html:
    """A table of rows with the same columns, except those that no row fills. Empty without rows."""
    if not rows:
        return Html()
    filled = [name for name in rows[0] if any(row[name] not in (None, "", (), [], {}) for row in rows)]
    head = "".join(f"<th>{escape(name)}</th>" for name in filled)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row[name])}</td>' for name in filled)}</tr>" for row in rows)
    return Html(f"<table><tr>{head}</tr>{body}</table>")


def details(summary: str, lines: Iterable[str]) -> Html:
    """Lines that are shown on a click; empty if there are none."""
    text = "\n".join(lines)
    return Html(f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>" if text else "")


def figure(file: Path, caption: str) -> Html:
    """An SVG file as an image, which runs no script."""
    source = f"data:image/svg+xml;base64,{b64encode(file.read_bytes()).decode()}"
    caption = escape(caption)
    return Html(f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>')


def _cell(value: object) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, datetime):
        return escape(f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}")
    if isinstance(value, float):
        return escape(f"{value:.6g}")
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(name))} = {_cell(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return "<br>".join(map(_cell, value))
    return "" if value is None else escape(str(value))
