"""A project that the kit writes and deploys: a manifest, a scoring script, and a model file with one number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..model import Json
from .probe import REQUEST

LIMIT = 4000.0  # seconds for one command: a deploy may take half an hour, and so may what it restores

# What the service answers is in its model, so that an answer tells which release gave it.
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
LIFE, FLOW, KILL = PARTS = ("life", "flow", "kill")
"""Each part of the kit has a service of its own, so that parts can run at once."""

_BLOCK = "checked"  # a plugin may have a name that no block can have
_KITS = ("plugin", "service_name")  # the keys of a block that are the kit's to say
_CLI = "from lading.cli import main; main()"


@dataclass(frozen=True)
class Done:
    """A command that ended; `code` is negative for a signal, None where it took too long."""

    code: int | None
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; an empty one where there is none."""
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
        """What the engine told, as JSON lines."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def problem(self) -> str:
        """Why the command failed, as far as it said so."""
        if self.code == 0:
            return "exit code 0"
        error = self.row.get("error") or next((e for e in reversed(self.events) if e["kind"] == "error"), None)
        words = str(error["message"]) if error else (self.err.strip().splitlines() or ["it said nothing"])[-1]
        return f"exit code {self.code}: {words}"


@dataclass
class Project:
    """One service on one target, driven by the real command line, each command a process of its own."""

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
        """A project whose model says `number`, and whose golden request expects that, or `expected`."""
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
        """A project whose connections, where it has any, fill a role: `register` or `track`."""
        names: list[Json] = list(self.connections)
        manifest = {
            "version": 1,
            "name": self.service,
            "register": {"file": "model.txt", "model": "conformance", "to": names if role == "register" else []},
            "track": names if role == "track" else [],
            "connections": dict(self.connections),
        }
        self.manifest.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        (self.folder / "model.txt").write_text("1", encoding="utf-8")

    def probe(self, mode: str, subject: str = "", *, program: str = "probe") -> tuple[Done, dict[str, Any]]:
        """Run a probe; what it saw, by name."""
        report = self.folder / f"report-{self._commands}.jsonl"
        report.touch()
        done = self._run("-m", f"lading.testing.{program}", str(report), mode, subject or str(self.manifest))
        seen = dict(json.loads(line) for line in report.read_text("utf-8").splitlines())
        if done.code == 1:
            seen.setdefault("error", f"the probe failed: {done.problem}")
        return done, seen

    def deploy(self) -> Done:
        return self.lading("deploy")

    def delete(self) -> Done:
        return self.lading("delete")

    def answer(self) -> int | None:
        """The number that the service answers; None where it does not answer."""
        done = self.lading("score", "--data", json.dumps(REQUEST))
        try:
            answer = json.loads(done.document.get("body", "null"))
            decoded = json.loads(answer) if isinstance(answer, str) else answer
        except ValueError:
            return None
        return decoded[0] if isinstance(decoded, list) and done.code == 0 else None

    def answers_at(self, uri: str) -> bool:
        """Whether an address still answers with success."""
        return bool(self.probe("ask", uri)[1].get("answered") == 200)

    def _run(self, *argv: str) -> Done:
        """Run Python to its end. Its output goes to files: what it leaves running may keep a pipe open for ever."""
        self._commands += 1
        out, err = (self.folder / f"{self._commands}.{name}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            environ = {**os.environ, **self.environ}
            process = subprocess.Popen(
                [sys.executable, "-P", *argv],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
            code = _wait(process)
        return Done(code, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace"))


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
