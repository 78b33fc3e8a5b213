"""A terminal: whether there is one, and text from elsewhere made harmless for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # they show a line in another order than it has
_HARMLESS = {**dict.fromkeys((*_CONTROLS, *_DIRECTIONS), "\N{REPLACEMENT CHARACTER}"), ord("\n"): "\n", ord("\t"): "\t"}


def plain(text: str) -> str:
    """The text without control characters; line feeds and tabs stay."""
    return text.translate(_HARMLESS)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream; None is one that was closed by whoever started us."""
    return stream is not None and stream.isatty()
