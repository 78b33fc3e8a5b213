"""The page to try a model in a browser. It loads nothing from elsewhere, and sends requests only to its own service."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from .messages import Request, Response

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
VARIABLE = "LADING_PAGE"
"""The variable with the facts of the page, as JSON. Without it, the page is not served."""

_MOST_METRICS = 8
_COEFFICIENTS = ("coef_", "intercept")  # shown after the metrics, because a model can have many of them
_HEADERS = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", _POLICY), ("vary", "Accept")]

_NOT_KEPT = ("cache-control", "no-store")


def facts(service: str, release: int, model: str, metrics: Mapping[str, Any]) -> str:
    """The value of the variable for a release of a model, such as `price 3`."""
    numbers = [(name, _shown(value)) for name, value in metrics.items() if type(value) in (int, float)]
    numbers = sorted(numbers, key=lambda each: each[0].startswith(_COEFFICIENTS))[:_MOST_METRICS]
    return json.dumps({"service": service, "facts": {"release": str(release), "model": model, **dict(numbers)}})


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def wants_page(request: Request) -> bool:
    """Whether a browser asks. Probes and `curl` accept anything, and get the health check."""
    return request.weight("text/html") > 0


class Page:
    """The page of a service. `schema` is what its scoring script says of the model; empty if it says nothing."""

    def __init__(self, variable: str, schema: Mapping[str, Any]) -> None:
        example = schema.get("example")
        cells = example if isinstance(example, Mapping) else {}
        columns = [{**column, "example": cells.get(column["name"])} for column in schema.get("columns", ())]
        body = {"data": [] if example is None else [example]}
        self._content = {**json.loads(variable), "columns": columns, "body": body}

    def response(self, *, protected: bool = False) -> Response:
        """The page. That of a protected service is not kept by the browser, and shows that requests need a key."""
        content = {**self._content, "protected": True} if protected else self._content
        return _rendered(200, content, [_NOT_KEPT] if protected else [])

    def locked(self) -> Response:
        """The page of a protected service for a browser without a key. It asks for one and has nothing of the model."""
        return _rendered(401, None, [_NOT_KEPT])


def _rendered(status: int, content: Mapping[str, Any] | None, headers: list[tuple[str, str]]) -> Response:
    text = json.dumps(content).replace("<", "\\u003c")  # so that no value can end the script element
    return Response(status, _template().replace("CONTENT", text, 1).encode(), [*_HEADERS, *headers])


@cache
def _template() -> str:
    return resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
