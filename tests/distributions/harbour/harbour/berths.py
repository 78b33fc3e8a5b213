"""Targets over real processes: `quay` keeps the old release until the new one has answered, `raft` has no room, `fog`
cannot tell what it has, `beacon` has a key and a log, and `liner` takes barrels alone.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Annotated

from lading import (
    BadInput,
    Candidate,
    Capability,
    Deployment,
    Description,
    Failed,
    ImageNeed,
    Keys,
    Logs,
    Means,
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
    lay_out,
)

from . import note

SERVER = """
import http.server, json, os, pathlib, runpy, signal, sys, threading, traceback
app, model, address, port = sys.argv[1:]
key = os.environ.get("BERTH_KEY")

def tell(name, text):
    pathlib.Path(name + "~").write_text(text)
    pathlib.Path(name + "~").rename(name)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        allowed = key is None or self.headers["authorization"] == f"Bearer {key}"
        with pathlib.Path(address).with_suffix(".log").open("a") as log:
            print("answered" if allowed else "refused", file=log)
        answer = json.dumps(script["run"](body.decode())).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_):
        pass

class Server(http.server.HTTPServer):
    allow_reuse_port = True

def serve(port, name):
    server = Server(("127.0.0.1", port), Handler)
    tell(name, f"http://127.0.0.1:{server.server_port}/score")
    threading.Thread(target=server.serve_forever).start()

os.environ["AZUREML_MODEL_DIR"] = model
signal.signal(signal.SIGUSR1, lambda *_: serve(int(port), address + ".berthed"))
try:
    script = runpy.run_path(app)
    script["init"]()
except Exception:
    tell(address, "aground: " + traceback.format_exc())
else:
    serve(0, address)
    while True:
        signal.pause()
"""


@dataclass(frozen=True)
class BerthOptions(Options):
    depth: int = 10
    """In metres; a model of more tons runs aground."""
    crew: Annotated[int, Means("people on deck")] = 0
    """How many are on land to help."""
    lamps: int = 0
    """How many light it."""
    flag: str = "white"
    """What is flown."""


@dataclass(frozen=True)
class RaftOptions(Options):
    depth: Annotated[int, Range(le=12)] = 10
    """In metres; a model of more tons runs aground."""
    flag: str = "white"
    """What is flown."""
    pairs: Annotated[int, Range(ge=0), Means("people on deck", unit=2)] = 1
    """How many pairs of people row it."""


class Berth:
    key = None

    def __init__(self, keeps, options):
        self.keeps = keeps
        self.options = options

    @hookimpl
    def lading_describe(self):
        declared = {Capability.DELETE, Capability.SCORING_URI}
        declared |= {Capability.KEEPS_OLD_RELEASE} if self.keeps else set()
        declared |= {Capability.STATUS} if self.lading_status else set()
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
        if getattr(request.deployment.options, "lamps", 0) > 9:
            raise BadInput("a berth has posts for 9 lamps", option="lamps")
        new, served = context.work / f"{request.release}.json", context.work / "served.json"
        if not new.exists():
            context.intend(f"ship/{request.release}")
            if not self.keeps:
                sink(served)
            moor(request, context.work, new, self.key)
            return Pending("mooring", retry_after=0.05)
        address = context.work / f"{request.release}.address"
        if not address.exists():
            return Pending("mooring", retry_after=0.05)
        if problem := aground(request, address.read_text()):
            sink(new)
            return Failed(*problem)
        if self.keeps and request.verdict is None:
            return Candidate(address.read_text())
        if self.keeps and not request.verdict.up:
            sink(new)
            return Failed(request.verdict.reason)
        return berth(new, served, address)

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
        (context.work / "uri").unlink(missing_ok=True)
        return Status(State.ABSENT)


class Foggy(Berth):
    """A place that nobody can see."""

    lading_status = None


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


class Liner(Berth):
    """A ship that takes its cargo in barrels."""

    @hookimpl
    def lading_describe(self):
        return replace(super().lading_describe(), image=ImageNeed.PUSHED)

    @hookimpl
    def lading_deploy(self, request, context):
        note("loaded", image=request.image.reference)
        return super().lading_deploy(request, context)


def moor(request, folder, record, key):
    """A ship of its own for every release; all of them answer at the address of the first, once they are berthed."""
    home, known = folder / str(request.release), folder / "uri"
    shutil.rmtree(home, ignore_errors=True)
    model = lay_out(request.package, home)
    app = home / "azureml-app" / request.package.scoring_script
    port = known.read_text().rpartition(":")[2].partition("/")[0] if known.exists() else "0"
    ship = subprocess.Popen(
        [sys.executable, "-c", SERVER, app, model, folder / f"{request.release}.address", port],
        env={**os.environ, **({"BERTH_KEY": key} if key else {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    record.write_text(json.dumps({"pid": ship.pid, "tags": dict(request.tags)}))


def aground(request, said):
    """Why a ship will not sail, and what its captain says of it."""
    if said.startswith("aground"):
        return "init() failed", said
    if float(request.package.model.file.read_text()) > request.deployment.options.depth:
        return "ran aground", "captain: I told you so"
    return None


def berth(new, served, address):
    """Let a ship answer where the one before it did, and sink that one."""
    ship, known = json.loads(new.read_text()), new.with_name("uri")
    if served.exists() and json.loads(served.read_text())["pid"] == ship["pid"]:
        return Ready()
    berthed = address.with_name(f"{address.name}.berthed") if known.exists() else address
    if not berthed.exists():
        os.kill(ship["pid"], signal.SIGUSR1)
        return Pending("berthing", retry_after=0.05)
    sink(served)
    known.write_text(berthed.read_text())
    served.write_text(json.dumps({**ship, "uri": known.read_text()}))
    return Ready()


def sink(record):
    if record.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        record.unlink()


quay, raft = Berth(keeps=True, options=BerthOptions), Berth(keeps=False, options=RaftOptions)
beacon = Beacon(keeps=True, options=BerthOptions)
liner = Liner(keeps=True, options=BerthOptions)
fog = Foggy(keeps=True, options=BerthOptions)
