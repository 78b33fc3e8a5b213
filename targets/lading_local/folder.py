"""Check the folder of a service before it is used, and refuse foreign content."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lading import NoScoringUri, Refused, ScoringUri, Served, State, Status
from lading_serving.choice import CANARY, CHOICE, COUNT_MARK, STABLE, UNCOUNTED
from lading_serving.control import NOTHING, ControlFolder, Desired, ReleaseState
from lading_serving.owned import Foreign, read_own

if TYPE_CHECKING:
    from pathlib import Path

    from lading import Context

_MARK = re.compile(rf'"{COUNT_MARK}": "([0-9a-f]+)"'.encode())

_STATES = {
    "starting": State.PENDING,
    "ready": State.PENDING,
    "serving": State.RUNNING,
    "failed": State.FAILED,
    "draining": State.STOPPED,
}


@contextmanager
def opened(context: Context) -> Iterator[ControlFolder]:
    """The service's folder. Raises Refused, with the path, for any content that `lading` did not write."""
    folder = ControlFolder(context.work.resolve())
    try:
        folder.check()
        folder.desired()  # this call and the next raise Foreign for content that no release wrote
        folder.state()
        yield folder
    except Foreign as error:
        raise Refused(
            str(error), hint=f"inspect it, then remove it (rm -r {error.path}) and run the same command again"
        ) from error


def checked_uri(folder: ControlFolder, uri: str) -> str:
    """Check an address from `state.json`. Raises Foreign if it is not on this machine, so no client is redirected."""
    if not uri.partition("://")[2].startswith(("127.", "[::1]:")) and not _is_here(uri):
        raise Foreign(folder.path / "state.json", f"names {uri}, which is not on this machine")
    return uri


def _is_here(uri: str) -> bool:
    import socket  # most services listen on the loopback address
    from urllib.parse import urlsplit

    address = urlsplit(uri).hostname or ""
    with suppress(OSError), socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as sock:
        sock.bind((address, 0))
        return True
    return False


def scoring_uri(folder: ControlFolder) -> ScoringUri | NoScoringUri:
    """The scoring URI of the service, or the reason why it has none."""
    desired = folder.desired() or NOTHING
    serving = desired["serving"]
    if serving is None:
        return NoScoringUri(reason="nothing is deployed")
    if not folder.is_supervised():
        return NoScoringUri(reason=f"the service is stopped; {_restart(desired)}")
    release = folder.state()["releases"].get(str(serving))
    if release is None or not release["public_uri"]:
        return NoScoringUri(reason=f"release {serving} is starting")
    return ScoringUri(uri=checked_uri(folder, release["public_uri"]), needs_key=asks_for_key(folder, serving))


def _restart(desired: Desired) -> str:
    """The command that starts a stopped service. A plain deploy is refused while there is a canary."""
    if desired["canary"] is None:
        return "`lading deploy` starts it again"
    again = f"deploy --shadow {desired['shadow']}" if desired["shadow"] else f"traffic --weight {desired['weight']}"
    return f"`lading {again}` starts both releases again"


def asks_for_key(folder: ControlFolder, number: int) -> bool:
    """Whether a release asks for a key: then its environment names the file with the digests."""
    return json.dumps(str(folder.digests)).encode() in content(folder.spec(number))


def content(file: Path) -> bytes:
    """The content of a file of the folder; empty if it does not exist. Raises Foreign."""
    try:
        return read_own(file)
    except FileNotFoundError:
        return b""


def status(folder: ControlFolder) -> Status:
    """The status of the service, with the digests from the tags of the release that serves or is about to."""
    desired = folder.desired() or NOTHING
    number = desired["serving"] or desired["candidate"]
    if number is None:
        return Status(state=State.ABSENT)
    release = folder.state()["releases"].get(str(number))
    tags = release["tags"] if release else {}
    if not folder.is_supervised():
        state, detail = State.STOPPED, f"the supervisor is not running; {_restart(desired)}"
    elif release is None:
        state, detail = State.PENDING, f"release {number} is starting"
    else:
        state = _STATES[release["phase"]]
        detail = "; ".join(filter(None, (_detail(release), _canary_detail(folder, desired))))
    return Status(
        state=state,
        package_digest=tags.get("lading.package"),
        model_sha256=tags.get("lading.model"),
        release_id=tags.get("lading.release-id"),
        detail=detail,
        releases=tuple(_served(folder, desired)),
    )


def weights(desired: Desired) -> dict[int, tuple[int, int]]:
    """The percents of requests and of copies for each release that should get any, or is the canary."""
    found = {}
    if (serving := desired["serving"]) is not None:
        found[serving] = (100 - desired["weight"], 0)
    if (canary := desired["canary"]) is not None:
        found[canary] = (desired["weight"], desired["shadow"])
    return found


def _served(folder: ControlFolder, desired: Desired) -> Iterator[Served]:
    """The releases that serve. Those of a stopped service have no ready worker."""
    releases, is_supervised = folder.state()["releases"], folder.is_supervised()
    for number, (weight, shadow) in weights(desired).items():
        release = releases.get(str(number))
        if release is None or "lading.release-id" not in release["tags"]:
            continue
        yield Served(
            release_id=release["tags"]["lading.release-id"],
            package_digest=release["tags"].get("lading.package", ""),
            weight=release.get("weight", weight) if is_supervised else weight,
            shadow=release.get("shadow", shadow) if is_supervised else shadow,
            ready=release.get("accepting", 0) if is_supervised else 0,
            wanted=release.get("workers", 0),
            headers={CHOICE: STABLE if number == desired["serving"] else CANARY, UNCOUNTED: _mark(folder, number)},
        )


def _mark(folder: ControlFolder, number: int) -> str:
    """The secret of a release by which it knows requests of Lading itself. Empty for an earlier release."""
    found = _MARK.search(content(folder.spec(number)))
    return found[1].decode() if found else ""


def _canary_detail(folder: ControlFolder, desired: Desired) -> str:
    """The problems of the canary. Empty if it has none."""
    release = folder.state()["releases"].get(str(desired["canary"]))
    detail = _detail(release) if release else ""
    return f"canary: {detail}" if detail else ""


def _detail(release: ReleaseState) -> str:
    return release["reason"] if release["phase"] == "failed" else _workers(release)


def _workers(release: ReleaseState) -> str:
    """The problems of a release's workers since it started. Empty if there were none."""
    found = []
    workers, accepting = release.get("workers", 0), release.get("accepting", 0)
    if accepting < workers and (release["phase"] == "serving" or (release["phase"] == "ready" and accepting)):
        found.append(f"only {accepting} of {workers} workers accept requests")
    if slow := release.get("slow", 0):
        found.append(f"{slow} of {workers} workers busy with one request for more than 5 s")
    if restarts := release.get("restarts", 0):
        stuck = f" ({release.get('hung', 0)} of them stuck)" if release.get("hung", 0) else ""
        times = "worker replaced" if restarts == 1 else "workers replaced"
        found.append(f"{restarts} {times}{stuck}, the last because: {release['reason']}")
    return "; ".join(found)


def own_ports(folder: ControlFolder) -> set[int]:
    """The current or last public ports of the service's releases."""
    from urllib.parse import urlsplit

    addresses = (release["public_uri"] for release in folder.state()["releases"].values())
    return {urlsplit(address).port or 0 for address in addresses if address}
