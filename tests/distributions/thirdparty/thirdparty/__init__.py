"""Plugins of every role. They record their calls, one per line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from lading import Ejected, Json, KeyNotReadable, LadingError, Listed, Listing, Measured, NotSignedIn, State, Transient

Wrong = str | Listing | Measured | Ejected
"""An answer that no hook may give."""


def note(hook: str, **facts: Json) -> Wrong | None:
    """Write one call to HOOK_LOG. HOOK_FAULT can request a fault, as `hook:fault` or `hook@target:fault`.

    Returns the faulty answer of the hook, or None if the hook should continue.
    """
    log = os.environ.get("HOOK_LOG")
    if log:
        with Path(log).open("a") as file:
            file.write(json.dumps([hook, facts]) + "\n")
    wanted, _, fault = os.environ.get("HOOK_FAULT", "").partition(":")
    if wanted in (hook, f"{hook}@{facts.get('target')}"):
        return FAULTS[fault]()
    return None


def _raise() -> NoReturn:
    raise ValueError("the connection broke")


def _exit() -> NoReturn:
    raise SystemExit(3)


def _hang() -> NoReturn:
    import time

    while True:
        time.sleep(60)


def _cancel() -> NoReturn:
    import asyncio

    raise asyncio.CancelledError


def _give_up() -> NoReturn:
    raise LadingError("the platform is out of order", hint="restart the platform")


def _end_well() -> NoReturn:
    class Calm(LadingError):
        exit_code = 0

    raise Calm("nothing is wrong")


def _hide_key() -> NoReturn:
    raise KeyNotReadable("this sign-in lacks the action listKeys")


def _expire() -> NoReturn:
    raise NotSignedIn("the session has expired", hint="sign in to the platform again")


def _fail_once() -> NoReturn:
    del os.environ["HOOK_FAULT"]
    raise Transient("the platform is busy")


def _busy() -> NoReturn:
    raise Transient("the platform is busy")


def _raise_and_be_busy() -> NoReturn:
    """Fail now, and let each later step of the deploy fail too."""
    os.environ["HOOK_FAULT"] = "lading_deploy:busy"
    raise ValueError("the connection broke")


def _print() -> None:
    import subprocess
    import sys

    print("the plugin was here")
    subprocess.run([sys.executable, "-c", "print('so was its child')"], check=True)


def _misnumbered() -> Listed:
    return Listed(name="server", service="", target="", state=State.RUNNING, release="1")  # type: ignore[arg-type]


def _leak() -> NoReturn:
    raise ValueError(f"{os.environ['HOSTING_PASSWORD']} is not the password")


FAULTS: dict[str, Callable[[], Wrong | None]] = {
    "raises": _raise,
    "busy": _busy,
    "raises-then-busy": _raise_and_be_busy,
    "exits": _exit,
    "hangs": _hang,
    "cancels": _cancel,
    "gives-up": _give_up,
    "ends-well": _end_well,
    "expires": _expire,
    "fails-once": _fail_once,
    "hides-key": _hide_key,
    "prints": _print,
    "leaks": _leak,
    "wrong-type": lambda: "a string",
    "wrong-item": lambda: Listing(objects=("a string",)),  # type: ignore[arg-type]
    "wrong-metric": lambda: Measured(metrics={"weight": "heavy"}),  # type: ignore[dict-item]
    "wrong-plot": lambda: Measured(metrics={}, plots=("a.svg",)),  # type: ignore[arg-type]
    "taken-name": lambda: Measured(metrics={"weight": 1.0, "verdict": 1.0}),
    "wrong-path": lambda: Ejected(files={"../up.json": "{}"}, commands=()),
    "wrong-field": lambda: Listing(objects=(_misnumbered(),)),
}
