"""The keys of a local service: kept in its folder, beside a file with their digests that its workers read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lading import BadInput, Keys, Secret, StageFailed
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.json_files import write_bytes
from lading_serving.keyring import Keyring, Which, published

from .folder import asks_for_key, content

if TYPE_CHECKING:
    from lading import Context, Deployment

    from .options import LocalOptions


def provide(folder: ControlFolder, options: LocalOptions, context: Context) -> None:
    """Make the keys if the block asks for some, and write the digests of known keys before a release starts."""
    ring = Keyring(folder.path, context)
    known = ring.ensure() if options.auth == "key" else ring.kept()
    if known is not None and content(folder.digests) != published(known):
        write_bytes(folder.digests, published(known))


def refuse_other_keys(folder: ControlFolder, options: LocalOptions) -> None:
    """Raise BadInput for a canary that would answer requests without a key, or refuse those that need none."""
    serving = (folder.desired() or NOTHING)["serving"]
    if serving is not None and (protected := asks_for_key(folder, serving)) != (options.auth == "key"):
        raise BadInput(
            f"the stable release asks for {'a' if protected else 'no'} key, and its canary must do the same",
            hint="deploy this change without a canary",
            option="auth",
        )


def keys(folder: ControlFolder, deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    """The keys of the running releases. Without `auth: key` there are none, and none can be rotated."""
    releases = _releases(folder)
    if not releases:
        raise StageFailed(f"{deployment.service} is not deployed", hint="`lading deploy` brings it up")
    if not any(asks_for_key(folder, number) for number in releases):
        if rotate is not None:
            raise BadInput(
                f"requests to {deployment.service} carry no key, so none can be rotated",
                hint="write `auth: key` under the target and deploy it",
            )
        return Keys(primary=None)
    ring = Keyring(folder.path, context)
    if rotate is None:
        found = ring.kept()
    else:
        context.intend(f"local/{deployment.service}/key/{rotate}")
        found = ring.rotate(cast("Which", rotate), lambda digests: write_bytes(folder.digests, digests))
    if found is None:
        raise StageFailed(
            f"the keys of {deployment.service} are lost", hint="`lading keys --rotate primary` makes new ones"
        )
    return Keys(primary=Secret(found.primary), secondary=Secret(found.secondary))


def _releases(folder: ControlFolder) -> list[int]:
    desired = folder.desired() or NOTHING
    numbers = (desired["serving"], desired["candidate"], desired["canary"])
    return [number for number in numbers if number is not None]
