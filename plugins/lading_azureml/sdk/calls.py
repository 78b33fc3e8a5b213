"""One call of the SDK. Its failure is translated, and an expired token causes one new sign-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from azureml._base_sdk_common.service_discovery import CachedServiceDiscovery
from azureml._model_management._util import make_mms_request
from azureml.exceptions import WebserviceException

from lading import Json

from ..port import Place
from .explaining import explain
from .failures import read
from .signing_in import Identity

Result = TypeVar("Result")


class Caller:
    """Calls the SDK for an identity."""

    def __init__(self, identity: Identity, place: Place) -> None:
        self.identity = identity
        self.place = place

    def __call__(self, what: str, ask: Callable[[], Result]) -> Result:
        """The result of `ask`. Raises the LadingError that explains why `what` failed.

        A call that was answered with 401 has had no effect, so it can be repeated safely.
        """
        try:
            return ask()
        except Exception as error:
            failure = read(error)
            if not failure.answered:
                _forget_addresses()
            if failure.status != 401:
                raise explain(error, what, self.place) from error
        self.identity.renew()
        try:
            return ask()
        except Exception as error:
            raise explain(error, what, self.place) from error


def _forget_addresses() -> None:
    """Remove the addresses that the SDK caches in the user's home for ever. The next command reads them again."""
    Path(CachedServiceDiscovery(None).file_path).unlink(missing_ok=True)


class Part:
    """A part of an open workspace. `workspace` creates the SDK's object at its first use."""

    def __init__(self, workspace: Callable[[], Any], call: Caller) -> None:
        self._open = workspace
        self._call = call

    @cached_property
    def _workspace(self) -> Any:
        return self._open()

    def _mms(self, method: str, path: str, body: Json = None, params: Mapping[str, Json] | None = None) -> Any:
        """One call of model management, through the SDK's own client."""
        return make_mms_request(self._workspace, method, path, body, dict(params or {}))

    def _mms_or_none(self, method: str, path: str, params: Mapping[str, Json] | None = None) -> Any:
        """The same; None if the object does not exist."""
        try:
            return self._mms(method, path, params=params)
        except WebserviceException as error:
            if read(error).status != 404:
                raise
            return None

    def _client(self, kind: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A REST client of the SDK without retries. Each client has a separate setting."""
        client = kind(self._workspace.service_context, *arguments, **named)
        client.retries = 0
        return client
