"""The types of the hooks that ask a target for logs, keys and the answer to a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic

from .description import Secret
from .options import OptionsT_co
from .records import Deployment


@dataclass(frozen=True, kw_only=True)
class LogsRequest(Generic[OptionsT_co]):
    """`tail` lines from the end, or the lines after the `cursor` of an earlier answer.

    With `since`, a time in UTC, no older lines; it is set only for a target with the capability `logs_since`. With
    `release`, the log of the release with that number; only for a target with the capability `release_logs`.

    With `build`, the whole log of the last image build for the deployment. It is set only for a target with the
    capability `build_logs`.
    """

    deployment: Deployment[OptionsT_co]
    tail: int = 100
    cursor: str | None = None
    build: bool = False
    since: datetime | None = None
    release: int | None = None


@dataclass(frozen=True, kw_only=True)
class Logs:
    lines: tuple[str, ...]
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys for requests; `primary` is None if the deployment does not ask for a key.

    `expires` (UTC) is set for a token, which is requested again each time.
    """

    primary: Secret | None
    secondary: Secret | None = None
    expires: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class InvokeRequest(Generic[OptionsT_co]):
    """A request for the service at `uri`: an address from `lading_scoring_uri`, or that of a `Candidate`.

    `body` is JSON to POST, or None for a GET that only shows whether something answers. The request carries the `key`
    of the service and the `headers`. For `lading forward`, the body and the key are those of another client. `timeout`
    is in seconds, for the whole answer.
    """

    deployment: Deployment[OptionsT_co]
    uri: str
    body: bytes | None
    key: Secret | None
    headers: Mapping[str, str]
    timeout: float


@dataclass(frozen=True, kw_only=True)
class InvokeAnswer:
    """The answer of a service, unchanged. The framework reads the headers `Retry-After` and `Date`."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
