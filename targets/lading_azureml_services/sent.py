"""The requests that a release has sent to Azure, stored in the deployment's folder. An interrupted command continues
them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_FILE = "sent.json"
_LAST = "operation.txt"
_LINES = 20  # the last lines of an operation's log


@dataclass(frozen=True)
class Sent:
    """A create or an update of one release. `release` is its id.

    `operation` is None if its reply was lost or Azure has forgotten it, and empty if the reply named none. `looks`
    counts the steps since then. `contradictions` counts the reads of the service that contradict a finished operation.
    `offset` and `lines` are the part of the operation's log that was read. `before` is the id of the release that the
    service showed before the request. `undone` counts the requests that another writer has undone.
    """

    release: str
    operation: str | None = None
    looks: int = 0
    contradictions: int = 0
    offset: int = 0
    lines: tuple[str, ...] = ()
    before: str = ""
    undone: int = 0

    def looked(self, new: tuple[str, ...] = (), length: int = 0) -> Sent:
        """The state after one more check, which read `length` characters of the log: the lines `new`."""
        lines = (*self.lines, *new)[-_LINES:]
        return replace(self, looks=self.looks + 1, offset=self.offset + length, lines=lines)

    def write(self, folder: Path, name: str = _FILE) -> Sent:
        temporary = folder / f"{name}.new"
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(folder / name)
        return self


def read(folder: Path, release: str, name: str = _FILE) -> Sent | None:
    """The request of this release; None if it has sent none, or if the record is lost."""
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
        found = Sent(**{**value, "lines": tuple(value["lines"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if found.release == release else None


def keep_operation(folder: Path, operation: str) -> None:
    """Keep the id of the last create or update, for its log. It stays when the request is forgotten."""
    (folder / _LAST).write_text(operation, encoding="utf-8")


def last_operation(folder: Path) -> str | None:
    try:
        return (folder / _LAST).read_text(encoding="utf-8") or None
    except (OSError, UnicodeDecodeError):
        return None


def forget(folder: Path, name: str = _FILE) -> None:
    (folder / name).unlink(missing_ok=True)
