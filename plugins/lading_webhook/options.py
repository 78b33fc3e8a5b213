"""The options of a webhook in a manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import EVENT_KINDS, Duration, EventKind, Options, Range, Text

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token of RFC 9110 (5.6.2)
_EVENTS = tuple(
    kind for kind, meaning in EVENT_KINDS.items() if kind.startswith("release.") or meaning.severity == "error"
)


@dataclass(frozen=True)
class WebhookOptions(Options):
    url_from: Annotated[str, Text(min_length=1)]
    """Name of the environment variable with the URL: everybody who knows a webhook's URL can post to it."""
    format: Literal["slack", "event"] = "slack"
    """`slack` sends `{"text": …}`, as Slack and Mattermost take it; `event` adds every field of the event."""
    events: tuple[EventKind, ...] = _EVENTS
    """The kinds of events to send."""
    headers_from: Mapping[str, str] = field(default_factory=dict)
    """Additional headers, each with the name of the environment variable of its value: `Authorization: HOOK_TOKEN`."""
    deadline: Annotated[float, Range(gt=0, le=60), Duration()] = 8.0
    """Seconds that one event may take, with all its tries. A command waits ten seconds for its observers."""

    def __post_init__(self) -> None:
        for name in self.headers_from:
            if not _HEADER.fullmatch(name):
                raise ValueError(f"headers_from: '{name}' cannot be the name of a header")
