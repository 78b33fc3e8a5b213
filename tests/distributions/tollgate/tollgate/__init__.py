"""A target that keeps its state in its folder."""

import json
import os
from typing import TypedDict

from lading import (
    Capability,
    Context,
    DeployRequest,
    Description,
    Done,
    Keys,
    NoScoringUri,
    Ready,
    Secret,
    State,
    Status,
    Transient,
    hookimpl,
)


class Gate(TypedDict):
    calls: int
    primary: str
    package: str | None
    up: bool


def read(context: Context) -> Gate:
    file = context.work / "gate.json"
    if not file.exists():
        return {"calls": 0, "primary": "p1-c4n4ry", "package": None, "up": False}
    kept: Gate = json.loads(file.read_text())
    return kept


def write(context: Context, gate: Gate) -> None:
    (context.work / "gate.json").write_text(json.dumps(gate))


@hookimpl
def lading_describe() -> Description:
    known = {Capability.KEYS, Capability.ROTATE_KEYS, Capability.STATUS, Capability.DELETE}
    return Description(summary="a gate that lets one wait", api=1, capabilities=frozenset(known))


@hookimpl
def lading_deploy(request: DeployRequest, context: Context) -> Ready:
    gate = read(context)
    gate["calls"] += 1
    gate["package"] = request.package.digest
    gate["up"] = gate["calls"] > int(os.environ.get("TOLLGATE_WAITS", "0"))
    write(context, gate)
    if not gate["up"]:
        raise Transient(f"the gate is shut ({gate['calls']})", retry_after=0.2)
    return Ready()


@hookimpl
def lading_scoring_uri() -> NoScoringUri:
    return NoScoringUri(reason="a gate answers nobody")


@hookimpl
def lading_status(context: Context) -> Status:
    gate = read(context)
    return Status(state=State.RUNNING if gate["up"] else State.ABSENT, package_digest=gate["package"])


@hookimpl
def lading_keys(context: Context, rotate: str | None) -> Keys:
    gate = read(context)
    if rotate == "primary":
        gate["primary"] = "p2-c4n4ry"
        write(context, gate)
    return Keys(primary=Secret(gate["primary"]))


@hookimpl
def lading_delete(context: Context) -> Done:
    (context.work / "gate.json").unlink(missing_ok=True)
    return Done()
