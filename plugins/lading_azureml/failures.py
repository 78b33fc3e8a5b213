"""A failure of Azure: its status, code, message and retry time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lading import retry_after

from .senders import is_page, read_body
from .text import clean

# The text of MSAL for a refused request of an authority's addresses.
_DISCOVERY = re.compile(r"OIDC Discovery failed on (\S+)\. HTTP status: (\d+), Error: (.*)", re.DOTALL)


@dataclass(frozen=True)
class Failure:
    """The details of a failed call. `status` is None if nobody answered, or if the answer came without an error.

    `host` is the sender if it is known. `page` is true for a web page, which is never from Azure; `message` is then its
    title. `unsigned` is true if the sign-in failed.
    """

    status: int | None
    code: str
    message: str
    retry_after: float | None
    answered: bool = True
    host: str = ""
    page: bool = False
    unsigned: bool = False

    @property
    def said(self) -> str:
        """The message with its code, for people."""
        return f"{self.message} ({self.code})" if self.code and self.code not in self.message else self.message


def of_answer(status: int, headers: Mapping[str, str], text: str, *, host: str, otherwise: str = "") -> Failure:
    """The failure that an answer describes. `otherwise` is the message of an answer without one."""
    found = {name.lower(): value for name, value in headers.items()}
    body = read_body(text, found)
    return Failure(
        status,
        body.code,
        clean(body.message or ("" if body.page else body.code or otherwise)),
        retry_after(found.get("retry-after"), date=found.get("date")),
        host=host,
        page=body.page,
    )


def of_page(error: BaseException) -> Failure | None:
    """The failure of a sign-in that got a web page for an answer; None if it did not."""
    for cause in causes(error):
        found = _DISCOVERY.search(str(cause))
        if found and is_page(found[3]):
            return of_answer(int(found[2]), {}, found[3], host=urlsplit(found[1]).hostname or "")
        if isinstance(cause, json.JSONDecodeError) and is_page(cause.doc):
            return Failure(None, "", read_body(cause.doc, {}).message, None, page=True)
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all its causes, each once."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        cause = queue.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            queue += [getattr(cause, "inner_exception", None), cause.__cause__, cause.__context__]
            yield cause
