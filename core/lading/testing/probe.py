"""A program that drives the engine with a witnessed plugin and records its observations line by line.

`python -m lading.testing.probe REPORT describe TARGET`, `… REPORT observe MANIFEST`, `… REPORT FIRST_INTENT MANIFEST`
(a deploy that dies there) or `… REPORT ask URI`. Each line of the report is a JSON list of a name and a value.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..engine import pipeline
from ..engine.release import scoring
from ..engine.release.choosing import deploy
from ..engine.release.ejecting import current_request, ejected
from ..engine.release.foresight import foreseen
from ..engine.release.observing import read_log, read_metrics
from ..engine.release.service import Service
from ..engine.session.order import Needs, Order
from ..engine.session.session import Session, open_session
from ..errors import LadingError
from ..manifest.json_schema import options_schema
from ..model import Capability, FindingSeverity, PlanEffect, ScoringUri
from ..plugin.bound import BoundPlugin
from ..plugin.discovery import TARGETS, find
from .witness import Witness, Witnessed

REQUEST = {"data": [[1]]}


class Report:
    """The report. Each observation is written to disk at once, so a later crash does not lose it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, name: str, value: Any) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value]) + "\n")


def main() -> None:
    """Run the arguments. An expected failure is in the report as `error`."""
    report, (mode, subject) = Report(Path(sys.argv[1])), sys.argv[2:]
    try:
        if mode == "describe":
            describe(report, subject)
        elif mode == "ask":
            report.add("answered", scoring.ask(subject, scoring.encode(REQUEST)).status)
        elif mode == "observe":
            observe(report, Path(subject))
        else:
            with _session(Path(subject), Witness(mode)) as session:
                deploy(session, session.targets[0], pipeline.packaged(session))
    except LadingError as error:
        report.add("error", error.message)


def describe(report: Report, target: str) -> None:
    """The plugin's description, and its differences from the implementation."""
    plugin = BoundPlugin(find(TARGETS, target))
    declared = plugin.description.capabilities
    hooks = [(capability, capability.hook) for capability in Capability if capability.hook]
    report.add("plugin", {**plugin.installed._asdict(), "api": plugin.description.api})
    report.add("summary", plugin.description.summary)
    report.add("capabilities", sorted(declared))
    report.add("switch_gap", plugin.description.switch_gap)
    report.add("unimplemented", [h for c, h in hooks if c in declared and h not in plugin.hooks])
    report.add("undeclared", [h for c, h in hooks if c not in declared and h in plugin.hooks])
    report.add("undocumented", sorted(_undocumented(options_schema(plugin.description.options))))


def _undocumented(schema: Any, path: str = "") -> Iterator[str]:
    """The options without a description, at any depth."""
    for name, item in schema.get("properties", {}).items():
        if not item.get("description"):
            yield f"{path}{name}"
    for name, item in schema.get("$defs", {}).items():
        yield from _undocumented(item, f"{name}.")


def observe(report: Report, manifest: Path) -> None:
    """One life cycle of a service, from creation to deletion."""
    witness = Witness()
    try:
        with _session(manifest, witness) as session:
            _live(report, session, witness)
    finally:
        report.add("calls", [{**asdict(call), "text": ""} for call in witness.calls])
        report.add("leaks", leaks(witness, manifest.parent))


def _live(report: Report, session: Session, witness: Witness) -> None:
    service = Service(session, session.targets[0])
    package = pipeline.packaged(session)
    report.add("wanted", {"package": package.digest, "model": package.model.sha256})
    report.add("before", _moment(service))
    report.add("listed before", _listed(service))
    report.add("preflight before", _errors(service))
    deploy(session, service.target, package)
    report.add("up", _moment(service))
    report.add("listed", _listed(service))
    report.add("preflight", _errors(service))
    report.add("refused", [f.message for f in foreseen(service) if f.effect is PlanEffect.REFUSED])
    known = len(witness.calls)
    deploy(session, service.target, package)
    report.add("again", [call.hook for call in witness.calls[known:]])
    if service.plugin.can(Capability.EJECT):
        report.add("ejected", _ejected(service))
    if service.plugin.can(Capability.LOGS):
        report.add("logs", _logs(service))
    if service.plugin.can(Capability.METRICS):
        report.add("metrics", _metrics(service))
    if service.plugin.can(Capability.KEYS):
        report.add("keys", _keys(service))
    if service.plugin.can(Capability.DELETE):
        report.add("deleted", [service.delete(), service.delete()])
        report.add("after", _moment(service))
        report.add("listed after", _listed(service))


