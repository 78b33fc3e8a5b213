"""The credentials of azure-identity for each way to sign in."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from azure.core.credentials import TokenCredential
from azure.identity import (
    AzureCliCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    InteractiveBrowserCredential,
    ManagedIdentityCredential,
)

from lading import Context, StageFailed

_PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
_CERTIFICATE = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH")
_OLDER = (
    "AZUREML_SERVICE_PRINCIPAL_TENANT_ID",
    "AZUREML_SERVICE_PRINCIPAL_ID",
    "AZUREML_SERVICE_PRINCIPAL_PASSWORD",
)
for _name in ("azure.identity", "msal"):  # they write each failure to stderr, with the answer or a traceback
    logging.getLogger(_name).addHandler(logging.NullHandler())

_LEFT_OUT = ("environment", "workload_identity", "developer_cli", "powershell", "visual_studio_code", "broker")


def credential(auth: str | None, context: Context) -> Callable[[str], TokenCredential]:
    """The way to sign in at an authority that `auth` names, or the first one available on this machine.

    Raises StageFailed for `interactive` without a terminal, and for a service principal without its variables.
    """
    if auth == "managed-identity":
        identity = None if _is_set(_PRINCIPAL) or _is_set(_CERTIFICATE) else os.environ.get("AZURE_CLIENT_ID")
        return lambda _authority: ManagedIdentityCredential(client_id=identity)
    if auth == "cli":
        return lambda _authority: AzureCliCredential()
    if auth == "interactive":
        _require_terminal()
        return lambda authority: InteractiveBrowserCredential(authority=authority)
    found = _principal(context)
    if found is None and auth == "service-principal":
        raise StageFailed(
            "auth: service-principal needs a service principal, but no variable names one",
            hint=f"export {', '.join(_PRINCIPAL)}",
        )
    return found or _machine


def _principal(context: Context) -> Callable[[str], TokenCredential] | None:
    if _is_set(_PRINCIPAL):
        context.secret(_PRINCIPAL[-1])  # redact it from now on
        return lambda authority: EnvironmentCredential(authority=authority)
    if _is_set(_CERTIFICATE):
        return lambda authority: EnvironmentCredential(authority=authority)
    if _is_set(_OLDER):
        tenant, client, secret = (context.secret(name).reveal() for name in _OLDER)
        return lambda authority: ClientSecretCredential(tenant, client, secret, authority=authority)
    return None


def _is_set(names: tuple[str, ...]) -> bool:
    return all(map(os.environ.get, names))


def _machine(authority: str) -> TokenCredential:
    """The managed identity of the machine if it has one, then `az login`; never a browser."""
    left_out: dict[str, Any] = {f"exclude_{name}_credential": True for name in (*_LEFT_OUT, "shared_token_cache")}
    return DefaultAzureCredential(authority=authority, **left_out)


def _require_terminal() -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("CI"):
        raise StageFailed(
            "auth: interactive opens a browser, so it needs a terminal",
            hint="use another auth, such as cli or service-principal",
        )
