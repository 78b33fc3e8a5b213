"""From a call to its response: the access and the route."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from offline_azure import routing as azure
from offline_azure import sign_in
from offline_azure.door import Door, handled
from offline_azure.faults import Rule
from offline_azure.messages import Answer, Head, Refusal, Request, WrongShape
from offline_azure.routing import Route, find

from . import configurations, twins, visits
from .access import admit, expire
from .state import Hub
from .visits import API_VERSION, Visit

T = TypeVar("T")

PARTS = (twins, configurations)
SIGN_IN: list[Route[Visit]] = [route for routes in sign_in.ROUTES for route in routes.routes]
ROUTES = SIGN_IN + [route for part in PARTS for routes in part.ROUTES for route in routes.routes]


class App(Door):
    """One hub and the sign-in of its tenant, behind their proxy."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self.hub = hub

    def reset(self, hub: Hub) -> None:
        """Replace the state by `hub`."""
        self.faults.reset()
        self.hub.close()
        self.calls.reset()
        self.hub = hub

    def snapshot(self, read: Callable[[Hub], T]) -> T:
        """The result of `read` for the hub, while no other call changes it."""
        with self.hub.lock:
            self.hub.advance()
            return read(self.hub)

    def expire(self, head: Head) -> None:
        with self.hub.lock:
            expire(self.hub, head)

    def refused(self, host: str, refusal: Refusal) -> Answer:
        return visits.refused(refusal) if host == self.hub.host else azure.refused(host, refusal)

    def answer(self, request: Request, rule: Rule | None) -> Answer:
        with self.hub.lock:
            self.hub.advance()
            return self._route(request)

    def _route(self, request: Request) -> Answer:
        found = find(ROUTES, request)
        head = request.head
        if found is None or (found[0].signed_in and head.host != self.hub.host):
            raise Refusal(501, "NotImplemented", "the offline hub does not know this route")
        route, segments = found
        if route.signed_in:
            admit(self.hub, head)
            if not API_VERSION.fullmatch(head.query.get("api-version", "")):
                raise WrongShape(f"no api-version is called {head.query.get('api-version')!r}")
        answer = handled(route, Visit(request, segments, self.hub.tenant, self.hub))
        return answer if isinstance(answer, Answer) else answer()
