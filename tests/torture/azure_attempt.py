"""A deploy to the offline Azure with one fault at one of its requests. `azure_sweep` and `azure_v2_sweep` are kinds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self
from urllib.request import OpenerDirector, Request

from offline_azure.calls import Call
from offline_azure.client import Azure, Emulator, Faults

from lading.errors import LadingError
from lading.store import StoreToRead
from lading.store.report import grant_trust

from .gate import Found, Harm
from .warm import Ended, Warm

ROOT = Path(__file__).parents[2]

PATIENCE = "10"  # seconds for a deploy without any response
MUST_SUCCEED = ("expired", "drip", "forgotten", "lagging", "locked")
DELETES_ONLY = "locked"  # a fault that only a delete meets
HONEST = {0, 5, 7}
ANSWERS = "/score"  # a fault at this request may correctly fail the release
PAGE = "<!doctype html><html><head><title>Blocked by policy</title></head><body>Ask IT.</body></html>"
GONE = {"code": "OperationNotFound", "statusCode": 404, "message": "the operation was not found"}
LOCKED = {"code": "ScopeLocked", "statusCode": 409, "message": "the scope is locked by 'keep'"}
OPERATION = "/(operations|mfeOperationsStatus)/"
DRIP = 2.0  # seconds for one response
BUSY = {"code": "Busy", "message": "come back later"}
AGAIN = 1.0  # the waiting time in seconds that Azure requests
SERVICE = "salary-svc"
ANSWER = [141760.56910569107]
SCRIPT = f"def init():\n    pass\n\n\ndef run(raw_data):\n    return {ANSWER}\n"

V2 = """\
connections:
  azureml-v2: {subscription_id: "${SUBSCRIPTION}", resource_group: "${GROUP}", workspace: "${WORKSPACE}"}
"""
ONLINE = """\
  managed-online:
    instance_type: Standard_DS2_v2
    environment: {image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04}
