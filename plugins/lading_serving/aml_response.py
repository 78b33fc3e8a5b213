"""A replacement for `azureml.contrib.services.aml_response` if no distribution provides it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from wsgiref.headers import Headers


class AMLResponse:
    """A response with a status and headers from the script.

    `message` is text or bytes. With `json_str`, it is any JSON value, and None becomes an empty JSON object. A value in
    `response_headers` that contains commas becomes one header per part. Raises ValueError for a header with a line
    break.
    """

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        given = response_headers or {}
        self.status_code = int(status_code)
        self.headers = Headers([])
        if json_str or message is None:
            self.data = json.dumps({} if message is None else message).encode()
            self.headers["Content-Type"] = "application/json"
        else:
            self.data = _bytes(message)
            if "Content-Type" not in given:
                self.headers["Content-Type"] = "text/html; charset=utf-8"
        self.headers["x-ms-run-function-failed"] = str(run_function_failed)
        for name, values in given.items():
            for value in values.split(","):
                self.headers.add_header(name, _checked(value.strip()))

    def get_data(self) -> bytes:
        return self.data


def _bytes(message: str | bytes | Iterable[str | bytes]) -> bytes:
    if isinstance(message, str):
        return message.encode()
    if isinstance(message, bytes | bytearray):
        return bytes(message)
    return b"".join(_bytes(part) for part in message)


def _checked(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise ValueError("a header value must not hold a line break")
    return value
