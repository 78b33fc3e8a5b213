"""The variables that the MLflow client reads, and the redaction of messages."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hook_kit import MemoryContext

from lading import BadInput
from lading_mlflow.environment import client_settings, credentials, redacted
from lading_mlflow.options import MlflowOptions

URI = "https://mlflow.example"


@pytest.mark.parametrize(
    ("options", "expected", "secrets"),
    [
        ({}, {}, []),
        ({"token_from": "T"}, {"MLFLOW_TRACKING_TOKEN": "t0k3n5"}, ["T"]),
        (
            {"username": "ann", "password_from": "P"},
            {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cr3t"},
            ["P"],
        ),
    ],
)
def test_credentials_come_from_the_named_variables(
    tmp_path: Path, options: dict[str, str], expected: dict[str, str], secrets: list[str]
) -> None:
    context = MemoryContext(tmp_path, variables={"T": "t0k3n5", "P": "s3cr3t"})
    assert credentials(MlflowOptions(tracking_uri=URI, **options), context) == expected
    assert context.secrets == secrets


def test_a_credential_that_is_not_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="T is not set"):
        credentials(MlflowOptions(tracking_uri=URI, token_from="T"), MemoryContext(tmp_path))


SIGNED_IN = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "s3cr3t"}


@pytest.mark.parametrize(
    ("text", "signed_in", "expected"),
    [
        ("with s3cr3t and YW5uOnMzY3IzdA==", SIGNED_IN, "with *** and ***"),
        ("Bearer t0k3n5, t0k3n5", {"MLFLOW_TRACKING_TOKEN": "t0k3n5"}, "Bearer ***, ***"),
        ("nothing of it, by ann", SIGNED_IN, "nothing of it, by ann"),
        ("as it is", {}, "as it is"),
    ],
)
def test_a_text_is_shown_without_credentials(text: str, signed_in: dict[str, str], expected: str) -> None:
    assert redacted(text, signed_in) == expected


@given(st.text(min_size=6, alphabet=st.characters(codec="utf-8", exclude_characters="*")), st.text())
def test_no_text_shows_a_password(password: str, around: str) -> None:
    signed_in = {**SIGNED_IN, "MLFLOW_TRACKING_PASSWORD": password}
    assert password not in redacted(f"{around}|{password}|{around}", signed_in)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("signed_in", [{}, {"MLFLOW_TRACKING_TOKEN": "t0k3n5"}])
def test_the_client_gets_its_variables_for_one_call_and_the_user_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch, signed_in: dict[str, str], fails: bool
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    logger = logging.getLogger("mlflow")
    before, level = dict(os.environ), logger.level
    with suppress(KeyError), client_settings(URI, signed_in, retries=2):
        assert os.environ["MLFLOW_TRACKING_URI"] == URI
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "30"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert os.environ.get("MLFLOW_TRACKING_TOKEN") == signed_in.get("MLFLOW_TRACKING_TOKEN")
        assert os.environ.get("MLFLOW_TRACKING_USERNAME") == (None if signed_in else "bob")
        assert logger.level == logging.ERROR
        if fails:
            raise KeyError
    assert (dict(os.environ), logger.level) == (before, level)
