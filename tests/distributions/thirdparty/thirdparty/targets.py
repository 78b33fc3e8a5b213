"""Targets with real processes.

`roll` keeps the old release until the new one has answered. `stop` must remove the old release first. `opaque` cannot
report its status. `capable` has a key, a log, a list, a preflight and a plan, and `rotating` also rotates its key.
`puller` accepts container images. `remote` keeps its services outside the store.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, cast

from lading import (
    BadInput,
    Candidate,
    Capability,
    Context,
    Counterpart,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Done,
    Ejected,
    Failed,
    Figures,
    FindingSeverity,
    ImageNeed,
    Keys,
    Latency,
    Listed,
    Listing,
    ListRequest,
    Logs,
    LogsRequest,
    Means,
    Metrics,
    NoScoringUri,
    Options,
    Pending,
    PlanEffect,
    PlanFinding,
    PlanFindings,
    PlanRequest,
    PreflightRequest,
    Range,
    Ready,
    ReleaseMetrics,
    ScoringUri,
    Secret,
    StageFailed,
    State,
    Status,
    TargetFinding,
    TargetFindings,
    hookimpl,
    lay_out,
)

from . import Wrong, note

SERVER = """
import http.server, json, os, pathlib, runpy, signal, sys, threading, traceback
app, model, address, port = sys.argv[1:]
key = os.environ.get("SERVER_KEY")

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
signal.signal(signal.SIGUSR1, lambda *_: serve(int(port), address + ".promoted"))
try:
    script = runpy.run_path(app)
    script["init"]()
except Exception:
    tell(address, "failed: " + traceback.format_exc())
else:
    serve(0, address)
    while True:
        signal.pause()
