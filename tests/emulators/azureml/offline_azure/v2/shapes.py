"""The form of the bodies that Resource Manager accepts: unknown fields, missing fields and other types are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..messages import WrongShape
from ..routing import Visit
from ..state import Record


@dataclass(frozen=True)
class MapOf:
    """An object with any names. All its values have one form."""

    form: Any


@dataclass(frozen=True)
class ListOf:
    form: Any


def body(visit: Visit, form: Mapping[str, Any]) -> Record:
    """The JSON body of a call. Raises WrongShape if it does not have this form.

    A form is a type, a pattern of a text, a set of texts, MapOf, ListOf, or an object: forms by name. A name that ends
    with `!` is required, and another one can be missing or null.
    """
    found: Record = visit.request.json()
    check("the body", found, form)
    return found


def check(place: str, value: Any, form: Any) -> None:
    """Raise WrongShape, with the place, if a value does not have a form."""
    if isinstance(form, Mapping):
        _check_object(place, value, form)
    elif isinstance(form, MapOf):
        check(place, value, dict)
        for name, item in value.items():
            check(f"{place}.{name}", item, form.form)
    elif isinstance(form, ListOf):
        check(place, value, list)
        for item in value:
            check(f"{place}[]", item, form.form)
    elif not _fits(value, form):
        raise WrongShape(f"{place} is {value!r}")


def _check_object(place: str, value: Any, form: Mapping[str, Any]) -> None:
    check(place, value, dict)
    known = {name.rstrip("!"): (each, name.endswith("!")) for name, each in form.items()}
    for name in value.keys() - known.keys():
        raise WrongShape(f"{place} has the unknown field {name!r}")
    for name, (each, required) in known.items():
        if value.get(name) is not None:
            check(f"{place}.{name}", value[name], each)
        elif required:
            raise WrongShape(f"{place} lacks the field {name!r}")


def _fits(value: Any, form: Any) -> bool:
    if isinstance(form, re.Pattern):
        return isinstance(value, str) and form.fullmatch(value) is not None
    if isinstance(form, frozenset):
        return isinstance(value, str) and value.lower() in {text.lower() for text in form}
    if isinstance(value, bool):
        return form is bool
    return isinstance(value, form)
