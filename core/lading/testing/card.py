"""The capability card of an installed target: run the kit on it with the options of a manifest."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..base.process import Command, run_command
from ..engine.session.order import Needs, Order
from ..engine.session.session import open_session
from ..errors import BadInput, StageFailed
from ..manifest import Path_, Section
from ..manifest.words import dotted
from ..model import Json
from .project import PARTS

if TYPE_CHECKING:  # it imports pytest
    from .platform import ThingsOf

SUBJECT = "LADING_CHECK_SUBJECT"
"""The variable that names the subject for the kit's own test module."""

MARK = "lading-check "
"""The prefix of a line with the result of a check. The rest of the line is a JSON object."""

_PYTEST = ("-P", "-m", "pytest", "-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no", "-c", os.devnull)


@dataclass(frozen=True)
class Check:
    """One rule, and the result for a target: `outcome` is passed, skipped or failed, with the reason.

    `seen` is what the check saw on the platform, by moment, and the number of requests.
    """

    check: str
    rule: str
    outcome: str
    reason: str
    seen: Mapping[str, Json]


@dataclass(frozen=True)
class Subject:
    """An installed target, and the names that the kit gives to its services there."""

    target: str
    distribution: str
    version: str
    api: int
    capabilities: tuple[str, ...]
    options: Mapping[str, Json]
    connections: Mapping[str, Json]
    image: Mapping[str, Json]
    service: str
    things_of: str | None

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(f"{self.service}-{part}" for part in PARTS)


def subject(manifest: Path, target: str | None, things_of: str | None = None) -> Subject:
    """A target of a manifest, by default the manifest's own, with its block and its connection's block.

    `things_of` names the function that examines the platform, as `MODULE:FUNCTION`. Raises BadInput if the function or
    pytest is missing. Errors of a wrong manifest or a broken plugin are passed on.
    """
    if find_spec("pytest") is None:
        raise BadInput("the conformance kit needs pytest", hint="pip install 'lading[testing]'")
    if things_of is not None:
        named(things_of)
    with TemporaryDirectory() as folder:
        targets = () if target is None else (target,)
        order = Order.of("plugin check", manifest, Needs.CHECK_TARGET, store=Path(folder, "store"), targets=targets)
        with open_session(order, lambda _event: None) as session:
            section = session.targets[0]
            plugin = session.plugin(section)
            return Subject(
                target=section.plugin,
                distribution=plugin.installed.distribution,
                version=plugin.installed.version,
                api=plugin.description.api,
                capabilities=tuple(sorted(plugin.description.capabilities)),
                options=_block(section),
                connections={name: _called(each) for name, each in session.manifest.connections.items()},
                image=_called(session.manifest.image),
                service=f"check-{secrets.token_hex(4)}",
                things_of=things_of,
            )


def named(place: str) -> ThingsOf:
    """The function that `MODULE:FUNCTION` names. Raises BadInput if there is none."""
    module, _, name = place.partition(":")
    hint = "name an installed function as MODULE:FUNCTION, such as --things-of acme.testing:things_of"
    if not module or not name:
        missing = "FUNCTION after" if module else "MODULE before"
        raise BadInput(f"'{place}' has no {missing} a colon", hint=hint)
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"{place} cannot be imported: {error}", hint=hint) from None
    looks: ThingsOf = found
    return looks


def run_kit(checked: Subject, on_check: Callable[[Check], None]) -> tuple[Check, ...]:
    """Run every check in a separate process and return the results. `on_check` receives each one at once.

    Raises StageFailed if the tests could not run.
    """
    checks: dict[str, Check] = {}

    def hear(line: str) -> None:
        if line.startswith(MARK):
            result = json.loads(line.removeprefix(MARK))
            found = Check(**{name: result[name] for name in Check.__dataclass_fields__})
            checks[found.check] = found
            on_check(found)

    with TemporaryDirectory() as folder:
        places = ("--rootdir", folder, "--basetemp", f"{folder}/tests", "--pyargs", f"{__package__}.checked")
        argv = (sys.executable, *_PYTEST, "-p", f"{__package__}.report", *places)
        command = Command(argv, Path(folder), _environ(checked))
        finished = run_command(command, on_line=hear)
    if finished.code not in (0, 1) or not checks:
        raise StageFailed(f"the conformance kit could not run: {' '.join(finished.tail[-1:])}")
    return tuple(checks.values())


def _environ(checked: Subject) -> dict[str, str]:
    """All our environment variables, because a target may need any of them, except those that change how
    pytest runs.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**ours, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", SUBJECT: json.dumps(asdict(checked))}


def _called(section: Section | None) -> dict[str, Json]:
    """The block of a connection or an image, with the plugin that reads it."""
    return {} if section is None else {**_block(section), "plugin": section.plugin}


def _block(section: Section) -> dict[str, Json]:
    """A block with its variables as written. Its paths become absolute, because the kit's manifest is in another
    folder.
    """
    block: dict[str, Json] = _absolute(section.record, section.inputs, ())
    return {**block, **({"connection": section.connection} if section.connection else {})}


def _absolute(value: Json, inputs: Mapping[str, Path], path: Path_) -> Json:
    if dotted(path) in inputs:
        return str(inputs[dotted(path)])
    if isinstance(value, dict):
        return {key: _absolute(item, inputs, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_absolute(item, inputs, (*path, index)) for index, item in enumerate(value)]
    return value
