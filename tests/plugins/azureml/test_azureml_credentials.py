"""The way to sign in on each machine, and the tokens that the SDK receives."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from offline_azure.fixture import require_sdk
from tests.hook_kit import MemoryContext

from lading import StageFailed
from lading_azureml.options import AzureOptions

if TYPE_CHECKING:
    from lading_azureml.sdk.signing_in import Identity

Auth = Literal["service-principal", "managed-identity", "cli", "interactive"]

PRINCIPAL = {"AZURE_TENANT_ID": "t-1", "AZURE_CLIENT_ID": "c-1", "AZURE_CLIENT_SECRET": "s3cr3t"}
CERTIFICATE = {"AZURE_TENANT_ID": "t-1", "AZURE_CLIENT_ID": "c-1", "AZURE_CLIENT_CERTIFICATE_PATH": "absent.pem"}
OLDER = {
    "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": "t-1",
    "AZUREML_SERVICE_PRINCIPAL_ID": "c-1",
    "AZUREML_SERVICE_PRINCIPAL_PASSWORD": "s3cr3t",
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any variable for a sign-in."""
    require_sdk()
    for name in (*PRINCIPAL, *CERTIFICATE, *OLDER, "CI"):
        monkeypatch.delenv(name, raising=False)


def signed_in(
    monkeypatch: pytest.MonkeyPatch, context: MemoryContext, auth: Auth | None, variables: dict[str, str], **more: Any
) -> Identity:
    from lading_azureml.sdk.signing_in import sign_in

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    context.variables |= variables
    options = AzureOptions(subscription_id="s-1", resource_group="mi2", workspace="salary", auth=auth, **more)
    return sign_in(options, context)


@pytest.mark.parametrize(
    ("auth", "variables", "kind", "secrets"),
    [
        (None, {}, "DefaultAzureCredential", []),
        (None, PRINCIPAL, "EnvironmentCredential", ["AZURE_CLIENT_SECRET"]),
        (None, OLDER, "ClientSecretCredential", list(OLDER)),
        (None, {**OLDER, **PRINCIPAL}, "EnvironmentCredential", ["AZURE_CLIENT_SECRET"]),
        (None, {"AZURE_CLIENT_ID": "c-1"}, "DefaultAzureCredential", []),
        (None, {**PRINCIPAL, "AZURE_CLIENT_SECRET": ""}, "DefaultAzureCredential", []),
        ("service-principal", PRINCIPAL, "EnvironmentCredential", ["AZURE_CLIENT_SECRET"]),
        ("service-principal", OLDER, "ClientSecretCredential", list(OLDER)),
        ("cli", PRINCIPAL, "AzureCliCredential", []),
        ("managed-identity", PRINCIPAL, "ManagedIdentityCredential", []),
        ("managed-identity", {"AZURE_CLIENT_ID": "c-1"}, "ManagedIdentityCredential", []),
    ],
)
def test_the_first_available_way_to_sign_in_is_used(
    monkeypatch: pytest.MonkeyPatch,
    context: MemoryContext,
    auth: Auth | None,
    variables: dict[str, str],
    kind: str,
    secrets: list[str],
) -> None:
    identity = signed_in(monkeypatch, context, auth, variables)
    assert type(identity._credential).__name__ == kind
    assert context.secrets == secrets


@pytest.mark.parametrize(
    "variables", [{}, {"AZURE_CLIENT_ID": "c-1"}, {**PRINCIPAL, "AZURE_TENANT_ID": ""}, dict(list(OLDER.items())[:2])]
)
def test_a_service_principal_without_its_variables_is_refused(
    monkeypatch: pytest.MonkeyPatch, context: MemoryContext, variables: dict[str, str]
) -> None:
    with pytest.raises(StageFailed) as caught:
        signed_in(monkeypatch, context, "service-principal", variables)
    assert caught.value.hint == "export AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "stderr", "variables"),
    [
        (io.StringIO, io.StringIO, {}),
        (Terminal, io.StringIO, {}),
        (io.StringIO, Terminal, {}),
        (Terminal, Terminal, {"CI": "true"}),
    ],
)
def test_no_browser_is_opened_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    context: MemoryContext,
    stdin: type[io.StringIO],
    stderr: type[io.StringIO],
    variables: dict[str, str],
) -> None:
    monkeypatch.setattr("sys.stdin", stdin())
    monkeypatch.setattr("sys.stderr", stderr())
    with pytest.raises(StageFailed, match=r"^auth: interactive opens a browser, so it needs a terminal$"):
        signed_in(monkeypatch, context, "interactive", variables)


def test_a_browser_is_opened_only_at_a_terminal(monkeypatch: pytest.MonkeyPatch, context: MemoryContext) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", Terminal())
    identity = signed_in(monkeypatch, context, "interactive", {})
    assert type(identity._credential).__name__ == "InteractiveBrowserCredential"


@pytest.mark.parametrize(
    ("cloud", "authority", "resource"),
    [
        ("AzureCloud", "https://login.microsoftonline.com", "https://management.core.windows.net/.default"),
        ("AzureChinaCloud", "https://login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn/.default"),
        (
            "AzureUSGovernment",
            "https://login.microsoftonline.us",
            "https://management.core.usgovcloudapi.net/.default",
        ),
    ],
)
def test_a_token_belongs_to_the_named_cloud(cloud: str, authority: str, resource: str) -> None:
    from azure.core.credentials import AccessToken

    from lading_azureml.sdk.signing_in import Identity

    asked: list[str] = []

    class Credential:
        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            asked.extend(scopes)
            return AccessToken("t0k3n", 1)

    def make(at: str) -> Credential:
        asked.append(at)
        return Credential()

    identity = Identity(make, cloud)
    assert identity._get_arm_token() == "t0k3n"
    assert asked == [authority, resource]
    identity.renew()
    assert asked == [authority, resource, authority]


def test_two_names_of_a_place_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^workspace: config names the workspace; keep one of the two$"):
        AzureOptions(workspace="salary", config=tmp_path)


@pytest.mark.parametrize("name", ["ab", "_ab", "-ab", "a b c", "a.b", "a" * 34, "größe"])
def test_a_new_workspace_has_a_name_that_azure_accepts(name: str) -> None:
    given: dict[str, Any] = {"subscription_id": "s-1", "resource_group": "mi2", "workspace": name}
    assert AzureOptions(**given).workspace == name
    with pytest.raises(ValueError, match=r"^workspace: the name of a new one has 3 to 33"):
        AzureOptions(**given, create=True, location="westeurope")
