"""The long-running operations of a release, kept in the folder of the deployment. A new command continues them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from lading import Pending

if TYPE_CHECKING:
    from lading import Context
    from lading_azureml_v2.resources import Operation, Started
    from lading_azureml_v2.workspace import Workspace

_FILE = "operations.json"
_POLL_INTERVAL = 5.0  # seconds between two checks, if Azure asks for no other time


class Operations:
    """The operations that `owner` has started: a release by its id, or a deletion. Those of others are forgotten."""

    def __init__(self, context: Context, workspace: Workspace, owner: str) -> None:
        self._file = context.work / _FILE
        self._workspace = workspace
        self._owner = owner
        self._urls = self._read()

    def keep(self, subject: str, started: Started) -> float:
        """Keep the address of an operation on `subject`. Return the seconds until the next check."""
        self._urls[subject] = started.url
        self._write()
        return wait_of(started.wait)

    def find(self, subject: str) -> Operation | None:
        """The last operation on `subject`; None if there is none, Azure has forgotten it, or it has succeeded."""
        url = self._urls.get(subject)
        found = self._workspace.operation(url) if url else None
        if found is None or found.succeeded:
            self.forget(subject)
            return None
        return found

    def forget(self, subject: str) -> None:
        if self._urls.pop(subject, None) is not None:
            self._write()

    def _read(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(kept, dict) and kept.get("owner") == self._owner and isinstance(kept.get("urls"), dict):
                return {str(name): str(url) for name, url in kept["urls"].items()}
        return {}

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"owner": self._owner, "urls": self._urls}), encoding="utf-8")
        new.replace(self._file)


def pending(phase: str, detail: str, operation: Operation | None) -> Pending:
    """The step while Azure is working. `operation` is None if its address is lost: then the resource is read."""
    return Pending(phase=phase, detail=detail, retry_after=wait_of(operation.wait if operation else None))


def wait_of(asked: float | None) -> float:
    return _POLL_INTERVAL if asked is None else asked
