"""Leave a rollout to a process that outlives its command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.release.rollout_state import Detached, keep_detached, runner
from ..engine.stages.stage import DEPLOY
from ..errors import FAILURES, LadingError, StageFailed
from ..store.durable import naming

if TYPE_CHECKING:
    from ..engine.release.service import Service
    from ..model import Release

_CLI = "from lading.cli import main; main()"
_START_LIMIT = 600.0  # seconds until the process must hold the lock of the rollout
_POLL_INTERVAL = 0.1
_LINES = 5  # of the log, in the message about a process that failed


def detach(service: Service, canary: Release, options: tuple[str, ...]) -> None:
    """Start `lading deploy` for the target of a service, and wait until it runs the rollout of the canary.

    `options` are those of the deploy. The process has the variables of this one, and leads a session, so that it
    outlives the terminal. Its messages are in a file of the store. Raises the failure of a process that ends first.
    """
    order, target = service.session.order, service.target
    log = service.session.store.work("rollouts", target.name, target.service_name) / "rollout.log"
    argv = [DEPLOY.name, str(order.file.absolute()), "--target", target.name, *options, "--rollout-of", canary.id]
    process = _start(argv, log)
    keep_detached(service, Detached(pid=process.pid, log=str(log)))
    end = service.session.end(_START_LIMIT)
    while runner(service) != process.pid:
        if (code := process.poll()) is not None:
            if code:
                raise _failure(code, log)
            return
        service.session.pause(
            _POLL_INTERVAL, f"the rollout of {service.name}", f"its process {process.pid} starts, log: {log}", end
        )


def _start(argv: list[str], log: Path) -> subprocess.Popen[bytes]:
    with naming(log):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(log, flags, 0o600), "wb") as file:
            return subprocess.Popen(
                [sys.executable, "-P", "-c", _CLI, *argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )


def _failure(code: int, log: Path) -> LadingError:
    """The failure of a process that ended with this exit code."""
    kind = next((each for each in FAILURES if each.exit_code == code), StageFailed)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:]
    last = "\n".join(lines) or "it logged nothing"
    return kind(f"the detached rollout ended with exit code {code}:\n{last}", hint=f"see its log: {log}")
