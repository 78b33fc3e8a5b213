"""Signing in: each method, their order, and the message if none works."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import Cloud

pytestmark = pytest.mark.slow

PRINCIPAL = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
OLDER = (
    "AZUREML_SERVICE_PRINCIPAL_TENANT_ID",
    "AZUREML_SERVICE_PRINCIPAL_ID",
    "AZUREML_SERVICE_PRINCIPAL_PASSWORD",
)
TOKEN = "oauth2/v2.0/token"
MACHINE = "/msi/token"
EXPIRED = "AADSTS700082: The refresh token has expired due to inactivity."
BROWSER = """\
import json, sys, urllib.parse, urllib.request
page = json.load(urllib.request.urlopen(sys.argv[1]))
urllib.request.urlopen(page["action"], urllib.parse.urlencode(page["fields"]).encode())
"""

Az = Callable[[str], Path]


@pytest.fixture
def az(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """Puts an `az` on the PATH that runs a line of shell for `account get-access-token`. Returns its log.

    It has its own folder, because it stores a token, like the real one.
    """
    folder = tmp_path_factory.mktemp("bin")
    cloud.shell.env["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    log = folder / "az.log"

    def install(line: str) -> Path:
        script = folder / "az"
        script.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{line}\n', encoding="utf-8")
        script.chmod(0o755)
        return log

    return install


def signed_in(cloud: Cloud) -> str:
    """The output of `az` for a user who is signed in."""
    answer = {"accessToken": cloud.azure.token(), "expires_on": int(time.time()) + 3600, "tokenType": "Bearer"}
    return f"echo '{json.dumps(answer)}'"


def without(cloud: Cloud, names: tuple[str, ...]) -> None:
    for name in names:
        del cloud.shell.env[name]


def test_the_first_available_sign_in_method_is_used(cloud: Cloud, az: Az) -> None:
    azure, env = cloud.azure, cloud.shell.env
    env.update(zip(OLDER, (azure.tenant_id, azure.client_id, azure.client_secret), strict=True))
    env.update(azure.managed_identity)
    asked = az(signed_in(cloud))
    env["AZURE_CLIENT_ID"] = "unheard-of"
    assert "'unheard-of' was not found" in cloud("status", code=6).err
    without(cloud, PRINCIPAL)
    assert "absent" in cloud("status").out
    (first, second) = azure.calls.like("POST", TOKEN)
    assert (first.body["client_id"], second.body["client_id"]) == ("unheard-of", azure.client_id)
    without(cloud, OLDER)
    assert "absent" in cloud("status").out
    assert azure.calls.like("GET", MACHINE)
    assert not asked.exists()
    without(cloud, ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"))
    assert "absent" in cloud("status").out
    resource = "https://management.core.windows.net"
    assert f"account get-access-token --output json --resource {resource}" in asked.read_text(encoding="utf-8")
    assert len(azure.calls.like("POST", TOKEN)) == 2


@pytest.mark.parametrize("cloud_name", ["AzureChinaCloud", "AzureUSGovernment"])
def test_a_sovereign_cloud_has_its_own_addresses(cloud: Cloud, cloud_name: str) -> None:
    cloud.connect(f"cloud: {cloud_name}")
    assert "absent" in cloud("status").out
    hosts = {call.host for call in cloud.azure.calls.like(".*", "^(login|management)")}
    domains = {"AzureChinaCloud": ("chinacloudapi.cn", "chinacloudapi.cn")}
    login, management = domains.get(cloud_name, ("microsoftonline.us", "usgovcloudapi.net"))
    assert hosts == {f"login.{login}", f"management.{management}"}


def test_a_service_principal_can_be_selected(cloud: Cloud) -> None:
    cloud.connect("auth: service-principal")
    cloud.shell.env.update(cloud.azure.managed_identity)
    assert "absent" in cloud("status").out
    assert not cloud.azure.calls.like("GET", MACHINE)
    without(cloud, PRINCIPAL)
    done = cloud("status", code=6)
    assert "auth: service-principal needs a service principal" in done.err
    assert "export AZURE_TENANT_ID" in done.err


def test_a_managed_identity_can_be_selected(cloud: Cloud) -> None:
    cloud.connect("auth: managed-identity")
    assert "no response from the IMDS endpoint" in cloud("status", code=6).err
    cloud.azure.settings(managed_identity=True)
    assert "absent" in cloud("status").out
    without(cloud, PRINCIPAL)
    cloud("status", code=0, AZURE_CLIENT_ID="user-assigned", **cloud.azure.managed_identity)
    found = cloud.azure.calls.like("GET", f"169.254.169.254|{MACHINE}")
    assert {call.query.get("client_id") for call in found if call.status == 200} == {None, "user-assigned"}
    assert not cloud.azure.calls.like("POST", TOKEN)


def test_the_sign_in_of_az_can_be_selected_and_may_have_expired(cloud: Cloud, az: Az) -> None:
    cloud.connect("auth: cli")
    assert "Azure CLI not found" in cloud("status", code=6, PATH="/nowhere").err
    asked = az(signed_in(cloud))
    assert "absent" in cloud("status").out
    assert not cloud.azure.calls.like("POST", TOKEN)
    cloud.azure.expire_tokens()
    asked.unlink()
    done = cloud("status", code=6)
    assert "Azure does not accept the sign-in: " in done.err
    assert "sign in again with `az login`" in done.err
    assert len(asked.read_text(encoding="utf-8").splitlines()) == 2  # a refused token is requested once more
    az(f"echo '{EXPIRED}' >&2; exit 1")
    assert f"Azure does not accept the sign-in: {EXPIRED.rstrip('.')}" in cloud("status", code=6).err


def test_if_no_method_works_each_reports_its_reason(cloud: Cloud, az: Az) -> None:
    without(cloud, PRINCIPAL)
    az(f"echo '{EXPIRED}' >&2; exit 1")
    done = cloud("status", code=6)
    assert "ManagedIdentityCredential authentication unavailable" in done.err
    assert "; AADSTS700082: The refresh token has expired" in done.err
    assert "az login" in done.err


def test_a_browser_is_opened_on_a_terminal_if_selected(cloud: Cloud) -> None:
    cloud.connect("auth: interactive")
    browser = cloud.shell.write("browser", f"#!{sys.executable}\n{BROWSER}")
    browser.chmod(0o755)
    done = cloud.shell.on_a_terminal("status", "salary.yaml", "--target", "aci", BROWSER=f"{browser} %s &")
    assert "absent" in done.out, done.err
    (call,) = cloud.azure.calls.like("POST", TOKEN)
    assert call.body["grant_type"] == "authorization_code"


def test_a_browser_is_never_opened_without_a_terminal_or_in_ci(cloud: Cloud) -> None:
    cloud.connect("auth: interactive")
    assert "it needs a terminal" in cloud("status", code=6).err
    opened = cloud.shell.folder / "opened"
    browser = cloud.shell.write("browser", f"#!/bin/sh\ntouch {opened}\n")
    browser.chmod(0o755)
    done = cloud.shell.on_a_terminal("status", "salary.yaml", "--target", "aci", CI="true", BROWSER=str(browser))
    assert "it needs a terminal" in done.err
    assert not opened.exists()


def test_a_problem_of_the_account_is_named(cloud: Cloud) -> None:
    right = cloud.azure.workspace.workspace
    reference = "${AZURE_SUBSCRIPTION_ID}"  # the value of a variable is never shown
    other = "00000000-0000-0000-0000-000000000001"
    assert f"subscription {reference} is not visible" in cloud("status", code=6, AZURE_SUBSCRIPTION_ID=other).err
    body = {"error": {"code": "AuthorizationFailed", "message": "the client does not have authorization"}}
    cloud.azure.faults.answer(403, body, method="GET", path=f"workspaces/{right}$")
    done = cloud("status", code=6)
    assert "opening the workspace is not allowed: the client does not have authorization" in done.err
    assert f"needs a role such as AzureML Data Scientist on workspace {right}" in done.err
    cloud.edit(f"    workspace: {right}\n", "    workspace: nowhere\n")
    done = cloud("status", code=6)
    assert "no workspace nowhere in resource group" in done.err
    assert "create: true" in done.err
