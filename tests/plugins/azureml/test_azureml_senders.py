"""Errors name the sender, the reason and the remedy: firewalls, proxies, web pages, missing actions, access rules."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from offline_azure.fixture import require_sdk
from tests.plugins.wire import Wire

from lading import LadingError, StageFailed, Transient

if TYPE_CHECKING:
    from lading_azureml.sdk.workspace import OpenWorkspace

BLOB = "https://acct.blob.core.windows.net/c/model.joblib"
REGISTRY = "https://salary9.azurecr.io/v2/price/manifests/l1"
SERVICE = "https://westeurope.api.example/services/price"
LIST_KEYS = "Microsoft.MachineLearningServices/workspaces/listKeys/action"
XML = '\ufeff<?xml version="1.0"?><Error><Code>{}</Code><Message>{}\nRequestId:1\nTime:now</Message></Error>'
PAGE = "<!DOCTYPE html><html><head><title>Access &amp; blocked</title></head><body><h1>Ask IT</h1></body></html>"


@pytest.fixture(autouse=True, scope="module")
def sdk() -> None:
    require_sdk()


def refusal(opened: OpenWorkspace, ask: Callable[[], Any]) -> LadingError:
    with pytest.raises(LadingError) as caught:
        opened._call("uploading model.joblib", ask)
    return caught.value


def get(url: str) -> Callable[[], None]:
    return lambda: requests.get(url, timeout=9).raise_for_status()


def fail(error: Callable[[], Exception]) -> Callable[[], None]:
    def ask() -> None:
        raise error()

    return ask


@pytest.mark.parametrize(
    ("url", "status", "body", "message", "hint"),
    [
        (
            BLOB,
            403,
            XML.format("AuthorizationFailure", "This request is not authorized to perform this operation."),
            "uploading model.joblib: the firewall of storage account acct refuses this network: "
            "This request is not authorized to perform this operation. (AuthorizationFailure)",
            "az storage account network-rule add --account-name acct",
        ),
        (
            BLOB,
            403,
            XML.format("KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted."),
            "uploading model.joblib: storage account acct does not accept its own keys: "
            "Key based authentication is not permitted. (KeyBasedAuthenticationNotPermitted)",
            "az storage account update --name acct --allow-shared-key-access true",
        ),
        (
            REGISTRY,
            403,
            {"errors": [{"code": "DENIED", "message": "client with IP '1.2.3.4' is not allowed access."}]},
            "uploading model.joblib: the firewall of container registry salary9.azurecr.io refuses this network: "
            "client with IP '1.2.3.4' is not allowed access. (DENIED)",
            "az acr network-rule add --name salary9",
        ),
        (
            SERVICE,
            403,
            {"error": {"code": "Forbidden", "message": "Public network access is disabled. Use a private endpoint."}},
            "uploading model.joblib: workspace salary is private: "
            "Public network access is disabled. Use a private endpoint. (Forbidden)",
            "run lading inside its virtual network",
        ),
        (
            SERVICE,
            403,
            {
                "error": {
                    "code": "AuthorizationFailed",
                    "message": f"no authorization to perform action '{LIST_KEYS}' over",
                }
            },
            f"uploading model.joblib is not allowed: this sign-in lacks the action {LIST_KEYS}",
            "workspace salary",
        ),
        (
            SERVICE,
            400,
            {"error": "invalid_grant", "error_description": "AADSTS53003: Access has been blocked. Trace ID: x"},
            "a rule of the tenant (conditional access) refuses this sign-in: AADSTS53003: Access has been blocked.",
            "an administrator of the tenant",
        ),
    ],
    ids=["storage firewall", "key access", "registry firewall", "private workspace", "action", "conditional access"],
)
def test_a_refusal_names_the_sender_and_the_remedy(
    wire: Wire, workspace: OpenWorkspace, url: str, status: int, body: Any, message: str, hint: str
) -> None:
    wire.answer("GET", "", body, status)
    found = refusal(workspace, get(url))
    assert isinstance(found, StageFailed)
    assert found.message == message
    assert hint in str(found.hint)


def test_a_web_page_of_an_unknown_sender_is_named_too(workspace: OpenWorkspace) -> None:
    from azureml.exceptions import WebserviceException

    text = f"Received bad response:\nResponse Code: 403\nHeaders: {{}}\nContent: {PAGE}"
    found = refusal(workspace, fail(lambda: WebserviceException(text)))
    said = "a program in Azure's place answers 403 with a web page, 'Access & blocked'"
    assert found.message == f"uploading model.joblib: {said}"


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (200, "the answer is a web page, 'Access & blocked', not Azure's", "HTTPS_PROXY"),
        (403, "westeurope.api.example answers 403 with a web page, 'Access & blocked'", "HTTPS_PROXY"),
        (401, "westeurope.api.example answers 401 with a web page, 'Access & blocked'", "HTTPS_PROXY"),
        (407, "westeurope.api.example answers 407 with a web page, 'Access & blocked'", "USER:PASSWORD"),
    ],
)
def test_a_web_page_is_not_from_azure(
    wire: Wire, workspace: OpenWorkspace, status: int, message: str, hint: str
) -> None:
    wire.answer("GET", "", PAGE, status)

    def ask() -> None:
        answer = requests.get(SERVICE, timeout=9)
        answer.raise_for_status()
        answer.json()

    found = refusal(workspace, ask)
    assert isinstance(found, Transient)
    assert found.retry_after is None
    assert found.message == f"uploading model.joblib: {message}"
    assert hint in str(found.hint)
    assert "captive" not in found.message


def test_a_gateway_with_a_web_page_is_asked_again_and_its_markup_is_left_out(
    wire: Wire, workspace: OpenWorkspace
) -> None:
    wire.answer("GET", "", PAGE, 503)
    found = refusal(workspace, get(SERVICE))
    assert isinstance(found, Transient)
    assert found.retry_after == 5.0
    assert found.message.endswith("Azure answers 503, a web page, 'Access & blocked'")


UNTRUSTED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (lambda: requests.exceptions.SSLError(UNTRUSTED), "the certificate is not trusted", "REQUESTS_CA_BUNDLE"),
        (
            lambda: requests.exceptions.ProxyError("Unable to connect to proxy: [Errno 111] Connection refused"),
            "the proxy does not answer",
            "HTTPS_PROXY",
        ),
        (
            lambda: requests.ConnectionError("[Errno -2] Name or service not known"),
            "the name of the host cannot be resolved",
            "HTTPS_PROXY",
        ),
    ],
)
def test_a_broken_network_is_named(
    workspace: OpenWorkspace, error: Callable[[], Exception], message: str, hint: str
) -> None:
    found = refusal(workspace, fail(error))
    assert isinstance(found, Transient)
    assert found.message.startswith(f"uploading model.joblib: {message}")
    assert hint in str(found.hint)


def test_an_answer_that_a_proxy_lost_is_looked_for_again(workspace: OpenWorkspace) -> None:
    lost = "Unable to connect to proxy, RemoteDisconnected('Remote end closed connection without response')"
    found = refusal(workspace, fail(lambda: requests.exceptions.ProxyError(lost)))
    assert isinstance(found, Transient)
    assert found.retry_after == 2.0


def test_a_lost_network_at_the_sign_in_is_not_a_refused_sign_in(workspace: OpenWorkspace) -> None:
    error = ClientAuthenticationError("Authentication failed: no route")
    error.__cause__ = ServiceRequestError("Failed to establish a new connection: Connection refused")
    found = refusal(workspace, fail(lambda: error))
    assert isinstance(found, Transient)
    assert "sign-in" not in found.message
    assert "HTTPS_PROXY" in str(found.hint)


def test_the_requested_time_is_reported_and_a_date_is_read_by_the_clock_of_the_sender(
    wire: Wire, workspace: OpenWorkspace
) -> None:
    there = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)  # years from the clock of this machine
    later = there + timedelta(seconds=90)
    dates = {"Date": format_datetime(there, usegmt=True), "Retry_After": format_datetime(later, usegmt=True)}
    wire.answer("GET", "", {"error": {"code": "Busy"}}, 503, **dates)
    found = refusal(workspace, get(SERVICE))
    assert isinstance(found, Transient)
    assert found.retry_after == 90.0
    assert found.message == "uploading model.joblib: Azure answers 503, Busy; it asks to wait 90 s"