def _moment(service: Service) -> dict[str, Any]:
    """The target's answers at one moment."""
    status, found = service.status(), service.scoring_uri()
    uri = found.uri if isinstance(found, ScoringUri) else None
    return {"state": status.state, "package": status.package_digest, "model": status.model_sha256, "uri": uri}


def _errors(service: Service) -> list[str]:
    """The problems that the target finds for a deploy; empty if it has no preflight."""
    found = service.preflight().findings if service.plugin.can(Capability.PREFLIGHT) else ()
    return [each.message for each in found if each.severity is FindingSeverity.ERROR]


def _listed(service: Service) -> list[dict[str, Any]]:
    """The objects of the service on the target's platform; empty if the target cannot list them."""
    objects = service.listing().objects if service.plugin.can(Capability.LIST) else ()
    ours = (
        each for each in objects if (each.service, each.target) == (service.target.service_name, service.target.name)
    )
    return [{"release": each.release, "package": each.package_digest, "model": each.model_sha256} for each in ours]


def _ejected(service: Service) -> list[dict[str, str]]:
    """The files of the release that serves, twice."""
    release = service.session.store.releases.current(service.target.service_name, service.target.name)
    assert release is not None, "the service is deployed"
    request = current_request(service, release)
    return [dict(ejected(service, request).files) for _ in range(2)]


def _logs(service: Service) -> dict[str, Any]:
    first = read_log(service, tail=100)
    one, later = read_log(service, tail=1), read_log(service, tail=100, cursor=first.cursor)
    found = {"first": first.lines, "one": one.lines, "later": later.lines, "cursor": first.cursor}
    if service.plugin.can(Capability.LOGS_SINCE):
        hour = timedelta(hours=1)
        for name, start in (("since an hour ago", datetime.now(UTC) - hour), ("from now on", datetime.now(UTC) + hour)):
            found[name] = read_log(service, tail=1000, since=start).lines
    if service.plugin.can(Capability.RELEASE_LOGS):
        found["of the release"] = read_log(service, tail=100, release=service.deployment.release).lines
    return found


def _metrics(service: Service) -> dict[str, Any]:
    """The figures before and after three requests, with the release that they should be of."""
    before = read_metrics(service)
    for _ in range(3):
        service.score(REQUEST)
    after, identity = read_metrics(service), service.status().release_id
    return {"release": identity, "before": asdict(before), "after": asdict(after)}


def _keys(service: Service) -> int:
    """The HTTP status of the answer to a request with the key."""
    found = service.scoring_uri()
    assert isinstance(found, ScoringUri), "a service with keys has an address"
    return service.endpoint(found.uri).ask(scoring.encode(REQUEST)).status


def leaks(witness: Witness, folder: Path) -> list[str]:
    """The secrets that appear in the calls or in a file below the folder."""
    found = [
        leak
        for call in witness.calls
        for leak in witness.leaks(call.hook, "\n".join((call.text, call.printed, *call.intents)))
    ]
    for file in (path for path in sorted(folder.rglob("*")) if path.is_file()):
        found += witness.leaks(str(file.relative_to(folder)), file.read_text("utf-8", "replace"))
    return sorted(set(found))


@contextmanager
def _session(manifest: Path, witness: Witness) -> Iterator[Session]:
    """The session of a deploy, with witnessed plugins of the target and its connection."""
    order = Order.of("plugin check", manifest, Needs.DEPLOY, targets=())
    with open_session(order, lambda _event: None) as session:
        watched = {path: plugin for path, plugin in session.plugins.items() if path[0] in ("targets", "connections")}
        witnessed = {path: Witnessed(plugin.installed, witness) for path, plugin in watched.items()}
        yield replace(session, plugins={**session.plugins, **witnessed})


if __name__ == "__main__":
    main()
