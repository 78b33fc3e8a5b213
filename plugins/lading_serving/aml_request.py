"""A replacement for `azureml.contrib.services.aml_request` if no distribution provides it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from .hosts import split
from .messages import Request

_PORTS = {"http": "80", "https": "443"}

_Run = TypeVar("_Run", bound=Callable[..., Any])

# Azure ML's own module uses the same name for its mark. So either module can have set it.
_rawHttpRequested = False  # noqa: N816


def rawhttp(run: _Run) -> _Run:
    """Mark `run` as a function that takes the whole HTTP request."""
    global _rawHttpRequested  # noqa: PLW0603
    _rawHttpRequested = True
    return run


def __getattr__(name: str) -> Any:
    if name == "AMLRequest":
        return flask_request()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def flask_request() -> Any:
    """The request type for `@rawhttp` scripts. Raises ImportError if Flask is not installed."""
    try:
        from flask import Request as FlaskRequest
    except ImportError as error:
        raise ImportError("@rawhttp gives run() a Flask request: add flask to the package's environment") from error
    return FlaskRequest


def environ(request: Request, scheme: str) -> dict[str, Any]:
    """The WSGI environment of a request to a service with a scheme. A Flask request is created from it."""
    host, port = split(request.headers.get("host", "localhost"))
    plain = ((name, value) for name, value in request.headers.items() if "_" not in name)  # else x_a could pose as x-a
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in plain}
    return {
        **fields,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),  # required by WSGI
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": fields.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "SERVER_NAME": host,
        "SERVER_PORT": port or _PORTS[scheme],
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,  # otherwise Flask does not read a body that came in chunks
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
