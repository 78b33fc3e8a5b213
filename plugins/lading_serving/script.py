"""The user's scoring script: imported, inspected, and called like Azure ML's server does."""

from __future__ import annotations

import importlib.util
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from . import aml_model, aml_request, aml_response
from .inputs import InputParser, JsonString, Parameters, RawRequest
from .messages import Request

_PROVIDED = {
    "azureml.contrib.services.aml_request": aml_request,
    "azureml.contrib.services.aml_response": aml_response,
    "azureml_inference_server_http.api.aml_request": aml_request,
    "azureml_inference_server_http.api.aml_response": aml_response,
}


class ScriptError(Exception):
    """The scoring script cannot be served. The message has the reason."""


_AGAIN = 0.1  # seconds until a script that has swallowed the time-out gets it again


class ScoringTimeout(BaseException):
    """`run` exceeded its time limit. `except Exception` in a script does not take it."""


class Script:
    """A loaded scoring script. `timeout` is the limit in seconds for one call of `run`.

    `seconds` is the time of the last call of `run`; negative if a request did not reach it.
    """

    def __init__(self, file: Path, timeout: float) -> None:
        module = _load(file)
        inner = getattr(module, "driver_module", None)  # Azure's SDKs wrap some scripts in their own driver
        self.run = inner.run if isinstance(inner, ModuleType) and hasattr(inner, "run") else module.run
        self.init: Callable[[], object] = module.init
        self.timeout = timeout
        self.schemas = _schemas(self.run)
        self.lading_schema: Callable[[], dict[str, Any]] | None = getattr(module, "lading_schema", None)
        self._parser, self._wants_headers = self._analyse()
        self.seconds = -1.0
        self._running = False
        self._pid = os.getpid()
        signal.signal(signal.SIGALRM, self._on_alarm)

    def call(self, request: Request) -> tuple[Any, float]:
        """Call `run`, and return its result and its time in milliseconds.

        Raises Refused if the request does not match, ScoringTimeout, and any error of `run`. A process that `run` has
        forked ends here, because two processes would answer on one connection.
        """
        self.seconds = -1.0
        arguments = self._parser(request)
        if self._wants_headers:
            arguments["request_headers"] = _title_case(request.headers)
        started = time.perf_counter()
        try:
            result = self._run(arguments)
        except ScoringTimeout:
            self.end_limit()
            raise
        finally:
            if os.getpid() != self._pid:
                os._exit(0)
            self.seconds = time.perf_counter() - started
        return result, self.seconds * 1000

    def _run(self, arguments: dict[str, Any]) -> Any:
        try:
            self._running = True
            signal.setitimer(signal.ITIMER_REAL, self.timeout, _AGAIN)
            return self.run(**arguments)
        finally:
            self.end_limit()

    def end_limit(self) -> None:
        """End the time limit. The alarm may interrupt this itself, so it is called again for a time-out."""
        self._running = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if self._running:
            raise ScoringTimeout

    def _analyse(self) -> tuple[InputParser, bool]:
        for name, function in (("init", self.init), ("run", self.run)):
            if inspect.iscoroutinefunction(function):
                raise ScriptError(f"{name}() is defined with async def, and nothing awaits it: write def {name}")
        parameters = list(inspect.signature(self.run).parameters.values())
        if any(each.kind not in {each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD} for each in parameters):
            raise ScriptError("run() cannot accept positional-only arguments, *args, or **kwargs")
        data = [each for each in parameters if each.name != "request_headers"]
        if not data:
            raise ScriptError("run() needs an argument for the input data")
        return self._parser_for(data), len(data) < len(parameters)

    def _parser_for(self, parameters: list[inspect.Parameter]) -> InputParser:
        raw = any(getattr(sys.modules.get(name), "_rawHttpRequested", False) for name in _PROVIDED)
        if raw and self.schemas:
            raise ScriptError("run() cannot be decorated with both @rawhttp and @input_schema")
        if raw:
            return RawRequest(parameters[0].name)
        return Parameters(parameters) if self.schemas else JsonString(parameters[0].name)


def _load(file: Path) -> ModuleType:
    _provide_azure_modules()
    spec = importlib.util.spec_from_file_location("entry_module", file)  # the name that Azure's server uses
    if spec is None or spec.loader is None:
        raise ScriptError(f"the scoring script {file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for function in ("init", "run"):
        if not hasattr(module, function):
            raise ScriptError(f"the scoring script {file.name} has no {function}()")
    return module


def _provide_azure_modules() -> None:
    if _is_missing("azureml.core"):
        aml_model.provide()
    for name, module in _PROVIDED.items():
        if _is_missing(name):
            sys.modules[name] = module


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except (ModuleNotFoundError, ValueError):  # a module that was provided here has no spec
        return True


def _schemas(run: Callable[..., Any]) -> ModuleType | None:
    """The inference-schema module with the schemas of `run`. None if the script has not imported it."""
    known = sys.modules.get("inference_schema.schema_util")
    return known if known and known.is_schema_decorated(run) else None


def _title_case(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items() if "_" not in name}
