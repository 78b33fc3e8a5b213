"""Detect a terminal, and make text from elsewhere safe to print on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))  # characters that change the order of text on screen
_SURROGATES = range(0xD800, 0xE000)  # halves of characters, which no encoding has
_HARMFUL = (*_CONTROLS, *_DIRECTIONS, *_SURROGATES)
_HARMLESS = {**dict.fromkeys(_HARMFUL, "\N{REPLACEMENT CHARACTER}"), ord("\n"): "\n", ord("\t"): "\t"}


def plain(text: str) -> str:
    """The text without control characters and halves of characters. Line feeds and tabs stay."""
    return text.translate(_HARMLESS)


def one_line(text: str) -> str:
    """The text as `plain` gives it, on one line, so that text from elsewhere cannot look like other lines."""
    return plain(text).replace("\n", " ")


def indented(text: str) -> str:
    """The text as `plain` gives it, with all lines after the first indented."""
    first, *others = plain(text).split("\n")
    return "\n".join((first, *(line if line.startswith(" ") else f"  {line}" for line in others)))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal. None is a stream that the parent process closed."""
    return stream is not None and stream.isatty()
