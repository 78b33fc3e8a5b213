"""What a manifest says of a webhook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from lading import EventKind, Options, Range, Text

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # a token, as RFC 9110 (5.6.2) has it


@dataclass(frozen=True)
class WebhookOptions(Options):
    url_from: Annotated[str, Text(min_length=1)]
    """Name of the environment variable with the URL: whoever knows a webhook's URL can post to it."""
    format: Literal["slack", "event"] = "slack"
    """`slack` sends `{"text": …}`, as Slack and Mattermost take it; `event` adds every field of the event."""
    events: tuple[EventKind, ...] = (
        "release.up",
        "release.refused",
        "release.rolled_back",
        "release.deleted",
        "stage.failed",
    )
    """The kinds of events to send."""
    headers_from: Mapping[str, str] = field(default_factory=dict)
    """Further headers, each with the name of the environment variable of its value: `Authorization: HOOK_TOKEN`."""
    deadline: Annotated[float, Range(gt=0, le=60)] = 8.0
    """Seconds that one event may take, with all its tries. A command waits ten seconds for its observers."""

    def __post_init__(self) -> None:
        for name in self.headers_from:
            if not _HEADER.fullmatch(name):
                raise ValueError(f"headers_from: '{name}' cannot be the name of a header")
