"""Stores that an attacker prepared. Commands must not touch anything outside, and planted code must not run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple

from lading_serving.spec import ReleaseSpec

from .gate import Figures, Found, Gate, Harm, Trial
from .outside import Outside
from .project import Project
from .store_attacks import Kind, names, possible
from .warm import Ended, Warm

SECONDS = 60  # time limit of a command; all take less than two seconds on an idle machine
MEMORY = 4 << 30  # bytes of address space
BUG, BAD_INPUT, REFUSED, TARGET = 1, 2, 3, 6
MODULES = ("lading_local.deploying", "lading_bundle.packing", "lading_registry", "lading_sklearn.scripts")
MANIFEST = "manifests/salary.yaml"
COMMANDS = (
    *(("deploy",), ("deploy", "--force"), ("plan",), ("train",), ("register",), ("package",)),
    *(("package", "export", "salary.tar"), ("check",), ("uri",), ("score", "-d", "1"), ("status",), ("logs",)),
    *(("keys",), ("delete",), ("history",), ("rollback",), ("gc",), ("gc", "--yes"), ("repair",), ("repair", "--yes")),
    *(("run", "list"), ("run", "show", "latest"), ("run", "compare", "a", "b"), ("model", "list")),
    *(("model", "show", "sal_model"), ("model", "inspect", "sal_model"), ("image", "build"), ("image", "push")),
    *(("store", "trust"), ("store", "trust", "--yes"), ("evaluate",), ("list",), ("preflight",), ("report",)),
    ("forward",),
    *(("traffic",), ("traffic", "--weight", "5"), ("promote",), ("abort",), ("compare",)),
    *(("plugin", "list"), ("plugin", "show", "local"), ("target", "list"), ("target", "show", "local"), ("schema",)),
    ("eject", MANIFEST, "made"),
    *(("diff", "1", "2"), ("why", "1"), ("why", "http://127.0.0.1:1/score")),
)
WITHOUT_STORE = {("check",)}  # it reads only the manifest
WITHOUT_MANIFEST = {
    *(("plugin", "list"), ("plugin", "show", "local"), ("target", "list"), ("target", "show", "local"), ("schema",)),
}


class Attack(NamedTuple):
    """A kind of file at a name in the store, and the command that uses the store."""

    kind: Kind
    name: str
    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' '.join(self.command)}: {self.kind.name} at {self.name}"


def attacks(kinds: Sequence[Kind], at: Sequence[str]) -> list[Attack]:
    """Each command with each name. The kinds alternate, so that each kind meets each command and each name."""
    return [
        Attack(kinds[(row + column) % len(kinds)], name, command)
        for row, name in enumerate(at)
        for column, command in enumerate(COMMANDS)
    ]


@dataclass
class Range:
    """A deployed project to copy, and processes that run commands on the copies."""

    trial: Trial
    maker: Project
    expected: dict[tuple[str, ...], int]  # the exit codes with an unchanged store
    warm: SimpleQueue[Warm]

    @classmethod
    def open(cls, trial: Trial) -> Range:
        maker = Project.quick(trial.build, Outside.make(trial.folder / "maker").project)
        for argv in (("deploy",), ("delete",), ("deploy",)):
            ended = maker.run(*argv)
            assert ended.returncode == 0, ended.stderr
        maker.end()
        found = cls(trial, maker, {}, SimpleQueue())
        for number in range(trial.lanes):
            folder = trial.folder / f"home-{number}"
            folder.mkdir()
            found.warm.put(Warm(trial.build.python, folder, MODULES))
        return found

    def close(self) -> None:
        for _ in range(self.trial.lanes):
            self.warm.get().close()

    def site(self, name: str) -> tuple[Outside, Project]:
        """A copy of the project, with decoys in all folders around it."""
        outside = Outside.make(self.trial.folder / name)
        without_fifo = shutil.ignore_patterns("wake")
        shutil.copytree(self.maker.folder, outside.project, symlinks=True, ignore=without_fifo, dirs_exist_ok=True)
        return outside, Project(self.trial.build, outside.project)

    def run(self, project: Project, command: tuple[str, ...], *, trusted: bool = True) -> Ended:
        """Run a command, and end all processes that it started."""
        warm = self.warm.get()
        env = {**self.trial.build.environment(), "HOME": str(self.trial.folder)}
        env |= {"LADING_TRUST_STORE": "1"} if trusted else {}
        argv = command if command in WITHOUT_MANIFEST or MANIFEST in command else (*command, MANIFEST)
        try:
            return warm(*argv, folder=project.folder, env=env, seconds=SECONDS, memory=MEMORY)
        finally:
            self.warm.put(warm)

    def learn(self, command: tuple[str, ...]) -> Iterator[Found]:
        """Record the exit code of a command with an unchanged store."""
        _, project = self.site(f"intact-{COMMANDS.index(command)}")
        ended = self.run(project, command)
        self.expected[command] = ended.code
        project.end()
        shutil.rmtree(project.folder)
        if ended.code == BUG or ended.code < 0:
            yield Found(Harm.UNTRUE, f"{command} on an intact store: {ended}")

    def meet(self, numbered: tuple[int, Attack]) -> Iterator[Found]:
        """The findings of one attack."""
        number, attack = numbered
        outside, project = self.site(f"attack-{number:05}")
        if not attack.kind.plant(project.store / attack.name, outside):
            shutil.rmtree(outside.root)
            return
        before = outside.found()
        with outside.watched() as done:
            ended = self.run(project, attack.command)
        if ended.code == 0:
            project.end()  # a supervisor may still run
        yield from (Found(harm, f"{attack}: {what}") for harm, what in self._harms(attack, ended))
        if attack.kind.name != "a hard link":
            yield from (Found(Harm.ESCAPED, f"{attack}: {what}") for what in sorted(done))
        yield from (Found(Harm.ESCAPED, f"{attack}: {path} changed") for path in _changes(before, outside, attack))
        shutil.rmtree(outside.root)

    def _codes(self, attack: Attack) -> set[int]:
        if _must_be_refused(attack):
            return {REFUSED}
        in_its_row = {TARGET} if attack.command == ("status",) else set[int]()  # what was refused stands in the table
        return {self.expected[attack.command], BAD_INPUT, REFUSED} | in_its_row

    def _harms(self, attack: Attack, ended: Ended) -> Iterator[tuple[Harm, str]]:
        if ended.code < 0:
            yield Harm.UNTRUE, f"was ended by signal {-ended.code} after {SECONDS} s or out of memory"
        elif ended.code not in self._codes(attack):
            yield Harm.UNTRUE, f"exit {ended.code}: {ended.err[-400:]}"
        if "Traceback" in ended.out + ended.err:
            yield Harm.UNTRUE, f"a traceback: {ended.err[-400:]}"


def _must_be_refused(attack: Attack) -> bool:
    """Whether it is a foreign file at a name that every command with a store checks."""
    if attack.command[0] == "repair" and attack.kind.name == "open to others":
        return False  # it can be repaired
    return attack.kind.foreign and "/" not in attack.name and attack.command not in WITHOUT_STORE | WITHOUT_MANIFEST


def _changes(before: dict[str, tuple[object, ...]], outside: Outside, attack: Attack) -> list[str]:
    """The changes outside the store. A command may write its own output beside the manifest."""
    after = outside.found()
    asked = {str(outside.project), str(outside.project / "salary.tar"), str(outside.project / "manifests")}
    return sorted(
        path
        for path in before.keys() | after.keys()
        if before.get(path) != after.get(path)
        and path not in asked
        and not (attack.kind.name == "a hard link" and path == str(outside.prey / "canary") and path in after)
    )


class PlantedRelease(NamedTuple):
    """A planted release whose Python is a script, for the supervisor of a trusted or untrusted store."""

    number: int
    trusted: bool

    def __str__(self) -> str:
        return f"planted release {self.number} in a store that is {'' if self.trusted else 'not '}trusted"


# the release that is up, the next one, and one that never existed
RELEASES = [PlantedRelease(number, trusted) for number in (2, 3, 99) for trusted in (True, False)]


def met(shooting: Range, planted: PlantedRelease) -> Iterator[Found]:
    """The findings for a planted release."""
    outside, project = shooting.site(f"release-{planted.number}-{planted.trusted}")
    _plant_release(outside, project, planted.number)
    for command in (("status",), ("uri",), ("deploy",), ("rollback",), ("deploy", "--force")):
        ended = shooting.run(project, command, trusted=planted.trusted)
        if "Traceback" in ended.err or ended.code == BUG or ended.code < 0:
            yield Found(Harm.UNTRUE, f"{command}: {planted}: {ended}")
        if command == ("deploy",) and ended.code != REFUSED:
            yield Found(Harm.UNTRUE, f"{command}: {planted}: exit {ended.code}: {ended.err}")
    project.end()
    if outside.mark.exists():
        yield Found(Harm.EXECUTED, str(planted))


def _plant_release(outside: Outside, project: Project, number: int) -> None:
    script = outside.project / "python"
    script.write_text(f"#!/bin/sh\ntouch '{outside.mark}'\n")
    script.chmod(0o700)
    spec = ReleaseSpec(number, str(script), str(outside.project), {}, "none", "none")
    tags: dict[str, str] = next(
        (json.loads(file.read_bytes())["tags"] for file in project.work.glob("releases/*.json")), {}
    )
    file = project.work / "releases" / f"{number}.json"
    file.write_bytes(json.dumps({**json.loads(spec.to_bytes()), "tags": tags}).encode())
    file.chmod(0o600)
    (project.work / "desired.json").write_text(json.dumps({"serving": number, "candidate": None}))


def withstood(trial: Trial) -> Figures:
    kinds = possible(trial.folder / "kinds")
    with closing(Range.open(trial)) as shooting:
        every = attacks(kinds, names(shooting.maker.store))
        tried = trial.sample(every)
        commands = [command for command in COMMANDS if any(attack.command == command for attack in tried)]
        found = [*trial.each(shooting.learn, commands), *trial.each(shooting.meet, list(enumerate(tried)))]
        releases = trial.sample(RELEASES)
        found += trial.each(lambda planted: met(shooting, planted), releases)
    return Figures(len(every) + len(RELEASES), len(tried) + len(releases), tuple(found))


GATES = (
    Gate(
        "hostile-store",
        "links, devices and foreign things at every name of a store, against every command: nothing outside is touched",
        withstood,
        needs="true",
        share=0.4,
    ),
)
