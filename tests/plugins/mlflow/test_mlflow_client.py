"""Whole requests to an MLflow server through its real client, and the translation of its refusals."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.plugins.mlflow.client_kit import API, EXPERIMENT, URI, a_version, bodies, connected
from tests.plugins.wire import Wire, wire_of

from lading import LadingError, StageFailed, Transient
from lading_mlflow.port import Notes

if TYPE_CHECKING:
    from lading_mlflow.server import MlflowServer

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MILLISECONDS = 1767312000000

Ask = Callable[["MlflowServer"], Any]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    return wire_of(monkeypatch)


def connect(experiment: str = "salaries") -> MlflowServer:
    from lading_mlflow.server import MlflowServer

    return MlflowServer(URI, experiment, {})


@pytest.mark.slow
def test_an_existing_experiment_is_used(wire: Wire) -> None:
    wire.answer("GET", "/experiments/get-by-name", {"experiment": EXPERIMENT})
    assert connect().run_url("r1") == f"{URI}/#/experiments/7/runs/r1"
    (asked,) = wire.sent
    assert (asked.path, asked.query) == (f"{API}/experiments/get-by-name", {"experiment_name": "salaries"})


def missing(wire: Wire) -> None:
    body = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such experiment"}
    wire.answer("GET", "/experiments/get-by-name", body, 404)


def test_a_missing_experiment_is_created(wire: Wire) -> None:
    missing(wire)
    wire.answer("POST", "/experiments/create", {"experiment_id": "8"})
    assert connect().run_url("r1").endswith("/experiments/8/runs/r1")
    assert [body["name"] for body in bodies(wire, "POST", "/experiments/create")] == ["salaries"]


def test_an_experiment_that_another_client_creates_meanwhile_is_used(wire: Wire) -> None:
    missing(wire)
    wire.answer("GET", "/experiments/get-by-name", {"experiment": EXPERIMENT})
    wire.answer("POST", "/experiments/create", {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it exists"}, 400)
    assert connect().run_url("r1").endswith("/experiments/7/runs/r1")


def test_an_experiment_that_cannot_be_created_is_a_failure(wire: Wire) -> None:
    missing(wire)
    wire.answer("POST", "/experiments/create", {"error_code": "INVALID_PARAMETER_VALUE", "message": "bad  name"}, 400)
    with pytest.raises(StageFailed) as caught:
        connect()
    assert caught.value.message.startswith(f"the MLflow server at {URI} refuses the experiment: ")
    assert caught.value.message.endswith("bad name")


def test_a_deleted_experiment_is_not_used(wire: Wire) -> None:
    wire.answer("GET", "/experiments/get-by-name", {"experiment": {**EXPERIMENT, "lifecycle_stage": "deleted"}})
    with pytest.raises(StageFailed) as caught:
        connect()
    assert caught.value.message == f"the experiment 'salaries' at {URI} is deleted"
    assert caught.value.hint == "restore it with `mlflow experiments restore --experiment-id 7`"


def test_the_oldest_run_with_a_tag_is_requested(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/search", {"runs": [{"info": {"run_id": "r9", "run_uuid": "r9"}, "data": {}}]})
    assert server.find_run("lading.run", "a1") == "r9"
    (body,) = bodies(wire, "POST", "/runs/search")
    assert {name: body[name] for name in ("experiment_ids", "filter", "run_view_type", "max_results", "order_by")} == {
        "experiment_ids": ["7"],
        "filter": "tags.`lading.run` = 'a1'",
        "run_view_type": "ACTIVE_ONLY",
        "max_results": 1,
        "order_by": ["attributes.start_time ASC"],
    }


def test_a_missing_run_is_not_a_failure(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/search", {})
    assert server.find_run("lading.run", "a1") is None


def test_a_run_is_created_with_its_tags(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/create", {"run": {"info": {"run_id": "r9", "run_uuid": "r9"}, "data": {}}})
    assert server.create_run("a1", NOW, {"lading.run": "a1"}) == "r9"
    (body,) = bodies(wire, "POST", "/runs/create")
    assert (body["experiment_id"], body["run_name"], body["start_time"]) == ("7", "a1", MILLISECONDS)
    assert {"key": "lading.run", "value": "a1"} in body["tags"]


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
def test_a_run_is_ended_with_its_status_and_time(wire: Wire, status: str) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/update", {})
    server.end_run("r9", status, NOW)
    (body,) = bodies(wire, "POST", "/runs/update")
    assert (body["run_id"], body["status"], body["end_time"]) == ("r9", status, MILLISECONDS)


@pytest.mark.parametrize(("many", "batches"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
@pytest.mark.parametrize("kind", ["metrics", "params", "tags"])
def test_notes_are_sent_in_batches_that_a_server_accepts(wire: Wire, kind: str, many: int, batches: list[int]) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/log-batch", {})
    names = [f"n{number}" for number in range(many)]
    notes = Notes(
        parameters=dict.fromkeys(names, "v") if kind == "params" else {},
        metrics=dict.fromkeys(names, 1.5) if kind == "metrics" else {},
        tags=dict.fromkeys(names, "v") if kind == "tags" else {},
    )
    server.note("r9", notes, NOW)
    sent = bodies(wire, "POST", "/runs/log-batch")
    assert [len(body.get(kind, [])) for body in sent] == batches
    assert [item["key"] for body in sent for item in body[kind]] == names


def test_a_metric_has_its_time_and_its_step(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/log-batch", {})
    server.note("r9", Notes({}, {"r2": 0.75}, {}), NOW)
    (body,) = bodies(wire, "POST", "/runs/log-batch")
    (metric,) = body["metrics"]
    named = {name: metric[name] for name in ("key", "value", "timestamp")}
    assert named == {"key": "r2", "value": 0.75, "timestamp": MILLISECONDS}
    assert int(metric.get("step", 0)) == 0


def test_the_steps_of_a_metric_are_its_history(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/log-batch", {})
    server.note("r9", Notes({}, {}, {}, {"loss": [(0, 1.0), (7, 0.5)]}), NOW)
    (body,) = bodies(wire, "POST", "/runs/log-batch")
    found = [(metric["key"], metric["value"], int(metric.get("step", 0))) for metric in body["metrics"]]
    assert found == [("loss", 1.0, 0), ("loss", 0.5, 7)]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], None),
        ([a_version(3, lading_sha256="5f")], "3"),
        ([a_version(10, lading_sha256="5f"), a_version(9, lading_sha256="5f")], "9"),
        ([a_version(1, lading_sha256="aa"), a_version(2, lading_sha256="5f")], "2"),
        ([a_version(1, "FAILED_REGISTRATION", lading_sha256="5f"), a_version(2, lading_sha256="5f")], "2"),
        ([a_version(1, "PENDING_REGISTRATION", lading_sha256="5f")], "1"),
        ([a_version(1)], None),
    ],
)
def test_the_oldest_usable_version_with_a_tag_is_found(
    wire: Wire, versions: list[dict[str, Any]], expected: str | None
) -> None:
    server = connected(wire)
    wire.answer("GET", "/model-versions/search", {"model_versions": versions})
    assert server.find_version("rate", "lading.sha256", "5f") == expected
    assert wire.sent[0].query["filter"] == "name = 'rate'"


def test_versions_are_read_page_by_page(wire: Wire) -> None:
    server = connected(wire)
    first = {"model_versions": [a_version(8, lading_sha256="5f")], "next_page_token": "t2"}
    wire.answer("GET", "/model-versions/search", first)
    wire.answer("GET", "/model-versions/search", {"model_versions": [a_version(4, lading_sha256="5f")]})
    assert server.find_version("rate", "lading.sha256", "5f") == "4"
    assert [sent.query.get("page_token") for sent in wire.sent] == [None, "t2"]


@pytest.mark.parametrize("there", [True, False])
def test_a_registered_model_may_already_exist(wire: Wire, there: bool) -> None:
    server = connected(wire)
    exists = {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "it exists"}
    made = {"registered_model": {"name": "rate"}}
    wire.answer("POST", "/registered-models/create", exists if there else made, 400 if there else 200)
    server.create_model("rate")
    assert bodies(wire, "POST", "/registered-models/create")[0]["name"] == "rate"


def test_a_version_is_created_with_its_source_run_and_tags(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/model-versions/create", {"model_version": a_version(3)})
    assert server.create_version("rate", "mlflow-artifacts:/7/r9/model", "r9", {"a": "b"}, "a rate") == "3"
    (body,) = bodies(wire, "POST", "/model-versions/create")
    assert {name: body[name] for name in ("name", "source", "run_id", "description", "tags")} == {
        "name": "rate",
        "source": "mlflow-artifacts:/7/r9/model",
        "run_id": "r9",
        "description": "a rate",
        "tags": [{"key": "a", "value": "b"}],
    }


@pytest.mark.parametrize("place", ["/srv/mlruns/7/r9/artifacts", "file:///srv/mlruns/7/r9/artifacts"])
def test_a_server_that_stores_artifacts_in_its_own_folder_gets_none(wire: Wire, tmp_path: Path, place: str) -> None:
    server = connected(wire)
    info = {"run_id": "r9", "run_uuid": "r9", "artifact_uri": place}
    wire.answers.clear()
    wire.answer("GET", "/runs/get", {"run": {"info": info, "data": {}}})
    with pytest.raises(StageFailed) as caught:
        server.upload("r9", tmp_path, "model")
    assert caught.value.message == f"the MLflow server at {URI} keeps artifacts in a local folder of the server"


@pytest.mark.parametrize(
    ("model", "url"),
    [("rate", "rate"), ("a b", "a%20b"), ("a/b#c?d", "a%2Fb%23c%3Fd"), ("größe", "gr%C3%B6%C3%9Fe")],
)
def test_the_page_of_a_version_has_a_quoted_name(wire: Wire, model: str, url: str) -> None:
    assert connected(wire).version_url(model, "3") == f"{URI}/#/models/{url}/versions/3"


CALLS: list[tuple[str, str, Ask, str]] = [
    ("POST", "/runs/search", lambda server: server.find_run("t", "v"), "the runs"),
    ("POST", "/runs/create", lambda server: server.create_run("r", NOW, {}), "a run"),
    ("POST", "/runs/update", lambda server: server.end_run("r9", "FINISHED", NOW), "a run"),
    ("GET", "/model-versions/search", lambda server: server.find_version("m", "t", "v"), "the model registry"),
    ("POST", "/registered-models/create", lambda server: server.create_model("m"), "the model registry"),
    (
        "POST",
        "/model-versions/create",
        lambda server: server.create_version("m", "s", "r", {}, ""),
        "the model registry",
    ),
]
calls = pytest.mark.parametrize(("method", "path", "ask", "what"), CALLS, ids=[call[1] for call in CALLS])


def refusal(server: MlflowServer, ask: Ask) -> LadingError:
    with pytest.raises(LadingError) as caught:
        ask(server)
    return caught.value


@calls
@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, StageFailed, "the MLflow server at {uri} refuses {what}: "),
        (401, StageFailed, "the MLflow server at {uri} does not accept the credentials (401)"),
        (403, StageFailed, "the MLflow server at {uri} does not allow this user {what} (403)"),
        (429, Transient, "the MLflow server at {uri} does not answer for {what}: "),
        (500, Transient, "the MLflow server at {uri} does not answer for {what}: "),
        (503, Transient, "the MLflow server at {uri} does not answer for {what}: "),
    ],
)
@pytest.mark.parametrize("body", ["not JSON", {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "so it is"}])
def test_each_status_is_one_kind_of_failure(
    wire: Wire,
    method: str,
    path: str,
    ask: Ask,
    what: str,
    status: int,
    kind: type[LadingError],
    said: str,
    body: Any,
) -> None:
    if status in (400, 401, 403) and isinstance(body, dict):
        codes = {400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
        body = {**body, "error_code": codes[status]}
    server = connected(wire)
    wire.answer(method, path, body, status)
    found = refusal(server, ask)
    assert type(found) is kind
    assert found.message.startswith(said.format(uri=URI, what=what))
    assert len(found.message.splitlines()) == 1


@calls
@pytest.mark.parametrize("error", [requests.ConnectionError, requests.ReadTimeout, requests.exceptions.SSLError])
def test_a_lost_answer_can_be_found_by_the_next_command(
    wire: Wire, method: str, path: str, ask: Ask, what: str, error: type[Exception]
) -> None:
    server = connected(wire)
    wire.fail(method, path, lambda: error("gone"))
    found = refusal(server, ask)
    assert isinstance(found, Transient)
    assert found.message.startswith(f"the MLflow server at {URI} does not answer for {what}: ")
    assert found.hint == "run the same command again once it answers"


def test_a_server_without_a_registry_is_reported_with_its_needs(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("GET", "/model-versions/search", {"error_code": "ENDPOINT_NOT_FOUND", "message": "no"}, 404)
    found = refusal(server, lambda server: server.find_version("m", "t", "v"))
    assert found.message == f"the MLflow server at {URI} has no model registry"
    assert "--backend-store-uri" in str(found.hint)


@pytest.mark.parametrize(
    ("signed_in", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "t0k3n5"}, "Bearer t0k3n5"),
        (
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cr3t"},
            f"Basic {b64encode(b'ann:s3cr3t').decode()}",
        ),
    ],
)
def test_requests_carry_the_credentials_and_failures_do_not(wire: Wire, signed_in: dict[str, str], header: str) -> None:
    server = connected(wire, **signed_in)
    secret = header.split()[1]
    wire.answer("POST", "/runs/search", f"refused s3cr3t t0k3n5 {secret} \x1b[31m\x07", 400)
    found = refusal(server, lambda server: server.find_run("t", "v"))
    assert wire.sent[0].headers["authorization"] == header
    assert secret not in found.message
    assert not [value for name, value in signed_in.items() if "USERNAME" not in name and value in found.message]
    assert found.message.isprintable()


def test_a_long_refusal_is_cut(wire: Wire) -> None:
    server = connected(wire)
    wire.answer("POST", "/runs/search", "x" * 5000, 400)
    assert len(refusal(server, lambda server: server.find_run("t", "v")).message) < 400


def test_the_environment_of_the_user_is_restored_after_each_call(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mine.example")
    server = connected(wire, MLFLOW_TRACKING_TOKEN="t0k3n5")
    before = dict(os.environ)
    wire.answer("POST", "/runs/search", {}, 400)
    refusal(server, lambda server: server.find_run("t", "v"))
    assert dict(os.environ) == before
