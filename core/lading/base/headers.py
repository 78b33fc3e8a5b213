"""HTTP headers that several plugins read."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_NUMBER = re.compile(r"[ \t]*[0-9]+(\.[0-9]+)?[ \t]*")  # RFC 9110 does not allow fractions, but services send them
_LONGEST = 365 * 24 * 3600.0  # seconds; a header can ask for more than a system timer can hold


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """The seconds to wait according to a Retry-After header: a number in digits or a date (RFC 9110, 10.2.3).

    The result is 0 for a date in the past, and at most a year. None if the header is missing or unreadable. `date` is
    the Date header of the same answer: with it, the clocks of the two machines need not agree.
    """
    if value is None or not value.isascii():
        return None
    seconds = float(value) if _NUMBER.fullmatch(value) else _until(value, date)
    return None if math.isnan(seconds) else min(max(0.0, seconds), _LONGEST)


def _until(value: str, date: str | None) -> float:
    """The seconds until a date, by the clock of the sender or else of this machine. NaN if the text is not a date."""
    try:
        now = _moment(date) if date else datetime.now(UTC)
    except (TypeError, ValueError, OverflowError):
        now = datetime.now(UTC)
    try:
        return (_moment(value) - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _moment(date: str) -> datetime:
    """A date of a header. One without a time zone is in UTC."""
    from email.utils import parsedate_to_datetime

    then = parsedate_to_datetime(date)
    return then if then.tzinfo else then.replace(tzinfo=UTC)
