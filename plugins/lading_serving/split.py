"""Split the requests of a public socket: a worker of the serving release passes some of them on to a canary."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from .choice import CANARY, CHOICE, COPIED, STABLE, is_uncounted
from .encoding import encoded
from .forward import Errand, Pool
from .later import Answering, Later
from .messages import Refused, Request, Response
from .shadow import Shadow, Turns
from .shares import Canary, Shares
from .spec import Limits

_METHODS = frozenset({"GET", "POST"})
_MOST_LINKS = 64
_BODIES = 4  # limit for all requests at the canary together, as a multiple of `max_body`


_NO_CANARY = Refused(400, f"the header {CHOICE} chooses the canary, but this service has none")


class Server(Turns, Protocol):
    """The parts of a server that a split needs."""

    limits: Limits
    admits: Callable[[Mapping[str, str]], bool] | None

    def call_regularly(self, callback: Callable[[], None]) -> None: ...


class Split:
    """Answers requests with `answer`, or lets the canary answer. Only requests to one of the `paths` are split.

    `refuse` answers those that neither release may answer. Those with `mark` in the header `UNCOUNTED` are not copied.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response],
        refuse: Callable[[Request, Refused], Response],
        paths: Collection[str],
        shares: Shares,
        server: Server,
        *,
        mark: str = "",
    ) -> None:
        limits = server.limits
        self._answer = answer
        self._refuse = refuse
        self._admits = server.admits
        self._paths = paths
        self._shares = shares
        self._mark = mark
        self._pool = Pool(server, _MOST_LINKS, _BODIES * limits.max_body, limits.max_unread)
        self._shadow = Shadow(shares, server)
        server.call_regularly(self._tidy)

    def __call__(self, request: Request) -> Response | Later:
        """Answer one request. Never raises."""
        canary = self._shares.canary
        if (canary is None and CHOICE not in request.headers) or not self._is_shared(request):
            return self._answer(request)
        if request.method not in _METHODS:
            return self._named(request, is_split=canary is not None)
        choice = request.headers.get(CHOICE)
        if choice not in {None, STABLE, CANARY}:
            return self._refuse(request, Refused(400, f"the header {CHOICE} is expected to be {STABLE} or {CANARY}"))
        if canary is None:
            return self._answer(request) if choice == STABLE else self._refuse(request, _NO_CANARY)
        if choice == CANARY or (choice is None and self._shares.takes_next(canary.weight)):
            return self._pass_on(request, canary, is_chosen=choice == CANARY)
        return self._answer_here(request)

    def _is_shared(self, request: Request) -> bool:
        """Whether both releases serve the path. A canary that asks for no key must not open the service."""
        return request.path in self._paths and (self._admits is None or self._admits(request.headers))

    def _named(self, request: Request, *, is_split: bool) -> Response:
        """The answer of this release, which is named if there is another one."""
        response = self._answer(request)
        if is_split:
            response.headers.append((CHOICE, STABLE))
        return response

    def _answer_here(self, request: Request) -> Response:
        canary = self._shares.canary
        started = time.perf_counter()
        response = self._answer(request)
        if canary and canary.shadow and canary.is_reachable and not is_uncounted(request.headers, self._mark):
            self._shadow.offer(canary, request, response, time.perf_counter() - started)
        response.headers.append((CHOICE, STABLE))
        return response

    def _pass_on(self, request: Request, canary: Canary, *, is_chosen: bool) -> Response | Later:
        if not canary.is_reachable or self._pool.is_full:
            return self._answer_instead(request, is_chosen=is_chosen)
        later = Later()

        def done(response: Response | None) -> None:
            if response is None or (_lacks_path(response) and not is_chosen):
                later.give(self._answer_instead(request, is_chosen=is_chosen))
            else:
                response.headers.append((CHOICE, CANARY))
                later.give(response)

        errand = Errand(canary.port, encoded(request), done)
        later.cancel = lambda: self._pool.cancel(errand)
        self._pool.send(errand)
        return later.response or later

    def _answer_instead(self, request: Request, *, is_chosen: bool) -> Response:
        """Answer in place of the canary, unless the client wants no other answer."""
        if is_chosen:
            return self._refuse(request, Refused(503, "the canary does not answer"))
        return self._answer_here(request)

    def _tidy(self) -> None:
        """Close the connections to a canary that has gone, and let nobody wait for one that is down."""
        canary = self._shares.canary
        if canary is None:
            self._pool.close_idle()
            self._shadow.stop()
        elif not canary.is_reachable:
            self._pool.abandon()
            self._shadow.stop()


def unless_copied(answer: Callable[[Request], Response], copied: Callable[[Request], Response]) -> Answering:
    """Answer the requests at a private socket. A copy is answered with `copied`, because no client waits for it."""
    return lambda request: copied(request) if COPIED in request.headers else answer(request)


def _lacks_path(response: Response) -> bool:
    """Whether the other release does not serve the path, like that of another model. Such an answer has no id."""
    return response.status == 404 and all(name.lower() != "x-request-id" for name, _ in response.headers)
