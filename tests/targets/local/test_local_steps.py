"""Each step of the target `local` without processes. The test writes the supervisor's state and holds its lock."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.targets.target_kit import id_of, package_in, tags_of

import lading
from lading import (
    Candidate,
    Deployment,
    DeployRequest,
    DeployStep,
    Done,
    Failed,
    Json,
    NoScoringUri,
    Pending,
    Ready,
    Refused,
    ScoringUri,
    StageFailed,
    State,
    Status,
    Verdict,
)
from lading_local import lading_delete, lading_deploy, lading_scoring_uri, lading_status
from lading_local.options import LocalOptions
from lading_serving import access, identity
from lading_serving.choice import COUNT_MARK
from lading_serving.control import NOTHING, ControlFolder, ReleaseState
from lading_serving.spec import Limits, ReleaseSpec

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PRIVATE, PUBLIC = "http://127.0.0.1:9001/score", "http://127.0.0.1:9000/score"
STARTING = Pending(phase="starting", detail="release 1", retry_after=0.05)
PROMOTING = Pending(phase="promoting", detail="release 1", retry_after=0.05)
RELEASE_ID = "lading.release-id"
UP, WRONG = Verdict(up=True), Verdict(up=False, reason="expected 1")


@dataclass
class Service:
    """One deployment, and its simulated supervisor."""

    root: Path
    context: MemoryContext
    locks: list[int] = field(default_factory=list)

    @property
    def folder(self) -> ControlFolder:
        return ControlFolder(self.context.work)

    def request(
        self, release: int = 1, written: dict[str, Json] | None = None, **options: Any
    ) -> DeployRequest[LocalOptions]:
        package = package_in(self.root, "d" * 64, HERE)
        made = LocalOptions(**options)
        deployment = Deployment(service="salary", target="t", options=made, written=written or dict(options))
        tags = tags_of(package, release=release)
        return DeployRequest(
            deployment=deployment, package=package, release=release, release_id=id_of(release), tags=tags
        )

    def step(self, request: DeployRequest[LocalOptions] | None = None, verdict: Verdict | None = None) -> DeployStep:
        return lading_deploy(replace(request or self.request(), verdict=verdict), self.context)

    def supervise(self) -> None:
        """Simulate a running supervisor: hold its lock."""
        lock = self.folder.acquire()
        assert lock is not None
        self.locks.append(lock)

    def die(self) -> None:
        os.close(self.locks.pop())

    def say(self, number: int = 1, phase: str = "ready", **more: Any) -> None:
        """Write the state of one release, like the supervisor. Other releases stay."""
        plain = {"uri": PRIVATE, "public_uri": PUBLIC, "reason": "", "restarts": 0, "tags": dict(self.request().tags)}
        state = self.folder.state()
        release: ReleaseState = {**plain, "phase": phase, **more}  # type: ignore[typeddict-item]
        state["releases"][str(number)] = release
        self.folder.write_state({**state, "pid": os.getpid()})

    def forget(self, number: int) -> None:
        state = self.folder.state()
        del state["releases"][str(number)]
        self.folder.write_state(state)

    def spec(self, number: int = 1) -> ReleaseSpec:
        return ReleaseSpec.from_bytes(self.folder.spec(number).read_bytes())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A deployment that does not exist yet, with a running supervisor."""
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    made = Service(root=tmp_path, context=MemoryContext(work))
    made.supervise()
    yield made
    while made.locks:
        made.die()


def up(service: Service, number: int = 1) -> None:
    """Bring a release up."""
    request = service.request(number)
    service.step(request)
    service.say(number)
    service.step(request, UP)
    service.say(number, "serving")
    assert service.step(request, UP) == Ready()
    service.context.intents.clear()


def test_a_release_is_starting_then_a_candidate_then_ready(service: Service) -> None:
    assert service.step() == STARTING
    assert service.folder.desired() == {**NOTHING, "candidate": 1}
    service.say(phase="starting", uri="", public_uri="")
    assert service.step() == STARTING
    service.say(phase="ready")
    assert service.step() == Candidate(uri=PRIVATE)
    assert service.step(verdict=UP) == PROMOTING
    assert service.folder.desired() == {**NOTHING, "serving": 1}
    service.say(phase="draining")
    assert service.step(verdict=UP) == PROMOTING
    service.say(phase="serving")
    assert service.step(verdict=UP) == Ready()
    assert service.context.intents == ["local/salary/1/start", "local/salary/1/serve"]


