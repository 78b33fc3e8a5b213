"""The capability card of an installed target: the kit run over it, with the options of a manifest."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from ..base.process import Command, run_command
from ..engine.session.session import Order, open_session
from ..errors import BadInput, StageFailed
from ..manifest import Path_, Section
from ..manifest.words import dotted
from ..model import Json
from .project import PARTS

SUBJECT = "LADING_CHECK_SUBJECT"
"""The variable that tells the kit's own test module what to check."""

MARK = "lading-check "
"""What a line of the tests begins with that says how a check ended; the rest is a JSON object."""

_PYTEST = ("-P", "-m", "pytest", "-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no", "-c", os.devnull)


@dataclass(frozen=True)
class Check:
    """One rule, and how a target stands to it: `outcome` is passed, skipped or failed, with the reason."""

    check: str
    rule: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Subject:
    """An installed target, and what the kit will call the services that it makes there."""

    target: str
    distribution: str
    version: str
    api: int
    capabilities: tuple[str, ...]
    options: Mapping[str, Json]
    connections: Mapping[str, Json]
    image: Mapping[str, Json]
    service: str

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(f"{self.service}-{part}" for part in PARTS)


def subject(manifest: Path, target: str | None) -> Subject:
    """A target of a manifest, the manifest's own where none is named, with its block and its connection's.

    Raises BadInput where pytest is missing, and whatever a wrong manifest or a broken plugin raises.
    """
    if find_spec("pytest") is None:
        raise BadInput("the conformance kit needs pytest", hint="pip install 'lading[testing]'")
    with TemporaryDirectory() as folder:
        targets = () if target is None else (target,)
        store = Path(folder, "store")
        order = Order(manifest, os.environ, store=store, targets=targets, stages=False, packed=True, image=True)
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
            )


def run_kit(checked: Subject, on_check: Callable[[Check], None]) -> tuple[Check, ...]:
    """Run every check, in a process of its own, and say how each ended; `on_check` hears of it at once.

    Raises StageFailed where the tests could not run.
    """
    checks: dict[str, Check] = {}

    def hear(line: str) -> None:
        if line.startswith(MARK):
            told = json.loads(line.removeprefix(MARK))
            found = Check(told["check"], told["rule"], told["outcome"], told["reason"])
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
    """All of ours, as a target may need any of it, but for what would change how pytest runs."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**ours, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", SUBJECT: json.dumps(asdict(checked))}


def _called(section: Section | None) -> dict[str, Json]:
    """The block of a connection or an image, with the plugin that reads it."""
    return {} if section is None else {**_block(section), "plugin": section.plugin}


def _block(section: Section) -> dict[str, Json]:
    """A block with its variables as written; its paths are made absolute, as the kit's manifest lies elsewhere."""
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
