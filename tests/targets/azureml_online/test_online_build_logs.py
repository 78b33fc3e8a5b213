"""The log of an image build that failed, at a signed address or at a place in the blob storage of the workspace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.plugins.wire import Answer
from tests.targets.azureml_online.memory_azure import MemoryAzure, error
from tests.targets.azureml_online.online_kit import BASE, Hooks, failed

from lading import Failed, Json
from lading_azureml_v2.build_logs import build_log

LOG = "Step 7/15\nERROR: No matching distribution found for absent==1.0\nexit code 1\n"
PATH = "ImageLogs/a1/20 build.log"
PLACE = f"The build log is under the storage account 'account' in the container 'azureml' at the path '{PATH}'."
SIGNED = "https://account.blob.core.windows.net/azureml/ImageLogs/a1/build.log?sv=2019-07-07&sr=b&sig=secret&sp=r"


@pytest.fixture
def memory(memory: MemoryAzure) -> MemoryAzure:
    memory.blobs |= {
        "/azureml/ImageLogs/a1/20%20build.log": LOG.encode(),
        "/azureml/ImageLogs/a1/build.log": LOG.encode(),
    }
    return memory


def deployed(hooks: Hooks, memory: MemoryAzure, build_error: dict[str, Any]) -> Failed:
    memory.errors["/deployments/"] = build_error
    return failed(hooks.deploy(1, environment=BASE))


def of_details(text: str) -> dict[str, Any]:
    return {**error("ImageBuildFailed", "The image build failed"), "details": [{"code": "Log", "message": text}]}


@pytest.mark.parametrize(
    "build_error",
    [
        error("ImageBuildFailed", f"The image build failed. {PLACE}"),
        of_details(PLACE),
        of_details(json.dumps({"operationLog": SIGNED})),
        of_details(json.dumps({"operationLog": SIGNED}).replace("&", "\\u0026")),
        {**error("ImageBuildFailed", "The image build failed"), "additionalInfo": [{"info": {"operationLog": SIGNED}}]},
    ],
)
def test_the_end_of_the_log_is_shown_with_its_error(
    built: Hooks,
    memory: MemoryAzure,
    build_error: dict[str, Any],
) -> None:
    found = deployed(built, memory, build_error)
    assert found.option == "environment"
    assert "(the log: ERROR: No matching distribution found for absent==1.0)" in found.reason
    assert found.log.splitlines() == LOG.splitlines()
    assert "secret" not in found.reason
    assert all("authorization" not in sent.headers for sent in memory.sent if ".blob." in sent.host)


def test_only_the_last_lines_are_shown(built: Hooks, memory: MemoryAzure) -> None:
    lines = [f"Step {number}" for number in range(100)]
    memory.blobs["/azureml/ImageLogs/a1/build.log"] = "\n".join(lines).encode()
    found = deployed(built, memory, of_details(SIGNED))
    assert found.log.splitlines() == lines[-30:]
    assert "the log:" not in found.reason


def test_only_the_end_of_a_huge_log_is_kept(built: Hooks, memory: MemoryAzure) -> None:
    lines = ["ERROR: the first line", *(f"Step {number}" for number in range(60_000)), "ERROR: the last line"]
    memory.blobs["/azureml/ImageLogs/a1/build.log"] = "\n".join(lines).encode()
    log = build_log(built.workspace, of_details(SIGNED))
    assert log[-1] == lines[-1]
    assert lines[0] not in log
    assert sum(len(line) + 1 for line in log) <= (256 << 10) + 1


@pytest.mark.parametrize("lost", ["blob", "store", "secrets", "account key", "denied"])
def test_a_log_that_cannot_be_read_is_left_out(built: Hooks, memory: MemoryAzure, lost: str) -> None:
    if lost == "blob":
        memory.blobs.clear()
    if lost == "store":
        memory.stores["workspaceartifactstore"]["accountName"] = "another"
    if lost == "secrets":
        memory.refusals["listSecrets"] = Answer({"error": {"code": "AuthorizationFailed", "message": "no"}}, 403)
    if lost == "account key":
        memory.secrets = {"secretsType": "AccountKey", "key": "k"}
    if lost == "denied":
        memory.refusals["/ImageLogs/"] = Answer("<Error>denied</Error>", 403)
    found = deployed(built, memory, error("ImageBuildFailed", f"The image build failed. {PLACE}"))
    assert PLACE in found.reason
    assert "the log:" not in found.reason


ODD: list[Json] = [None, [], {}, {"accountName": "account", "containerName": "azureml"}]


@pytest.mark.parametrize(("store", "secrets"), [*((store, {"sasToken": "sig=r"}) for store in ODD), (None, ["odd"])])
def test_an_answer_of_another_shape_is_left_out(built: Hooks, memory: MemoryAzure, store: Json, secrets: Json) -> None:
    memory.secrets = secrets
    if isinstance(secrets, dict):
        memory.stores = dict.fromkeys(memory.stores, store)
    found = deployed(built, memory, error("ImageBuildFailed", f"The image build failed. {PLACE}"))
    assert PLACE in found.reason
    assert "the log:" not in found.reason


@pytest.mark.parametrize("host", ["elsewhere.example", "a.blob.elsewhere.example", "a.blob.core.windows.net.evil"])
def test_an_address_of_another_host_is_not_read(built: Hooks, memory: MemoryAzure, host: str) -> None:
    deployed(built, memory, of_details(f"https://{host}/azureml/ImageLogs/a1/build.log?sig=secret"))
    assert {sent.host for sent in memory.sent} == {"management.azure.com", "account.blob.core.windows.net"}
