"""A deploy to the offline Azure with one fault at one of its requests, and the guarantees that must hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

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
HONEST = {0, 5, 7}
ANSWERS = "/score"  # a fault at this request may correctly fail the release
PAGE = "<!doctype html><html><head><title>Blocked by policy</title></head><body>Ask IT.</body></html>"
GONE = {"code": "OperationNotFound", "statusCode": 404, "message": "the operation was not found"}
LOCKED = {"code": "ScopeLocked", "statusCode": 409, "message": "the scope is locked by 'keep'"}
OPERATION = "/operations/"
DRIP = 2.0  # seconds for one response
BUSY = {"code": "Busy", "message": "come back later"}
AGAIN = 1.0  # the waiting time in seconds that Azure requests
SERVICE = "salary-svc"
SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return [141760.56910569107]\n"

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
ONLY = {
    "drip": rf"GET .*/services/{SERVICE}$",
    "forgotten": OPERATION,
    "lagging": r"/oauth2/v2\.0/token$",
    "locked": rf"GET .*/services/{SERVICE}$",
}
"""The requests that some faults are for. Of these requests, the first one counts."""


class Strike(NamedTuple):
    """One attempt: a fault and a request of the deploy."""

    fault: str
    number: int
    route: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.number} {self.route}"


def route(call: Call) -> str:
    """A call without the parts that differ from run to run: workspace, ids and ports."""
    path = re.sub(r"/subscriptions/.*?/workspaces/[^/]+", "", f"{call.host}{call.path}")
    return f"{call.method} " + re.sub(r"[^/.:]*\d[^/.:]*", "*", path)


def strikes(calls: Sequence[Call]) -> list[Strike]:
    """Every fault at every request that it is for, in mixed order."""
    routes = [route(call) for call in calls]
    return [
        Strike(fault, number, name)
        for number, name in enumerate(routes)
        for fault in FAULTS
        if (number == _first(routes, ONLY[fault]) if fault in ONLY else number % SPARSE.get(fault, 1) == 0)
    ]


def _first(routes: Sequence[str], pattern: str) -> int:
    return next((number for number, name in enumerate(routes) if re.search(pattern, name)), -1)


@dataclass
class Lane:
    """An offline Azure, a process that runs commands, and a packaged project to copy."""

    emulator: Emulator
    warm: Warm
    packed: Path

    @classmethod
    def open(cls, emulator: Emulator, python: Path, folder: Path, packed: Path) -> Lane:
        folder.mkdir()
        return cls(emulator, Warm(python, folder, ["lading_azureml.sdk"]), packed)

    def close(self) -> None:
        self.warm.close()

    def record(self, folder: Path) -> list[Call]:
        """The requests of a deploy without a fault."""
        attempt = Attempt.begin(self, folder)
        ended = attempt.deploy()
        assert ended.code == 0, ended.err
        return list(attempt.azure.calls)

    def strike(self, strike: Strike, folder: Path) -> list[Found]:
        """The findings of one attempt. Its folder is removed afterwards."""
        attempt = Attempt.begin(self, folder)
        found = list(attempt.judge(strike))
        shutil.rmtree(folder)
        return found


@dataclass(frozen=True)
class Attempt:
    """A copy of the project, and an empty workspace to deploy it to."""

    azure: Azure
    warm: Warm
    folder: Path

    @classmethod
    def begin(cls, lane: Lane, folder: Path) -> Attempt:
        shutil.copytree(lane.packed, folder)
        home = folder / "home"
        home.mkdir()
        grant_trust(folder / ".lading", {"HOME": str(home)})
        return cls(Azure(lane.emulator, home), lane.warm, folder)

    def deploy(self, *argv: str) -> Ended:
        return self.lading("deploy", "lading.yaml", "--target", "aci", *argv)

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
        unanswered = strike.route.endswith(ANSWERS) and ended.code == 8
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
        if strike.fault == "locked":
            yield from self._deleted(strike)
        yield from self._told(strike, shown)

    def _deleted(self, strike: Strike) -> Iterator[Found]:
        """Check that a delete that Azure refuses is reported and changes nothing, and that the next one works."""
        refused = self.lading("delete", "lading.yaml", "--target", "aci")
        if refused.code != 6 or "ScopeLocked" not in refused.err or not _answers(self.azure.state):
            yield Found(Harm.UNTRUE, f"{strike}: delete: exit {refused.code}: {refused.err[-600:]}")
        done = self.lading("delete", "lading.yaml", "--target", "aci")
        deletes = self.azure.calls.like("DELETE", f"{SERVICE}$")
        if done.code != 0 or self.azure.state["services"] or len(deletes) != 2:
            yield Found(Harm.STUCK, f"{strike}: delete again: exit {done.code}, {len(deletes)} requests")

    def _hurried(self, strike: Strike) -> Iterator[Found]:
        """Check that no request was repeated before the time that Azure asked for.

        The SDK does not repeat requests that it does not need, such as a validation.
        """
        calls = list(self.azure.calls)
        struck = next((call for call in calls if call.fault), None)
        if struck is None and strike.fault != "locked":
            yield Found(Harm.UNTRUE, f"{strike}: the fault was never met")
        elif strike.fault == "throttled" and struck is not None:
            later = [call for call in calls[struck.number + 1 :] if route(call) == route(struck)]
            if later and later[0].at - struck.at < AGAIN:
                yield Found(Harm.UNTRUE, f"{strike}: asked again after {later[0].at - struck.at:.2f} s")

    def _left(self, strike: Strike) -> Iterator[Found]:
        """Check that everything exists once, and that the store has a record of it."""
        state = self.azure.state
        counts = {kind: len(state[kind]) for kind in ("experiments", "runs", "models", "assets", "services")}
        created = [call for call in self.azure.calls.like("POST", "/services$") if _had_effect(call)]
        if {*counts.values(), len(created)} != {1}:
            yield Found(Harm.ORPHAN, f"{strike}: {counts}, asked {len(created)} times for the service")
        if self.azure.calls.failures:
            yield Found(Harm.UNTRUE, f"{strike}: {self.azure.calls.failures}")
        if not _answers(state):
            yield Found(Harm.LOST, f"{strike}: the service does not answer")
        try:
            with closing(StoreToRead.read(self.folder / ".lading")) as store:
                states = [release.state for release in store.releases.list()]
                intents = store.journal.open(SERVICE, "aci")
        except LadingError as error:
            yield Found(Harm.CORRUPT, f"{strike}: {error.message}")
            return
        refused = ["failed"] if strike.route.endswith(ANSWERS) else []
        if states not in (["up"], ["up", *refused]) or intents:
            yield Found(Harm.STUCK, f"{strike}: releases {states}, open intents {intents}")

    def _told(self, strike: Strike, shown: str) -> Iterator[Found]:
        """Check that no credential was shown or is in a file."""
        places = {"output": shown.encode()}
        places |= {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        secrets = [secret.encode() for secret in self.azure.secrets if secret]
        for place, data in places.items():
            if any(secret in data for secret in secrets):
                yield Found(Harm.ESCAPED, f"{strike}: a credential in {place}")


def _had_effect(call: Call) -> bool:
    return call.fault == "drop_after" or call.status in (202, 409)


def _answers(state: dict[str, Any]) -> bool:
    service = state["services"].get(SERVICE)
    if not service or not service.get("scoringUri"):
        return False
    headers = {"authorization": f"Bearer {state['keys'][SERVICE]['primaryKey']}"}
    try:
        with urlopen(Request(service["scoringUri"], b"{}", headers), timeout=30) as response:
            return bool(json.load(response) == [141760.56910569107])
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
    (folder / "lading.yaml").write_text(text, encoding="utf-8")
    (folder / "score.py").write_text(SCRIPT, encoding="utf-8")
    subprocess.run([lading, "package"], cwd=folder, env=env, check=True, capture_output=True, timeout=120)
    return folder
