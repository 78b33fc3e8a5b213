"""A target that serves two releases at once: a front process passes each request on to the server of a release."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lading import (
    BadInput,
    Candidate,
    Capability,
    Context,
    DeleteStep,
    Deployment,
    DeployRequest,
    DeployStep,
    Description,
    Done,
    Failed,
    Figures,
    InvokeRequest,
    Latency,
    Metrics,
    NoScoringUri,
    OutcomeUnknown,
    Pending,
    Ready,
    ReleaseMetrics,
    ScoringUri,
    Served,
    ShiftRequest,
    ShiftStep,
    StageFailed,
    State,
    Status,
    Transient,
    hookimpl,
)

from . import Wrong, note
from .targets import Ejecting, Place, ProcessTarget, RollOptions, failure_of, kill_server, on_platform, start_server

FRONT = """
import http.client, http.server, json, pathlib, sys, threading, urllib.parse
routes, address = map(pathlib.Path, sys.argv[1:])
lock, seen = threading.Lock(), [0]

def chosen(lane):
    known = json.loads(routes.read_text())
    if lane:
        return known[lane == "canary"]
    canary = known[1]["weight"] if len(known) > 1 else 0
    with lock:
        seen[0] += 1
        return known[seen[0] * canary // 100 > (seen[0] - 1) * canary // 100]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            status, data = self.passed_on(body)
        except OSError:  # the server of a release was stopped meanwhile
            status, data = self.passed_on(body)
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def passed_on(self, body):
        server = http.client.HTTPConnection(urllib.parse.urlsplit(chosen(self.headers["x-lane"])["uri"]).netloc)
        server.request("POST", "/score", body)
        with server.getresponse() as answer:
            return answer.status, answer.read()
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
part = address.with_name("front.part")
part.write_text(f"http://127.0.0.1:{server.server_port}/score")
part.rename(address)
server.serve_forever()
"""

Route = dict[str, Any]
LANES = ("stable", "canary")


class Router(Ejecting, ProcessTarget):
    """A target with the capability `traffic`. The file `routes` has the releases, the stable one first."""

    @hookimpl
    def lading_describe(self) -> Description:
        description = super().lading_describe()
        more = {Capability.TRAFFIC, Capability.METRICS, Capability.EJECT, Capability.INVOKE}
        more |= set() if os.environ.get("SHIFT_FAULT") == "no-shadow" else {Capability.SHADOW}
        return replace(description, capabilities=description.capabilities | more)

    @hookimpl
    def lading_invoke(self, request: InvokeRequest[Place]) -> None:
        """Leave the request to plain HTTP."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        facts: dict[str, Any] = {"target": request.deployment.target, "beside": request.beside}
        if (misbehaviour := note("lading_deploy", release=request.release, **facts)) is not None:
            return misbehaviour
        work, known = context.work, routes(context.work)
        new, address = work / f"{request.release_id}.json", work / f"{request.release_id}.address"
        if request.release_id in [route["id"] for route in known]:
            if not request.beside and len(known) > 1:
                share_out(work, [{**route, "weight": 100} for route in known if route["id"] == request.release_id])
            return Ready()
        if not new.exists():
            context.intend(f"server/{request.release_id}")
            share_out(work, known[:1])
            start_server(request, work, new, self.key)
            return Pending(phase="starting", retry_after=0.05)
        if not address.exists():
            return Pending(phase="starting", retry_after=0.05)
        if failed := failure_of(request, address.read_text()):
            kill_server(new)
            return failed
        if request.verdict is None:
            return Candidate(uri=address.read_text())
        if not request.verdict.up:
            kill_server(new)
            return Failed(reason=request.verdict.reason)
        route = {"id": request.release_id, "uri": address.read_text(), "tags": dict(request.tags), "shadow": 0}
        beside = [{**route, "weight": 0}] if request.beside else []
        share_out(work, [*known[:1], *beside] if request.beside else [{**route, "weight": 100}])
        return start_front(work) or Ready()

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        beside = request.canary.options.flag if request.canary else None
        facts = {"target": request.deployment.target, "flag": request.deployment.options.flag, "canary": beside}
        if (misbehaviour := note("lading_shift", **facts)) is not None:
            return misbehaviour
        if os.environ.get("SHIFT_FAULT") == "lies":
            return Done()
        known = {route["id"]: route for route in routes(context.work)}
        if missing := [share.release_id for share in request.shares if share.release_id not in known]:
            return Failed(reason=f"no server of release {missing[0]} runs")
        newest = request.shares[-1]
        if newest.weight == written().get("stuck") and newest.release_id != next(iter(known)):
            return Failed(reason="this share has no room")
        if newest.weight == written().get("unset"):
            raise BadInput("release 1 cannot be started again without FLAG")
        if len(request.shares) == 1 and called(context.work / "aborts") < written().get("busy", 0):
            raise OutcomeUnknown("the router has just restarted")
        wanted = [{**known[s.release_id], "weight": s.weight, "shadow": s.shadow} for s in request.shares]
        if wanted == list(known.values()):
            return Done()
        context.intend("front/routes")
        share_out(context.work, wanted)
        return Pending(phase="shifting", retry_after=0.05)

    @hookimpl
    def lading_metrics(self, deployment: Deployment, context: Context) -> Metrics | Wrong:
        """The figures that a test has written, by release number. Each call finds as many requests more."""
        if (misbehaviour := note("lading_metrics", target=deployment.target)) is not None:
            return misbehaviour
        figures, calls = written(), called(context.work / "figures-read")
        if calls < figures.get("silent", 0):
            raise Transient("the router is busy")
        if calls < figures.get("broken", 0):
            raise StageFailed("a server of the router has just ended")
        return Metrics(releases=tuple(measured(route, figures, calls) for route in routes(context.work)))

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        address = context.work / "front.address"
        return ScoringUri(uri=address.read_text()) if address.exists() else NoScoringUri(reason="no server runs")

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        if (misbehaviour := note("lading_status", target=deployment.target)) is not None:
            return misbehaviour
        known = routes(context.work)
        if not known:
            return Status(state=State.ABSENT)
        tags = known[0]["tags"]
        return Status(
            state=next_state(),
            package_digest=tags["lading.package"],
            model_sha256=tags["lading.model"],
            release_id=known[0]["id"],
            releases=tuple(
                Served(
                    release_id=route["id"],
                    package_digest=route["tags"]["lading.package"],
                    weight=route["weight"],
                    shadow=route["shadow"],
                    ready=0 if lane == "canary" and written().get("unready") else 1,
                    wanted=1,
                    headers={"x-lane": lane},
                )
                for route, lane in zip(known, LANES, strict=False)
            ),
        )

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        step = super().lading_delete(deployment, context)
        if isinstance(step, Done):
            for name in ("routes", "front.address"):
                (context.work / name).unlink(missing_ok=True)
        return step


def written() -> dict[str, Any]:
    """The figures and faults that a test has written."""
    file = Path("figures.json")
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def called(count: Path) -> int:
    """How often this was called before, for this file."""
    before = int(count.read_text()) if count.exists() else 0
    count.write_text(str(before + 1))
    return before


def measured(route: Route, figures: Mapping[str, Any], calls: int) -> ReleaseMetrics:
    """The figures of a release: requests, errors, the number of requests in each class of latency, and restarts."""
    given = {name: calls * number for name, number in figures.get(route["tags"]["lading.release"], {}).items()}
    slow, requests = given.get("slow", 0), given.get("requests", 0)
    latency = Latency(bounds=(0.005, 0.01, 1.0), counts=(requests - slow, 0, slow, 0))
    errors, refused = given.get("errors", 0), given.get("refused", 0)
    total = Figures(requests=requests, errors=errors, refused=refused, latency=latency)
    return ReleaseMetrics(release_id=route["id"], total=total, restarts=given.get("restarts", 0))


def routes(work: Path) -> list[Route]:
    file = work / "routes"
    found: list[Route] = json.loads(file.read_text()) if file.exists() else []
    return found


def next_state() -> State:
    """The state that the next status reports: the first word of the file `states`, if a test has written it."""
    file = Path("states")
    words = file.read_text().split() if file.exists() else []
    file.write_text(" ".join(words[1:]))
    return State(words[0]) if words else State.RUNNING


def share_out(work: Path, wanted: list[Route]) -> None:
    """Route the requests to these releases, and stop the servers of all others."""
    part = work / "routes.part"
    part.write_text(json.dumps(wanted))
    part.rename(work / "routes")
    kept = {"front", *(route["id"] for route in wanted)}
    for record in work.glob("*.json"):
        if record.stem not in kept:
            kill_server(record)


def start_front(work: Path) -> DeployStep | None:
    """Start the front if it does not run; None once it has an address."""
    record, address = work / "front.json", work / "front.address"
    if not record.exists():
        argv = [sys.executable, "-c", FRONT, str(work / "routes"), str(address)]
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        server = subprocess.Popen(argv, start_new_session=True, **quiet)
        record.write_text(json.dumps({"pid": server.pid}))
    return None if address.exists() else Pending(phase="starting the front", retry_after=0.05)


class SharedRouter(Router):
    """A router on a platform in the folder PLATFORM, which each store finds."""

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Place], context: Context) -> DeployStep | Wrong:
        return super().lading_deploy(request, on_platform(request.deployment, context))

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        return super().lading_shift(request, on_platform(request.deployment, context))

    @hookimpl
    def lading_metrics(self, deployment: Deployment, context: Context) -> Metrics | Wrong:
        return super().lading_metrics(deployment, on_platform(deployment, context))

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> ScoringUri | NoScoringUri | Wrong:
        return super().lading_scoring_uri(deployment, on_platform(deployment, context))

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        return super().lading_status(deployment, on_platform(deployment, context))

    @hookimpl
    def lading_delete(self, deployment: Deployment, context: Context) -> DeleteStep | Wrong:
        return super().lading_delete(deployment, on_platform(deployment, context))


router = Router(keeps=True, options=RollOptions)
shared_router = SharedRouter(keeps=True, options=RollOptions)
