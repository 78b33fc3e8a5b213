"""The path of a call through any emulator: fault, response and log."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace

from .calls import CallLog, summary
from .faults import Faults, Rule
from .messages import Answer, HangUp, Head, Refusal, Request, WrongShape, as_json
from .routing import Later, Route, V
from .wire import Body


class Door(ABC):
    """The handler behind a listener. A subclass defines the responses."""

    def __init__(self) -> None:
        self.calls = CallLog()
        self.faults = Faults()

    @abstractmethod
    def answer(self, request: Request, rule: Rule | None) -> Answer:
        """The response of the service. Raises Refusal."""

    @abstractmethod
    def refused(self, host: str, refusal: Refusal) -> Answer:
        """A refusal in the format of the service on `host`."""

    @abstractmethod
    def expire(self, head: Head) -> None:
        """Let the credentials issued so far expire, just before this call."""

    def __call__(self, head: Head, body: Body) -> Answer:
        rule = self.faults.meet(head)
        call = self.calls.begin(head, rule.effect if rule else None)
        if rule is not None:
            self._before(rule, head, body)
        request = Request(head, body.read())
        call.body = summary(head, request.body)
        try:
            answer = _forced(rule) or self.answer(request, rule)
        except Refusal as refusal:
            if isinstance(refusal, WrongShape) or refusal.status == 501:
                self.calls.fail(call, refusal.message)
            answer = self.refused(head.host, refusal)
        if rule is not None and rule.effect == "drop_after":
            raise HangUp
        if rule is not None and rule.effect == "drip":
            answer = replace(answer, seconds=rule.seconds)
        call.status = answer.status
        return answer

    def _before(self, rule: Rule, head: Head, body: Body) -> None:
        if rule.effect == "cut_upload":
            body.read(int(head.headers.get("content-length", 0)) // 2)
            raise HangUp
        if rule.effect == "black_hole":
            self.faults.hold()
            raise HangUp
        if rule.effect == "delay":
            time.sleep(rule.seconds)
        if rule.effect == "drop_before":
            raise HangUp
        if rule.effect == "expire_tokens":
            self.expire(head)


def handled(route: Route[V], visit: V) -> Answer | Later:
    """The response of the route's handler. Raises WrongShape if the handler does not understand the request."""
    try:
        return route.handler(visit)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WrongShape(f"the request is not understood: {type(error).__name__}: {error}") from error


def _forced(rule: Rule | None) -> Answer | None:
    if rule is None or rule.effect != "answer":
        return None
    if isinstance(rule.body, str):
        return Answer(rule.status, rule.body.encode(), {"Content-Type": "text/plain", **rule.headers})
    answer = as_json(rule.body or {}, rule.status)
    return replace(answer, headers={**answer.headers, **rule.headers})
