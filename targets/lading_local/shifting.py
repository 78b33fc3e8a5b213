"""One step of a shift: give each of the two releases of a service its share of the requests."""

from __future__ import annotations

from lading import Context, Done, Failed, Pending, Share, ShiftRequest, ShiftStep
from lading_serving.control import NOTHING, ControlFolder, Desired, ReleaseState

from .folder import opened, weights
from .logs import log_tail
from .options import LocalOptions
from .releases import prune, prune_environments, require_values
from .supervising import desire, in_use, number_of, numbers_in, running, still_serving

_POLL_INTERVAL = 0.05
_ALL = 100


def step(request: ShiftRequest[LocalOptions], context: Context) -> ShiftStep:
    """The next step towards `request.shares`. A release without a share drains."""
    with opened(context) as folder:
        return _step(request, context, folder)


def _step(request: ShiftRequest[LocalOptions], context: Context, folder: ControlFolder) -> ShiftStep:
    before = folder.desired() or NOTHING
    shares = {number_of(folder, share.release_id, context): share for share in request.shares}
    if problem := _problem(shares, before):
        return Failed(reason=problem)
    wanted = _wanted({number: share for number, share in shares.items() if number is not None}, before)
    if wanted != before and before["canary"] in shares and (failed := _failed(folder, before["canary"])):
        return failed
    require_values(folder, numbers_in(wanted) - running(folder), request, context)
    desire(folder, wanted, request.deployment, context, f"{wanted['serving']}/shift", beside=request.canary)
    return _observe(folder, wanted)


def _problem(shares: dict[int | None, Share], before: Desired) -> str:
    serving, canary = before["serving"], before["canary"]
    for number, share in shares.items():
        if number is None or number not in {serving, canary}:
            return f"release {share.release_id} does not serve"
    if sum(share.weight for share in shares.values()) != _ALL:
        return f"the weights do not add up to {_ALL}"
    return ""


def _wanted(shares: dict[int, Share], before: Desired) -> Desired:
    """The desired state with these shares. The release with the only share serves alone."""
    if len(shares) == 1:
        return {**NOTHING, "serving": next(iter(shares))}
    serving, canary = before["serving"], before["canary"]
    beside = next(share for number, share in shares.items() if number == canary)
    return {"serving": serving, "candidate": None, "canary": canary, "weight": beside.weight, "shadow": beside.shadow}


def _observe(folder: ControlFolder, wanted: Desired) -> ShiftStep:
    for number in weights(wanted):
        if failed := _failed(folder, number):
            _undo(folder, wanted)
            return failed
    if not _has_shares(folder, wanted):
        return Pending(phase="shifting", detail=f"release {wanted['serving']}", retry_after=_POLL_INTERVAL)
    prune(folder, keep=in_use(folder))
    prune_environments(folder)
    return Done()


def _has_shares(folder: ControlFolder, wanted: Desired) -> bool:
    """Whether the supervisor has done it all, except for the end of releases that finish their requests."""
    releases, shares = folder.state()["releases"], weights(wanted)
    phases = {int(number): release["phase"] for number, release in releases.items()}
    right = {number: "serving" if number == wanted["serving"] else "ready" for number in shares}
    return {number: phase for number, phase in phases.items() if phase != "draining"} == right and all(
        _shares_of(releases[str(number)]) == share for number, share in shares.items()
    )


def _shares_of(release: ReleaseState) -> tuple[int, int]:
    return release.get("weight", _ALL), release.get("shadow", 0)


def _failed(folder: ControlFolder, number: int | None) -> Failed | None:
    """The failure of a release, if its workers cannot be started."""
    release = folder.state()["releases"].get(str(number)) if folder.is_supervised() else None
    if number is None or release is None or release["phase"] != "failed":
        return None
    return Failed(reason=f"release {number}: {release['reason']}", log=log_tail(folder, number))


def _undo(folder: ControlFolder, wanted: Desired) -> None:
    """Let the release that still serves go on, if a canary cannot take its place. The canary gets no requests then."""
    promoted = wanted["serving"]
    if wanted["canary"] is None and promoted is not None and (serving := still_serving(folder, promoted)) is not None:
        folder.desire({**NOTHING, "serving": serving, "canary": promoted})
