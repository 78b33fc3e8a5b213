"""An error names its sender and its remedy: the hub, a proxy, the network, the sign-in, the clock, a time limit."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lading import BadInput, LadingError, StageFailed, Transient, retry_after
from lading_iotedge.failing import Reply, failure, sign_in, unreachable

HOST = "h.azure-devices.net"
WHAT = "reading the twin of pi"
JSON = {"Content-Type": "application/json"}
PAGE = "<!doctype html><html><head><title>Access\n denied</title><style>p {}</style></head><p>policy 7</p></html>"


def explained(status: int, text: str = "", left: float = math.inf, **headers: str) -> LadingError:
    return failure(Reply(status, {**JSON, **headers}, text), WHAT, HOST, left)


def message(words: str) -> str:
    return f'{{"Message": "{words}", "ExceptionMessage": "Tracking ID:1"}}'


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadInput), (401, StageFailed), (403, StageFailed), (404, StageFailed), (429, Transient)]
)
def test_the_message_of_the_hub_is_shown_with_its_host(status: int, kind: type[LadingError]) -> None:
    found = explained(status, message("ErrorCode:X;no"))
    assert type(found) is kind
    assert f"{HOST} says: ErrorCode:X;no" in found.message
    assert "GET" not in found.message
    assert "/twins" not in found.message


@pytest.mark.parametrize("status", [200, 302, 403, 404, 407, 502, 503])
def test_a_page_of_a_proxy_is_not_the_hub(status: int) -> None:
    found = failure(Reply(status, {"Content-Type": "text/html"}, PAGE), WHAT, HOST, math.inf)
    assert type(found) is Transient
    expected = f"{WHAT}: a web page (Access denied) with the status {status} came instead of an answer of {HOST}"
    assert found.message == expected
    assert found.hint is not None
    assert "HTTPS_PROXY" in found.hint
    assert "<" not in found.message


def test_a_captive_portal_is_named() -> None:
    found = explained(302, Location="http://wifi.example/login")
    assert "a redirect to http://wifi.example/login with the status 302" in found.message


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("ErrorCode:IotHubQuotaExceeded;quota", "the quota of the hub is used up"),
        ("ErrorCode:X;blocked by the IP filter", "the network rules of the hub refuse this address"),
        ("ErrorCode:X;not authorized", "IoT Hub Data Contributor"),
    ],
)
def test_a_refusal_has_the_remedy_for_its_reason(words: str, hint: str) -> None:
    found = explained(403, message(words))
    assert found.hint is not None
    assert hint in found.hint


@pytest.mark.parametrize(("hours", "words"), [(3, "3.0 hours behind"), (-3, "3.0 hours ahead of")])
def test_a_clock_that_is_hours_away_is_named(hours: int, words: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours, seconds=1), usegmt=True)
    found = explained(401, message("expired"), Date=date)
    assert f"the clock of this machine is {words} the clock of {HOST}" in found.message
    assert found.hint == "set the clock, then run the same command again"


def test_a_clock_that_agrees_is_not_blamed() -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    assert "clock" not in explained(401, message("no"), Date=date).message
    assert "clock" not in explained(401, message("no"), Date="nonsense").message


def test_a_wait_beyond_the_time_limit_is_reported() -> None:
    found = explained(429, message("busy"), left=60, **{"Retry-After": "3600"})
    assert isinstance(found, Transient)
    assert found.retry_after is None
    assert found.hint is not None
    assert "the hub asks to wait for 3600 s, which is after the time limit" in found.hint


def test_a_date_to_wait_for_is_read_by_the_clock_of_the_hub() -> None:
    """The hub's clock is three hours ahead."""
    then = datetime.now(UTC) + timedelta(hours=3)
    date, later = (format_datetime(each, usegmt=True) for each in (then, then + timedelta(seconds=20)))
    assert retry_after(later, date=date) == 20
    assert (retry_after(later) or 0) > 10000
    assert (retry_after(later, date="nonsense") or 0) > 10000
    found = explained(503, message("busy"), left=60, **{"Retry-After": later, "Date": date})
    assert isinstance(found, Transient)
    assert found.retry_after == 20


def test_a_network_without_the_hub_names_the_proxy_or_the_certificate() -> None:
    refused = unreachable("Failed to establish a new connection: refused", HOST)
    assert (refused.retry_after, refused.hint) == (2.0, "check the network, HTTPS_PROXY and NO_PROXY")
    untrusted = unreachable("SSLError(CERTIFICATE_VERIFY_FAILED)", HOST)
    assert untrusted.retry_after is None
    assert untrusted.hint is not None
    assert "REQUESTS_CA_BUNDLE" in untrusted.hint


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        ("EnvironmentCredential: no\nMax retries exceeded with url", 5, "HTTPS_PROXY"),
        ("x: [SSL: CERTIFICATE_VERIFY_FAILED]", 5, "REQUESTS_CA_BUNDLE"),
        ("AADSTS53003: Access has been blocked", 6, "a device that the rule allows"),
        ("AADSTS53011: The user is blocked due to risk", 6, "a device that the rule allows"),
        ("AADSTS50097: Device authentication is required", 6, "a device that the rule allows"),
        ("AADSTS7000215: Invalid client secret", 6, "az login"),
        ("AADSTS65004: The user has refused to consent", 6, "az login"),
    ],
)
def test_a_failed_sign_in_has_its_reason(words: str, code: int, hint: str) -> None:
    found = sign_in(words)
    assert found.exit_code == code
    assert found.hint is not None
    assert hint in found.hint


CHAIN = "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n\t"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "EnvironmentCredential: Authentication failed: AADSTS7000215: Invalid client secret provided.\nTrace: 1",
            "EnvironmentCredential: Authentication failed: AADSTS7000215: Invalid client secret provided",
        ),
        (
            "EnvironmentCredential: Environment variables are not configured.\n\tSharedTokenCacheCredential: empty"
            "\n\tManagedIdentityCredential: no response.\n\tAzureCliCredential: Please run 'az login'",
            "Environment variables are not configured; no response; Please run 'az login'",
        ),
    ],
)
def test_a_refused_sign_in_names_the_answer_or_each_way_that_is_missing(words: str, message: str) -> None:
    assert sign_in(CHAIN + words).message == f"Azure does not accept the sign-in: {message}"
