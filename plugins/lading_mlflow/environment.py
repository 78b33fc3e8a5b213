"""What the client of MLflow is told: it reads all of it from the environment, again at each call."""

from __future__ import annotations

import logging
import os
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lading import Context

from .options import MlflowOptions

# Named in mlflow/environment_variables.py. Its own defaults are 7 tries with 120 s each, and pauses of up to 2 minutes.
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
_LOGGERS = ("mlflow", "urllib3.connectionpool")  # they tell every try on stderr
_lock = threading.RLock()


def credentials(options: MlflowOptions, context: Context) -> Mapping[str, str]:
    """The variables that sign a client in; empty where the manifest names none, and the user's own then hold.

    Raises BadInput for a variable that is not set.
    """
    found = {}
    if options.token_from is not None:
        found[_TOKEN] = context.secret(options.token_from).reveal()
    if options.username is not None and options.password_from is not None:
        found[_USERNAME] = options.username
        found[_PASSWORD] = context.secret(options.password_from).reveal()
    return found


def masked(text: str, signed_in: Mapping[str, str]) -> str:
    """The text without what signs a client in, plain or as a header has it."""
    token, password = signed_in.get(_TOKEN, ""), signed_in.get(_PASSWORD, "")
    header = b64encode(f"{signed_in.get(_USERNAME, '')}:{password}".encode()).decode()
    for secret in filter(None, (token, password, header)):
        text = text.replace(secret, "***")
    return text


@contextmanager
def told(uri: str, signed_in: Mapping[str, str], *, retries: int) -> Iterator[None]:
    """Run calls of the client with these, and quietly; then put everything back."""
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
