"""Messages of Azure ML that hold JSON, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from lading import Json
from lading_azureml.text import clean

_START = '{"errors"'


def plain(message: str) -> str:
    """The message with the texts of its JSON in place of the JSON, such as `{"errors": {"VmSize": ["…"]}}`.

    It is cleaned again: the JSON may have escaped signatures and control characters.
    """
    start = message.find(_START)
    if start < 0:
        return message
    with suppress(ValueError, RecursionError):
        value, end = json.JSONDecoder().raw_decode(message, start)
        return clean(message[:start] + ": ".join(_texts(value)) + message[end:])
    return message


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
