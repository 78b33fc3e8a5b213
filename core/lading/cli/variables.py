"""Read a file of environment variables: lines NAME=VALUE, quotes and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import BadInput

_FORM = "name a file of lines NAME=VALUE"
_LIMIT = 2**20  # bytes
_BLANK = re.compile(r"\s*(?:#[^\n]*)?(?:\n|\Z)")
_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_LINE = re.compile(r"[^\n]*")
_QUOTED = {"'": re.compile(r"'([^']*)'"), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read(file: Path) -> dict[str, str]:
    """The variables of a file. Of a name that is written twice, the last value counts.

    A value may be in single quotes, where every character is itself, or in double quotes, where `\\n`, `\\r`, `\\t`,
    `\\"`, `\\$` and `\\\\` are escapes; both may span lines. Any other value ends with its line, or before ` #`. Raises
    BadInput with the file and the line of a problem, and never shows a value.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {(error.strerror or str(error)).lower()}", hint=_FORM) from None
    if len(data) > _LIMIT:
        raise BadInput(f"{file} is larger than 1 MiB", hint=_FORM)
    try:
        return dict(_variables(data.decode("utf-8-sig").replace("\r\n", "\n")))
    except UnicodeDecodeError as error:
        wrong = _Wrong("not UTF-8", "save the file as UTF-8", data[: error.start].count(b"\n"))
    except _Wrong as error:
        wrong = error
    raise BadInput(f"{file}:{wrong.lines_before + 1}: {wrong}", hint=wrong.advice)


class _Wrong(ValueError):
    """A line that cannot be read, and what to do about it."""

    def __init__(self, what: str, advice: str, lines_before: int = 0) -> None:
        super().__init__(what)
        self.advice = advice
        self.lines_before = lines_before


def _variables(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        if blank := _BLANK.match(text, place):
            place = blank.end()
            continue
        try:
            name, value, end = _variable(text, place)
        except _Wrong as wrong:
            wrong.lines_before = text.count("\n", 0, place)
            raise
        yield name, value
        place = end


def _variable(text: str, start: int) -> tuple[str, str, int]:
    named = _NAME.match(text, start)
    if named is None:
        raise _Wrong("not NAME=VALUE", "begin a comment with #")
    value, end = _value(text, named.end())
    if "\0" in value:
        raise _Wrong(f"{named[1]} has a NUL character", "remove it")
    return named[1], value, end


def _value(text: str, start: int) -> tuple[str, int]:
    """The value that starts at `start`, and the place after its last line."""
    quote = text[start : start + 1]
    if quote not in ("'", '"'):
        line = _LINE.match(text, start)
        assert line is not None, "an empty line matches too"
        value = re.split(r"[ \t]#", line[0], maxsplit=1)[0].strip()
        return _without_references(value), line.end() + 1
    found = _QUOTED[quote].match(text, start)
    if found is None:
        raise _Wrong(f"the value begins with {quote} and does not end with it", "add the quote")
    end = _END.match(text, found.end())
    if end is None:
        raise _Wrong("text after the closing quote", "remove it, or quote the whole value")
    if quote == "'":
        return found[1], end.end()
    value = re.sub(r"\\(.)", _unescaped, _without_references(found[1]), flags=re.DOTALL)
    return value, end.end()


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[1])


def _without_references(value: str) -> str:
    """The value. Raises _Wrong if it looks as if it refers to another variable, because nothing would replace it."""
    if re.search(r"(?<!\\)\$\{", value):
        raise _Wrong("${…} is not replaced in this file", "write the value itself, or put it in single quotes")
    return value
