"""A supervisor in the foreground, with one release: the service in a container image.

`python -m lading_serving.foreground --host 0.0.0.0 --port 5001 --workers 1` reads `AML_APP_ROOT`,
`AZUREML_ENTRY_SCRIPT`, `AZUREML_MODEL_DIR` and `SCORING_TIMEOUT_MS` from the environment, like Azure ML's server. It
writes no file. As the first process of a container it also removes processes that others have left.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .lineage import end_others
from .logs import Output
from .release import Release
from .runner import ORPHANS, Runner
from .sink import sink, write_lines
from .spec import ReleaseSpec
from .worker import FAILED

_NUMBER = 1  # of the one release


class Console(Output):
    """The standard error of the supervisor. It drops an entry if nobody reads, so that the supervisor never waits."""

    copied = False

    def masked(self, text: str) -> str:
        return text

    def __init__(self) -> None:
        self._write = sink(sys.stderr.fileno())

    def write(self, data: bytes) -> None:
        write_lines(self._write, data)

    def close(self) -> None:
        pass


class Foreground(Runner):
    """Serves one release until SIGTERM or SIGINT. It ends if the scoring script cannot be started at first."""

    def __init__(self, spec: ReleaseSpec) -> None:
        super().__init__(kept=0)
        self._console, self._address = Console(), f"{spec.host} port {spec.port}"
        self._release = Release(spec, {}, self._console, self)
        self._releases[_NUMBER] = self._release
        self._serves = False

    def run(self) -> int:
        """Serve, and return the exit code."""
        self._watch_signals()
        self._loop(self._steer)
        end_others((), ORPHANS, owns_session=self.owns_session)
        if self._terminated:
            return 0
        signal = -self._release.last_code
        return 128 + signal if signal > 0 else FAILED  # platforms know 137 as a lack of memory

    def _steer(self) -> bool:
        self._tend()
        if self._release.phase == "ready" and not self._serves:
            self._serves = True
            self._console.write(f"init() succeeded; listening on {self._address}\n".encode())
        if self._terminated or (self._release.phase == "failed" and not self._serves):
            self._settle(None, None)
        else:
            self._settle(*((_NUMBER, None) if self._serves else (None, _NUMBER)))
        return bool(self._releases)


def spec_of(arguments: Sequence[str]) -> ReleaseSpec:
    """The release that the command line and the environment describe."""
    parser = argparse.ArgumentParser(prog="python -m lading_serving.foreground")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--workers", type=int, default=1, help="processes that score")
    parser.add_argument("--hosts", nargs="*", default=[], help="names that clients may call it by")
    given = parser.parse_args(arguments)
    return ReleaseSpec(
        number=_NUMBER,
        python=sys.executable,
        folder=str(Path.cwd()),
        env=dict(os.environ),
        model_file="",
        model_sha256="",
        host=given.host,
        port=given.port,
        workers=max(1, given.workers),
        start_timeout=math.inf,  # the platform decides how long it waits
        hosts=tuple(given.hosts),
    )


if __name__ == "__main__":
    sys.exit(Foreground(spec_of(sys.argv[1:])).run())