def test_a_command_after_a_kill_during_the_promotion_sends_the_golden_requests_again(service: Service) -> None:
    up(service)
    assert service.step() == Candidate(uri=PRIVATE)
    assert service.folder.desired() == {**NOTHING, "serving": 1}
    assert service.context.intents == []


def test_a_candidate_runs_beside_the_serving_release(service: Service) -> None:
    up(service)
    request = service.request(2)
    assert service.step(request) == Pending(phase="starting", detail="release 2", retry_after=0.05)
    assert service.folder.desired() == {**NOTHING, "serving": 1, "candidate": 2}
    service.say(2)
    assert service.step(request) == Candidate(uri=PRIVATE)
    service.step(request, UP)
    assert service.folder.desired() == {**NOTHING, "serving": 2}
    assert service.folder.homes(1)
    service.forget(1)
    service.say(2, "serving")
    assert service.step(request, UP) == Ready()
    assert (service.folder.homes(1), service.folder.spec(1).exists()) == ([], False)


def test_a_wrong_response_removes_only_the_candidate(service: Service) -> None:
    up(service)
    request = service.request(2)
    service.step(request)
    service.say(2)
    service.folder.log(2).write_text("loading\nready\n", encoding="utf-8")
    assert service.step(request, WRONG) == Failed(reason="expected 1", log="loading\nready")
    assert service.folder.desired() == {**NOTHING, "serving": 1}
    assert (service.folder.homes(2), service.folder.spec(2).exists()) == ([], False)
    assert service.folder.homes(1)


def test_a_promoted_release_that_is_refused_is_replaced_by_the_serving_one(service: Service) -> None:
    up(service)
    request = service.request(2)
    service.step(request)
    service.say(2)
    service.step(request, UP)
    service.say(2, "serving")
    assert service.step(request, WRONG) == Failed(reason="expected 1")
    assert service.folder.desired() == {**NOTHING, "serving": 1}


def test_a_failed_release_is_removed_and_its_reason_reported(service: Service) -> None:
    service.step()
    service.say(phase="failed", reason="ValueError: no model")
    service.folder.log(1).write_text("Traceback\n", encoding="utf-8")
    assert service.step() == Failed(reason="ValueError: no model", log="Traceback")
    assert service.folder.desired() == NOTHING
    assert [path.name for path in service.folder.releases.iterdir()] == ["1.log"]


def test_a_release_that_never_listened_names_its_address(service: Service) -> None:
    service.step()
    service.say(phase="failed", reason="port 80 is in use", uri="", public_uri="")
    with pytest.raises(StageFailed, match="port 80 is in use") as caught:
        service.step()
    assert caught.value.hint == "free it, or name another host or port under the target"
    assert service.folder.desired() == NOTHING


def test_a_number_that_a_release_of_a_lost_store_has_is_not_used_again(service: Service) -> None:
    up(service)
    fresh = replace(service.request(), release_id="f" * 16, tags={**service.request().tags, RELEASE_ID: "f" * 16})
    assert service.step(fresh) == replace(STARTING, detail="release 2")
    assert service.folder.desired() == {**NOTHING, "serving": 1, "candidate": 2}
    assert service.spec(2).tags[RELEASE_ID] == "f" * 16
    assert service.spec(2).env["SERVICE_VERSION"] == "1"
    service.say(2, "ready")
    assert service.step(fresh) == Candidate(uri=PRIVATE)
    service.step(fresh, UP)
    service.say(2, "serving")
    assert service.step(fresh, UP) == Ready()
    assert service.folder.desired() == {**NOTHING, "serving": 2}


def test_the_restarts_of_a_dying_supervisor_are_limited(service: Service) -> None:
    service.step()
    service.die()
    (service.context.work / "starts.json").write_text('{"release": 1, "times": 5}', encoding="utf-8")
    (service.context.work / "starts.json").chmod(0o600)
    (service.context.work / "supervisor.log").write_text("one\nno such module\n", encoding="utf-8")
    with pytest.raises(StageFailed, match="ended 5 times right after its start: no such module") as caught:
        service.step()
    assert caught.value.hint == f"see its log: {service.context.work / 'supervisor.log'}"
    assert service.folder.desired() == NOTHING


