"""The reports of an agent about itself and its modules, in edgeAgent's format."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from offline_azure.state import Record, now

from .content import create_options
from .state import NEVER

VERSION = "1.5.21"
IMAGE = re.compile(r"([^/]+/)*[^/:]+(:[^/:]+)?")  # a tag or a digest
CHUNK = 512  # limit of characters of create options in one value
OK, MALFORMED, EMPTY, FAILED = 200, 400, 417, 500


@dataclass
class Running:
    """A running module: its specification and its state."""

    spec: Record
    status: str = "running"
    description: str = "running"
    exit_code: int = 0
    restarts: int = 0
    started: str = field(default_factory=now)
    exited: str = NEVER
    restarted: str = NEVER
    image_hash: str = ""

    @property
    def report(self) -> Record:
        reported = {
            "exitCode": self.exit_code,
            "statusDescription": self.description,
            "lastStartTimeUtc": self.started,
            "lastExitTimeUtc": self.exited,
            "restartCount": self.restarts,
            "lastRestartTimeUtc": self.restarted,
            "runtimeStatus": self.status,
            "imagePullPolicy": "on-create",
            "env": {},
        }
        settings = {**chunked(self.spec["settings"]), "imageHash": self.image_hash}
        return {**reported, **self.spec, "settings": settings}


def report(platform: Record, version: int, desired: Record, running: dict[str, Running], error: str | None) -> Record:
    """The reported properties of $edgeAgent. `error` is the reason why the desired state was not reached."""
    system = {name: Running(spec).report for name, spec in desired.get("systemModules", {}).items()}
    return {
        "schemaVersion": "1.1",
        "version": {"version": VERSION},
        "lastDesiredVersion": version,
        "lastDesiredStatus": _status(desired, error),
        "runtime": {
            **desired.get("runtime", {"type": "docker", "settings": {}}),
            "platform": {**platform, "version": VERSION},
        },
        "systemModules": system,
        "modules": {name: module.report for name, module in running.items()},
    }


def malformed(desired: Record) -> str:
    """The first image or create options that edgeAgent could not read. Empty if it can read all."""
    reasons = [_malformed(name, spec["settings"]) for name, spec in desired.get("modules", {}).items()]
    return next(filter(None, reasons), "")


def _malformed(name: str, settings: Record) -> str:
    if not IMAGE.fullmatch(settings["image"]):
        return f"Image {settings['image']} of {name} is not in the right format"
    try:
        options = json.loads(create_options(settings) or "{}")
    except ValueError as error:
        return f"the create options of {name} are no JSON: {error}"
    return "" if isinstance(options, dict) else f"the create options of {name} are no object"


def chunked(settings: Record) -> Record:
    """The settings of a module with its create options in chunks, as the agent reports them."""
    text = create_options(settings) or "{}"
    pieces = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    names = ["createOptions", *(f"createOptions{number:02}" for number in range(1, len(pieces)))]
    return {"image": settings["image"], **dict(zip(names, pieces, strict=True))}


def _status(desired: Record, error: str | None) -> Record:
    if not desired:
        return {"code": EMPTY, "description": "Empty edge agent config"}
    if reason := malformed(desired):
        return {"code": MALFORMED, "description": reason}
    return {"code": OK, "description": ""} if error is None else {"code": FAILED, "description": error}
