"""What a release has asked Azure for, kept in the deployment's folder, so that an interrupted command is taken up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_FILE = "sent.json"
_LINES = 20  # last lines of an operation's log


@dataclass(frozen=True)
class Sent:
    """A create or an update of one release. `operation` is None where its reply was lost; `looks` counts the steps
    since; `offset` and `lines` are what was read of the operation's log.
    """

    release: int
    operation: str | None = None
    looks: int = 0
    offset: int = 0
    lines: tuple[str, ...] = ()

    def looked(self, new: tuple[str, ...] = (), length: int = 0) -> Sent:
        """After one more look, which read `length` characters of log, the lines `new`."""
        lines = (*self.lines, *new)[-_LINES:]
        return replace(self, looks=self.looks + 1, offset=self.offset + length, lines=lines)

    def write(self, folder: Path) -> Sent:
        temporary = folder / f"{_FILE}.new"
        temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")
        temporary.replace(folder / _FILE)
        return self


def read(folder: Path, release: int) -> Sent | None:
    """What this release has asked for; None where it has asked for nothing, or it is not known any more."""
    try:
        value = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        found = Sent(**{**value, "lines": tuple(value["lines"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if found.release == release else None


def forget(folder: Path) -> None:
    (folder / _FILE).unlink(missing_ok=True)