def test_the_spec_has_all_data_that_a_supervisor_needs(service: Service) -> None:
    options: dict[str, Any] = {
        "host": "127.0.0.2",
        "hosts": ("ml.example",),
        "port": 9000,
        "workers": 2,
        "env": {"MODE": "test"},
        "scoring_timeout": 1.5,
        "start_timeout": 7.0,
        "max_body": 2048,
    }
    service.step(service.request(**options))
    spec = service.spec()
    home = Path(spec.folder)
    models = home / "azureml-models" / "sal_model" / "3"
    assert replace(spec, env={}) == ReleaseSpec(
        number=1,
        python=sys.executable,
        folder=str(home),
        env={},
        model_file=str(models / "model.joblib"),
        model_sha256="a" * 64,
        host="127.0.0.2",
        hosts=("ml.example",),
        port=9000,
        workers=2,
        start_timeout=7.0,
        tags=dict(service.request().tags),
        limits=Limits(max_body=2048),
        handed=(),
    )
    own = {name: value for name, value in spec.env.items() if name not in lading.child_environment()}
    assert re.fullmatch("[0-9a-f]{32}", own.pop(COUNT_MARK))
    assert own == {
        "SERVICE_NAME": "salary",
        "SERVICE_VERSION": "1",
        "HTTP_X_MS_SERVER_VERSION": f"lading/{lading.__version__}",
        "SCORING_TIMEOUT_MS": "1500",
        "MODE": "test",
        "LADING_PAGE": '{"service": "salary", "facts": {"release": "1", "model": "sal_model 3"}}',
        "AML_APP_ROOT": str(home),
        "AZUREML_SOURCE_DIRECTORY": "azureml-app",
        "AZUREML_ENTRY_SCRIPT": "azureml-app/score.py",
        "AZUREML_MODEL_DIR": str(models),
        **identity.variables(service.request().tags, "sal_model", 3),
        **access.variables(True, "text"),
    }
    assert (models / "model.joblib").read_bytes() == b"a model"


@pytest.mark.parametrize("name", ["AML_APP_ROOT", "AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT"])
def test_the_manifest_cannot_set_variables_with_the_paths_of_the_package(service: Service, name: str) -> None:
    service.step(service.request(env={name: "/elsewhere", "SERVICE_NAME": "mine"}))
    assert service.spec().env[name] != "/elsewhere"
    assert service.spec().env["SERVICE_NAME"] == "mine"


def test_the_value_of_a_variable_is_sent_and_never_written(service: Service) -> None:
    os.mkfifo(service.folder.fifo, 0o600)
    reader = os.open(service.folder.fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        written = {"env": {"TOKEN": "${TOKEN}", "MODE": "test"}}
        service.step(service.request(written=written, env={"TOKEN": "c4n4ry", "MODE": "test"}))
        told = [json.loads(line) for line in os.read(reader, 65536).splitlines() if line]
    finally:
        os.close(reader)
    assert told == [{"values": {"TOKEN": "c4n4ry"}, "specs": {"1": service.context.facts["release/1"]}}]
    assert (service.spec().handed, service.spec().env["MODE"]) == (("TOKEN",), "test")
    files = [file for file in service.root.rglob("*") if file.is_file()]
    assert [file for file in files if b"c4n4ry" in file.read_bytes()] == []


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", 0), ("127.9.9.9", 0), ("::1", 0), ("localhost", 0), ("0.0.0.0", 1), ("::", 1), ("ml.example", 1)],
)
def test_a_service_open_to_the_network_causes_one_warning(service: Service, host: str, warns: int) -> None:
    for _ in range(2):
        service.step(service.request(host=host))
    said = f"the service listens on {host} and is open to the network: `auth: key` protects it"
    assert service.context.warnings == [said] * warns


@pytest.mark.parametrize(
    ("python", "requirements", "message"),
    [
        ("2.7", (), f"the package is for Python 2.7, and this is Python {HERE}"),
        (HERE, ("numpy==1", "scikit-learn==0.1"), "the package is pinned to scikit-learn 0.1, and this Python has"),
    ],
)
def test_a_package_for_other_versions_is_refused_with_a_hint(
    service: Service, python: str, requirements: tuple[str, ...], message: str
) -> None:
    request = service.request()
    package = replace(request.package, python=python, requirements=requirements)
    with pytest.raises(Refused, match=message) as caught:
        service.step(replace(request, package=package))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("`python: isolated` under the target serves the package")
    assert not service.folder.releases.exists()


def test_an_isolated_package_for_a_missing_python_names_it(service: Service) -> None:
    request = service.request(python="isolated")
    package = replace(request.package, python="2.99")
    reason = "python 2.99, which the package is pinned to, is not on the PATH"
    assert service.step(replace(request, package=package)) == Failed(reason=reason)


