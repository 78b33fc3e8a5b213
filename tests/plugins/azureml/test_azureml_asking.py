"""Services, operations, logs and keys through the real SDK: whole requests, and how answers are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from offline_azure.fixture import require_sdk
from tests.plugins.azureml.workspace_kit import API, MANAGEMENT, a_service
from tests.plugins.wire import Wire

from lading import KeyNotReadable
from lading_azureml.port import Operation, Service, ServiceKeys

if TYPE_CHECKING:
    from lading_azureml.sdk.workspace import OpenWorkspace


@pytest.fixture(autouse=True, scope="module")
def sdk() -> None:
    require_sdk()


def test_a_missing_service_is_not_a_failure(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/services/price", {"code": "NotFound"}, 404)
    assert workspace.find_service("price") is None
    assert wire.lines == [f"GET {MANAGEMENT}/services/price"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"aadAuthEnabled": True, "authEnabled": False}, {"auth": "token"}),
        ({"authEnabled": True}, {"auth": "key"}),
        ({"authEnabled": False}, {"auth": "none"}),
        ({"state": "Unschedulable"}, {"state": "unschedulable"}),
        ({"state": None}, {"state": "unknown"}),
        ({"kvTags": {"lading.service": "price"}}, {"tags": {"lading.service": "price"}}),
        ({"kvTags": None, "error": None}, {}),
        ({"scoringUri": "http://x.example/score"}, {"scoring_uri": "http://x.example/score"}),
        (
            {"error": {"code": "Bad", "message": "\x1b[31mlost\x1b[0m", "details": [{"message": "a\x07b"}]}},
            {"error": {"code": "Bad", "message": "lost", "details": [{"message": "ab"}]}},
        ),
    ],
)
def test_a_service_is_read_from_its_record(
    wire: Wire, workspace: OpenWorkspace, found: dict[str, Any], expected: dict[str, Any]
) -> None:
    wire.answer("GET", "/services/price", {"name": "price", "computeType": "AKS", "state": "Healthy", **found})
    plain: dict[str, Any] = {
        "name": "price",
        "kind": "AKS",
        "state": "healthy",
        "error": {},
        "tags": {},
        "scoring_uri": None,
    }
    assert workspace.find_service("price") == Service(**{**plain, "auth": "none", **expected})


def test_a_delete_returns_the_operation_that_azure_reports(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("DELETE", "/services/price", b"", 202, Operation_Location=f"{API}/operations/o7")
    wire.answer("DELETE", "/services/price", b"", 200)
    assert [workspace.delete_service("price") for _ in range(2)] == ["o7", None]


def test_an_operation_that_azure_has_forgotten_is_unknown(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/operations/o1", {"code": "OperationNotFound"}, 404)
    assert workspace.operation("o1", 0) is None


def test_a_service_deleted_meanwhile_counts_as_deleted(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("DELETE", "/services/price", {"code": "NotFound"}, 404)
    assert workspace.delete_service("price") is None
    assert wire.lines == [f"DELETE {MANAGEMENT}/services/price"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"state": "NotStarted"}, Operation(state="NotStarted", part="", error={})),
        (
            {"state": "Running", "operationDetails": {"subOperationType": "BuildImage"}},
            Operation(state="Running", part="BuildImage", error={}),
        ),
        (
            {"state": "Failed", "error": {"message": "a\x00b"}, "operationLog": "https://x.example/log?sig=s"},
            Operation(state="Failed", part="", error={"message": "ab"}, log_url="https://x.example/log?sig=s"),
        ),
        (
            {"state": "Running", "streamingOperationLog": "#1|info|one#2|warn|two\x1b[0m#  #"},
            Operation(state="Running", part="", error={}, lines=("one", "two"), length=30),
        ),
        ({"state": "Succeeded", "operationDetails": None, "error": None}, Operation("Succeeded", "", {})),
    ],
)
def test_an_operation_is_read_after_an_offset(
    wire: Wire, workspace: OpenWorkspace, found: dict[str, Any], expected: Operation
) -> None:
    wire.answer("GET", "/operations/o1", found)
    assert workspace.operation("o1", 41) == expected
    (asked,) = wire.sent
    assert (asked.path, asked.query) == (f"{MANAGEMENT}/operations/o1", {"offset": "41"})


@pytest.mark.parametrize(
    ("state", "running"), [("NotStarted", True), ("Running", True), ("Succeeded", False), ("Failed", False)]
)
def test_an_operation_runs_until_it_has_an_outcome(state: str, running: bool) -> None:
    assert Operation(state=state, part="", error={}).is_running is running


@pytest.mark.parametrize(("content", "lines"), [("one\ntwo\x1b[31m!\x1b[0m\n", ("one", "two!")), ("", ()), (None, ())])
def test_the_log_of_a_service_is_its_last_lines(
    wire: Wire, workspace: OpenWorkspace, content: str | None, lines: tuple[str, ...]
) -> None:
    wire.answer("GET", "/services/price/logs", {"content": content})
    assert workspace.service_log("price", 50) == lines
    assert wire.sent[0].query == {"tail": "50", "init": "False"}


@pytest.mark.parametrize(("status", "lines"), [(200, ("step 1", "step 2")), (403, ()), (404, ())])
def test_the_log_of_a_build_is_optional(
    wire: Wire, workspace: OpenWorkspace, status: int, lines: tuple[str, ...]
) -> None:
    wire.answer("GET", "/log", "step 1\nstep 2\n", status)
    assert workspace.build_log("https://store.example/log?sig=s") == lines
    assert "authorization" not in wire.sent[0].headers


def test_the_keys_of_a_service_are_requested_without_being_shown(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("POST", "/services/price/listkeys", {"primaryKey": "k1", "secondaryKey": "k2"})
    keys = workspace.service_keys(a_service("key"))
    assert keys == ServiceKeys("k1", "k2")
    assert "k1" not in repr(keys)
    assert "k2" not in repr(keys)


def test_a_token_expires(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("POST", "/services/price/token", {"accessToken": "t", "expiryOn": 1767312000})
    assert workspace.service_keys(a_service("token")) == ServiceKeys("t", expires=datetime(2026, 1, 2, tzinfo=UTC))


def test_a_service_without_keys_is_not_queried(wire: Wire, workspace: OpenWorkspace) -> None:
    assert workspace.service_keys(a_service("none")) is None
    assert wire.sent == []


@pytest.mark.parametrize(("which", "kind"), [("primary", "Primary"), ("secondary", "Secondary")])
def test_a_key_is_rotated_by_an_operation(wire: Wire, workspace: OpenWorkspace, which: str, kind: str) -> None:
    location = f"{API}{MANAGEMENT}/operations/o7/"
    wire.answer("POST", "/services/price/regenerateKeys", "", 202, Operation_Location=location)
    assert workspace.rotate_key(a_service(), which) == "o7"
    assert wire.sent[0].json == {"keyType": kind, "keyValue": None}


def test_a_rotation_that_names_no_operation_has_none(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("POST", "/services/price/regenerateKeys", "", 202)
    assert workspace.rotate_key(a_service(), "primary") is None


def test_services_are_listed_page_by_page(wire: Wire, workspace: OpenWorkspace) -> None:
    record = {"computeType": "ACI", "createdTime": "2026-01-02T03:04:05.123+00:00"}
    wire.answer(
        "GET", "/services", {"value": [{"name": "a", **record}], "nextLink": f"{API}/services?$skipToken=t%202"}
    )
    wire.answer("GET", "/services", {"value": [{"name": "b", **record, "createdTime": "odd"}], "nextLink": None})
    found = workspace.all_services()
    assert [service.name for service in found] == ["a", "b"]
    assert [str(service.created) for service in found] == ["2026-01-02 03:04:05.123000+00:00", "None"]
    assert [sent.query.get("$skipToken") for sent in wire.sent] == [None, "t 2"]


def test_a_list_that_repeats_a_page_ends(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/services", {"value": [], "nextLink": f"{API}/services?$skipToken=again"})
    assert workspace.all_services() == []
    assert len(wire.sent) == 2


@pytest.mark.parametrize(("auth", "path"), [("key", "/listkeys"), ("token", "/token")])
def test_a_key_that_may_not_be_read_is_reported_as_that(
    wire: Wire, workspace: OpenWorkspace, auth: str, path: str
) -> None:
    wire.answer(
        "POST", path, {"code": "AuthorizationFailed", "message": "no right to action 'Microsoft.X/y/action'"}, 403
    )
    with pytest.raises(KeyNotReadable, match=r"this sign-in lacks the action Microsoft\.X/y/action"):
        workspace.service_keys(a_service(auth))
