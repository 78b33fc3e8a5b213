"""A page of a log that Azure always shows from its end."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lading import Logs, LogsRequest

LONGEST = 5000
"""Lines of a log that Azure keeps available."""

_MARK = 10  # lines that mark the position of a reader in a log


def page(lines: Sequence[str], request: LogsRequest) -> Logs:
    """The last lines of a log, or those after the cursor of the request."""
    mark = json.dumps([len(lines), lines[-_MARK:]])
    new = _after(lines, *json.loads(request.cursor)) if request.cursor else lines[max(0, len(lines) - request.tail) :]
    return Logs(lines=tuple(new if request.tail or request.cursor else ()), cursor=mark)


def _after(lines: Sequence[str], count: int, mark: list[str]) -> Sequence[str]:
    """The lines after a `mark` that ended at line `count`, or earlier if the log has lost lines at its start.

    Returns all lines if the mark is empty or is not found. The first lines of the mark itself can be lost too.
    """
    log, size = list(lines), len(mark)
    whole = (end for end in range(min(count, len(log)), size - 1, -1) if mark and log[end - size : end] == mark)
    parts = (length for length in range(size - 1, 0, -1) if mark[-length:] == log[:length])
    return log[next(whole, next(parts, 0)) :]
