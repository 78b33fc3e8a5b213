"""One step of a deploy: write the desired state, ensure that a supervisor runs, and read its progress.

Each step reads only the files and the lock. So the next command continues one that was killed.
"""

from __future__ import annotations

import errno
import importlib.util
import ipaddress
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from lading import (
    Candidate,
    Command,
    Context,
    DeployRequest,
    DeployStep,
    Failed,
    Package,
    Pending,
    PluginError,
    Ready,
    StageFailed,
    Transient,
    child_environment,
    run_command,
)
from lading_serving.control import NOTHING, ControlFolder, Desired, Handed, is_number, read_json, write_json
from lading_serving.owned import read_own

from .folder import checked_uri, opened
from .leftovers import clear_leftovers, warn_of_another_port
from .logs import log_tail
from .options import LocalOptions
from .releases import handed_values, prepare, prune, prune_environments, recorded_sha256
from .versions import refuse_other_versions

_POLL_INTERVAL = 0.05
_START_LIMIT = 30.0
_MOST_STARTS = 5  # starts of a supervisor for one release, because another start would fail again


def step(request: DeployRequest[LocalOptions], context: Context) -> DeployStep:
    """The next step of `request.release`. Raises PluginError where the extra `local` is not installed."""
    with opened(context) as folder:
        return _step(request, context, folder)


def _step(request: DeployRequest[LocalOptions], context: Context, folder: ControlFolder) -> DeployStep:
    options = request.deployment.options
    number = _number(folder, request, context)
    if request.verdict is not None and not request.verdict.up:
        return _discard(folder, number, request.verdict.reason)
    if not folder.spec(number).exists():
        _check(options, request.package, context)
        prune(folder, keep=_in_use(folder))
        if failed := prepare(number, request, options, context, folder):
            return failed
    due = _due(folder, number, context)
    handed = Handed(values=handed_values(request), specs=due)
    if due:
        folder.hand(handed)  # before the desired state, so that the start uses these values
    _write_desired(folder, number, request, context)
    if clear_leftovers(folder):
        warn_of_another_port(folder, options, context)
        _count_start(folder, number)
        _start_supervisor(folder)
        folder.hand(handed)
    return _observe(folder, number, promoted=request.verdict is not None)


def _number(folder: ControlFolder, request: DeployRequest, context: Context) -> int:
    """The number of a release in the service's folder. It is that of the spec with its id, if an earlier step wrote
    one.

    Otherwise it is the number in the store, unless the folder already has that number from a history that the store has
    lost. Raises Refused if the store does not know the file.
    """
    known = {int(path.stem) for path in folder.releases.glob("[0-9]*.json")}
    for number in sorted(known):
        if request.release_id.encode() in read_own(folder.spec(number)):
            recorded_sha256(folder, number, context)
            return number
    taken = known | _in_use(folder)
    return request.release if request.release not in taken else max(taken) + 1


def _due(folder: ControlFolder, number: int, context: Context) -> dict[str, str]:
    """The releases that should run and do not, each with its recorded sha256. A supervisor starts no others.

    Raises Refused if the store does not know a release's file.
    """
    desired = folder.desired() or NOTHING
    wanted = {desired["serving"], desired["candidate"], number} - {None, *_running(folder)}
    found = sorted(each for each in wanted if each is not None and folder.spec(each).exists())
    return {str(each): recorded_sha256(folder, each, context) for each in found}


def _check(options: LocalOptions, package: Package, context: Context) -> None:
    if options.python == "current":
        refuse_other_versions(package)
        if importlib.util.find_spec("httptools") is None:
            raise PluginError("the target 'local' needs a scoring server", hint="pip install 'lading[local]'")
    if not _is_loopback(options.host):
        context.warn(f"the service listens on {options.host} and asks for no password: it is open to the network")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _write_desired(folder: ControlFolder, number: int, request: DeployRequest, context: Context) -> None:
    before = folder.desired() or NOTHING
    wanted: Desired = {"serving": before["serving"], "candidate": number}
    if request.verdict is not None or before["serving"] == number:  # a killed command may have promoted it already
        wanted = {"serving": number, "candidate": None}
    if wanted == before:
        folder.wake()  # a killed command may have written the desired state without waking the supervisor
    else:
        effect = "serve" if wanted["serving"] == number else "start"
        context.intend(f"local/{request.deployment.service}/{number}/{effect}")
        folder.desire(wanted)


