"""A program: asks a registry or a tracker for deeds, over its watched plugin, and writes down what is seen.

`python -m lading.testing.account_probe REPORT ORDER MANIFEST`, where ORDER is a JSON object: `plugin`, `role`, `deeds`,
and `stop`: the process kills itself, as by kill -9, before so many of the effects of its deeds; 0 is never.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from ..engine.session.session import Order, Session, open_session
from ..errors import LadingError
from ..model import ModelReference, RegisterRequest, Run, TrackedRun
from ..plugin.bound import bind
from .probe import Report, leaks
from .witness import Witness, Witnessed

CONNECTION = "checked"
DESCRIPTION, TAGS = "a model of the conformance kit", {"made_by": "lading", "kind": "check"}
PARAMETERS, METRICS = {"depth": 9}, {"r2": 0.75}
ERROR = "the training ended with exit code 3"
EFFECTS = frozenset({"http.client.send", "socket.connect", "os.rename", "os.link", "os.mkdir"})
"""The audit events of Python that are counted as effects; most clients of HTTP go through `http.client`."""

_STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Deed(TypedDict):
    """What is asked: a run to be tracked in a state, or a model whose file says `number` to be registered."""

    run: NotRequired[str]
    state: NotRequired[str]
    model: NotRequired[str]
    number: NotRequired[int]


class Effects:
    """Counts effects; before the one of the number `stop`, or at the end where there are fewer, the process dies."""

    def __init__(self, stop: int) -> None:
        self.count = 0
        self._stop = stop
        self._counting = False
        sys.addaudithook(self._hear)

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    def end(self) -> None:
        """Die, where that was asked for: what was done is not written down."""
        if self._stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def _hear(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if self._counting and event in EFFECTS:
            self.count += 1
            if self.count == self._stop:
                self.end()


class Account:
    """A registry or a tracker, through the hooks of its watched plugin."""

    def __init__(self, session: Session, plugin: Witnessed, effects: Effects) -> None:
        self._session = session
        self._plugin = plugin
        self._effects = effects
        self._connection = CONNECTION if CONNECTION in session.manifest.connections else None
        self.tracked: dict[str, TrackedRun] = {}
        if self._connection:
            session.connection(CONNECTION)  # so that signing in is not counted

    def do(self, deed: Deed) -> ModelReference | TrackedRun:
        """Call the hook that a deed asks for; a model's run is tracked before, where the plugin does that too."""
        if "model" not in deed:
            return self._track(_run(deed))
        run = _run({"run": deed["run"], "state": "finished"})
        if "track" in self._plugin.roles and run.id not in self.tracked:
            self._track(run)
        tracked = self.tracked.get(run.id)
        linked = replace(run, tracked=(replace(tracked, tracker=CONNECTION),) if tracked else ())
        return self._register(self._request(deed, linked))

    def _track(self, run: Run) -> TrackedRun:
        context = self._session.context(self._work("trackers"), stage="train", connection=self._connection)
        with self._effects.counted():
            tracked = self._session.run_hook(self._plugin, "lading_track", lambda: self._plugin.track(run, context))
        self.tracked[run.id] = tracked
        return tracked

    def _register(self, request: RegisterRequest) -> ModelReference:
        context = self._session.context(self._work("registries"), stage="register", connection=self._connection)
        with self._effects.counted():
            return self._session.run_hook(
                self._plugin, "lading_register", lambda: self._plugin.register(request, context)
            )

    def _work(self, role: str) -> Path:
        return self._session.store.work(role, CONNECTION)

    def _request(self, deed: Deed, run: Run) -> RegisterRequest:
        content = f"{deed['model']} says {deed['number']}\n".encode()
        file = self._session.manifest.file.parent / f"{deed['model']}-{deed['number']}.txt"
        file.write_bytes(content)
        return RegisterRequest(
            name=deed["model"],
            sha256=hashlib.sha256(content).hexdigest(),
            file=file,
            file_name="model.txt",
            framework="none",
            framework_version="0",
            python="3.11",
            description=DESCRIPTION,
            tags=TAGS,
            run=run,
            reference=ModelReference("store", deed["model"], str(deed["number"])) if self._connection else None,
        )


def _run(deed: Deed) -> Run:
    running = deed["state"] == "running"
    return Run(
        id=deed["run"],
        name="conformance",
        state=deed["state"],
        started=_STARTED,
        ended=None if running else _STARTED + timedelta(minutes=1),
        parameters=PARAMETERS,
        metrics={} if deed["state"] != "finished" else METRICS,
        error=ERROR if deed["state"] == "failed" else None,
    )


def main() -> None:
    """Do what the order says. A failure that is expected is in the report, as `error`."""
    report, order, manifest = Report(Path(sys.argv[1])), json.loads(sys.argv[2]), Path(sys.argv[3])
    witness, effects = Witness(), Effects(order["stop"])
    try:
        with open_session(Order(manifest, os.environ), lambda _event: None) as session:
            report.tell("done", list(_done(session, order, witness, effects)))
    except LadingError as error:
        report.tell("error", error.message)
    finally:
        report.tell("calls", [{**asdict(call), "text": ""} for call in witness.calls])
        report.tell("leaks", leaks(witness, manifest.parent))


def _done(session: Session, order: Mapping[str, Any], witness: Witness, effects: Effects) -> Iterator[dict[str, Any]]:
    """The answer to each deed, how many effects it had, and what the runs so far are called where they are tracked."""
    section = session.manifest.connections.get(CONNECTION)
    bound = session.plugin(section) if section else bind(order["role"], order["plugin"])
    plugin = Witnessed(bound.installed, witness)
    if section:
        session = replace(session, plugins={**session.plugins, section.path: plugin})
    account = Account(session, plugin, effects)
    for deed in order["deeds"]:
        before = effects.count
        answer = asdict(account.do(deed))
        tracked = {run: found.id for run, found in account.tracked.items()}
        yield {"answer": answer, "effects": effects.count - before, "tracked": tracked}
    effects.end()


if __name__ == "__main__":
    main()
