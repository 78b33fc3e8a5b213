"""Fit a table into the width of a terminal: columns are left out, and then long texts are shortened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len, set_cell_size

Columns = Mapping[str, Sequence[str]]
"""The texts of each column, by its name."""

GAP = 2  # spaces between two columns
_READABLE = 20  # a text that is cut to this width still says something
_CUT = "…"


def fitted(columns: Columns, width: int, *, less: Sequence[str], whole: Collection[str]) -> Columns:
    """The columns in at most `width` characters, if that is possible.

    Empty columns are left out, and then those of `less` in their order, until each text has room for twenty
    characters. Then the widest columns are shortened. Those of `whole` are not.
    """
    if _total(_sizes(columns)) <= width:
        return columns
    kept = {name: texts for name, texts in columns.items() if any(texts)}
    for name in less:
        if _total(_readable(kept, whole)) <= width:
            break
        kept.pop(name, None)
    room = _room(_sizes(kept), width, whole)
    return {name: [shortened(text, room[name]) for text in texts] for name, texts in kept.items()}


def _readable(columns: Columns, whole: Collection[str]) -> dict[str, int]:
    """The widths in which a text still says something."""
    return {name: size if name in whole else min(size, _READABLE) for name, size in _sizes(columns).items()}


def _sizes(columns: Columns) -> dict[str, int]:
    return {name: max(cell_len(name), *map(cell_len, texts)) for name, texts in columns.items()}


def _total(sizes: Mapping[str, int]) -> int:
    return sum(sizes.values()) + GAP * (len(sizes) - 1)


def _room(sizes: Mapping[str, int], width: int, whole: Collection[str]) -> dict[str, int]:
    """The width of each column. The widest one is made smaller, again and again, but not smaller than its name."""
    room = {name: size if name in whole else min(size, width) for name, size in sizes.items()}
    while _total(room) > width:
        able = [name for name, size in room.items() if name not in whole and size > cell_len(name)]
        if not able:
            break
        room[max(able, key=room.__getitem__)] -= 1
    return room


def shortened(text: str, width: int) -> str:
    """The text in at most `width` characters. A word keeps its end, which often has a number; a sentence does not."""
    if cell_len(text) <= width:
        return text
    tail = text[len(text) - width // 4 :] if " " not in text else ""
    tail = tail if 2 * cell_len(tail) <= width else ""
    return f"{set_cell_size(text, max(0, width - cell_len(tail) - 1)).rstrip()}{_CUT}{tail}"
