"""A project that the kit writes and deploys: a manifest, a scoring script, and a model file with one number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..engine.pipeline import DEPLOY
from ..engine.session.order import HOOK_TIMEOUT
from ..errors import Transient
from ..model import Json
from ..model.description import Role
from .probe import REQUEST

HOOK_LIMIT = 300.0  # seconds for one call of a hook, by default
LIMIT = 4000.0  # seconds for one command: a deploy may take half an hour, and so may the restore after it
_STARTS = 20.0  # seconds until a service that was started again listens

# The answer of the service comes from its model. So an answer shows which release gave it.
SCRIPT = '''\
"""Answers the number in its model, and what it was asked."""

import json
import os
from pathlib import Path


def init():
    global number
    number = int(Path(os.environ["AZUREML_MODEL_DIR"], "model.txt").read_text())
    if number < 0:
        raise RuntimeError("the conformance kit gave this release a model that cannot be loaded")
    print(f"the model is loaded\\nthe model says {number}", flush=True)  # two lines, so that one is a part of the log


def run(raw_data):
    return [number, json.loads(raw_data)["data"]]
'''
BROKEN = -1
LIFE, FLOW, KILL, FRESH, CANARY = PARTS = ("life", "flow", "kill", "fresh", "canary")
"""Each part of the kit has a separate service, so that parts can run at once."""

_BLOCK = "checked"  # a plugin's name may be invalid as the name of a block
_KITS = ("plugin", "service_name")  # the keys of a block that the kit sets
_CLI = "from lading.cli import main; main()"


@dataclass(frozen=True)
class Done:
    """A finished command. `code` is negative for a signal, and None if it took too long."""

    code: int | None
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; an empty one if there is none."""
        try:
            found: dict[str, Any] = json.loads(self.out)
        except ValueError:
            return {}
        return found

    @property
    def row(self) -> dict[str, Any]:
        """The one deployment in the document of `deploy` or `status`."""
        return next(iter(self.document.get("deployments", ())), {})

    @property
    def events(self) -> list[dict[str, Any]]:
        """The engine's events, as JSON lines."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def problem(self) -> str:
        """Why the command failed, as far as it reported a reason."""
        if self.code == 0:
            return "exit code 0"
        error = self.row.get("error") or next((e for e in reversed(self.events) if e["kind"] == "error"), None)
        words = str(error["message"]) if error else (self.err.strip().splitlines() or ["it printed nothing"])[-1]
        return f"exit code {self.code}: {words}"


@dataclass
class Requests:
    """Requests sent one after another: the count of each number in the answers, and of each failure."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def facts(self) -> dict[str, Json]:
        """The text of the card for these requests."""
        failed = self.failures.total()
        return {"requests": self.answers.total() + failed, "failed": failed, "answers": dict(self.answers)}


