"""A thread that delivers events to one observer. A slow or failing observer does not disturb the command."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import Interrupted, LadingError

if TYPE_CHECKING:
    from ...model import Event


class Observer:
    """Delivers events in order, in its own thread. `plugin` names the plugin and its distribution."""

    def __init__(self, name: str, plugin: str, deliver: Callable[[Event], None]) -> None:
        self.name = name
        self._plugin = plugin
        self._deliver = deliver
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"observer-{name}", daemon=True)
        self._thread.start()

    def receive(self, event: Event) -> None:
        self._queue.put(event)

    def finish(self, limit: float) -> str | None:
        """Wait up to `limit` seconds for its end. Returns the problem, if any."""
        self._queue.put(None)
        self._thread.join(limit)
        return f"{self._plugin} did not end lading_observe in time" if self._thread.is_alive() else self._problem

    def _run(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._deliver(event)
            except (LadingError, Interrupted) as error:
                self._problem = error.message
