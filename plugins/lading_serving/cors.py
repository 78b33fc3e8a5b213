"""Cross-origin headers for the origins in `AML_CORS_ORIGINS`, with the rules of Azure ML's server (flask-cors)."""

from __future__ import annotations

import re

from .messages import Request

_METHODS = ("GET", "POST")
_REGEX_CHARACTERS = frozenset("*\\]?$^[]()")


class Cors:
    """Allows access for `origins`: addresses, regular expressions or `*`, separated by commas."""

    def __init__(self, origins: str) -> None:
        names = [origin.strip() for origin in origins.split(",")]
        literal = sorted(name for name in names if _REGEX_CHARACTERS.isdisjoint(name))
        self._patterns = [_pattern(name) for name in names]
        self._varies = len(names) > 1 or not literal
        self._unasked = "*" if "*" in names else next(iter(literal), "")

    def headers(self, request: Request) -> list[tuple[str, str]]:
        asked = request.headers.get("origin", "")
        origin = asked if any(pattern.match(asked) for pattern in self._patterns) else ""
        if not asked:
            origin = self._unasked
        if not origin:
            return []
        granted = [("access-control-allow-origin", origin)]
        if request.method == "OPTIONS":
            granted += self._preflight(request)
        if self._varies and origin != "*":
            granted.append(("vary", "Origin"))
        return granted

    @staticmethod
    def is_preflight(request: Request) -> bool:
        """Whether a browser asks if it may send a request."""
        return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= request.headers.keys()

    def _preflight(self, request: Request) -> list[tuple[str, str]]:
        if request.headers.get("access-control-request-method", "").upper() not in _METHODS:
            return []
        asked = request.headers.get("access-control-request-headers", "")
        names = ", ".join(sorted(name.strip() for name in asked.split(",")))
        granted = [("access-control-allow-headers", names)] if asked else []
        return [*granted, ("access-control-allow-methods", ", ".join(_METHODS))]


def _pattern(origin: str) -> re.Pattern[str]:
    if origin == "*":
        return re.compile("")
    if _REGEX_CHARACTERS.isdisjoint(origin):
        origin = re.escape(origin) + r"\Z"
    return re.compile(origin, re.IGNORECASE)
