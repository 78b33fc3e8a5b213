"""Watch a plugin from inside the deploying process: what its hooks answer, intend, print, and whether they sleep.

A `Witnessed` plugin is a bound plugin like any other, so the engine drives it in the usual way.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from types import FrameType

from ..base.redaction import SHORTEST
from ..engine.session.context import HookContext
from ..errors import LadingError
from ..model import Keys, Ready, Secret
from ..plugin.bound import BoundPlugin
from ..plugin.discovery import Installed
from ..store.codec import to_json

FIRST_INTENT, FIRST_STEP, LAST_STEP = "first intent", "first step", "last step"


_INNER = ("lading_connect", "lading_describe", "lading_invoke")
"""The hooks whose answers do not leave the process as records."""


@dataclass
class HookCall:
    """One call of a hook. `slept` names the places in the plugin. `unfit` is the reason why the answer cannot be
    serialized.
    """

    hook: str
    answer: str = ""
    intents: list[str] = field(default_factory=list)
    printed: str = ""
    slept: list[str] = field(default_factory=list)
    unfit: str = ""
    text: str = field(default="", repr=False)


class Witness:
    """All calls of one process. With `stop`, the process kills itself with SIGKILL at that point of a deploy."""

    def __init__(self, stop: str = "") -> None:
        self.calls: list[HookCall] = []
        self.secrets: dict[str, str] = {}
        self._stop = stop
        self._module = ""

    @contextmanager
    def call(self, plugin: Installed, hook: str) -> Iterator[HookCall]:
        """Watch one call. Output during the call is kept away from stdout."""
        self._module = plugin.value.partition(":")[0].partition(".")[0]
        call = HookCall(hook)
        self.calls.append(call)
        printed = io.StringIO()
        sys.setprofile(self._profile)  # of this thread; `time.sleep` raises no audit event before Python 3.13
        try:
            with redirect_stdout(printed):
                yield call
        finally:
            sys.setprofile(None)
            call.printed = printed.getvalue()

    def answered(self, call: HookCall, answer: object) -> None:
        """Record an answer, and stop if this was requested."""
        call.answer = type(answer).__name__
        if isinstance(answer, Keys):
            keys = (answer.primary, answer.secondary)
            self.secrets |= {f"key {number}": key.reveal() for number, key in enumerate(keys, 1) if key}
        elif call.hook not in _INNER:
            call.unfit, call.text = _unfit(answer), f"{answer!r}"
        if call.hook == "lading_deploy":
            self.reached(FIRST_STEP)
            if isinstance(answer, Ready):
                self.reached(LAST_STEP)

    def reached(self, point: str) -> None:
        if point == self._stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def leaks(self, place: str, text: str) -> list[str]:
        """The secrets that appear in a text."""
        known = self.secrets.items()
        return [f"{place} shows {name}" for name, value in known if len(value) >= SHORTEST and value in text]

    def _profile(self, frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and function is time.sleep and self._is_the_plugins(frame):
            code = frame.f_code
            self.calls[-1].slept.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}")

    def _is_the_plugins(self, frame: FrameType) -> bool:
        name = str(frame.f_globals.get("__name__", ""))
        return name == self._module or name.startswith(f"{self._module}.")


class Witnessed(BoundPlugin):
    """A bound plugin that reports every call to a witness."""

    def __init__(self, installed: Installed, witness: Witness) -> None:
        self._witness = witness
        super().__init__(installed)

    def _relay(self, hook: str, **arguments: object) -> object:
        with self._witness.call(self.installed, hook) as call:
            context = arguments.get("context")
            if isinstance(context, HookContext):
                arguments["context"] = WitnessedContext(**vars(context), witness=self._witness, call=call)
            answer = super()._relay(hook, **arguments)
            self._witness.answered(call, answer)
        return answer


@dataclass(frozen=True, kw_only=True)
class WitnessedContext(HookContext):
    """A context that records the secrets given to a hook and its intents."""

    witness: Witness
    call: HookCall

    def secret(self, name: str) -> Secret:
        found = super().secret(name)
        self.witness.secrets[f"${{{name}}}"] = found.reveal()
        return found

    def intend(self, name: str) -> None:
        super().intend(name)
        self.call.intents.append(name)
        self.witness.reached(FIRST_INTENT)


def _unfit(answer: object) -> str:
    """Why an answer cannot be pickled or written as JSON; empty if it can."""
    try:
        same: bool = pickle.loads(pickle.dumps(answer)) == answer
        to_json(answer)
    except LadingError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "" if same else "it is not equal to its pickled copy"
