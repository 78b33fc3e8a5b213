"""Convert the text of a variable to the number or the boolean that its option takes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ..model import Json
from .records import Path_

_CONVERTED = (bool, int, float)
_TEXT = (str, Path, Any, object)


def convert(hint: Any, value: Json, written: Json, path: Path_ = ()) -> Json:
    """The value of the type `hint` with its variables converted. `written` is the value with `${NAME}`."""
    if isinstance(written, dict):
        return {key: convert(hint, value[key], item, (*path, key)) for key, item in written.items()}
    if isinstance(written, list):
        return [convert(hint, value[index], item, (*path, index)) for index, item in enumerate(written)]
    return _typed(hint, path, value) if isinstance(written, str) and "${" in written else value


def _typed(hint: Any, path: Path_, text: str) -> Json:
    """The value that an expanded text means at `path` in a value of the type `hint`.

    An option that takes text keeps it. Otherwise a number or a boolean is read as in YAML. A text that is neither is
    returned unchanged, so that the check reports it.
    """
    from .scalars import BadScalar, plain_scalar  # a known manifest without variables does not need them
    from .unions import bare_type, types_at

    choices = [choice for member in types_at(hint, path) for choice in _choices(bare_type(member))]
    if any(choice in _TEXT or choice == text for choice in choices):
        return text
    if not any(choice in _CONVERTED or isinstance(choice, _CONVERTED) for choice in choices):
        return text
    try:
        value = plain_scalar(text)
    except BadScalar:
        return text
    return value if isinstance(value, _CONVERTED) else text


def _choices(member: Any) -> tuple[Any, ...]:
    """The values that a type lists, or the type itself."""
    if get_origin(member) is Literal:
        return get_args(member)
    if isinstance(member, type) and issubclass(member, Enum):
        return tuple(choice.value for choice in member)
    return (member,)
