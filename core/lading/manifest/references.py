"""References in values: `${NAME}` stands for a variable of the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ..model import Json
from .records import Path_
from .source import forbidden

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


class BadReference(ValueError):
    """A reference without a usable value."""


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Replace each `${NAME}` in a text, and `$${` by `${`. Raises BadReference."""
    return _REFERENCE.sub(partial(_replace, environ), text) if "${" in text else text


def _replace(environ: Mapping[str, str], match: re.Match[str]) -> str:
    if match[0] == "$${":
        return "${"
    if match[1] is None:
        raise BadReference("malformed reference: write ${NAME}, or $${ for the characters ${ themselves")
    value = environ.get(match[1])
    if value is None:
        raise BadReference(f"the environment variable {match[1]} is not set")
    reason = forbidden(value)
    if reason:
        raise BadReference(f"the environment variable {match[1]} has a value that cannot be used: {reason}")
    return value


def expand_all(value: Json, environ: Mapping[str, str], report: Callable[[Path_, str], None], path: Path_ = ()) -> Json:
    """Expand all texts in a value. A text that cannot be expanded stays as it is, and `report` is called."""
    if isinstance(value, dict):
        return {key: expand_all(item, environ, report, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [expand_all(item, environ, report, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return expand(value, environ)
    except BadReference as error:
        report(path, str(error))
        return value


def escaped(value: Json) -> Json:
    """Escape `${` in all texts of a value, so that `expand_all` returns the same value."""
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def names(value: Json) -> Iterator[str]:
    """The variables that a value refers to."""
    if isinstance(value, str):
        yield from filter(None, _REFERENCE.findall(value))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from names(item)