@pytest.mark.parametrize(
    ("phase", "state", "detail"),
    [
        ("starting", State.PENDING, ""),
        ("ready", State.PENDING, ""),
        ("serving", State.RUNNING, ""),
        ("failed", State.FAILED, "why"),
        ("draining", State.STOPPED, ""),
    ],
)
def test_each_phase_maps_to_a_state(service: Service, phase: str, state: State, detail: str) -> None:
    service.step()
    service.say(phase=phase, reason="why")
    expected = Status(state=state, package_digest="d" * 64, model_sha256="a" * 64, release_id=id_of(1), detail=detail)
    assert lading_status(service.context) == expected


@pytest.mark.parametrize(
    ("found", "detail"),
    [
        ({"workers": 2, "accepting": 2, "slow": 0, "hung": 0}, ""),
        ({"workers": 2, "accepting": 1}, "only 1 of 2 workers accept requests"),
        ({"workers": 2, "accepting": 2, "slow": 2}, "2 of 2 workers busy with one request for more than 5 s"),
        ({"restarts": 1}, "1 worker replaced, the last because: why"),
        ({"restarts": 3, "hung": 2}, "3 workers replaced (2 of them stuck), the last because: why"),
        (
            {"workers": 2, "accepting": 1, "slow": 1, "restarts": 1},
            "only 1 of 2 workers accept requests; 1 of 2 workers busy with one request for more than 5 s; "
            "1 worker replaced, the last because: why",
        ),
    ],
)
def test_the_status_of_a_running_service_shows_problems_of_its_workers(
    service: Service, found: dict[str, int], detail: str
) -> None:
    service.step()
    service.say(phase="serving", reason="why", **found)
    status = lading_status(service.context)
    assert (status.state, status.detail) == (State.RUNNING, detail)


def test_without_a_supervisor_the_state_is_stopped_with_a_hint(service: Service) -> None:
    assert lading_status(service.context) == Status(state=State.ABSENT)
    service.step()
    assert lading_status(service.context) == Status(state=State.PENDING, detail="release 1 is starting")
    service.say(phase="serving")
    service.die()
    found = lading_status(service.context)
    assert (found.state, found.package_digest) == (State.STOPPED, "d" * 64)
    assert found.detail == "the supervisor is not running; `lading deploy` starts it again"


def uri(service: Service) -> ScoringUri | NoScoringUri:
    return lading_scoring_uri(service.context)


def test_an_address_is_that_of_the_serving_release(service: Service) -> None:
    assert uri(service) == NoScoringUri(reason="nothing is deployed")
    service.step()
    service.say()
    assert uri(service) == NoScoringUri(reason="nothing is deployed")
    service.step(verdict=UP)
    service.say(phase="serving")
    assert uri(service) == ScoringUri(uri=PUBLIC, needs_key=False)
    service.say(public_uri="")
    assert uri(service) == NoScoringUri(reason="release 1 is starting")
    service.forget(1)
    assert uri(service) == NoScoringUri(reason="release 1 is starting")
    service.die()
    assert uri(service) == NoScoringUri(reason="the service is stopped; `lading deploy` starts it again")


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:80/score", True),
        ("http://127.8.8.8:80/score", True),
        ("http://[::1]:80/score", True),
        ("http://0.0.0.0:80/score", True),
        ("http://192.0.2.1:80/score", False),
        ("http://[2001:db8::1]:80/score", False),
    ],
)
def test_no_client_is_sent_to_another_machine(service: Service, address: str, here: bool) -> None:
    up(service)
    service.say(phase="serving", public_uri=address)
    if here:
        assert uri(service) == ScoringUri(uri=address, needs_key=False)
        return
    with pytest.raises(Refused, match="which is not on this machine") as caught:
        uri(service)
    assert caught.value.hint is not None
    assert str(service.context.work / "state.json") in caught.value.hint


def test_a_service_drains_and_then_leaves_nothing(service: Service) -> None:
    up(service)
    deployment = service.request().deployment
    draining = Pending(phase="draining", retry_after=0.2)
    assert [lading_delete(deployment, service.context) for _ in range(2)] == [draining, draining]
    assert service.context.intents == ["local/salary/delete"]
    assert service.folder.desired() == NOTHING
    service.die()
    assert lading_delete(deployment, service.context) == Done()
    assert list(service.context.work.iterdir()) == []
    assert lading_delete(deployment, service.context) == Done()
