"""From a call to its response: the sign-in and the route."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from . import aks, arm, artifacts, computes, discovery, history, images, metrics, models, operations, services, sign_in
from .blobs import BLOB_HOST
from .door import Door, handled
from .faults import Rule
from .machines import Machines
from .messages import Answer, HangUp, Head, Refusal, Request
from .routing import Later, Route, Visit, find, refused
from .state import World
from .v2 import assets, autoscale, deployments, endpoints, registries, rights
from .v2 import operations as lros
from .v2.gateway import HOST as SCORING_HOST

T = TypeVar("T")

PARTS = (sign_in, arm, aks, computes, discovery, history, metrics, artifacts, models, operations, services, images)
V2_PARTS = (rights, assets, registries, endpoints, deployments, lros, autoscale)
ROUTES: list[Route[Visit]] = [
    route for part in (*PARTS, *V2_PARTS) for routes in part.ROUTES for route in routes.routes
]


class App(Door):
    """The complete offline Azure, behind its proxy."""

    def __init__(self, world: World, machines: Machines) -> None:
        super().__init__()
        self.world = world
        self.machines = machines

    def reset(self, world: World) -> None:
        """Replace the state by `world`."""
        with self.machines.lock:
            self.faults.reset()
            self.machines.reset()
            self.calls.reset()
            self.world = world

    def snapshot(self, read: Callable[[World], T]) -> T:
        """The result of `read` for the world, while no other call changes it."""
        with self.machines.lock:
            return read(self.world)

    def expire(self, head: Head) -> None:
        with self.machines.lock:
            self.world.expire_tokens()

    def refused(self, host: str, refusal: Refusal) -> Answer:
        return refused(host, refusal)

    def answer(self, request: Request, rule: Rule | None) -> Answer:
        if request.head.host.endswith(BLOB_HOST):
            return self.machines.blobs.forward(request)
        front = self.machines.fronts.get(request.head.host)
        if front is not None:
            return front.answer(request)
        if request.head.host.endswith(SCORING_HOST):
            return self._score(request)
        with self.machines.lock:
            answer = self._route(request, rule)
        return answer if isinstance(answer, Answer) else answer()

    def _score(self, request: Request) -> Answer:
        """The answer of an online endpoint. A host that has none does not exist."""
        gateway = self.machines.gateways.get(request.head.host)
        if gateway is None:
            raise HangUp
        return gateway.answer(request)

    def _route(self, request: Request, rule: Rule | None) -> Answer | Later:
        found = find(ROUTES, request)
        if found is None:
            raise Refusal(501, "NotImplemented", "the offline azure does not know this route")
        route, segments = found
        if route.signed_in:
            self._check_token(request.head)
        return handled(route, Visit(request, segments, self.world, self.machines, rule))

    def _check_token(self, head: Head) -> None:
        token = head.headers.get("authorization", "").removeprefix("Bearer ")
        expiry = self.world.tokens.get(token)
        if expiry is None:
            raise Refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if expiry <= time.time():
            raise Refusal(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")
