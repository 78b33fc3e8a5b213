"""One call of the SDK: its failure told in our words, and one new sign-in where a token has ended."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from azureml._base_sdk_common.service_discovery import CachedServiceDiscovery

from ..port import Place
from .failures import explain, read
from .signing_in import Identity

Result = TypeVar("Result")


class Caller:
    """Calls the SDK for an identity."""

    def __init__(self, identity: Identity, place: Place) -> None:
        self.identity = identity
        self.place = place

    def __call__(self, what: str, ask: Callable[[], Result]) -> Result:
        """What `ask` returns. Raises the LadingError that says why `what` failed.

        A call that was answered with 401 has had no effect, so it is safe to ask once more.
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
    """The SDK keeps the addresses of a workspace's services in the user's home for ever; the next command asks anew."""
    Path(CachedServiceDiscovery(None).file_path).unlink(missing_ok=True)


class Part:
    """A part of what an open workspace can do. `workspace` gives the SDK's object, once it is needed."""

    def __init__(self, workspace: Callable[[], Any], call: Caller) -> None:
        self._open = workspace
        self._call = call

    @cached_property
    def _workspace(self) -> Any:
        return self._open()

    def _client(self, kind: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A REST client of the SDK that asks once: these count their retries each for itself."""
        client = kind(self._workspace.service_context, *arguments, **named)
        client.retries = 0
        return client