"""

SPARSE = {"page": 4}
"""Faults at every so many requests only, to save time."""

Add = Callable[[Faults, int], None]
FAULTS: dict[str, Add] = {
    "lost": lambda faults, number: faults.drop_after(skip=number),
    "throttled": lambda faults, number: faults.answer(429, BUSY, {"Retry-After": f"{AGAIN:g}"}, skip=number),
    "unavailable": lambda faults, number: faults.answer(503, BUSY, skip=number),
    "expired": lambda faults, number: faults.expire_tokens(skip=number),
    "silent": lambda faults, number: faults.black_hole(skip=number),
    "page": lambda faults, number: faults.answer(403, PAGE, {"Content-Type": "text/html"}, skip=number),
    "drip": lambda faults, number: faults.drip(DRIP, skip=number),
    "forgotten": lambda faults, number: faults.answer(404, GONE, path=OPERATION, times=None),
    "lagging": lambda faults, number: faults.delay(0, skip=number),
    "locked": lambda faults, number: faults.fail_operation(LOCKED, method="DELETE", path=f"{SERVICE}$"),
}


class Strike(NamedTuple):
    """One attempt: a fault and a request of the deploy."""

    fault: str
    number: int
    route: str

    @property
    def is_answer(self) -> bool:
        """Whether the request is a golden one. Its failure may correctly fail the release."""
        return self.route.endswith(ANSWERS)

    def __str__(self) -> str:
        return f"{self.fault} at {self.number} {self.route}"


def route(call: Call) -> str:
    """A call without the parts that differ from run to run: workspace, ids and ports."""
    path = re.sub(r"/subscriptions/.*?/workspaces/[^/]+", "", f"{call.host}{call.path}")
    return f"{call.method} " + re.sub(r"[^/.:]*\d[^/.:]*", "*", path)


def strikes(calls: Sequence[Call], only: Mapping[str, str]) -> list[Strike]:
    """Every fault at every request, in mixed order.

    `only` has patterns of requests for some faults: the first request that fits counts. A fault with an empty pattern
    is left out.
    """
    routes = [route(call) for call in calls]
    return [
        Strike(fault, number, name)
        for number, name in enumerate(routes)
        for fault in FAULTS
        if (number == _first(routes, only[fault]) if fault in only else number % SPARSE.get(fault, 1) == 0)
    ]


def _first(routes: Sequence[str], pattern: str) -> int:
    return next((number for number, name in enumerate(routes) if pattern and re.search(pattern, name)), -1)


@dataclass
class Lane:
    """An offline Azure, a process that runs commands, and a packaged project to copy."""

    kind: type[Attempt]
    emulator: Emulator
    warm: Warm
    packed: Path

    @classmethod
    def open(cls, kind: type[Attempt], emulator: Emulator, python: Path, folder: Path, packed: Path) -> Lane:
        folder.mkdir()
        return cls(kind, emulator, Warm(python, folder, kind.modules), packed)

    def close(self) -> None:
        self.warm.close()

    def record(self, folder: Path) -> list[Call]:
        """The requests of a deploy without a fault."""
        attempt = self.kind.begin(self, folder)
        ended = attempt.deploy()
        assert ended.code == 0, ended.err
        return list(attempt.azure.calls)

    def strike(self, strike: Strike, folder: Path) -> list[Found] | None:
        """The findings of one attempt; None if it has none and its fault was never met. Its folder is removed
        afterwards.
        """
        attempt = self.kind.begin(self, folder)
        found = list(attempt.judge(strike))
        is_met = any(call.fault for call in attempt.azure.calls)
        shutil.rmtree(folder)
        return found if found or is_met else None


@dataclass(frozen=True)
class Attempt(ABC):
    """A copy of the project, and an empty workspace to deploy it to.

    `modules` are imported before all attempts, and `only` is that of `strikes`.
    """

    target: ClassVar[str]
    modules: ClassVar[Sequence[str]]
    only: ClassVar[Mapping[str, str]]

    azure: Azure
    warm: Warm
    folder: Path

    @classmethod
    def begin(cls, lane: Lane, folder: Path) -> Self:
        shutil.copytree(lane.packed, folder)
        home = folder / "home"
        home.mkdir()
        grant_trust(folder / ".lading", {"HOME": str(home)})
        return cls(Azure(lane.emulator, home), lane.warm, folder)

    def deploy(self, *argv: str) -> Ended:
        return self.lading("deploy", "lading.yaml", "--target", self.target, *argv)

    def lading(self, *argv: str) -> Ended:
        place = self.azure.workspace
        names = {"SUBSCRIPTION": place.subscription_id, "GROUP": place.resource_group, "WORKSPACE": place.workspace}
        env = {**self.azure.environ, **names, "PATH": os.environ["PATH"]}
        return self.warm(*argv, folder=self.folder, env=env)

    def judge(self, strike: Strike) -> Iterator[Found]:
        """Deploy with the fault, deploy again, and check the result."""
        if strike.fault == "lagging":
            self.azure.settings(lists_lag=99, reads_lag=3)
        FAULTS[strike.fault](self.azure.faults, strike.number)
        ended = self.deploy(*(["--timeout", PATIENCE] if strike.fault == "silent" else []))
        unanswered = strike.is_answer and ended.code == 8
        if (ended.code not in HONEST and not unanswered) or "Traceback" in ended.err:
            yield Found(Harm.UNTRUE, f"{strike}: exit {ended.code}: {ended.err[-600:]}")
        elif strike.fault in MUST_SUCCEED and ended.code != 0:
            yield Found(Harm.STUCK, f"{strike}: exit {ended.code}: {ended.err[-600:]}")
        yield from self._hurried(strike)
        again = self.deploy()
        if again.code != 0:
            yield Found(Harm.STUCK, f"{strike}: run again: exit {again.code}: {again.err[-600:]}")
        yield from self._left(strike)
        shown = ended.out + ended.err + again.out + again.err
        if "<html" in shown:
            yield Found(Harm.UNTRUE, f"{strike}: the markup of a page is shown: {ended.err[-600:]}")
        if strike.fault == DELETES_ONLY:
            yield from self._deleted(strike)
        yield from self._told(strike, shown)

    def _deleted(self, strike: Strike) -> Iterator[Found]:
        """Check that a delete that Azure refuses is reported and changes nothing, and that the next one works."""
        refused = self.lading("delete", "lading.yaml", "--target", self.target)
        if refused.code != 6 or "ScopeLocked" not in refused.err or not self.answers:
            yield Found(Harm.UNTRUE, f"{strike}: delete: exit {refused.code}: {refused.err[-600:]}")
        done = self.lading("delete", "lading.yaml", "--target", self.target)
        deletes = self.azure.calls.like("DELETE", f"{SERVICE}$")
        if done.code != 0 or self.services or len(deletes) != 2:
            yield Found(Harm.STUCK, f"{strike}: delete again: exit {done.code}, {len(deletes)} requests")

    def _hurried(self, strike: Strike) -> Iterator[Found]:
        """Check that no request was repeated before the time that Azure asked for.

        The SDK does not repeat requests that it does not need, such as a validation. A busy machine asks more often for
        the end of an operation, so a deploy can have fewer requests than the recorded one.
        """
        calls = list(self.azure.calls)
        struck = next((call for call in calls if call.fault), None)
        if struck is None and strike.fault != DELETES_ONLY and len(calls) > strike.number:
            yield Found(Harm.UNTRUE, f"{strike}: the fault was not met")
        elif strike.fault == "throttled" and struck is not None:
            later = [call for call in calls[struck.number + 1 :] if route(call) == route(struck)]
            if later and later[0].at - struck.at < AGAIN:
                yield Found(Harm.UNTRUE, f"{strike}: asked again after {later[0].at - struck.at:.2f} s")

    def _left(self, strike: Strike) -> Iterator[Found]:
        """Check that everything exists once, and that the store has a record of it."""
        if orphans := self.orphans(strike):
            yield Found(Harm.ORPHAN, f"{strike}: {orphans}")
        if self.azure.calls.failures:
            yield Found(Harm.UNTRUE, f"{strike}: {self.azure.calls.failures}")
        if not self.answers:
            yield Found(Harm.LOST, f"{strike}: the service does not answer")
        try:
            with closing(StoreToRead.read(self.folder / ".lading")) as store:
                states = [release.state for release in store.releases.list()]
                intents = store.journal.open(SERVICE, self.target)
        except LadingError as error:
            yield Found(Harm.CORRUPT, f"{strike}: {error.message}")
            return
        refused = ["failed"] if strike.is_answer else []
        if states not in (["up"], ["up", *refused]) or intents:
            yield Found(Harm.STUCK, f"{strike}: releases {states}, open intents {intents}")

    @property
    @abstractmethod
    def services(self) -> Mapping[str, Any]:
        """The services of the workspace, by name."""

    @property
    @abstractmethod
    def answers(self) -> bool:
        """Whether the service gives the right answer."""

    @abstractmethod
    def orphans(self, strike: Strike) -> str:
        """The counts of what exists or was requested twice, in words; empty if nothing was."""

    def _told(self, strike: Strike, shown: str) -> Iterator[Found]:
        """Check that no credential was shown or is in a file."""
        places = {"output": shown.encode()}
        places |= {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        secrets = [secret.encode() for secret in self.azure.secrets if secret]
        for place, data in places.items():
            if any(secret in data for secret in secrets):
                yield Found(Harm.ESCAPED, f"{strike}: a credential in {place}")


def has_answer(opener: OpenerDirector, uri: str, key: str) -> bool:
    """Whether a request with a key gets the answer of the script."""
    try:
        with opener.open(Request(uri, b"{}", {"authorization": f"Bearer {key}"}), timeout=30) as response:
            return bool(json.load(response) == ANSWER)
    except OSError:
        return False


def pack(lading: Path, folder: Path, env: Mapping[str, str]) -> Path:
    """The salary project, trained and packaged, with a scoring script that starts quickly."""
    folder.mkdir()
    (folder / ".git").mkdir()
    shutil.copy(ROOT / "data" / "sal.csv", folder)
    text = (ROOT / "manifests" / "salary.yaml").read_text(encoding="utf-8").replace("../data/sal.csv", "sal.csv")
    text = text.replace("package:\n", "package:\n  scoring_script: score.py\n")
    text = text.replace("${AZURE_SUBSCRIPTION_ID}", "${SUBSCRIPTION}")
    text = text.replace("resource_group: mi2", 'resource_group: "${GROUP}"')
    text = text.replace("workspace: salary\n", 'workspace: "${WORKSPACE}"\n')
    (folder / "lading.yaml").write_text(text.replace("connections:\n", V2) + ONLINE, encoding="utf-8")
    (folder / "score.py").write_text(SCRIPT, encoding="utf-8")
    subprocess.run([lading, "package"], cwd=folder, env=env, check=True, capture_output=True, timeout=120)
    return folder
