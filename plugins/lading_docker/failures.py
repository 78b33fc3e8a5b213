"""Explain the messages of an engine: who refused what, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from lading import LadingError, StageFailed, Transient

_FULL = "no space left on device"
_REGISTRY = (  # in this order, because a message can contain several of them
    (("toomanyrequests",), "a limit of requests passes with time; `docker login` often raises it"),
    (("x509", "certificate"), "the engine does not trust the registry's certificate: add it to the engine"),
    (
        ("no such host", "connection refused", "timeout", "no route to host", "unreachable", "server misbehaving"),
        "the engine cannot reach the registry: check its address, and the network and the proxy of the engine",
    ),
    (("denied", "unauthorized"), "`docker login` signs in; for a push, `credentials:` under image can too"),
    (("manifest unknown", "not found"), "the registry does not have it: check its name and its tag"),
)
_NO_PYTHON = re.compile(
    r"python3\W+(?:: )?(?:executable file )?(?:not found|no such file)|executable file .?python3", re.I
)
_NO_NETWORK = re.compile(
    r"name resolution|name or service not known|network is unreachable|failed to establish a new connection", re.I
)


def failure(what: str, said: str) -> LadingError:
    """The error for a message of the engine: Transient if it may pass, otherwise StageFailed."""
    words, known = " ".join(said.split()), said.lower()
    if _FULL in known:
        free = "`docker system prune` removes unused data"
        return Transient(f"{what}: the engine's disk is full: {words}", hint=free)
    if what.startswith(("pulling", "pushing")):
        for signs, hint in _REGISTRY:
            if any(sign in known for sign in signs):
                return Transient(f"{what}: {words}", hint=hint)
    return StageFailed(f"{what}: {words}")


def build_failure(error: StageFailed, said: Iterable[str], base: str, *, networked: Callable[[], bool]) -> StageFailed:
    """The failure of a build with its last lines, and the cause if they show it."""
    text = "\n".join([error.message, *said])
    if _NO_PYTHON.search(text):
        hint = "name a base image that has the package's version of Python, such as python:3.11-slim"
        return StageFailed(f"the base image {base} has no python3\n{text}", hint=hint, log=error.log)
    if not _NO_NETWORK.search(text):
        return StageFailed(text, hint=error.hint, log=error.log)
    if networked():
        cause = "the build cannot reach the package index"
        hint = "check the network and the DNS of the engine, or name a folder of `wheels:` under image"
    else:
        cause = "the engine gives a build no network: it was started with --bridge=none"
        hint = "name a folder of `wheels:` under image, or start the engine with a bridge"
    return StageFailed(f"{cause}\n{text}", hint=hint, log=error.log)
