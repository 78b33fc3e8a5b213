"""The progress of one release, in a file of the deployment's folder.

Waiting is counted in checks, each as long as the pause after it. So no clock is needed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lading import Json, Verdict

_FILE = "iot-edge.json"

WRONG = "a golden request was answered wrongly"
"""Why a release is abandoned. The answer itself is reported but not stored, because it may contain values
of variables.
"""

SILENT = "the module runs, but it does not answer"
"""Why a release is abandoned that has not answered a golden request until `wait.timeout`."""


@dataclass(frozen=True)
class Record:
    """A release during its deploy. `release` is its id.

    `previous` is our module before the release (`module` and `routes`, without the values of variables); None if there
    was none. `deployment` is the automatic deployment of a fleet. `created` is true if this release created it.
    `writes` counts how often its content was applied to a device. `version` is the version of the content before the
    last time; 0 once it was compared. Three counts are in seconds. `waited` is the time since a command began to wait.
    `steady` is the time of running without a restart. `down` is the time of not running after it had run. `gone` is the
    reason why the release is abandoned. `names` are the variables in the manifests deployed from here.
    """

    release: str
    previous: Mapping[str, Json] | None = None
    deployment: str = ""
    created: bool = False
    writes: int = 0
    version: int = 0
    waited: float = 0.0
    steady: float = 0.0
    down: float = 0.0
    restarts: int = 0
    gone: str = ""
    names: tuple[str, ...] = ()

    def with_look(self, pause: float, *, running: bool, down: bool, restarts: int = 0) -> Record:
        """The record after a check, followed by a pause of `pause` seconds. A restart since the last check counts as a
        crash.
        """
        restarted = restarts != self.restarts
        fell = down or (restarted and self.waited > 0)
        return replace(
            self,
            waited=self.waited + pause,
            steady=self.steady + pause if running and not restarted else 0.0,
            down=self.down + (pause if fell else 0.0),
            restarts=restarts,
        )

    def write(self, folder: Path) -> Record:
        """Store the record, readable only by its owner."""
        new = folder / f"{_FILE}~"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / _FILE)
        return self


def reason(verdict: Verdict) -> str:
    """Why a release with a refused verdict is abandoned."""
    return WRONG if verdict.answered else SILENT


def read(folder: Path, release: str) -> Record | None:
    """The record of a release; None if it has not begun."""
    record = last(folder)
    return record if record and record.release == release else None


def last(folder: Path) -> Record | None:
    """The record of the last release that was begun, if any."""
    try:
        return Record(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
