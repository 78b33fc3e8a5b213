"""From a call to its answer: the fault that it meets, the sign-in, the route, the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from . import arm, artifacts, computes, discovery, history, images, metrics, models, operations, services, sign_in
from .blobs import BLOB_HOST
from .calls import Call, CallLog, summary
from .faults import Faults, Rule
from .machines import Machines
from .messages import Answer, HangUp, Head, Refusal, Request, WrongShape, as_json
from .routing import Later, Route, Visit, find, refused
from .state import World
from .wire import Body

T = TypeVar("T")

PARTS = (sign_in, arm, computes, discovery, history, metrics, artifacts, models, operations, services, images)
ROUTES: list[Route] = [route for part in PARTS for routes in part.ROUTES for route in routes.routes]


class App:
    """The whole of the offline Azure, behind its proxy."""

    def __init__(self, world: World, machines: Machines) -> None:
        self.world = world
        self.machines = machines
        self.calls = CallLog()
        self.faults = Faults()

    def __call__(self, head: Head, body: Body) -> Answer:
        rule = self.faults.meet(head)
        call = self.calls.begin(head, rule.effect if rule else None)
        if rule is not None:
            self._before(rule, head, body)
        request = Request(head, body.read())
        call.body = summary(head, request.body)
        answer = _forced(rule) or self._effect(request, call, rule)
        if rule is not None and rule.effect == "drop_after":
            raise HangUp
        call.status = answer.status
        return answer

    def reset(self, world: World) -> None:
        """Forget everything, and go on with `world`."""
        with self.machines.lock:
            self.faults.reset()
            self.machines.reset()
            self.calls.reset()
            self.world = world

    def snapshot(self, read: Callable[[World], T]) -> T:
        """What `read` makes of the world while nothing else happens in it."""
        with self.machines.lock:
            return read(self.world)

    def _before(self, rule: Rule, head: Head, body: Body) -> None:
        if rule.effect == "cut_upload":
            body.read(int(head.headers.get("content-length", 0)) // 2)
            raise HangUp
        if rule.effect == "black_hole":
            self.faults.hold()
            raise HangUp
        if rule.effect == "drop_before":
            raise HangUp
        if rule.effect == "expire_tokens":
            with self.machines.lock:
                self.world.expire_tokens()

    def _effect(self, request: Request, call: Call, rule: Rule | None) -> Answer:
        if request.head.host.endswith(BLOB_HOST):
            return self.machines.blobs.forward(request)
        front = self.machines.fronts.get(request.head.host)
        if front is not None:
            return front.answer(request)
        try:
            with self.machines.lock:
                answer = self._route(request, rule)
            return answer if isinstance(answer, Answer) else answer()
        except Refusal as refusal:
            if isinstance(refusal, WrongShape) or refusal.status == 501:
                self.calls.fail(call, refusal.message)
            return refused(request.head.host, refusal)

    def _route(self, request: Request, rule: Rule | None) -> Answer | Later:
        found = find(ROUTES, request)
        if found is None:
            raise Refusal(501, "NotImplemented", "the offline azure does not know this route")
        route, segments = found
        if route.signed_in:
            self._check_token(request.head)
        try:
            return route.handler(Visit(request, segments, self.world, self.machines, rule))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WrongShape(f"the request is not understood: {type(error).__name__}: {error}") from error

    def _check_token(self, head: Head) -> None:
        token = head.headers.get("authorization", "").removeprefix("Bearer ")
        expiry = self.world.tokens.get(token)
        if expiry is None:
            raise Refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        if expiry <= time.time():
            raise Refusal(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")


def _forced(rule: Rule | None) -> Answer | None:
    if rule is None or rule.effect != "answer":
        return None
    if isinstance(rule.body, str):
        return Answer(rule.status, rule.body.encode(), {"Content-Type": "text/plain", **rule.headers})
    answer = as_json(rule.body or {}, rule.status)
    return replace(answer, headers={**answer.headers, **rule.headers})