"""


@dataclass(frozen=True)
class Cord(Options):
    metres: int = 0
    """Its length."""


@dataclass(frozen=True)
class RollOptions(Options):
    deploy_only = ("flag",)
    placed_by = ("pier",)

    depth: int = 10
    """The largest number of a model that starts."""
    cpus: Annotated[int, Means("processor cores")] = 0
    """How many CPUs it has."""
    disks: int = 0
    """How many disks it has."""
    flag: str = "white"
    """A colour."""
    pier: str = ""
    """The place of the server on its platform."""
    cords: tuple[Cord, ...] = ()
    """Its cords."""
    password: str = ""
    """Name of the variable with the password of its server."""
    spare: Mapping[str, Cord] = field(default_factory=dict)
    """What is in store, by its place."""


@dataclass(frozen=True)
class StopOptions(Options):
    depth: Annotated[int, Range(le=12)] = 10
    """The largest number of a model that starts."""
    flag: str = "white"
    """A colour."""
    pairs: Annotated[int, Range(ge=0), Means("processor cores", unit=2)] = 1
    """How many pairs of CPUs it has."""

    def counterparts(self, plugin: str, given: Mapping[str, object]) -> Mapping[str, Counterpart]:
        known = plugin == "roll" and "pier" in given
        return {"pier": Counterpart.at("places.pier", given["pier"], self.flag)} if known else {}


@dataclass(frozen=True)
class PullerOptions(RollOptions):
    bare: bool = False
    """Whether it starts the package without an image."""

    @classmethod
    def needs_image(cls, values: Mapping[str, object]) -> bool:
        return values.get("bare") is not True


Place = RollOptions | StopOptions


class ProcessTarget:
    key: str | None = None

    def __init__(self, keeps: bool, options: type[Options]) -> None:
        self.keeps = keeps
        self.options = options

    @hookimpl
    def lading_describe(self) -> Description:
        declared = {Capability.DELETE, Capability.SCORING_URI}
        declared |= {Capability.KEEPS_OLD_RELEASE} if self.keeps else set()
        declared |= {Capability.STATUS} if self.lading_status is not None else set()
        return Description(
            summary="a server process",
            api=1,
            options=self.options,
            connection="hosting",
            capabilities=frozenset(declared),
            switch_gap="the old server may stop during a request" if self.keeps else "",
        )

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        verdict = None if request.verdict is None else request.verdict.up
        misbehaviour = note("lading_deploy", target=request.deployment.target, release=request.release, verdict=verdict)
        if misbehaviour is not None:
            return misbehaviour
        if password := getattr(request.deployment.options, "password", ""):
            context.secret(password)
        if getattr(request.deployment.options, "disks", 0) > 9:
            raise BadInput("a server has slots for 9 disks", option="disks")
        for short in too_short(request.deployment.options):
            raise BadInput("a cord has a length", option=short, hint="measure it")
        new, served = context.work / f"{request.release_id}.json", context.work / "served.json"
        if not new.exists():
            context.intend(f"server/{request.release_id}")
            if not self.keeps:
                kill_server(served)
            start_server(request, context.work, new, self.key)
            return Pending(phase="starting", retry_after=0.05)
        address = context.work / f"{request.release_id}.address"
        if not address.exists():
            return Pending(phase="starting", retry_after=0.05)
        if failed := failure_of(request, address.read_text()):
            kill_server(new)
            return failed
        if self.keeps and request.verdict is None:
            return Candidate(uri=address.read_text())
        if self.keeps and request.verdict is not None and not request.verdict.up:
            kill_server(new)
            return Failed(reason=request.verdict.reason)
        return promote(new, served, address)

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        misbehaviour = note("lading_scoring_uri", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        served = context.work / "served.json"
        if not served.exists():
            return NoScoringUri(reason="no server runs")
        return ScoringUri(uri=json.loads(served.read_text())["uri"])

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        misbehaviour = note("lading_status", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        served = context.work / "served.json"
        if not served.exists():
            return Status(state=State.ABSENT)
        tags = json.loads(served.read_text())["tags"]
        return Status(
            state=State.RUNNING,
            package_digest=tags["lading.package"],
            model_sha256=tags["lading.model"],
            release_id=tags.get("lading.release-id"),
        )

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        misbehaviour = note("lading_delete", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        if os.environ.get("DELETE_FAULT") == "stuck":
            return Failed(reason="the server does not stop", log="server: still running")
        servers = sorted(context.work.glob("*.json"), key=lambda record: record.stem == "served")
        if servers:
            context.intend(f"server/{servers[0].stem}/delete")
            kill_server(servers[0])
            pause = float(os.environ.get("DELETE_PAUSE", "0.05"))
            return Pending(phase="stopping", detail=servers[0].stem, retry_after=pause)
        (context.work / "uri").unlink(missing_ok=True)
        return Done()


class Opaque(ProcessTarget):
    """A target that cannot report its status."""

    lading_status = None  # type: ignore[assignment]  # a hook that it does not have


class Ejecting:
    """A target that writes a release as one file."""

    @hookimpl
    def lading_eject(self, request: DeployRequest[Place], context: Context) -> Ejected | Wrong:
        misbehaviour = note("lading_eject", target=request.deployment.target, release=request.release)
        if misbehaviour is not None:
            return misbehaviour
        options, image = request.deployment.options, request.image.reference if request.image else ""
        about = {"tags": dict(request.tags), "flag": options.flag, "image": image, "password": "${SERVER_PASSWORD}"}
        text = json.dumps(about, indent=1)
        return Ejected(
            files={"server/server.json": text, "order.txt": "server/server.json\n"},
            commands=("cat server/server.json",),
            placeholders={"SERVER_PASSWORD": "any word"},
        )


class Capable(Ejecting, ProcessTarget):
    key: str = "s3same"

    @hookimpl
    def lading_describe(self) -> Description:
        description = super().lading_describe()
        more = {
            Capability.LOGS,
            Capability.KEYS,
            Capability.LIST,
            Capability.PREFLIGHT,
            Capability.PLAN,
            Capability.METRICS,
            Capability.EJECT,
        }
        return replace(description, capabilities=description.capabilities | more)

    @hookimpl
    def lading_keys(self, deployment: Deployment) -> Keys | Wrong:
        return note("lading_keys", target=deployment.target) or Keys(primary=Secret(self.key))

    @hookimpl
    def lading_logs(self, request: LogsRequest, context: Context) -> Logs | Wrong:
        misbehaviour = note("lading_logs", target=request.deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        tags = json.loads((context.work / "served.json").read_text())["tags"]
        lines = (context.work / f"{tags['lading.release-id']}.log").read_text().splitlines()
        start = int(request.cursor) if request.cursor else max(0, len(lines) - request.tail)
        return Logs(lines=tuple(lines[start:]), cursor=str(len(lines)))

    @hookimpl
    def lading_metrics(self, deployment: Deployment, context: Context) -> Metrics | Wrong:
        misbehaviour = note("lading_metrics", target=deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        release = json.loads((context.work / "served.json").read_text())["tags"]["lading.release-id"]
        answered = (context.work / f"{release}.log").read_text().split().count("answered")
        latency = Latency(bounds=(1.0,), counts=(answered, 0))
        total = Figures(requests=answered, errors=0, latency=latency)
        return Metrics(releases=(ReleaseMetrics(release_id=release, total=total),))

    @hookimpl
    def lading_preflight(self, request: PreflightRequest) -> TargetFindings | Wrong:
        misbehaviour = note("lading_preflight", target=request.deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        short = tuple(
            TargetFinding(message="a short cord", severity=FindingSeverity.WARNING, option=option)
            for option in too_short(request.deployment.options)
        )
        return TargetFindings(findings=(*expected(getattr(request.deployment.options, "flag", "")), *short))

    @hookimpl
    def lading_plan(self, request: PlanRequest, context: Context) -> PlanFindings | Wrong:
        misbehaviour = note("lading_plan", target=request.deployment.target, signed_in=context.connection is not None)
        if misbehaviour is not None:
            return misbehaviour
        before = request.up.written.get("cpus", 0) if request.up else None
        gap = PlanFinding(message=f"the {before} CPUs are released first", effect=PlanEffect.GAP)
        fixed = PlanFinding(message="a disk cannot move", effect=PlanEffect.REFUSED, option="disks", hint="buy one")
        disks = getattr(request.deployment.options, "disks", 0)
        moved = request.up is not None and request.up.written.get("disks", 0) != disks
        return PlanFindings(findings=((gap,) if request.up else ()) + ((fixed,) if moved else ()))

    @hookimpl
    def lading_list(self, request: ListRequest, context: Context) -> Listing | Wrong:
        misbehaviour = note("lading_list", target=request.deployment.target)
        if misbehaviour is not None:
            return misbehaviour
        served = context.work / "served.json"
        servers = [json.loads(served.read_text())] if served.exists() else []
        return Listing(
            objects=tuple(listed(server["tags"], f"server {server['pid']}", server["uri"]) for server in servers)
        )


class Rotating(Capable):
    """A target whose keys can be rotated."""

    @hookimpl
    def lading_describe(self) -> Description:
        description = super().lading_describe()
        return replace(description, capabilities=description.capabilities | {Capability.ROTATE_KEYS})

    @hookimpl
    def lading_keys(self, deployment: Deployment, rotate: str | None) -> Keys | Wrong:  # type: ignore[override]
        if rotate == "secondary":
            raise StageFailed(f"the key {self.key} cannot be replaced")
        return super().lading_keys(deployment)


class Puller(Ejecting, ProcessTarget):
    """A target that accepts container images, and packages if its options say so."""

    @hookimpl
    def lading_describe(self) -> Description:
        description = super().lading_describe()
        declared = description.capabilities | {Capability.EJECT}
        return replace(description, image=ImageNeed.PUSHED, capabilities=declared)

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        note("loaded", image=request.image.reference if request.image else "")
        return super().lading_deploy(request, context)


class Remote(ProcessTarget):
    """A target on a platform in the folder PLATFORM. The folder is outside the store, so each store finds the services
    there.
    """

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        return super().lading_deploy(request, on_platform(request.deployment, context))

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        return super().lading_scoring_uri(deployment, on_platform(deployment, context))

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        return super().lading_status(deployment, on_platform(deployment, context))

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        return super().lading_delete(deployment, on_platform(deployment, context))


def on_platform(deployment: Deployment, context: Context) -> Context:
    """The context with the service's folder in PLATFORM instead of the store."""
    pier, region = getattr(deployment.options, "pier", ""), context.connection["region"]
    work = Path(os.environ["PLATFORM"], f"{deployment.service}{pier}" + ("" if region == "north" else f"@{region}"))
    work.mkdir(exist_ok=True)
    return cast("Context", SimpleNamespace(work=work, intend=context.intend))


