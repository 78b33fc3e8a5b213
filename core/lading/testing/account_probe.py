"""A program that calls the hooks of a registry or a tracker, through its watched plugin, and records the results.

`python -m lading.testing.account_probe REPORT ORDER MANIFEST`, where ORDER is a JSON object: `plugin`, `role`, `deeds`,
and `stop`. The process kills itself with SIGKILL before effect number `stop`; 0 means never.
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

from ..engine.pipeline import REGISTER, TRAIN
from ..engine.session.order import Needs, Order
from ..engine.session.session import Session, open_session
from ..errors import LadingError
from ..manifest import DEFAULT_PLUGINS
from ..model import ModelReference, RegisterRequest, Run, TrackedRun
from ..model.description import Role
from ..plugin.bound import bind
from ..store.tree import digest_of_files, files_of
from .probe import Report, leaks
from .witness import Witness, Witnessed

CONNECTION = "checked"
DESCRIPTION, TAGS = "a model of the conformance kit", {"made_by": "lading", "kind": "check"}
PARAMETERS, METRICS = {"depth": 9}, {"r2": 0.75}
ARTIFACTS = {"check-residuals.svg": b"<svg/>", "check-residuals.png": b"PNG"}
ERROR = "the training ended with exit code 3"
EFFECTS = frozenset({"http.client.send", "socket.connect", "os.rename", "os.link", "os.mkdir"})
"""Python's audit events that count as effects. Most HTTP clients use `http.client`."""

_STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Deed(TypedDict):
    """A requested deed: track a run in a state, or register a model whose file contains `number`.

    With `folder`, the model is a folder.
    """

    run: NotRequired[str]
    state: NotRequired[str]
    model: NotRequired[str]
    number: NotRequired[int]
    folder: NotRequired[bool]


class Effects:
    """Counts effects. The process dies before effect number `stop`, or at the end if there are fewer."""

    def __init__(self, stop: int) -> None:
        self.count = 0
        self._stop = stop
        self._counting = False
        sys.addaudithook(self._on_audit_event)

    @contextmanager
    def counted(self) -> Iterator[None]:
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    def end(self) -> None:
        """Die if this was requested. The finished deeds are not recorded."""
        if self._stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def _on_audit_event(self, event: str, _arguments: tuple[Any, ...]) -> None:
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
            session.connection(CONNECTION)  # before the deeds, so that the sign-in is not counted

    def do(self, deed: Deed) -> ModelReference | TrackedRun:
        """Call the hook for a deed. If the plugin also tracks, a model's run is tracked first."""
        if "model" not in deed:
            return self._track(_run(deed))
        run = _run({"run": deed["run"], "state": "finished"})
        if Role.TRACK in self._plugin.roles and run.id not in self.tracked:
            self._track(run)
        tracked = self.tracked.get(run.id)
        linked = replace(run, tracked=(replace(tracked, tracker=CONNECTION),) if tracked else ())
        return self._register(self._request(deed, linked))

    def _track(self, run: Run) -> TrackedRun:
        context = self._session.context(self._work("trackers"), stage=TRAIN.name, connection=self._connection)
        artifacts, plugin = self._artifacts(run), self._plugin
        with self._effects.counted():
            tracked = self._session.run_hook(
                plugin, "lading_track", lambda: plugin.track(run, context, artifacts=artifacts)
            )
        self.tracked[run.id] = tracked
        return tracked

    def _register(self, request: RegisterRequest) -> ModelReference:
        context = self._session.context(self._work("registries"), stage=REGISTER.name, connection=self._connection)
        with self._effects.counted():
            return self._session.run_hook(
                self._plugin, "lading_register", lambda: self._plugin.register(request, context)
            )

    def _artifacts(self, run: Run) -> tuple[Path, ...]:
        """The files of a run. A finished run has its plots."""
        if run.state != "finished":
            return ()
        folder = self._session.manifest.file.parent
        files = tuple(folder / name for name in ARTIFACTS)
        for file in files:
            file.write_bytes(ARTIFACTS[file.name])
        return files

    def _work(self, role: str) -> Path:
        return self._session.store.work(role, CONNECTION)

    def _request(self, deed: Deed, run: Run) -> RegisterRequest:
        file, sha256 = _model(deed, self._session.manifest.file.parent)
        return RegisterRequest(
            name=deed["model"],
            sha256=sha256,
            file=file,
            file_name=f"model{file.suffix}",
            framework="none",
            framework_version="0",
            python="3.11",
            description=DESCRIPTION,
            tags=TAGS,
            run=run,
            reference=_in_store(deed) if self._connection else None,
        )


def _model(deed: Deed, folder: Path) -> tuple[Path, str]:
    """Write the model of a deed. Returns its file or folder, and its digest."""
    content, stem = f"{deed['model']} says {deed['number']}\n".encode(), f"{deed['model']}-{deed['number']}"
    if not deed.get("folder"):
        file = folder / f"{stem}.txt"
        file.write_bytes(content)
        return file, _sha256(file)
    path = folder / stem
    (path / "parts").mkdir(parents=True, exist_ok=True)
    for name in ("config.txt", "parts/weights.txt"):
        (path / name).write_bytes(content)
    return path, digest_of_files(files_of(path), _sha256)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _in_store(deed: Deed) -> ModelReference:
    """The model under the name of the store's own registry."""
    return ModelReference(registry=DEFAULT_PLUGINS[Role.REGISTER], name=deed["model"], version=str(deed["number"]))


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


def _takes_artifacts(order: Mapping[str, Any]) -> bool:
    """Whether the plugin is a tracker that stores files."""
    return order["role"] == Role.TRACK and bind(Role.TRACK, order["plugin"]).takes("lading_track", "artifacts")


def main() -> None:
    """Run the order. An expected failure is in the report as `error`."""
    report, order, manifest = Report(Path(sys.argv[1])), json.loads(sys.argv[2]), Path(sys.argv[3])
    witness, effects = Witness(), Effects(order["stop"])
    try:
        with open_session(Order.of("plugin check", manifest, Needs.PACKAGE), lambda _event: None) as session:
            report.add("takes_artifacts", _takes_artifacts(order))
            report.add("done", list(_done(session, order, witness, effects)))
    except LadingError as error:
        report.add("error", error.message)
    finally:
        report.add("calls", [{**asdict(call), "text": ""} for call in witness.calls])
        report.add("leaks", leaks(witness, manifest.parent))


def _done(session: Session, order: Mapping[str, Any], witness: Witness, effects: Effects) -> Iterator[dict[str, Any]]:
    """The answer to each deed, its number of effects, and the names of the tracked runs so far."""
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
