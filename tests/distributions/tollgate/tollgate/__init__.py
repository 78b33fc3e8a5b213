"""A target that keeps its state in its folder."""

import json
import os

from lading import (
    Capability,
    Description,
    Keys,
    NoScoringUri,
    Ready,
    Secret,
    State,
    Status,
    Transient,
    hookimpl,
)


def read(context):
    file = context.work / "gate.json"
    return json.loads(file.read_text()) if file.exists() else {"calls": 0, "primary": "p1-c4n4ry", "up": False}


def write(context, gate):
    (context.work / "gate.json").write_text(json.dumps(gate))


@hookimpl
def lading_describe():
    known = {Capability.KEYS, Capability.ROTATE_KEYS, Capability.STATUS, Capability.DELETE}
    return Description(summary="a gate that lets one wait", capabilities=frozenset(known))


@hookimpl
def lading_deploy(context):
    gate = read(context)
    gate["calls"] += 1
    gate["up"] = gate["calls"] > int(os.environ.get("TOLLGATE_WAITS", "0"))
    write(context, gate)
    if not gate["up"]:
        raise Transient(f"the gate is shut ({gate['calls']})", retry_after=0.2)
    return Ready()


@hookimpl
def lading_scoring_uri():
    return NoScoringUri("a gate answers nobody")


@hookimpl
def lading_status(context):
    return Status(State.RUNNING if read(context)["up"] else State.ABSENT)


@hookimpl
def lading_keys(context, rotate):
    gate = read(context)
    if rotate == "primary":
        gate["primary"] = "p2-c4n4ry"
        write(context, gate)
    return Keys(Secret(gate["primary"]))


@hookimpl
def lading_delete(context):
    (context.work / "gate.json").unlink(missing_ok=True)
    return Status(State.ABSENT)