def too_short(options: Options) -> Iterator[str]:
    """The findings about cords that are too short to be used."""
    if isinstance(options, RollOptions):
        yield from (f"cords.{index}.metres" for index, cord in enumerate(options.cords) if cord.metres < 1)
        yield from (f"spare.{place}.metres" for place, cord in options.spare.items() if cord.metres < 1)


def expected(flag: str) -> tuple[TargetFinding, ...]:
    """The preflight findings about a flag."""
    warning = TargetFinding(message="a grey flag is hard to see", severity=FindingSeverity.WARNING, option="flag")
    refusal = TargetFinding(message="a black flag is not allowed", option="flag", hint="choose another")
    secret = TargetFinding(message=f"{flag} is not allowed", hint=f"not as {flag}")
    return {"grey": (warning,), "black": (refusal,)}.get(flag, (secret,) if flag.startswith("s3cr3t") else ())


def listed(tags: Mapping[str, str], name: str, uri: str | None = None) -> Listed:
    """A service, read from its tags."""
    return Listed(
        name=name,
        service=tags["lading.service"],
        target=tags["lading.target"],
        state=State.RUNNING,
        package_digest=tags["lading.package"],
        model_sha256=tags["lading.model"],
        uri=uri,
    )


def start_server(request: DeployRequest, folder: Path, record: Path, key: str | None) -> None:
    """Start a server process for the release. All releases answer at the address of the first one, once they are
    promoted.
    """
    home, known = folder / request.release_id, folder / "uri"
    shutil.rmtree(home, ignore_errors=True)
    model = lay_out(request.package, home)
    app = home / "azureml-app" / request.package.scoring_script
    port = known.read_text().rpartition(":")[2].partition("/")[0] if known.exists() else "0"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, app, model, folder / f"{request.release_id}.address", port],
        env={**os.environ, **({"SERVER_KEY": key} if key else {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    record.write_text(json.dumps({"pid": server.pid, "tags": dict(request.tags)}))


def failure_of(request: DeployRequest[Place], said: str) -> Failed | None:
    """Why a server did not start, and the end of its log."""
    if said.startswith("failed"):
        return Failed(reason="init() failed", log=said)
    if float(request.package.model.file.read_text()) > request.deployment.options.depth:
        return Failed(reason="over the limit", log="server: the number is too large", option="depth")
    return None


def promote(new: Path, served: Path, address: Path) -> DeployStep:
    """Give the public address to a server, and stop the server before it."""
    server, known = json.loads(new.read_text()), new.with_name("uri")
    if served.exists() and json.loads(served.read_text())["pid"] == server["pid"]:
        return Ready()
    promoted = address.with_name(f"{address.name}.promoted") if known.exists() else address
    if not promoted.exists():
        os.kill(server["pid"], signal.SIGUSR1)
        return Pending(phase="promoting", retry_after=0.05)
    kill_server(served)
    known.write_text(promoted.read_text())
    served.write_text(json.dumps({**server, "uri": known.read_text()}))
    return Ready()


def kill_server(record: Path) -> None:
    if record.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        record.unlink()


roll, stop = ProcessTarget(keeps=True, options=RollOptions), ProcessTarget(keeps=False, options=StopOptions)
capable = Capable(keeps=True, options=RollOptions)
rotating = Rotating(keeps=True, options=RollOptions)
puller = Puller(keeps=True, options=PullerOptions)
remote = Remote(keeps=True, options=RollOptions)
opaque = Opaque(keeps=True, options=RollOptions)
