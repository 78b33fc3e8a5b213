"""An option that a command accepts has an effect: a command line with it ends in another way than the same one
without it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseServer
from types import SimpleNamespace
from typing import NoReturn

import click
import pytest
from tests.conftest import Shell

import lading.cli.run
from lading.base import metadata
from lading.cli import services
from lading.cli.commands import lading as root
from lading.errors import Interrupted
from lading.plugin import discovery
from lading.store import locks, open_store
from lading.store.names import service_lock
from lading.testing import card

MANIFEST = """\
version: 1
name: price
train: {plugin: constant, data: "${DATA}"}
evaluate: {plugin: assay, require: {weight: ">= 0"}}
register: {model: rate, to: [hosting]}
package: {plugin: constant}
image: {plugin: builder}
connections: {hosting: {region: north}}
target: capable
targets: {capable: {}, roll: {}, rotating: {}, router: {}}
"""

# The command line of each command, as it runs without options. The first run of each command is not compared.
BASES = {
    "": "",
    "deploy": "deploy",
    "plan": "plan",
    "preflight": "preflight",
    "train": "train",
    "evaluate": "evaluate",
    "register": "register",
    "package": "package",
    "package export": "package export made.tar",
    "image build": "image build",
    "image push": "image push",
    "check": "check",
    "uri": "uri",
    "score": "score -d 1",
    "forward": "forward",
    "status": "status",
    "list": "list",
    "logs": "logs",
    "keys": "keys",
    "delete": "delete -t roll",
    "history": "history",
    "traffic": "traffic",
    "compare": "compare",
    "promote": "promote",
    "abort": "abort",
    "diff": "diff 1 2",
    "why": "why 1",
    "eject": "eject made",
    "rollback": "rollback 1",
    "report": "report",
    "gc": "gc",
    "repair": "repair",
    "store trust": "store trust",
    "run compare": "run compare 1 1",
    "run list": "run list",
    "run show": "run show 1",
    "model inspect": "model inspect rate",
    "model list": "model list",
    "model show": "model show rate",
    "target list": "target list",
    "target show": "target show roll",
    "plugin check": "plugin check",
    "plugin list": "plugin list",
    "plugin new": "plugin new acme --folder made",
    "plugin show": "plugin show constant",
    "schema": "schema",
    "init": "init made",
    "completion": "completion bash",
}

WAITED, LATE = "exit code 130", "in time"

# Options that mean the same in every command: what is added to a command line, and a text that only then appears in
# its outcome.
EVERYWHERE = {
    "--json": ("--json", '": '),
    "--lock-wait": ("--lock-wait 600s", WAITED),
    "--model": ("--model rate:99", "rate:99"),
    "--store": ("--store cost.txt/store", "cost.txt/store"),
    "--target": ("--target nobody", "no target 'nobody'"),
    "--timeout": ("--timeout 0.000001", LATE),
}

# The other options, and those whose effect needs another command line. `{}` is the command line without options.
PAIRS = {
    " --version": ("--version", "lading, version"),
    " --no-plugins": ("--no-plugins plugin show roll", "third"),
    " --verbose": ("--verbose deploy --package missing.tar", "Traceback"),
    " --env-file": ("--env-file missing.env uri", "missing.env"),
    "deploy --lock-wait": ("{} --force --lock-wait 600s", WAITED),
    "deploy --package": ("{} --package missing.tar", "missing.tar"),
    "deploy --sha256": ("{} --sha256 0", "--sha256 needs --package FILE"),
    "deploy --force": ("{} --force", "release 4"),
    "deploy --plan": ("{} --plan missing.json", "missing.json"),
    "deploy --timeout": ("HOOK_FAULT=lading_deploy:hangs {} --force --timeout 0.1", LATE),
    "deploy --canary": ("{} --canary 10", "cannot serve two releases at once"),
    "deploy --shadow": ("{} --shadow 10", "cannot serve two releases at once"),
    "deploy --rollout-of": ("{} --rollout-of gone", "another command has ended its canary"),
    "deploy --detach": ("{} --detach", "the block has no rollout"),
    "traffic --weight": ("{} --weight 10", "cannot serve two releases at once"),
    "traffic --timeout": ("HOOK_FAULT=lading_status:hangs {} --timeout 0.1", LATE),
    "traffic --lock-wait": ("{} --target router --weight 10 --lock-wait 600s", WAITED),
    "compare --release": ("{} --release 98 --release 99", "release 98"),
    "compare --data": ("{} --target router --release 98 --release 99 --data missing.csv", "missing.csv"),
    "compare --timeout": ("HOOK_FAULT=lading_status:hangs {} --release 1 --release 2 --timeout 0.1", LATE),
    "promote --timeout": ("HOOK_FAULT=lading_status:hangs {} --target router --timeout 0.1", LATE),
    "abort --timeout": ("HOOK_FAULT=lading_status:hangs {} --target router --timeout 0.1", LATE),
    "plan --from": ("{} --target roll --from capable", "settings of 'capable' on 'roll'"),
    "plan --strict": ("{} --target roll --from capable --strict", "exit code 3"),
    "plan --out": ("{} --out made.json", "file made.json"),
    "plan --detailed-exitcode": ("DATA=two.txt {} --detailed-exitcode", "exit code 10"),
    "train --force": ("{} --force", "train: done"),
    "plan --timeout": ("HOOK_FAULT=lading_status:hangs {} --timeout 0.1", LATE),
    "preflight --timeout": ("HOOK_FAULT=lading_preflight:hangs {} --timeout 0.1", LATE),
    "delete --timeout": ("HOOK_FAULT=lading_status:hangs {} --timeout 0.1", LATE),
    "eject --timeout": ("HOOK_FAULT=lading_eject:hangs {} --timeout 0.1", LATE),
    "rollback --timeout": ("HOOK_FAULT=lading_status:hangs {} --timeout 0.1", LATE),
    "train --timeout": ("HOOK_FAULT=lading_train:hangs {} --force --timeout 0.1", LATE),
    "evaluate --force": ("{} --force", "evaluate: done"),
    "evaluate --timeout": ("HOOK_FAULT=lading_evaluate:hangs {} --force --timeout 0.1", LATE),
    "register --force": ("{} --force", "register: done"),
    "register --timeout": ("HOOK_FAULT=lading_train:hangs DATA=two.txt {} --timeout 0.1", LATE),
    "package --force": ("{} --force", "package: done"),
    "package --timeout": ("HOOK_FAULT=lading_train:hangs DATA=two.txt {} --timeout 0.1", LATE),
    "package export --timeout": ("HOOK_FAULT=lading_train:hangs DATA=two.txt {} --timeout 0.1", LATE),
    "image build --force": ("{} --force", "building again"),
    "image build --timeout": ("HOOK_FAULT=lading_image:hangs {} --timeout 0.1", LATE),
    "image push --force": ("{} --force", "building again"),
    "image push --timeout": ("HOOK_FAULT=lading_image:hangs {} --timeout 0.1", LATE),
    "score --data": ("score --data [", "not JSON"),
    "score --out": ("{} --out made.json", "file made.json"),
    "score --rows": ("score -d @rows.csv -o made.csv --rows 1", "1 rows"),
    "score --parallel": ("{} --parallel 2", "only for the rows of a file"),
    "score --timeout": ("{} --timeout 5", "only for the rows of a file"),
    "score --device": ("{} --device pi", "no device 'pi'"),
    "forward --port": ("{} --target router --port 54321", "54321"),
    "logs --tail": ("{} --tail 0", "the log is empty"),
    "logs --build": ("{} --build", "the last image build has not failed"),
    "logs --follow": ("{} --follow", "interrupted"),
    "logs --since": ("{} --since 10m", "leave out --since"),
    "logs --release": ("{} --release 1", "leave out --release"),
    "logs --json": ("{} --json", '{"text": "'),
    "list --connection": ("{} --connection nope", "nope"),
    "keys --rotate": ("{} --rotate primary", "cannot rotate its keys"),
    "keys --lock-wait": ("{} --target rotating --rotate primary --lock-wait 600s", WAITED),
    "keys --show": ("{} --show", "s3same"),
    "report --out": ("{} --out made.html", "file made.html"),
    "gc --keep": ("{} --keep 0", "package "),
    "gc --lock-wait": ("{} --yes --lock-wait 600s", WAITED),
    "gc --yes": ("{} --keep 0 --yes", "removed"),
    "repair --lock-wait": ("{} --yes --lock-wait 600s", WAITED),
    "repair --yes": ("{} --yes", "repaired: "),
    "store trust --yes": ("XDG_STATE_HOME=FOLDER/made {} --yes", "file made"),
    "plugin check --things-of": ("{} --things-of nothing:here", "nothing:here"),
    "plugin check --yes": ("{} --yes", "the checks began"),
    "plugin list --probe": ("{} --probe --timeout 0.000001", "time"),
    "plugin list --timeout": ("{} --probe --timeout 0.000001", "time"),
    "plugin new --kind": ("{} --kind gate", "gate"),
    "plugin new --folder": ("plugin new acme --folder made/elsewhere", "elsewhere"),
    "init --model": ("{} --model missing.joblib", "missing.joblib"),
}


def options() -> Iterator[tuple[str, str]]:
    """Each command with each of its options, by its long name. `--verbose` and `--env-file` are the same everywhere."""
    for path, param in _parameters(root, ()):
        if param.param_type_name == "option" and (param.expose_value or not path):
            yield path, next(name for name in param.opts if name.startswith("--"))


def _parameters(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Parameter]]:
    yield from ((" ".join(path), param) for param in command.params)
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from _parameters(inner, (*path, name))


def entry(path: str, name: str) -> tuple[str, str] | None:
    """The command line with an option, and the text that it brings into the outcome."""
    everywhere, shown = EVERYWHERE.get(name, ("", ""))
    line, shown = PAIRS.get(f"{path} {name}", (f"{{}} {everywhere}" if everywhere else "", shown))
    return (line.format(BASES[path]), shown) if line and path in BASES else None


def test_each_option_has_an_entry() -> None:
    known = {f"{path} {name}" for path, name in options()}
    assert [one for one in known if entry(*one.rsplit(" ", 1)) is None] == []
    assert {*PAIRS} <= known
    assert set(EVERYWHERE) <= {name for _, name in options()}


def test_options_that_are_the_same_everywhere_have_one_effect() -> None:
    """Their callback has the effect, so it is enough to run one command with each."""
    hidden = [(param.opts[-1], param.callback) for _, param in _parameters(root, ()) if not param.expose_value]
    effects = {name: {_code(callback) for other, callback in hidden if other == name} for name, _ in hidden}
    assert effects.keys() == {"--verbose", "--env-file", "--version"}
    assert [name for name, found in effects.items() if len(found) != 1] == []


def _code(callback: object) -> object:
    return getattr(callback, "__code__", callback)


@dataclass
class Forked:
    """Runs commands in copies of this process, which has imported Lading already."""

    shell: Shell

    def outcome(self, line: str) -> str:
        """The exit code, the output and the names of the files that a command line makes."""
        for made in self.shell.folder.glob("made*"):
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        words = shlex.split(line.replace("FOLDER", str(self.shell.folder)))
        variables = dict(word.split("=") for word in words if re.match("[A-Z_]+=", word))
        said = self.shell.folder.parent / "said"
        child = os.fork()
        if child == 0:
            _become(self.shell, variables, words[len(variables) :], said)
        _, status = os.waitpid(child, 0)
        names = "".join(f"file {file.name}\n" for file in self.shell.folder.glob("made*"))
        return f"exit code {os.waitstatus_to_exitcode(status)}\n{said.read_text()}\n{names}"


def _become(shell: Shell, variables: Mapping[str, str], argv: list[str], said: Path) -> NoReturn:
    """Run a command in this process, and end it."""
    code = 99
    signal.alarm(100)  # a time limit that is dropped leaves a hook that hangs
    metadata.installed.cache_clear()  # another test may have looked before the distribution of this one was installed
    discovery._scan.cache_clear()
    vars(locks)["time"] = SimpleNamespace(monotonic=time.monotonic, sleep=_end_of_wait)
    vars(services)["time"] = SimpleNamespace(sleep=_interrupt)
    BaseServer.serve_forever = _interrupt  # type: ignore[method-assign,assignment]  # of `forward`
    vars(card)["run_kit"] = _checks  # the checks take minutes
    try:
        os.chdir(shell.folder)
        os.environ.clear()
        os.environ.update({**shell.env, **variables})
        with said.open("wb", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        code = lading.cli.run.run(argv)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


@contextmanager
def prepared(shell: Shell, line: str) -> Iterator[None]:
    """Hold the locks that a command with `--lock-wait` takes, and give a repair something to repair."""
    if line.startswith("repair"):
        (shell.folder / ".lading" / "store.db").chmod(0o640)
    with ExitStack() as stack:
        if "--lock-wait" in line:
            store = stack.enter_context(closing(open_store(shell.folder / "lading.yaml", shell.env)))
            stack.enter_context(store.in_use())
            for target in ("capable", "roll", "rotating", "router"):
                stack.enter_context(store.lock(service_lock("price", target), command="a test"))
        yield


def _end_of_wait(_seconds: float) -> NoReturn:
    raise Interrupted("the lock was waited for")


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted("interrupted")


def _checks(*_: object) -> NoReturn:
    raise Interrupted("the checks began")


@pytest.fixture
def forked(shell: Shell, install: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Forked:
    monkeypatch.syspath_prepend(install("thirdparty"))
    shell.env |= {"PYTHONPATH": str(install("thirdparty")), "HOSTING_PASSWORD": "c4n4ry", "DATA": "cost.txt"}
    shell.write("lading.yaml", MANIFEST)
    shell.write("rows.csv", "size\n1\n2\n3\n")
    for name, number in (("cost.txt", "7"), ("one.txt", "1"), ("two.txt", "2"), ("three.txt", "3")):
        shell.write(name, number)
    return Forked(shell)


@pytest.mark.slow
def test_each_option_has_an_effect(forked: Forked) -> None:
    canary = "DATA=three.txt deploy --target router --canary 10"
    for line in ("deploy", "DATA=one.txt deploy", "deploy", "deploy --target roll", "deploy --target router", canary):
        assert forked.outcome(line).startswith("exit code 0\n")
    bases = {line: forked.outcome(line) for line in BASES.values()}
    without = []
    for path, name in options():
        line, shown = entry(path, name) or ("", "")
        if line:
            with prepared(forked.shell, line):
                outcome = forked.outcome(line)
            if shown not in outcome or shown in bases[BASES[path]]:
                without.append((line, shown, outcome, shown in bases[BASES[path]]))
    assert without == []
