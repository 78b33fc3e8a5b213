"""Azure's refusals through the real SDK: each status, each kind of body, a lost answer, an expired sign-in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from offline_azure.fixture import require_sdk
from tests.plugins.azureml.workspace_kit import Tokens, a_service, sign_in_of
from tests.plugins.wire import Wire

from lading import KeyNotReadable, LadingError, StageFailed, Transient
from lading_azureml.port import NotAllowed, OverQuota, Taken

if TYPE_CHECKING:
    from lading_azureml.sdk.workspace import OpenWorkspace

Ask = Callable[["OpenWorkspace"], Any]

# One call for each client that the SDK uses for Azure: its REST clients, the model management service, compute.
CALLS: list[tuple[str, str, Ask, str]] = [
    ("GET", "/services/price", lambda opened: opened.find_service("price"), "reading service price"),
    ("GET", "/services", lambda opened: opened.all_services(), "listing the services"),
    ("GET", "/models", lambda opened: opened.find_model("rate", "aa"), "looking for model rate"),
    ("GET", "/operations/o1", lambda opened: opened.operation("o1", 0), "reading the operation"),
    ("DELETE", "/services/price", lambda opened: opened.delete_service("price"), "deleting service price"),
    ("GET", "/logs", lambda opened: opened.service_log("price", 9), "reading the log of price"),
    ("POST", "/listkeys", lambda opened: opened.service_keys(a_service()), "reading the keys of price"),
    ("POST", "/regenerateKeys", lambda opened: opened.rotate_key(a_service(), "primary"), "rotating the primary key"),
    ("GET", "/computes/pool", lambda opened: opened.find_compute("pool"), "looking for compute pool"),
]
calls = pytest.mark.parametrize(("method", "path", "ask", "what"), CALLS, ids=[call[3] for call in CALLS])


@pytest.fixture(autouse=True, scope="module")
def sdk() -> None:
    require_sdk()


def refusal(opened: OpenWorkspace, ask: Ask) -> LadingError:
    with pytest.raises(LadingError) as caught:
        ask(opened)
    return caught.value


@pytest.mark.slow
@calls
@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, StageFailed, "{what} failed: no such item"),
        (403, NotAllowed, "{what} is not allowed: no such item"),
        (409, Taken, "{what} failed, it conflicts with the present state: no such item"),
        (429, Transient, "{what}: Azure answers 429, no such item"),
        (500, Transient, "{what}: Azure answers 500, no such item"),
        (503, Transient, "{what}: Azure answers 503, no such item"),
    ],
)
def test_each_status_is_one_kind_of_failure(
    wire: Wire,
    workspace: OpenWorkspace,
    method: str,
    path: str,
    ask: Ask,
    what: str,
    status: int,
    kind: type[LadingError],
    said: str,
) -> None:
    wire.answer(method, path, {"code": "Bad", "statusCode": status, "message": "no such item"}, status)
    found = refusal(workspace, ask)
    unreadable = kind is NotAllowed and path == "/listkeys"
    assert type(found) is (KeyNotReadable if unreadable else kind)
    assert found.message == said.format(what=what)
    assert len(wire.sent) == 1  # the SDK repeats nothing


@calls
@pytest.mark.parametrize(("asked", "seconds"), [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("-3", 10.0), ("soon", 10.0)])
def test_the_pause_that_azure_requests_is_kept(
    wire: Wire, workspace: OpenWorkspace, method: str, path: str, ask: Ask, what: str, asked: str, seconds: float
) -> None:
    wire.answer(method, path, {"code": "TooMany"}, 429, Retry_After=asked)
    found = refusal(workspace, ask)
    assert isinstance(found, Transient)
    assert found.retry_after == seconds


def test_a_date_gives_the_time_of_the_next_try(wire: Wire, workspace: OpenWorkspace) -> None:
    at = datetime.now(UTC) + timedelta(seconds=900)
    wire.answer("GET", "/services/price", "", 503, Retry_After=format_datetime(at, usegmt=True))
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert isinstance(found, Transient)
    assert found.retry_after is not None
    assert 0 < found.retry_after <= 900


@pytest.mark.parametrize(
    ("status", "seconds"), [(408, 2.0), (429, 10.0), (500, 5.0), (502, 5.0), (503, 5.0), (504, 5.0)]
)
def test_without_a_requested_pause_there_is_one_for_each_status(
    wire: Wire, workspace: OpenWorkspace, status: int, seconds: float
) -> None:
    wire.answer("GET", "/services/price", {}, status)
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert isinstance(found, Transient)
    assert found.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"code": "Bad", "message": "flat"}, "flat"),
        ({"error": {"code": "Bad", "message": "nested"}}, "nested"),
        ({"message": "first", "details": [{"message": "second"}, {"message": "third"}]}, "first: second: third"),
        ({"error": {"message": "first", "details": [{"code": "x", "message": "second"}, "odd"]}}, "first: second"),
        ({"error": "a sentence"}, "a sentence"),
        ({"message": "so \x1b[31mred\x1b[0m\x07"}, "so red"),
        ({"message": "see https://x.example/y?sig=s3cr3t&a=1"}, "see https://x.example/y?sig=***&a=1"),
        ("plain text", "plain text"),
    ],
)
def test_the_message_of_a_body_is_shown_without_irrelevant_text(
    wire: Wire, workspace: OpenWorkspace, body: Any, said: str
) -> None:
    wire.answer("GET", "/services/price", body, 400)
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert found.message == f"reading service price failed: {said}"


@pytest.mark.parametrize(
    "body",
    [
        {"code": "QuotaExceeded", "message": "0 of 4 cores are left"},
        {"error": {"code": "Bad", "message": "the Quota of the region is used up"}},
        {"code": "ContainerGroupQuotaReached", "message": ""},
    ],
)
@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_quota_is_named_for_any_status(
    wire: Wire, workspace: OpenWorkspace, status: int, body: dict[str, Any]
) -> None:
    wire.answer("GET", "/services/price", body, status)
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert isinstance(found, OverQuota)
    assert found.message.startswith("reading service price failed, a quota is used up: ")
    assert "Quotas in the Azure portal" in str(found.hint)


def test_a_forbidden_action_names_the_role_and_the_workspace(wire: Wire, workspace: OpenWorkspace) -> None:
    wire.answer("GET", "/services/price", {"code": "AuthorizationFailed"}, 403)
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert found.hint == "this sign-in needs a role such as AzureML Data Scientist on workspace salary"


def test_an_invisible_subscription_is_named(wire: Wire, workspace: OpenWorkspace) -> None:
    said = "You don't have access to the subscription s-1."
    wire.answer("GET", "/services/price", {"message": said}, 403)
    found = refusal(workspace, lambda opened: opened.find_service("price"))
    assert found.message == "subscription s-1 is not visible to this sign-in"


@calls
@pytest.mark.parametrize(
    "error",
    [
        lambda: requests.ConnectionError("refused"),
        lambda: requests.ReadTimeout("30 s"),
        lambda: ConnectionResetError(104, "reset by peer"),
    ],
    ids=["refused", "late", "reset"],
)
def test_a_lost_answer_is_read_again_soon(
    wire: Wire,
    workspace: OpenWorkspace,
    method: str,
    path: str,
    ask: Ask,
    what: str,
    error: Callable[[], Exception],
) -> None:
    wire.fail(method, path, error)
    found = refusal(workspace, ask)
    assert isinstance(found, Transient)
    assert found.message.startswith(f"{what}: no answer (")
    assert (found.retry_after, found.hint) == (2.0, "check the network, and HTTPS_PROXY if it needs a proxy")
    assert len(wire.sent) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_addresses_are_forgotten_if_nobody_answers_there(
    wire: Wire, workspace: OpenWorkspace, tmp_path: Path, answers: bool
) -> None:
    if answers:
        wire.answer("GET", "/services/price", {}, 500)
    else:
        wire.fail("GET", "/services/price", requests.ConnectionError)
    kept = tmp_path / "home" / ".azureml" / ".discovery"
    assert kept.exists()
    refusal(workspace, lambda opened: opened.find_service("price"))
    assert kept.exists() is answers


@calls
def test_an_expired_sign_in_is_renewed_once(
    wire: Wire, workspace: OpenWorkspace, tokens: Tokens, method: str, path: str, ask: Ask, what: str
) -> None:
    wire.answer(method, path, {"message": "the token has expired"}, 401)
    found = refusal(workspace, ask)
    assert found.message == "Azure does not accept the sign-in: the token has expired"
    assert str(found.hint).startswith("sign in again with `az login`")
    assert len(wire.sent) == 2
    assert tokens.signed_in == 2
    assert [sign_in_of(sent) for sent in wire.sent] == [1, 2]


def test_a_renewed_sign_in_answers_normally(wire: Wire, workspace: OpenWorkspace, tokens: Tokens) -> None:
    wire.answer("GET", "/services/price", {}, 401)
    wire.answer("GET", "/services/price", {"name": "price", "state": "Healthy"})
    found = workspace.find_service("price")
    assert found is not None
    assert found.state == "healthy"
    assert tokens.signed_in == 2
