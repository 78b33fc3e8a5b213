"""Targets over real processes: `quay` keeps the old release until the new one has answered, `raft` has no room, `fog`
cannot tell what it has, and `beacon` has a key and a log.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Annotated

from lading import (
    Candidate,
    Capability,
    Deployment,
    Description,
    Failed,
    Keys,
    Logs,
    NoScoringUri,
    Options,
    Pending,
    Range,
    Ready,
    ScoringUri,
    Secret,
    State,
    Status,
    hookimpl,
)

from . import note

SERVER = """
import http.server, json, os, pathlib, runpy, sys
key = os.environ.get("BERTH_KEY")
app, address = sys.argv[1:]
answer = json.dumps([runpy.run_path(app)["ANSWER"]]).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        allowed = key is None or self.headers["authorization"] == f"Bearer {key}"
        with pathlib.Path(address).with_suffix(".log").open("a") as log:
            print("answered" if allowed else "refused", file=log)
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path(address + "~").write_text(f"http://127.0.0.1:{server.server_port}/score")
pathlib.Path(address + "~").rename(address)
server.serve_forever()
"""


@dataclass(frozen=True)
class BerthOptions(Options):
    depth: int = 10
    """In metres; a model of more tons runs aground."""
    crew: int = 0
    """How many are on land to help."""
    flag: str = "white"
    """What is flown."""


@dataclass(frozen=True)
class RaftOptions(Options):
    depth: Annotated[int, Range(le=12)] = 10
    """In metres; a model of more tons runs aground."""
    flag: str = "white"
    """What is flown."""


class Berth:
    key = None

    def __init__(self, keeps, options, tells=True):
        self.keeps = keeps
        self.options = options
        self.tells = tells

    @hookimpl
    def lading_describe(self):
        declared = {Capability.DELETE, Capability.SCORING_URI}
        declared |= {Capability.KEEPS_OLD_RELEASE} if self.keeps else set()
        declared |= {Capability.STATUS} if self.tells else set()
        return Description(
            summary="a place for a ship",
            options=self.options,
            connection="harbour",
            capabilities=frozenset(declared),
        )

    @hookimpl
    def lading_deploy(self, request, context):
        verdict = None if request.verdict is None else request.verdict.up
        misbehaviour = note("lading_deploy", target=request.deployment.target, release=request.release, verdict=verdict)
        if misbehaviour is not None:
            return misbehaviour
        new, served = context.work / f"{request.release}.json", context.work / "served.json"
        if not new.exists():
            context.intend(f"ship/{request.release}")
            if not self.keeps:
                sink(served)
            moor(request, context.work, new, self.key)
            return Pending("mooring", retry_after=0.05)
        ship = json.loads(new.read_text())
        address = context.work / f"{request.release}.address"
        if not address.exists():
            return Pending("mooring", retry_after=0.05)
        if float(request.package.model.file.read_text()) > request.deployment.options.depth:
            sink(new)
            return Failed("ran aground", log="captain: I told you so")
        if self.keeps and request.verdict is None:
            return Candidate(address.read_text())
        if self.keeps and not request.verdict.up:
            sink(new)
            return Failed(request.verdict.reason)
        if self.keeps:
            sink(served)
        served.write_text(json.dumps({**ship, "uri": address.read_text()}))
        return Ready()

    @hookimpl
    def lading_scoring_uri(self, deployment, context):
        misbehaviour = note("lading_scoring_uri", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        served = context.work / "served.json"
        if not served.exists():
            return NoScoringUri("no ship is moored")
        return ScoringUri(json.loads(served.read_text())["uri"])

    @hookimpl
    def lading_status(self, deployment: Deployment, context):
        misbehaviour = note("lading_status", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        served = context.work / "served.json"
        if not served.exists():
            return Status(State.ABSENT)
        tags = json.loads(served.read_text())["tags"]
        return Status(State.RUNNING, package_digest=tags["lading.package"], model_sha256=tags["lading.model"])

    @hookimpl
    def lading_delete(self, deployment, context):
        misbehaviour = note("lading_delete", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        for record in context.work.glob("*.json"):
            sink(record)
        return Status(State.ABSENT)


class Beacon(Berth):
    key = "s3same"

    @hookimpl
    def lading_describe(self):
        description = super().lading_describe()
        return replace(description, capabilities=description.capabilities | {Capability.LOGS, Capability.KEYS})

    @hookimpl
    def lading_keys(self, deployment):
        return note("lading_keys", target=deployment.target) or Keys(primary=Secret(self.key))

    @hookimpl
    def lading_logs(self, request, context):
        misbehaviour = note("lading_logs", target=request.deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        lines = (context.work / f"{request.deployment.release}.log").read_text().splitlines()
        start = int(request.cursor) if request.cursor else max(0, len(lines) - request.tail)
        return Logs(lines=tuple(lines[start:]), cursor=str(len(lines)))


def moor(request, folder, record, key):
    app = request.package.folder / "azureml-app" / request.package.scoring_script
    address = folder / f"{request.release}.address"
    ship = subprocess.Popen(
        [sys.executable, "-c", SERVER, app, address],
        env={**os.environ, **({"BERTH_KEY": key} if key else {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    record.write_text(json.dumps({"pid": ship.pid, "tags": dict(request.tags)}))


def sink(record):
    if record.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        record.unlink()


quay, raft = Berth(keeps=True, options=BerthOptions), Berth(keeps=False, options=RaftOptions)
beacon = Beacon(keeps=True, options=BerthOptions)
fog = Berth(keeps=True, options=BerthOptions, tells=False)
