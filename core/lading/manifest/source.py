"""Decode the bytes of a manifest, and reject forbidden characters before a YAML parser sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..errors import BadInput, ManifestError, Problem

MAX_BYTES = 2**20
_MAX_SHOWN = 20

# A byte that is not UTF-8 decodes to a lone surrogate. U+0085, U+2028 and U+2029 end a line only for some YAML parsers.
_FORBIDDEN = "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_SPACES = str.maketrans("", "", "\t\n\r")


def read_bytes(file: Path) -> bytes:
    """The bytes of a manifest. Raises BadInput if it cannot be read, and ManifestError if it exceeds 1 MiB."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "name a manifest, or write one with `lading init`"
        raise BadInput(f"no such manifest: {file}", hint=hint) from None
    except OSError as error:
        raise BadInput(f"manifest {file} cannot be read: {error.strerror}", hint="name a readable YAML file") from None
    if len(data) > MAX_BYTES:
        raise ManifestError((Problem(str(file), 0, 0, "", "larger than 1 MiB: keep data in separate files"),))
    return data


def decode(data: bytes, file: str) -> str:
    """The text, without a byte order mark. Raises ManifestError for bad UTF-8 and control characters."""
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    problems = tuple(_problem(text, match, file) for match in islice(_forbidden(text), _MAX_SHOWN))
    if problems:
        raise ManifestError(problems)
    return text


def forbidden(text: str) -> str | None:
    """The reason why a text contains a forbidden character, even as an escape. None if all characters are allowed."""
    match = next(_forbidden(text), None)
    return _reason(match[0]) if match else None


def _forbidden(text: str) -> Iterator[re.Match[str]]:
    # Printable text has no forbidden character. Compiling the expression takes longer than reading a manifest.
    return iter(()) if text.translate(_SPACES).isprintable() else re.finditer(_FORBIDDEN, text)


def _problem(text: str, match: re.Match[str], file: str) -> Problem:
    lines = re.split("\r\n|\n|\r", text[: match.start()])
    return Problem(file, len(lines), len(lines[-1]) + 1, "", _reason(match[0]))


def _reason(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"not UTF-8 (byte 0x{code - 0xDC00:02x}): save the text as UTF-8"
    return f"the character U+{code:04X} is not allowed: remove it"
