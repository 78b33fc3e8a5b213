"""Sign in with a credential of azure-identity, in the form that the SDK expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.credentials import TokenCredential
from azureml.core.authentication import AbstractAuthentication, ArmTokenAuthentication

from lading import Context

from ..credentials import credential
from ..options import AzureOptions


class Identity(AbstractAuthentication):  # type: ignore[misc]
    """A sign-in that gives tokens to the SDK. azure-identity stores the tokens and renews them before they expire.

    The cloud is always named. Without a name, the SDK fetches the list of clouds and waits half a minute for it.
    """

    def __init__(self, make: Callable[[str], TokenCredential], cloud: str) -> None:
        super().__init__(cloud=cloud)
        self._make = make
        self.renew()

    @property
    def cloud(self) -> Any:
        """The SDK's record of the cloud: its endpoints and suffixes."""
        return self._cloud_type

    def renew(self) -> None:
        """Forget every token, so that the next call signs in again."""
        self._credential = self._make(self._cloud_type.endpoints.active_directory)

    def _get_arm_token(self) -> str:
        return self._token(self._cloud_type.endpoints.active_directory_resource_id)

    def _get_graph_token(self) -> str:
        return self._token(self._cloud_type.endpoints.active_directory_graph_resource_id)

    def _get_all_subscription_ids(self) -> Any:
        arm = ArmTokenAuthentication(self._get_arm_token(), self._cloud_type.name)
        return arm._get_all_subscription_ids()

    def _token(self, resource: str) -> str:
        return self._credential.get_token(f"{resource.rstrip('/')}/.default").token


def sign_in(options: AzureOptions, context: Context) -> Identity:
    """The identity that the options name, or the first one available on this machine.

    Raises StageFailed for `interactive` without a terminal, and for a service principal without its variables.
    """
    return Identity(credential(options.auth, context), options.cloud)
