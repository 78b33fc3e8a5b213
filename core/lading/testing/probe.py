"""A program: drives the engine over a witnessed plugin and writes down, line by line, what is seen.

`python -m lading.testing.probe REPORT describe TARGET`, `… REPORT observe MANIFEST`, `… REPORT FIRST_INTENT MANIFEST`
(a deploy that dies there) or `… REPORT ask URI`. Each line of the report is a JSON list of a name and a value.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..engine import pipeline
from ..engine.release import scoring
from ..engine.release.deploy import deploy
from ..engine.release.service import Service
from ..engine.session.session import Order, Session, open_session
from ..errors import LadingError
from ..manifest import options_schema
from ..model import Capability, ScoringUri
from ..plugin.bound import CAPABILITY_HOOKS, BoundPlugin
from ..plugin.discovery import TARGETS, find
from .witness import Witness, Witnessed

REQUEST = {"data": [[1]]}


class Report:
    """What has been seen so far is on disk, whatever happens next."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def tell(self, name: str, value: Any) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value]) + "\n")


def main() -> None:
    """Do what the arguments say. A failure that is expected is in the report, as `error`."""
    report, (mode, subject) = Report(Path(sys.argv[1])), sys.argv[2:]
    try:
        if mode == "describe":
            describe(report, subject)
        elif mode == "ask":
            report.tell("answered", scoring.ask(subject, scoring.encode(REQUEST)).status)
        elif mode == "observe":
            observe(report, Path(subject))
        else:
            with _session(Path(subject), Witness(mode)) as session:
                deploy(session, session.targets[0], pipeline.packaged(session))
    except LadingError as error:
        report.tell("error", error.message)


def describe(report: Report, target: str) -> None:
    """What the plugin says of itself, and where that is not what it implements."""
    plugin = BoundPlugin(find(TARGETS, target))
    declared = plugin.description.capabilities
    hooks = CAPABILITY_HOOKS.items()
    report.tell("plugin", {**asdict(plugin.installed), "api": plugin.description.api})
    report.tell("summary", plugin.description.summary)
    report.tell("capabilities", sorted(declared))
    report.tell("unimplemented", [h for c, h in hooks if c in declared and h not in plugin.hooks])
    report.tell("undeclared", [h for c, h in hooks if c not in declared and h in plugin.hooks])
    report.tell("undocumented", sorted(_undocumented(options_schema(plugin.description.options))))


def _undocumented(schema: Any, path: str = "") -> Iterator[str]:
    """The options without a description, in whatever depth."""
    for name, item in schema.get("properties", {}).items():
        if not item.get("description"):
            yield f"{path}{name}"
    for name, item in schema.get("$defs", {}).items():
        yield from _undocumented(item, f"{name}.")


def observe(report: Report, manifest: Path) -> None:
    """One life of a service, from nothing to nothing."""
    witness = Witness()
    try:
        with _session(manifest, witness) as session:
            _live(report, session, witness)
    finally:
        report.tell("calls", [{**asdict(call), "text": ""} for call in witness.calls])
        report.tell("leaks", leaks(witness, manifest.parent))


def _live(report: Report, session: Session, witness: Witness) -> None:
    service = Service(session, session.targets[0])
    package = pipeline.packaged(session)
    report.tell("wanted", {"package": package.digest, "model": package.model.sha256})
    report.tell("before", _moment(service))
    deploy(session, service.target, package)
    report.tell("up", _moment(service))
    known = len(witness.calls)
    deploy(session, service.target, package)
    report.tell("again", [call.hook for call in witness.calls[known:]])
    if service.plugin.can(Capability.LOGS):
        first = service.logs(tail=100)
        one, later = service.logs(tail=1), service.logs(tail=100, cursor=first.cursor)
        report.tell("logs", {"first": first.lines, "one": one.lines, "later": later.lines, "cursor": first.cursor})
    if service.plugin.can(Capability.KEYS):
        report.tell("keys", _keys(service))
    if service.plugin.can(Capability.DELETE):
        report.tell("deleted", [service.delete(), service.delete()])
        report.tell("after", _moment(service))


def _moment(service: Service) -> dict[str, Any]:
    """What the target says at a moment."""
    status, found = service.status(), service.scoring_uri()
    uri = found.uri if isinstance(found, ScoringUri) else None
    return {"state": status.state, "package": status.package_digest, "model": status.model_sha256, "uri": uri}


def _keys(service: Service) -> int:
    """The HTTP status of the answer to a request with the key."""
    found = service.scoring_uri()
    assert isinstance(found, ScoringUri), "a service with keys has an address"
    return scoring.ask(found.uri, scoring.encode(REQUEST), key=service.key()).status


def leaks(witness: Witness, folder: Path) -> list[str]:
    """Which secrets the calls show, or a file below the folder."""
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
    """The session of a deploy, with the target's and its connection's plugins witnessed."""
    with open_session(Order(manifest, os.environ, targets=()), lambda _event: None) as session:
        watched = {path: plugin for path, plugin in session.plugins.items() if path[0] in ("targets", "connections")}
        witnessed = {path: Witnessed(plugin.installed, witness) for path, plugin in watched.items()}
        yield replace(session, plugins={**session.plugins, **witnessed})


if __name__ == "__main__":
    main()
