"""Explain an error by its sender: the hub, a program between here and the hub, the sign-in, or the clock."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lading import BadInput, LadingError, StageFailed, Transient, plain_words, retry_after

from .text import clean

_WAITS = {
    408: 2.0,
    412: 0.5,
    429: 10.0,
    500: 5.0,
    502: 5.0,
    503: 5.0,
    504: 5.0,
}  # seconds until the next try, if the hub gives none
_LOST_ANSWER_DELAY = 2.0  # seconds before reading whether a call with a lost answer had its effect
_SKEW = 300.0  # seconds that the clocks may differ
_LONGEST = 300  # characters of a message
_NETWORK = re.compile(
    r"establish a new connection|Max retries|Name or service|resolve|getaddrinfo|ProxyError|tunnel|refused|timed out"
    r"|unreachable|CERTIFICATE_VERIFY|SSL",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(r"AADSTS(530\d\d|530\d|53\d{4}|50076|50079|50158|50097|50005)\b")
_TRIED = re.compile(r"^\t(?:Environment|ManagedIdentity|AzureCli)Credential: (.+)$", re.MULTILINE)
_ANSWERED = "AADSTS"  # the beginning of each code of Azure's sign-in
_PROXY = "check the network, HTTPS_PROXY and NO_PROXY"
_TLS = "if a proxy inspects TLS here, name the file with its certificate in REQUESTS_CA_BUNDLE"


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, which a hub never sends."""
        return "html" in self.headers.get("Content-Type", "").lower() or self.text.lstrip()[:1] == "<"


def failure(reply: Reply, what: str, host: str, left: float) -> LadingError:
    """The expected failure of a call. `what` is the purpose of the call, and `left` the seconds until the deadline."""
    if reply.is_page or 300 <= reply.status < 400:
        return _page(reply, what, host)
    said = f"{host} says: {_words(reply)}"
    if reply.status in _WAITS:
        return _busy(reply, f"{what}: {said}", left)
    if reply.status == 400:
        return BadInput(said)
    if reply.status == 401:
        return _skewed(reply, host) or StageFailed(
            said, hint="check the policy and the key of the connection string, or this sign-in's role"
        )
    if reply.status == 403:
        return StageFailed(f"{what}: {said}", hint=_permission(said))
    return StageFailed(f"{what}: {said}")


def unreachable(message: str, host: str) -> Transient:
    """The failure of a call without an answer."""
    words = clean(message)
    if "CERTIFICATE_VERIFY" in words or "SSLError" in words:
        return Transient(f"the certificate of {host} is not trusted here: {words[:_LONGEST]}", hint=_TLS)
    return Transient(f"{host} does not answer: {words[:_LONGEST]}", hint=_PROXY, retry_after=_LOST_ANSWER_DELAY)


def sign_in(message: str) -> LadingError:
    """The failure of a sign-in to Azure: the network, a rule of the tenant, or the account."""
    said = _reason(message)
    if _CONDITIONAL.search(message):
        return StageFailed(
            f"a conditional access rule of the tenant refuses the sign-in: {said}",
            hint="sign in from a device that the rule allows, or name a variable that has a connection string as `hub`",
        )
    if (found := _NETWORK.search(message)) and _ANSWERED not in message:
        line = next(line for line in message.splitlines() if found[0] in line)
        hint = _TLS if "CERTIFICATE" in message or "SSL" in message else _PROXY
        return Transient(f"the sign-in of Azure cannot be reached: {clean(line)[:_LONGEST]}", hint=hint)
    return StageFailed(
        f"Azure does not accept the sign-in: {said}",
        hint="sign in again with `az login`, or name a variable that has a connection string as `hub`",
    )


def _reason(message: str) -> str:
    """The answer of Azure, or why each documented way to sign in is missing. The first line names neither."""
    answers = [line for line in message.splitlines() if _ANSWERED in line]
    reasons = answers or _TRIED.findall(message) or message.splitlines()[:1]
    return "; ".join(clean(reason).rstrip(". ") for reason in reasons)[:_LONGEST]


def _page(reply: Reply, what: str, host: str) -> Transient:
    """A web page or a redirect comes from a proxy, or from the sign-in page of a network."""
    shown = clean(plain_words(reply.text))[:80]
    to = reply.headers.get("Location", "")
    detail = f"a redirect to {clean(to)[:80]}" if to else f"a web page ({shown})"
    return Transient(
        f"{what}: {detail} with the status {reply.status} came instead of an answer of {host}",
        hint=f"a proxy or a sign-in page of this network sent it: {_PROXY}",
    )


def _busy(reply: Reply, message: str, left: float) -> Transient:
    wait = retry_after(reply.headers.get("Retry-After"), date=reply.headers.get("Date"))
    wait = _WAITS[reply.status] if wait is None else wait
    if wait > left:
        hint = f"the hub asks to wait for {wait:.0f} s, which is after the time limit: run the same command again then"
        return Transient(message, hint=hint)
    return Transient(message, retry_after=wait)


def _skewed(reply: Reply, host: str) -> StageFailed | None:
    """The failure of a signature whose time is wrong, because the clock of this machine is."""
    with suppress(TypeError, ValueError):
        seconds = (datetime.now(UTC) - parsedate_to_datetime(reply.headers.get("Date", ""))).total_seconds()
        if abs(seconds) > _SKEW:
            late = "ahead of" if seconds > 0 else "behind"
            return StageFailed(
                f"the clock of this machine is {_long(abs(seconds))} {late} the clock of {host}, "
                "so the hub does not accept the signature",
                hint="set the clock, then run the same command again",
            )
    return None


def _long(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"


def _permission(said: str) -> str:
    lower = said.lower()
    if "quota" in lower:
        return "the quota of the hub is used up: wait until the next day, or add units to the hub"
    if "ip filter" in lower or "ipfilter" in lower or "network" in lower:
        return "the network rules of the hub refuse this address: add it to them, or run the command inside the network"
    return (
        "a connection string needs the permissions registry read and write and service connect; "
        "a sign-in needs the role IoT Hub Data Contributor"
    )


def _words(reply: Reply) -> str:
    """The hub's message; the status if there is none."""
    message = ""
    with suppress(ValueError, AttributeError):
        message = clean(str(json.loads(reply.text).get("Message") or ""))
    return message[:_LONGEST] or f"status {reply.status}"
