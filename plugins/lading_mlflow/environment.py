"""The settings of the MLflow client. It reads all of them from the environment at each call."""

from __future__ import annotations

import logging
import os
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lading import Context

from .options import MlflowOptions

# Documented in mlflow/environment_variables.py. The defaults are 7 tries of 120 s each, with pauses of up to 2 minutes.
_FIXED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_TOKEN, _USERNAME, _PASSWORD = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_LOGGERS = ("mlflow", "urllib3.connectionpool")  # these loggers report every try on stderr
_SHORTEST = 6  # characters: redaction of a shorter text hides nothing and damages other words
_lock = threading.RLock()


def credentials(options: MlflowOptions, context: Context) -> Mapping[str, str]:
    """The variables that sign a client in. They are empty if the manifest names none; then the user's own apply.

    Raises BadInput for a variable that is not set.
    """
    found = {}
    if options.token_from is not None:
        found[_TOKEN] = context.secret(options.token_from).reveal()
    if options.username is not None and options.password_from is not None:
        found[_USERNAME] = options.username
        found[_PASSWORD] = context.secret(options.password_from).reveal()
    return found


def redacted(text: str, signed_in: Mapping[str, str]) -> str:
    """The text with credentials redacted, both plain and encoded as in a header."""
    token, password = signed_in.get(_TOKEN, ""), signed_in.get(_PASSWORD, "")
    header = b64encode(f"{signed_in.get(_USERNAME, '')}:{password}".encode()).decode()
    for secret in (token, password, header):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return text


@contextmanager
def client_settings(uri: str, signed_in: Mapping[str, str], *, retries: int) -> Iterator[None]:
    """Run calls of the client with these variables and without its log output. Then restore the environment."""
    wanted: dict[str, str | None] = dict.fromkeys((_TOKEN, _USERNAME, _PASSWORD)) if signed_in else {}
    wanted |= {**_FIXED, **signed_in, _RETRIES: str(retries), "MLFLOW_TRACKING_URI": uri}
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    with _lock:
        before, levels = {name: os.environ.get(name) for name in wanted}, [logger.level for logger in loggers]
        _set(wanted)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            _set(before)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
