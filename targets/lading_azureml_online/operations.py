"""The long-running operations of a release, kept in the folder of the deployment. A new command continues them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from lading import Pending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lading import Context, Json
    from lading_azureml_v2.resources import Operation, Started
    from lading_azureml_v2.workspace import Workspace

_FILE = "operations.json"
ACTION = "Microsoft.MachineLearningServices/locations/mfeOperationsStatus/read"
"""The action that reads operations. They belong to the subscription, so a role on the workspace cannot give it."""
_HIDDEN = f"Azure does not show why; the sign-in may lack the action {ACTION}"
_POLL_INTERVAL = 5.0  # seconds between two checks, if Azure asks for no other time


class Operations:
    """The operations that `owner` has started: a release by its id, or a deletion. Those of others are forgotten."""

    def __init__(self, context: Context, workspace: Workspace, owner: str) -> None:
        self._file = context.work / _FILE
        self._workspace = workspace
        self._owner = owner
        self._urls, self._hidden = self._read()

    def keep(self, subject: str, started: Started) -> float:
        """Keep the address of an operation on `subject`. Return the seconds until the next check."""
        self._urls[subject] = started.url
        self._hidden.discard(subject)
        self._write()
        return wait_of(started.wait)

    def find(self, subject: str) -> Operation | None:
        """The last operation on `subject`; None if there is none, Azure has forgotten it, or it has succeeded."""
        url = self._urls.get(subject)
        found = self._workspace.operation(url) if url else None
        if found is not None and not found.succeeded:
            return found
        if url:
            self.forget(subject)
        if url and found is None:
            self._hidden.add(subject)
            self._write()
        return None

    def is_hidden(self, subject: str) -> bool:
        """Whether Azure does not show the end of the last operation on `subject`. Its resource shows the result."""
        return subject in self._hidden

    def forget(self, subject: str) -> None:
        if subject in self._urls or subject in self._hidden:
            self._urls.pop(subject, None)
            self._hidden.discard(subject)
            self._write()

    def _read(self) -> tuple[dict[str, str], set[str]]:
        with suppress(OSError, ValueError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            if isinstance(kept, dict) and kept.get("owner") == self._owner and isinstance(kept.get("urls"), dict):
                urls = {str(name): str(url) for name, url in kept["urls"].items()}
                return urls, set(map(str, kept.get("hidden", ())))
        return {}, set()

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        content = {"owner": self._owner, "urls": self._urls, "hidden": sorted(self._hidden)}
        new.write_text(json.dumps(content), encoding="utf-8")
        new.replace(self._file)


def error_of(operation: Operation | None) -> Mapping[str, Json]:
    """Azure's error of an operation that failed. With None, it is hidden."""
    return operation.error if operation else {"message": _HIDDEN}


def pending(phase: str, detail: str, operation: Operation | None) -> Pending:
    """The step while Azure is working. `operation` is None if its address is lost: then the resource is read."""
    return Pending(phase=phase, detail=detail, retry_after=wait_of(operation.wait if operation else None))


def wait_of(asked: float | None) -> float:
    return _POLL_INTERVAL if asked is None else asked
