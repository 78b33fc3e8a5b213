"""Post one event to one URL. Retry with growing pauses, or with those that the receiver requests, until a deadline.

Messages name the variable with the URL, never the URL itself, because it is a secret.
"""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from lading import BadInput, Context, Event, Json, LadingError, StageFailed, Transient, __version__, retry_after

from .options import WebhookOptions

_FIRST_PAUSE = 0.5  # seconds; doubled after each try
_RETRIED = frozenset((408, 425, 429, 500, 502, 503, 504))


class Reply(NamedTuple):
    """The result of one try. If nobody answered, `status` is 0 and `reason` explains it. `wait` is the
    requested pause.
    """

    status: int
    reason: str
    wait: float | None = None


def post(event: Event, options: WebhookOptions, context: Context) -> None:
    """Post an event until it is accepted. A receiver whose reply is lost may get it twice.

    Raises BadInput, StageFailed or Transient; see `lading_observe`.
    """
    request, end = _request(event, options, context), time.monotonic() + options.deadline
    pause = _FIRST_PAUSE
    while True:
        reply = _try(request, end - time.monotonic())
        if 200 <= reply.status < 300:
            return
        wait = max(pause, reply.wait or 0.0)
        if (reply.status and reply.status not in _RETRIED) or time.monotonic() + wait >= end:
            raise _failure(reply, options)
        time.sleep(wait)
        pause *= 2


def body(event: Event, style: str) -> Json:
    """The message: a line of text. With the style `event`, it also has all known fields."""
    place = f"{event.service} on {event.target}" if event.target else event.service
    text = f"{place}: {event.kind}" + (f": {event.detail}" if event.detail else "")
    if style == "slack":  # Slack's three special characters, from its page "Formatting text"
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    return {
        "text": text,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "service": event.service,
        "stage": event.stage,
        "target": event.target,
        "detail": event.detail,
        "fields": dict(event.fields),
    }


def _request(event: Event, options: WebhookOptions, context: Context) -> Request:
    url = context.secret(options.url_from).reveal().strip()
    headers = {name: context.secret(variable).reveal().strip() for name, variable in options.headers_from.items()}
    sent = {options.url_from: url} | {options.headers_from[name]: value for name, value in headers.items()}
    for variable, value in sent.items():
        if not value.isascii() or not value.isprintable():
            raise BadInput(f"{variable} has characters that cannot be sent")
    if not _is_web_address(url):
        raise BadInput(f"{options.url_from} is not a URL that starts with https:// or http://")
    data = json.dumps(body(event, options.format)).encode()
    own = {"Content-Type": "application/json", "User-Agent": f"lading/{__version__}"}
    return Request(url, data=data, headers=own | headers, method="POST")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in url
    except ValueError:
        return False


class _NoRedirect(HTTPRedirectHandler):
    """A redirected POST would become a GET, and its headers would go to a host that the user did not name."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


def _try(request: Request, timeout: float) -> Reply:
    try:
        with build_opener(_NoRedirect).open(request, timeout=max(timeout, 0.1)) as response:
            return Reply(response.status, "")
    except HTTPError as error:
        with error:
            wait = retry_after(error.headers.get("Retry-After"), date=error.headers.get("Date"))
            return Reply(error.code, error.reason, wait)
    except (OSError, HTTPException) as error:
        return Reply(0, _why(getattr(error, "reason", error)))


def _why(cause: object) -> str:
    """The reason, in words that cannot contain the URL."""
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    return str(getattr(cause, "strerror", None) or type(cause).__name__).lower()


def _failure(reply: Reply, options: WebhookOptions) -> LadingError:
    name = f"the webhook of {options.url_from}"
    if not reply.status:
        return Transient(f"{name} was not reached within {options.deadline:g} s: {reply.reason}")
    if reply.status not in _RETRIED:
        return StageFailed(f"{name} refused the message: it answered {reply.status}")
    asked = f" and asks to wait {reply.wait:.0f} s" if reply.wait else ""
    return Transient(f"{name} did not take the message within {options.deadline:g} s: it answers {reply.status}{asked}")
