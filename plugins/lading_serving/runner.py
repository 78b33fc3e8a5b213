"""Run releases: a loop over their workers, their sockets and the signals to end."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from .board import Board, board_file
from .lineage import adopt, end_others, reap_others
from .listeners import Listeners
from .reception import Reception
from .release import Release
from .replies import figures
from .shares import Shares, shares_file

ORPHANS = 1.0  # seconds to end the processes that a worker has left

_VIGIL = 10.0  # seconds between two steps without an event


class Runner:
    """Takes steps with its releases. A subclass decides which releases there are, and calls `_loop`."""

    owns_session = False  # whether its keeper leads the session

    def __init__(self, kept: int) -> None:
        self.listeners = Listeners(kept=kept)
        # Workers read one end. The other end closes when this process ends for any reason.
        self.lifeline, self._held = os.pipe()
        self.reception = Reception(self)
        self.board_file = board_file()
        self.board = Board(self.board_file)
        self.shares = Shares(shares_file())
        self._selector = selectors.DefaultSelector()
        self._releases: dict[int, Release] = {}
        self._terminated = False
        self._workers: frozenset[int] = frozenset()
        self._child_ended = False

    @property
    def is_settled(self) -> bool:
        return True

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def unwatch(self, fd: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(fd)

    def attend(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        """Call back at events of a file, in place of earlier ones. Without events, this ends."""
        self.unwatch(fd)
        if events:
            self._selector.register(fd, events, callback)

    def _loop(self, steer: Callable[[], bool]) -> None:
        """Call `steer` after each event, until it returns False."""
        while steer():
            for key, _ in self._selector.select(self._next_due()):
                key.data()

    def _tend(self) -> None:
        for release in self._releases.values():
            tend(release)
        self._reap()

    def _settle(self, number: int | None, candidate: int | None, canary: int | None = None) -> None:
        """Let a release serve, and retire all others but the candidate and the canary."""
        if canary in self._releases:
            self._releases[canary].stand_beside()
        self._switch(number, {candidate, canary})
        self._receive(number)
        self._reap()
        self._end_orphans()

    def _switch(self, number: int | None, others: set[int | None]) -> None:
        """Promote the release that should serve. The previous one is retired when the new one accepts."""
        serving = self._releases.get(number) if number is not None else None
        if serving:
            serving.promote()
        for release in self._releases.values():
            if release.spec.number in {number, *others}:
                continue
            if serving is None:
                release.retire("stop")
            elif serving.phase == "serving" or not release.is_promoted:
                release.retire("drain")

    def _receive(self, number: int | None) -> None:
        """Accept in place of workers that are all stuck or starting again."""
        serving = self._releases.get(number) if number is not None else None
        if (
            serving is None
            or serving.public is None
            or not serving.has_served
            or any(release.is_attended for release in self._releases.values() if release.public is serving.public)
        ):
            self.reception.close()
        else:
            hosts, trouble = serving.spec.hosts_at(serving.public), serving.trouble_of_health
            self.reception.open(
                serving.public,
                hosts,
                trouble,
                serving.recorder,
                figures=partial(figures, serving.spec.env, self.board),
                certificate=serving.certificate,
            )

    def _reap(self) -> None:
        for number, release in list(self._releases.items()):
            if release.is_gone:
                release.close()
                del self._releases[number]
        self.listeners.keep_only([release.public for release in self._releases.values() if release.public])

    def _end_orphans(self) -> None:
        """Kill the processes that an ended worker has left, even if they left its process group."""
        before, self._workers = self._workers, frozenset().union(*(each.pids for each in self._releases.values()))
        if before - self._workers:
            if left := end_others(self._workers, ORPHANS, owns_session=self.owns_session):
                sys.stderr.write(f"these processes of an ended worker could not be ended: {left}\n")
        elif self._child_ended:
            reap_others(self._workers)
        self._child_ended = False

    def _next_due(self) -> float:
        dues = [release.next_due() for release in self._releases.values()]
        return min(_VIGIL, max(0.0, min([self.reception.next_due(), *dues]) - time.monotonic()))

    def _watch_signals(self) -> None:
        adopt()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.watch(ours.fileno(), lambda: self._on_signals(ours))

    def _on_signals(self, wakeup: socket.socket) -> None:
        received = {*wakeup.recv(64)}
        self._child_ended |= signal.SIGCHLD in received
        self._terminated |= not received.isdisjoint({signal.SIGTERM, signal.SIGINT})


def tend(release: Release) -> None:
    """Tend a release. A bug in one release must not end the others."""
    try:
        release.tend()
    except Exception as error:
        sys.stderr.write(traceback.format_exc())
        release.trouble(f"{type(error).__name__}: {error}")
