"""HTTP headers that several plugins read."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_NUMBER = re.compile(r"[ \t]*[0-9]+(\.[0-9]+)?[ \t]*")  # RFC 9110 does not allow fractions, but services send them
_LONGEST = 365 * 24 * 3600.0  # seconds; a header can ask for more than a system timer can hold


def retry_after(value: str | None, *, date: str | None = None) -> float | None:
    """The seconds to wait according to a Retry-After header: a number in digits or a date (RFC 9110, 10.2.3).

    `date` is the Date header of the same answer. A date to wait for counts from there, because the clock of the sender
    may differ from ours. The result is 0 for a date in the past, and at most a year. None if the header is missing or
    unreadable.
    """
    if value is None or not value.isascii():
        return None
    seconds = float(value) if _NUMBER.fullmatch(value) else _seconds_between(date, value)
    return None if math.isnan(seconds) else min(max(0.0, seconds), _LONGEST)


def _seconds_between(start: str | None, end: str) -> float:
    """The seconds between two dates. A missing or unreadable start is now. NaN if the end is not a date."""
    then = _instant(end)
    return math.nan if then is None else (then - (_instant(start or "") or datetime.now(UTC))).total_seconds()


def _instant(date: str) -> datetime | None:
    """A date of a header. Without a time zone it is in UTC."""
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(date)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
