"""Plugins of every role. What they are asked is written down, one call a line."""

import json
import os
from pathlib import Path

from lading import LadingError


def note(hook, **facts):
    """Write one call to HARBOUR_LOG, and misbehave where HARBOUR_FAULT says so: `hook:fault` or `hook@target:fault`.

    Returns what the hook is to answer then, None where it is to go on.
    """
    log = os.environ.get("HARBOUR_LOG")
    if log:
        with Path(log).open("a") as file:
            file.write(json.dumps([hook, facts]) + "\n")
    wanted, _, fault = os.environ.get("HARBOUR_FAULT", "").partition(":")
    if wanted in (hook, f"{hook}@{facts.get('target')}"):
        return FAULTS[fault]()
    return None


def _raise():
    raise ValueError("the rope broke")


def _exit():
    raise SystemExit(3)


def _hang():
    import time

    while True:
        time.sleep(60)


def _cancel():
    import asyncio

    raise asyncio.CancelledError


def _give_up():
    raise LadingError("the crane is out of order", hint="oil the crane")


def _print():
    import subprocess
    import sys

    print("harbour was here")
    subprocess.run([sys.executable, "-c", "print('so was its child')"], check=True)


def _leak():
    raise ValueError(f"{os.environ['HARBOUR_PASSWORD']} is not the password")


FAULTS = {
    "raises": _raise,
    "exits": _exit,
    "hangs": _hang,
    "cancels": _cancel,
    "gives-up": _give_up,
    "prints": _print,
    "leaks": _leak,
    "wrong-type": lambda: "a string",
}
