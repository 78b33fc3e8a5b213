"""One step of a deploy: write the desired state, ensure that a supervisor runs, and read its progress.

Each step reads only the files and the lock. So the next command continues one that was killed.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import tempfile

from lading import (
    Candidate,
    Context,
    DeployRequest,
    DeployStep,
    Failed,
    Package,
    Pending,
    PluginError,
    Ready,
    StageFailed,
)
from lading_serving.control import NOTHING, ControlFolder, Desired, ReleaseState

from .folder import checked_uri, opened
from .keys import refuse_other_keys
from .logs import log_tail
from .options import LocalOptions
from .releases import prepare, prune, prune_environments
from .supervising import TooManyStarts, desire, in_use, known, number_of, still_serving
from .versions import refuse_other_versions

_POLL_INTERVAL = 0.05


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
        if request.beside:
            refuse_other_keys(folder, options)
        prune(folder, keep=in_use(folder))
        if failed := prepare(number, request, options, context, folder):
            return failed
    wanted = _wanted(folder.desired() or NOTHING, number, request)
    try:
        intent = f"{number}/{_effect(wanted, number)}"
        stable = request.stable if request.beside else None
        desire(folder, wanted, request.deployment, context, intent, beside=stable)
    except TooManyStarts:
        _discard(folder, number, "")
        raise
    return _observe(folder, number, wanted, promoted=request.verdict is not None)


def _number(folder: ControlFolder, request: DeployRequest, context: Context) -> int:
    """The number of a release in the service's folder. It is that of the spec with its id, if an earlier step wrote
    one.

    Otherwise it is the number in the store, unless the folder already has that number from a history that the store has
    lost. Raises Refused if the store does not know the file.
    """
    if (number := number_of(folder, request.release_id, context)) is not None:
        return number
    taken = known(folder) | in_use(folder)
    return request.release if request.release not in taken else max(taken) + 1


def _check(options: LocalOptions, package: Package, context: Context) -> None:
    if options.python == "current":
        refuse_other_versions(package)
        if importlib.util.find_spec("httptools") is None:
            raise PluginError("the target 'local' needs a scoring server", hint="pip install 'lading[local]'")
    if options.auth == "none" and not _is_loopback(options.host):
        context.warn(f"the service listens on {options.host} and is open to the network: `auth: key` protects it")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wanted(before: Desired, number: int, request: DeployRequest) -> Desired:
    """The next desired state. A killed command may have reached it already."""
    is_beside = request.beside and before["serving"] is not None
    if number == before["serving"] and (is_beside or request.verdict is None):
        return {**before, "candidate": None}
    if is_beside and number == before["canary"]:
        return {**before, "candidate": None}
    if request.verdict is None:
        return {**before, "candidate": number}
    return {**NOTHING, "serving": before["serving"], "canary": number} if is_beside else {**NOTHING, "serving": number}


def _effect(wanted: Desired, number: int) -> str:
    return "serve" if wanted["serving"] == number else "stand-beside" if wanted["canary"] == number else "start"


def _is_up(release: ReleaseState, *, beside: bool) -> bool:
    """Whether a promoted release takes requests. Before the supervisor reads that it shall stand beside the serving
    release, its phase is `ready` too, but none of its workers accepts.
    """
    if beside:
        return release["phase"] == "ready" and release.get("accepting", 0) > 0
    return release["phase"] == "serving"


def _observe(folder: ControlFolder, number: int, wanted: Desired, *, promoted: bool) -> DeployStep:
    release = folder.state()["releases"].get(str(number))
    phase = release["phase"] if release else "starting"
    if release and phase == "failed":
        failed = _discard(folder, number, release["reason"])
        if not release["public_uri"]:  # it never listened: the address is the problem, not the release
            raise StageFailed(failed.reason, hint="free it, or name another host or port under the target")
        return failed
    if promoted and release and _is_up(release, beside=wanted["canary"] == number):
        prune(folder, keep=in_use(folder))
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
    """Abandon a release. Those that served before continue. A supervisor without any release exits."""
    desired: Desired = {**(folder.desired() or NOTHING), "candidate": None}
    if desired["serving"] == number:
        desired["serving"] = still_serving(folder, number)
    if desired["canary"] == number:
        desired = {**NOTHING, "serving": desired["serving"]}
    log = log_tail(folder, number)
    folder.desire(desired)
    prune(folder, keep=in_use(folder) - {number})
    return Failed(reason=reason, log=log)