@dataclass
class Project:
    """One service on one target, driven by the real command line. Each command is a separate process."""

    folder: Path
    service: str
    target: str
    options: Mapping[str, Json]
    connections: Mapping[str, Json] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    image: Mapping[str, Json] = field(default_factory=dict)
    _commands: int = 0

    @property
    def manifest(self) -> Path:
        return self.folder / "lading.yaml"

    def write(self, number: int, *, expected: int | None = None) -> None:
        """Write a project whose model answers `number`. Its golden request expects `number`, or `expected` if given."""
        options = {key: value for key, value in self.options.items() if key not in _KITS}
        response = [number if expected is None else expected, REQUEST["data"]]
        manifest = {
            "version": 1,
            "name": self.service,
            "register": {"model": "conformance", "file": "model.txt"},
            "package": {"scoring_script": "score.py", "samples": [{"request": REQUEST, "response": response}]},
            "image": dict(self.image) or None,
            "connections": dict(self.connections),
            "targets": {_BLOCK: {"plugin": self.target, **options}},
        }
        self.manifest.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        (self.folder / "score.py").write_text(SCRIPT, encoding="utf-8")
        (self.folder / "model.txt").write_text(str(number), encoding="utf-8")

    def lading(self, command: str, *argv: str) -> Done:
        """Run a command of the command line on the project, with `--json`."""
        return self._run("-c", _CLI, command, str(self.manifest), *argv, "--json")

    def write_account(self, role: str) -> None:
        """Write a project whose connections, if any, have a role: `register` or `track`."""
        names: list[Json] = list(self.connections)
        manifest = {
            "version": 1,
            "name": self.service,
            "register": {"file": "model.txt", "model": "conformance", "to": names if role == Role.REGISTER else []},
            "track": names if role == Role.TRACK else [],
            "connections": dict(self.connections),
        }
        self.manifest.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        (self.folder / "model.txt").write_text("1", encoding="utf-8")

    def write_gate(self, plugin: str, options: Mapping[str, Json]) -> None:
        """Write a project with a gate and a finished model."""
        manifest = {
            "version": 1,
            "name": self.service,
            "register": {"file": "model.txt", "model": "conformance"},
            "gates": [{**options, "plugin": plugin}],
        }
        self.manifest.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        (self.folder / "model.txt").write_text("1", encoding="utf-8")

    def probe(self, mode: str, subject: str = "", *, program: str = "probe") -> tuple[Done, dict[str, Any]]:
        """Run a probe, and return its observations by name."""
        report = self.folder / f"report-{self._commands}.jsonl"
        report.touch()
        done = self._run("-m", f"lading.testing.{program}", str(report), mode, subject or str(self.manifest))
        seen = dict(json.loads(line) for line in report.read_text("utf-8").splitlines())
        if done.code == 1:
            seen.setdefault("error", f"the probe failed: {done.problem}")
        return done, seen

    def deploy(self) -> Done:
        return self.lading(DEPLOY.name)

    def delete(self) -> Done:
        return self.lading("delete")

    def answer(self) -> int | None:
        """The number that the service answers; None if it does not answer.

        One that was started again just before may not listen yet, so it is asked again for a while.
        """
        end = time.monotonic() + _STARTS
        while (done := self.lading("score", "--data", json.dumps(REQUEST))).code == Transient.exit_code:
            if time.monotonic() >= end:
                break
            time.sleep(0.5)
        return number_in(done.document.get("body", "null")) if done.code == 0 else None

    def status(self) -> dict[str, Any]:
        """The row of `lading status`; an empty one if the command failed."""
        return self.lading("status").row

    @contextmanager
    def asked(self) -> Iterator[Requests]:
        """Send requests without a pause, from before the block until after it."""
        requests = Requests()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with self._start("-m", "lading.testing.steady", str(self.manifest), **pipes) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            begun = process.stdout.readline().strip() == b"asking"
            yield requests
            process.stdin.close()
            rest = process.stdout.read()
            process.wait(LIMIT)
        if begun and process.returncode == 0:
            found = json.loads(rest)
            requests.answers.update(found["answers"])
            requests.failures.update(found["failures"])
        else:
            requests.failures["the address could not be asked"] += 1

    def answers_at(self, uri: str) -> bool:
        """Whether an address still answers with success."""
        return bool(self.probe("ask", uri)[1].get("answered") == 200)

    def _run(self, *argv: str) -> Done:
        """Run Python to its end. Its output goes to files, because a process that it leaves behind may keep a pipe
        open.
        """
        self._commands += 1
        out, err = (self.folder / f"{self._commands}.{name}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            code = _wait(self._start(*argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr))
        return Done(code, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace"))

    def _start(self, *argv: str, **streams: Any) -> subprocess.Popen[bytes]:
        environ = {**os.environ, **self.environ}
        return subprocess.Popen([sys.executable, "-P", *argv], cwd=self.folder, env=environ, **streams)


def environ_in(folder: Path, hook_limit: float, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables of a project's commands: the author's, the project's store, and the limit of each call of a hook."""
    ours = {"LADING_STORE": str(folder / ".lading"), "XDG_STATE_HOME": str(folder / ".state")}
    return {HOOK_TIMEOUT: str(hook_limit), **environ, **ours}


def number_in(body: str) -> int | None:
    """The model's number in an answer of the kit's script; None for any other answer."""
    try:
        answer = json.loads(body)
        decoded = json.loads(answer) if isinstance(answer, str) else answer
    except ValueError:
        return None
    return decoded[0] if isinstance(decoded, list) else None


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
