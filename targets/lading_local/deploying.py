"""One step of a deploy: write down what is desired, see to it that a supervisor lives, read how far it is.

Each step starts from the files and the lock alone, so a command that was killed is taken up by the next one.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import sys
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
    Refused,
    StageFailed,
    child_environment,
    run_command,
)
from lading_serving.control import NOTHING, ControlFolder, Desired, Handed, is_number, read_json, write_json
from lading_serving.spec import ReleaseSpec

from .folder import checked_uri, opened
from .logs import log_tail
from .options import LocalOptions
from .releases import handed_values, prepare, prune, prune_environments, recorded_sha256
from .versions import refuse_other_versions

_SOON = 0.05
_START_LIMIT = 30.0
_MOST_STARTS = 5  # of a supervisor for one release: what dies that often dies of the same thing each time


def step(request: DeployRequest, context: Context) -> DeployStep:
    """The next step of `request.release`. Raises PluginError where the extra `local` is not installed."""
    with opened(context) as folder:
        return _step(request, context, folder)


def _step(request: DeployRequest, context: Context, folder: ControlFolder) -> DeployStep:
    options = request.deployment.options
    assert isinstance(options, LocalOptions)
    if request.verdict is not None and not request.verdict.up:
        return _discard(folder, request.release, request.verdict.reason)
    if not _is_laid_out(folder, request, context):
        _check(options, request.package, context)
        prune(folder, keep=_in_use(folder))
        if failed := prepare(request, options, context, folder):
            return failed
    due = _due(folder, request, context)
    handed = Handed(values=handed_values(request), specs=due)
    if due:
        folder.hand(handed)  # before it is desired, so that a supervisor begins it with these and not with earlier ones
    _desire(folder, request, context)
    if not folder.is_supervised():
        _count_start(folder, request.release)
        _start_supervisor(folder)
        folder.hand(handed)
    return _observe(folder, request.release, promoted=request.verdict is not None)


def _is_laid_out(folder: ControlFolder, request: DeployRequest, context: Context) -> bool:
    """Whether an earlier step has laid this release out. Raises Refused if the file of that number is not ours."""
    if not folder.spec(request.release).exists():
        return False
    sha256 = recorded_sha256(folder, request.release, context)
    if ReleaseSpec.read(folder.spec(request.release), sha256).tags != request.tags:
        raise Refused(
            f"{request.deployment.service} has another release {request.release}, of a history that the store has lost",
            hint="`lading delete` removes it, and `lading deploy` then begins again",
        )
    return True


def _due(folder: ControlFolder, request: DeployRequest, context: Context) -> dict[str, str]:
    """The releases that should run and do not, each with its recorded sha256: a supervisor starts no others.

    Raises Refused for one whose file the store does not know.
    """
    desired = folder.desired() or NOTHING
    wanted = {desired["serving"], desired["candidate"], request.release} - {None, *_running(folder)}
    found = sorted(number for number in wanted if number is not None and folder.spec(number).exists())
    return {str(number): recorded_sha256(folder, number, context) for number in found}


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


def _desire(folder: ControlFolder, request: DeployRequest, context: Context) -> None:
    number, before = request.release, folder.desired() or NOTHING
    wanted: Desired = {"serving": before["serving"], "candidate": number}
    if request.verdict is not None or before["serving"] == number:  # a killed command may have promoted it already
        wanted = {"serving": number, "candidate": None}
    if wanted == before:
        folder.wake()  # a command that was killed may have written it down and not said so
    else:
        effect = "serve" if wanted["serving"] == number else "start"
        context.intend(f"local/{request.deployment.service}/{number}/{effect}")
        folder.desire(wanted)


def _count_start(folder: ControlFolder, number: int) -> None:
    """Take note of a start for this release. Raises StageFailed where there were enough, and discards the release."""
    file = folder.path / "starts.json"
    known = read_json(file, _is_count) or {}
    times = known["times"] + 1 if known.get("release") == number else 1
    if times > _MOST_STARTS:
        _discard(folder, number, "")
        log = folder.path / "supervisor.log"
        raise StageFailed(
            f"the supervisor of {folder.path} ended {_MOST_STARTS} times as soon as it had started: {_last_line(log)}",
            hint=f"its own words are in {log}",
        )
    write_json(file, {"release": number, "times": times})


def _is_count(content: Any) -> bool:
    return isinstance(content, dict) and all(is_number(content.get(key)) for key in ("release", "times"))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it left no word"


def _start_supervisor(folder: ControlFolder) -> None:
    """Start a supervisor; it lives, and what it says in `state.json` is of its own time, when this returns."""
    argv = (sys.executable, "-P", "-m", "lading_serving.supervisor", str(folder.path))
    finished = run_command(Command(argv, folder.path, child_environment()), timeout=_START_LIMIT)
    if finished.code != 0:
        last = finished.tail[-1] if finished.tail else f"exit code {finished.code}"
        raise StageFailed(f"the supervisor of {folder.path} did not start: {last}")


def _observe(folder: ControlFolder, number: int, *, promoted: bool) -> DeployStep:
    release = folder.state()["releases"].get(str(number))
    phase = release["phase"] if release else "starting"
    if release and phase == "failed":
        failed = _discard(folder, number, release["reason"])
        if not release["public_uri"]:  # it never came to listen: the address is the trouble, not the release
            raise StageFailed(failed.reason, hint="free it, or name another host or port under the target")
        return failed
    if promoted and phase == "serving":
        prune(folder, keep=_in_use(folder))
        prune_environments(folder)
        return Ready()
    if release and not promoted and phase in {"ready", "serving"}:
        return Candidate(checked_uri(folder, release["uri"]))
    return Pending("promoting" if promoted else "starting", f"release {number}", retry_after=_SOON)


def _discard(folder: ControlFolder, number: int, reason: str) -> Failed:
    """Take a release back. Whichever served before it goes on; a supervisor that is left with nothing leaves."""
    desired = folder.desired() or NOTHING
    serving = desired["serving"]
    if serving == number:
        serving = _still_serving(folder, number)
    log = log_tail(folder, number)
    folder.desire({"serving": serving, "candidate": None})
    prune(folder, keep=_in_use(folder) - {number})
    return Failed(reason, log)


def _still_serving(folder: ControlFolder, number: int) -> int | None:
    releases = folder.state()["releases"] if folder.is_supervised() else {}
    return next((int(key) for key, each in releases.items() if each["phase"] == "serving" and int(key) != number), None)


def _in_use(folder: ControlFolder) -> set[int]:
    """The releases that run or should."""
    desired = folder.desired() or NOTHING
    return _running(folder) | {number for number in (desired["serving"], desired["candidate"]) if number is not None}


def _running(folder: ControlFolder) -> set[int]:
    return {*map(int, folder.state()["releases"])} if folder.is_supervised() else set()