def _count_start(folder: ControlFolder, number: int) -> None:
    """Count a start for this release. After too many, discard the release and raise StageFailed."""
    file = folder.path / "starts.json"
    known = read_json(file, _is_count) or {}
    times = known["times"] + 1 if known.get("release") == number else 1
    if times > _MOST_STARTS:
        _discard(folder, number, "")
        log = folder.path / "supervisor.log"
        raise StageFailed(
            f"the supervisor of {folder.path} ended {_MOST_STARTS} times right after its start: {_last_line(log)}",
            hint=f"see its log: {log}",
        )
    write_json(file, {"release": number, "times": times})


def _is_count(content: Any) -> bool:
    return isinstance(content, dict) and all(is_number(content.get(key)) for key in ("release", "times"))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it logged nothing"


def _start_supervisor(folder: ControlFolder) -> None:
    """Start a supervisor. When this returns, it runs, and `state.json` is its own report."""
    argv = (sys.executable, "-P", "-m", "lading_serving.supervisor", str(folder.path))
    finished = run_command(Command(argv, folder.path, child_environment()), timeout=_START_LIMIT)
    if finished.code != 0:
        last = finished.tail[-1] if finished.tail else f"exit code {finished.code}"
        message = f"the supervisor of {folder.path} did not start: {last}"
        if os.strerror(errno.ENOSPC) in last:
            raise Transient(message, hint="free some space, then run the same command again")
        raise StageFailed(message)


def _observe(folder: ControlFolder, number: int, *, promoted: bool) -> DeployStep:
    release = folder.state()["releases"].get(str(number))
    phase = release["phase"] if release else "starting"
    if release and phase == "failed":
        failed = _discard(folder, number, release["reason"])
        if not release["public_uri"]:  # it never listened: the address is the problem, not the release
            raise StageFailed(failed.reason, hint="free it, or name another host or port under the target")
        return failed
    if promoted and phase == "serving":
        prune(folder, keep=_in_use(folder))
        prune_environments(folder)
        return Ready()
    if release and not promoted and phase in {"ready", "serving"}:
        return Candidate(uri=checked_uri(folder, release["uri"]))
    _check_space(folder)
    return Pending(
        phase="promoting" if promoted else "starting", detail=f"release {number}", retry_after=_POLL_INTERVAL
    )


def _check_space(folder: ControlFolder) -> None:
    """Raise OSError if the folder takes no new file: then the supervisor cannot report its state."""
    with tempfile.TemporaryFile(dir=folder.path):
        pass


def _discard(folder: ControlFolder, number: int, reason: str) -> Failed:
    """Abandon a release. The release that served before continues. A supervisor without any release exits."""
    desired = folder.desired() or NOTHING
    serving = desired["serving"]
    if serving == number:
        serving = _still_serving(folder, number)
    log = log_tail(folder, number)
    folder.desire({"serving": serving, "candidate": None})
    prune(folder, keep=_in_use(folder) - {number})
    return Failed(reason=reason, log=log)


def _still_serving(folder: ControlFolder, number: int) -> int | None:
    releases = folder.state()["releases"] if folder.is_supervised() else {}
    return next((int(key) for key, each in releases.items() if each["phase"] == "serving" and int(key) != number), None)


def _in_use(folder: ControlFolder) -> set[int]:
    """The releases that run or should run."""
    desired = folder.desired() or NOTHING
    return _running(folder) | {number for number in (desired["serving"], desired["candidate"]) if number is not None}


def _running(folder: ControlFolder) -> set[int]:
    return {*map(int, folder.state()["releases"])} if folder.is_supervised() else set()
