"""What one release has done so far: a file in the deployment's folder.

Waiting is counted in looks, each as long as the pause after it, so that no clock matters.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lading import Json

_FILE = "iot-edge.json"

WRONG = "a golden request was answered wrongly"
"""Why a release is taken back; how it was answered is told and not kept, for the values of variables may be in it."""


@dataclass(frozen=True)
class Record:
    """A release on its way.

    `previous` is our module as it was before (`module` and `routes`, without the values of variables), None where
    there was none. `deployment` is the automatic deployment of a fleet, and `created` whether this release has made
    it. Seconds are `waited` since a command began to wait, `steady` of running without a restart, and `down` of not
    running after it had. `gone` says why the release is being taken back. `names` are the variables that manifests
    deployed from here have named.
    """

    release: int
    previous: Mapping[str, Json] | None = None
    deployment: str = ""
    created: bool = False
    waited: float = 0.0
    steady: float = 0.0
    down: float = 0.0
    restarts: int = 0
    gone: str = ""
    names: tuple[str, ...] = ()

    def with_look(self, pause: float, *, running: bool, down: bool, restarts: int = 0) -> Record:
        """The record after a look that `pause` seconds follow; a restart since the look before is a fall."""
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
        """Keep it, readable by its owner alone."""
        new = folder / f"{_FILE}~"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / _FILE)
        return self


def read(folder: Path, release: int) -> Record | None:
    """The record of a release; None where it has not begun."""
    record = last(folder)
    return record if record and record.release == release else None


def last(folder: Path) -> Record | None:
    """The record of the release that was begun last, if any."""
    try:
        return Record(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
