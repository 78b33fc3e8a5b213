"""The types of the hooks that ask a target for logs and keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from .description import Secret
from .options import OptionsT_co
from .records import Deployment


@dataclass(frozen=True, kw_only=True)
class LogsRequest(Generic[OptionsT_co]):
    """`tail` lines from the end, or the lines after the `cursor` of an earlier answer.

    With `build`, the whole log of the last image build for the deployment. It is set only for a target with the
    capability `build_logs`.
    """

    deployment: Deployment[OptionsT_co]
    tail: int = 100
    cursor: str | None = None
    build: bool = False


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
