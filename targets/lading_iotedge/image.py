"""The image for a device: check that its agent accepts the reference, and that the device can run it."""

from __future__ import annotations

import re

from lading import BadInput, Context, DeployRequest

from .port import Twin

# edgeAgent's parts of a reference: a path, and a last part with a tag or a digest, but not both.
_REFERENCE = re.compile(
    r"(?:\$?[A-Za-z0-9._-]+(?::[0-9]+)?/)?(?:[a-z0-9._-]+/)*[a-z0-9._-]+(?::(?P<tag>[\w.-]+)|@sha256:[0-9a-f]{64})?"
)
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "arm32v7": "arm",
    "i686": "386",
}


def full_name(image: str) -> str:
    """An image's name with its registry, which is docker.io if the name has none."""
    host, slash, _ = image.partition("/")
    has_host = bool(slash) and ("." in host or ":" in host or host == "localhost" or host[0] == "$")
    return image if has_host else f"docker.io/{image}"


def reference(request: DeployRequest, pull_from: str | None = None) -> str:
    """The reference of a release's image for a device, at the host `pull_from` if the devices pull from another one.

    Raises BadInput if edgeAgent would refuse it.
    """
    name = request.image.reference if request.image else ""
    if pull_from:
        path = full_name(name).partition("/")[2]
        name = f"{pull_from}/{path}"
    if not _REFERENCE.fullmatch(name):
        raise BadInput(f"a device cannot run the image '{name}'", hint="use repo:tag or repo@sha256:…")
    return name


def warn_of_floating(name: str, context: Context) -> None:
    """Warn of a tag that can move: a device with the old image will not pull it again."""
    found = _REFERENCE.fullmatch(name)
    if "@" not in name and found and found["tag"] in (None, "latest"):
        context.warn(f"the image {name} has the floating tag latest: a device that has it will not pull it again")


def platform_of(agent: Twin) -> str | None:
    """The platform that an agent reports, in Docker's terms; None if it has reported none."""
    platform = (agent.reported.get("runtime") or {}).get("platform") or {}
    reported = f"{platform.get('os')}/{platform['architecture']}" if platform.get("architecture") else None
    return "/".join(_plain(reported)) if reported else None


def other_platform(platform: str) -> str:
    """The condition of a query for agents that report another platform. It does not hold for those without a report."""
    system, architecture = _plain(platform)
    place = "properties.reported.runtime.platform"
    names = (architecture, *(name for name, plain in _ARCHITECTURES.items() if plain == architecture))
    differs = " AND ".join(f"{place}.architecture != '{name}'" for name in names)
    return f"({place}.os != '{system}' OR ({differs}))"


def check_platform(image: str, wanted: str | None, reported: str | None, whose: str) -> None:
    """Raise BadInput if the image's platform differs from the device's report or from the options."""
    made_for = _plain(image)
    for option, named in (("platform", wanted), ("device", reported)):
        if named and made_for != _plain(named):
            raise BadInput(
                f"the image is for {image}, and {whose} is {'/'.join(_plain(named))}",
                hint="build it for that platform, or deploy to another device",
                option=option,
            )


def _plain(platform: str) -> tuple[str, str]:
    """System and architecture in Docker's terms, without the variant."""
    system, architecture = (*platform.lower().split("/"), "")[:2]
    return system, _ARCHITECTURES.get(architecture, architecture)
