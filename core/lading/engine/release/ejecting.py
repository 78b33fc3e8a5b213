"""Write a release as the files of its platform, which serve it without Lading."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import yaml

from ...errors import BadInput
from ...manifest.references import names
from ...model import Capability
from ...store.durable import naming
from ...store.origin import mark
from .bring_up import image_for, kept_package
from .canaries import refuse_beside_canary
from .deploy_request import deploy_request
from .desired import inputs
from .image import IMAGE_LIMIT
from .restored import as_released
from .service import Service

if TYPE_CHECKING:
    from ...model import DeployRequest, Ejected, Package, Release
    from ..session.session import Session

EXAMPLE = ".example"
"""The end of the name of a file that needs values. Without them, the platform finds no file and applies nothing."""

_IGNORED = ".gitignore"
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHOWN = 16  # digits of a release id


@dataclass(frozen=True, kw_only=True)
class Ejection:
    """The files of a release in `folder`. `release` is its number; None if nothing is deployed.

    `unfilled` has the names of the values that each file needs. The file is written as an example. `placeholders` has
    the meanings of names that are not variables of the manifest, and `commands` are for a shell in the folder.
    """

    service: str
    target: str
    release: int | None
    package: str
    folder: Path
    files: tuple[str, ...]
    commands: tuple[str, ...]
    unfilled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    placeholders: Mapping[str, str] = field(default_factory=dict)


def eject(session: Session, folder: Path, make: Callable[[], Package]) -> Ejection:
    """Write the release that serves, with the options that it was deployed with.

    If nothing is deployed, `make` makes the package of the manifest. Raises BadInput if the folder has files or if the
    target cannot write any, and Refused if a canary is up.
    """
    service = Service(session, session.targets[0])
    _check(service, folder)
    release = session.store.releases.current(service.target.service_name, service.target.name)
    if release is None:
        request = _first_request(service, make())
    else:
        request = current_request(service := as_released(service, release), release)
    found = ejected(service, request)
    texts, unfilled = _without_values(service, found)
    _write(folder, texts, tuple(unfilled))
    return Ejection(
        service=service.target.service_name,
        target=service.target.name,
        release=release.number if release else None,
        package=request.package.digest,
        folder=folder,
        files=tuple(texts),
        commands=(*_filling(unfilled), *found.commands),
        unfilled=unfilled,
        placeholders=found.placeholders,
    )


def _check(service: Service, folder: Path) -> None:
    if not service.plugin.can(Capability.EJECT):
        raise BadInput(
            f"the target '{service.target.name}' has no files to eject",
            hint="`lading package export` and `lading image build` make what other platforms take",
        )
    with naming(folder):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise BadInput(f"{folder} exists already", hint="name a new folder, or an empty one")
    refuse_beside_canary(service)


def current_request(service: Service, release: Release) -> DeployRequest:
    """The request of the release that serves. Warns if its image may be another one."""
    package = kept_package(service, release)
    if package is None:
        digest = release.package_digest[:12]
        raise BadInput(
            f"package {digest} of release {release.number} is not in the store", hint="`lading deploy` makes it again"
        )
    if inputs(service, package).key != service.session.store.reuse.get(mark(release)):
        what = f"the block `image` or the plugins have changed since release {release.number}"
        service.emit("warning", detail=f"{what}: the image is the one that they make now")
    image = image_for(service, package)
    return deploy_request(service, package, release=release.number, release_id=release.id, image=image)


def _first_request(service: Service, package: Package) -> DeployRequest:
    """The request of a first release. The same package with the same options always gets the same id."""
    image = image_for(service, package)
    release_id = inputs(service, package).key[:_SHOWN]
    return deploy_request(service, package, release=1, release_id=release_id, image=image)


def ejected(service: Service, request: DeployRequest) -> Ejected:
    """The target's files for a release."""
    end = service.session.end(IMAGE_LIMIT)
    context, plugin = service.context(end), service.plugin
    return service.session.run_hook(plugin, "lading_eject", lambda: plugin.eject(request, context), end=end)


def _without_values(service: Service, found: Ejected) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The texts without values of variables, and the names that each file needs.

    A file that needs values is only an example, which the platform does not find.
    """
    session, written = service.session, service.target.record
    variables = {name: session.order.environ[name] for name in names(written) if name in session.order.environ}
    session.events.hidden.hide_variables(variables)
    for style in (True, False):
        session.events.hidden.hide_variables(
            {name: in_yaml(value, allow_unicode=style) for name, value in variables.items()}
        )
    known = {**dict.fromkeys(found.placeholders, ""), **session.draft().variables, **variables}
    texts, unfilled = dict[str, str](), dict[str, tuple[str, ...]]()
    for path, text in found.files.items():
        redacted = session.events.redacted(text)
        needed = tuple(dict.fromkeys(name for name in _PLACEHOLDER.findall(redacted) if name in known))
        if needed:
            _refuse_unfillable(path, text, redacted, {name: known[name] for name in needed})
            unfilled[path] = needed
        texts[f"{path}{EXAMPLE}" if needed else path] = redacted
    return texts, unfilled


def in_yaml(value: str, *, allow_unicode: bool) -> str:
    """A value between the double quotes of YAML."""
    return yaml.safe_dump(value, default_style='"', allow_unicode=allow_unicode, width=sys.maxsize).strip()[1:-1]


def _refuse_unfillable(path: str, text: str, redacted: str, values: Mapping[str, str]) -> None:
    """Raise BadInput if the file with its values filled in is not the one that the target has written.

    The target has escaped a character of a value, such as a quote, which envsubst does not.
    """
    filled, expected = redacted, text
    for name, value in values.items():
        reference = f"${{{name}}}"
        filled, expected = filled.replace(reference, value), expected.replace(reference, value)
    if filled != expected:
        escaped = [name for name, value in values.items() if value not in text and f"${{{name}}}" not in text]
        named = " or ".join(escaped or values)
        raise BadInput(
            f"a value of {named} needs quotes or escapes in {path}, which envsubst does not write",
            hint="use a value without quotes, line breaks and other special characters, or write it in the manifest",
        )


def _filling(unfilled: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The command that fills in each file, which others may not read."""

    def command(path: str, needed: tuple[str, ...]) -> str:
        wanted, source = " ".join(f"${{{name}}}" for name in needed), f"{path}{EXAMPLE}"
        return f"(umask 077 && envsubst {shlex.quote(wanted)} < {shlex.quote(source)} > {shlex.quote(path)})"

    return tuple(command(path, needed) for path, needed in unfilled.items())


def _write(folder: Path, texts: Mapping[str, str], private: tuple[str, ...]) -> None:
    """Write the files. Git ignores those that will have secrets."""
    ignored = {_IGNORED: "".join(f"/{path}\n" for path in private)} if private else {}
    for path, text in {**ignored, **texts}.items():
        file = folder / PurePosixPath(path)
        with naming(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
