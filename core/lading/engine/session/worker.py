"""Hooks run in a worker thread; the calling thread keeps the deadline and the signals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from ...errors import LadingError, OutcomeUnknown, PluginError

if TYPE_CHECKING:
    from ...plugin.discovery import Installed

Result = TypeVar("Result")

# The hooks that work on what outlives the command, or say how it stands (a deploy is not known to have failed because
# nobody says so): how far one came that is late can only be read there.
_OUTSIDE = frozenset(
    {
        "lading_connect",
        "lading_deploy",
        "lading_delete",
        "lading_image",
        "lading_keys",
        "lading_register",
        "lading_scoring_uri",
        "lading_status",
        "lading_track",
    }
)
_GRACE = 10.0  # seconds that a hook may take to end once it has been told to


class _Call(threading.Thread, Generic[Result]):
    """One call in a thread that dies with the process, should the hook never return."""

    def __init__(self, function: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self.result: Result
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # carried to the calling thread, which raises it
            self.error = error


def call(
    function: Callable[[], Result],
    *,
    plugin: Installed,
    hook: str,
    cancel: threading.Event,
    deadline: float | None,
) -> Result:
    """Call a hook in a worker thread and return its result, or raise what it raised.

    `deadline` is on the monotonic clock; past it `cancel` is set and, once the hook has had its grace, PluginError is
    raised: OutcomeUnknown where the hook works on something outside. An interrupt of the calling thread cancels and
    waits likewise.
    """
    worker = _Call(function)
    try:
        worker.start()
        worker.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
    except BaseException:
        cancel.set()
        if worker.is_alive():
            worker.join(_GRACE)
        raise
    if worker.is_alive():
        cancel.set()
        worker.join(_GRACE)
        raise _late(plugin, hook, hangs=worker.is_alive())
    if worker.error is not None:
        raise worker.error
    return worker.result


def _late(plugin: Installed, hook: str, *, hangs: bool) -> LadingError:
    message = f"{plugin} did not end {hook} in time{' and does not react' if hangs else ''}"
    if hook in _OUTSIDE:
        return OutcomeUnknown(message, hint="run the same command again: it finds out what was done")
    more = "run the same command again, or give it more time with --timeout"
    return PluginError(message, hint=f"{more}; where that does not help, tell the authors of {plugin.distribution}")
