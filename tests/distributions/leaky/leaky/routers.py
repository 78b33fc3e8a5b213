"""Targets like `router` of `thirdparty`. Each breaks one rule about the shares of two releases."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from thirdparty import Wrong
from thirdparty.routing import Router, routes
from thirdparty.targets import Place, RollOptions

from lading import (
    Capability,
    Context,
    Deployment,
    Description,
    Done,
    Failed,
    Pending,
    ShiftRequest,
    ShiftStep,
    Status,
    hookimpl,
)


class Plain(Router):
    """Keeps the rules. It has no figures, because those of `router` come from a file."""

    @hookimpl
    def lading_describe(self) -> Description:
        description = super().lading_describe()
        return replace(description, capabilities=description.capabilities - {Capability.METRICS})


class Lopsided(Plain):
    """Gives the canary another weight than it shows."""

    def __init__(self, weights: dict[int, int]) -> None:
        super().__init__(keeps=True, options=RollOptions)
        self.weights = weights

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        if (context.work / "routes").exists():
            put(context.work, [honest(route) for route in routes(context.work)])
        step = super().lading_shift(request, context)
        if isinstance(step, Done) and len(known := routes(context.work)) > 1:
            canary = {**known[1], "shown": known[1]["weight"]}
            put(context.work, [known[0], {**canary, "weight": self.weights.get(canary["shown"], canary["shown"])}])
        return step

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status | Wrong:
        status = super().lading_status(deployment, context)
        if not isinstance(status, Status):
            return status
        weights = {route["id"]: shown(route) for route in routes(context.work)}
        return replace(status, releases=tuple(replace(r, weight=weights[r.release_id]) for r in status.releases))


class Lenient(Plain):
    """Ignores a release that does not exist, and shifts the others."""

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        step = super().lading_shift(request, context)
        return Done() if isinstance(step, Failed) else step


class Backward(Plain):
    """Lets the wrong release answer after a canary has ended."""

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        known = routes(context.work)
        if len(request.shares) > 1 or len(known) < 2:
            return super().lading_shift(request, context)
        kept = next(route for route in known if route["id"] == request.shares[0].release_id)
        other = next(route for route in known if route is not kept)
        put(context.work, [{**kept, "weight": 100, "uri": other["uri"]}])
        return Done()


class Losing(Plain):
    """Answers nothing for a moment in each shift."""

    @hookimpl
    def lading_shift(self, request: ShiftRequest[Place], context: Context) -> ShiftStep | Wrong:
        mark, known = context.work / "shifting", routes(context.work)
        if not mark.exists():
            mark.write_text(json.dumps(known))
            put(context.work, [{**route, "uri": "http://127.0.0.1:9/score"} for route in known])
            return Pending(phase="losing requests", retry_after=1.0)
        if mark.read_text():
            put(context.work, json.loads(mark.read_text()))
            mark.write_text("")
        step = super().lading_shift(request, context)
        if isinstance(step, Done):
            mark.unlink()
        return step


def shown(route: dict[str, Any]) -> int:
    weight: int = route.get("shown", route["weight"])
    return weight


def honest(route: dict[str, Any]) -> dict[str, Any]:
    """A route with the weight that it shows."""
    return {**{name: value for name, value in route.items() if name != "shown"}, "weight": shown(route)}


def put(work: Path, known: list[dict[str, Any]]) -> None:
    """Replace the routes, and stop no server."""
    part = work / "routes.part"
    part.write_text(json.dumps(known))
    part.rename(work / "routes")


plain = Plain(keeps=True, options=RollOptions)
eager = Lopsided({0: 50})
lopsided = Lopsided({30: 0})
lenient = Lenient(keeps=True, options=RollOptions)
backward = Backward(keeps=True, options=RollOptions)
losing = Losing(keeps=True, options=RollOptions)
uncounted = Router(keeps=True, options=RollOptions)
