"""The page to try a model in a browser. It loads nothing from elsewhere, and sends requests only to its own service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from .messages import Request, Response

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", _POLICY), ("vary", "Accept")]


def wants_page(request: Request) -> bool:
    """Whether a browser asks. Probes and `curl` accept anything, and get the health check."""
    accepted = request.headers.get("accept", "").lower().split(",")
    return any(each.partition(";")[0].strip() == "text/html" for each in accepted)


def page(service: str, facts: Mapping[str, str], columns: Sequence[Mapping[str, Any]], example: object) -> Response:
    """The page for a service. `columns` have a `name`, a `kind`, and if they are known `nullable`, `values`, `example`.

    Without columns, the form has one field with the JSON of `example`.
    """
    content = {"service": service, "facts": facts, "columns": columns, "example": example}
    text = json.dumps(content).replace("<", "\\u003c")  # so that no value can end the script element
    return Response(200, _template().replace("CONTENT", text, 1).encode(), list(_HEADERS))


@cache
def _template() -> str:
    return resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
