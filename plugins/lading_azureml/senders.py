"""The body of an error: its code and its message, without any markup."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

_PAGE = re.compile(r"\s*(<!doctype html|<html)", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)\b[^>]*>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_CODE = re.compile(r"<Code>([^<]*)</Code>", re.IGNORECASE)
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


class Body(NamedTuple):
    """What an error says. `page` is true for a web page, whose title is the message."""

    code: str
    message: str
    page: bool = False


def is_page(text: str) -> bool:
    return bool(_PAGE.match(_without_mark(text)))


def read_body(text: str, headers: Mapping[str, str]) -> Body:
    """Read JSON (at the top level or under `error`), XML, a web page or plain text. The names of headers are in lower
    case.
    """
    text = _without_mark(text)
    code = headers.get("x-ms-error-code", "")
    if is_page(text):
        title = _TITLE.search(text)
        return Body("", " ".join(html.unescape(_TAG.sub("", title[2])).split()) if title else "", page=True)
    if text.startswith("<"):
        named, said = _CODE.search(text), _MESSAGE.search(text)
        lines = html.unescape(said[1]).strip().splitlines() if said else []
        return Body(named[1] if named else code, lines[0] if lines else "")
    try:
        value = json.loads(text)
    except ValueError:
        return Body(code, text)
    found, message = _from_json(value)
    return Body(found or code, message)


def _without_mark(text: str) -> str:
    """The text without a byte order mark, also one that was decoded as Latin-1."""
    return text.removeprefix("\ufeff").removeprefix("\xef\xbb\xbf")


def _from_json(value: object) -> tuple[str, str]:
    """The code and the message of Azure's JSON, of a registry's, and of a sign-in's."""
    if not isinstance(value, dict):
        return "", ""
    if value.get("error_description"):
        return "", str(value["error_description"])
    listed = value.get("errors")
    inner = listed[0] if isinstance(listed, list) and listed else value.get("error") or value
    if not isinstance(inner, dict):
        return "", str(inner)
    details = [str(item.get("message")) for item in inner.get("details") or [] if isinstance(item, dict)]
    message = ": ".join(filter(None, [str(inner.get("message") or ""), *details]))
    return str(inner.get("code") or ""), message
