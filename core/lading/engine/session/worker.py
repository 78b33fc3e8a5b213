"""Run hooks in a worker thread. The calling thread handles the time limit and the signals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from ...errors import LadingError, OutcomeUnknown, PluginError
from .order import HOOK_TIMEOUT

if TYPE_CHECKING:
    from ...plugin.discovery import Installed

Result = TypeVar("Result")

# These hooks change or report something outside of the command. If one is late, only the target knows the outcome.
_EXTERNAL_HOOKS = frozenset(
    {
        "lading_connect",
        "lading_deploy",
        "lading_delete",
        "lading_image",
        "lading_keys",
        "lading_register",
        "lading_scoring_uri",
        "lading_shift",
        "lading_status",
        "lading_track",
    }
)
_GRACE_PERIOD = 10.0  # seconds for a hook to end after it was cancelled


class Limit(NamedTuple):
    """The time at which a call must end, on the monotonic clock, and the setting that gives it more time."""

    end: float | None
    setting: str = "--timeout"

    @classmethod
    def of(cls, end: float | None, seconds: float | None) -> Limit:
        """The earlier of the end of a stage and the limit of a single call that starts now."""
        if seconds is not None and (end is None or time.monotonic() + seconds < end):
            return cls(time.monotonic() + seconds, HOOK_TIMEOUT)
        return cls(end)


class _Call(threading.Thread, Generic[Result]):
    """A call in a thread that ends with the process, even if the hook never returns."""

    def __init__(self, function: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self.result: Result
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # the calling thread raises it again
            self.error = error


def call(
    function: Callable[[], Result],
    *,
    plugin: Installed,
    hook: str,
    cancel: threading.Event,
    limit: Limit,
) -> Result:
    """Call a hook in a worker thread. Returns its result, or raises its error.

    After the limit, `cancel` is set. If the hook does not end within the grace period,
    PluginError is raised, or OutcomeUnknown for a hook with external effects. An interrupt of the calling thread also
    cancels the hook and waits.
    """
    worker = _Call(function)
    try:
        worker.start()
        worker.join(None if limit.end is None else max(0.0, limit.end - time.monotonic()))
    except BaseException:
        cancel.set()
        if worker.is_alive():
            worker.join(_GRACE_PERIOD)
        raise
    if worker.is_alive():
        cancel.set()
        worker.join(_GRACE_PERIOD)
        raise _late(plugin, hook, limit.setting, hangs=worker.is_alive())
    if worker.error is not None:
        raise worker.error
    return worker.result


def _late(plugin: Installed, hook: str, setting: str, *, hangs: bool) -> LadingError:
    message = f"{plugin} did not end {hook} in time{' and does not react' if hangs else ''}"
    if hook in _EXTERNAL_HOOKS:
        return OutcomeUnknown(message, hint="run the same command again: it finds out what was done")
    more = f"run the same command again, or give it more time with {setting}"
    return PluginError(
        message, hint=f"{more}; if that does not help, report it to the authors of {plugin.distribution}"
    )
