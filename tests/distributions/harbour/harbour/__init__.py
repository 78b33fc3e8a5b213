"""Plugins of every role. What they are asked is written down, one call a line."""

import json
import os
from pathlib import Path


def note(hook, **facts):
    """Write one call to HARBOUR_LOG, and fail, hang or misbehave where HARBOUR_FAULT says so (`hook:fault`)."""
    log = os.environ.get("HARBOUR_LOG")
    if log:
        with Path(log).open("a") as file:
            file.write(json.dumps([hook, facts]) + "\n")
    wanted, _, fault = os.environ.get("HARBOUR_FAULT", "").partition(":")
    if wanted == hook:
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


def _print():
    print("harbour was here")


FAULTS = {"raises": _raise, "exits": _exit, "hangs": _hang, "prints": _print, "wrong-type": lambda: "a string"}
