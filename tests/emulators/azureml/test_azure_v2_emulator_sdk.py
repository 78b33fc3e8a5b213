"""The unmodified SDK v2: a model is registered, deployed, scored and deleted, and its keys and logs are read."""

from __future__ import annotations

import json

import pytest
from azure_sdk_v2 import SdkV2

pytestmark = pytest.mark.slow

SCORE = """
import json, os
from pathlib import Path


def init():
    global line
    line = json.loads(Path(os.environ["AZUREML_MODEL_DIR"], "line.json").read_text())


def run(raw_data):
    return [line["slope"] * age + line["start"] for (age,) in json.loads(raw_data)["data"]]
"""
CONDA = """
dependencies:
  - python=3.11
  - pip
  - pip:
      - azureml-inference-server-http
"""
DEPLOY = """
    endpoints, deployments = client.online_endpoints, client.online_deployments
    endpoint = ManagedOnlineEndpoint(name="salary", auth_mode="key", tags={"data": "Salary"})
    endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue", endpoint_name="salary", model=Model(path="line.json", name="line"),
        code_configuration=CodeConfiguration(code="src", scoring_script="score.py"),
        environment=Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04", conda_file="conda.yml"),
        instance_type="Standard_DS2_v2", instance_count=1,
    )
"""
DEPLOYED = """
    deployments.begin_create_or_update(deployment).result()
    endpoint.traffic = {"blue": 100}
    endpoints.begin_create_or_update(endpoint).result()
"""


@pytest.fixture
def salary(sdk_v2: SdkV2) -> SdkV2:
    """A folder with a model, a scoring script and an environment."""
    (sdk_v2.folder / "line.json").write_text('{"slope": 1000, "start": 500}')
    (sdk_v2.folder / "src").mkdir()
    (sdk_v2.folder / "src" / "score.py").write_text(SCORE)
    (sdk_v2.folder / "conda.yml").write_text(CONDA)
    (sdk_v2.folder / "request.json").write_text('{"data": [[21]]}')
    return sdk_v2


def test_a_model_is_deployed_scored_and_deleted(salary: SdkV2) -> None:
    said = salary(
        DEPLOY
        + DEPLOYED
        + """
    keys = endpoints.get_keys("salary")
    answer = endpoints.invoke("salary", request_file="request.json")
    named = endpoints.invoke("salary", request_file="request.json", deployment_name="blue")
    endpoints.begin_regenerate_keys("salary", key_type="primary").result()
    read = deployments.get("blue", "salary")
    logs = deployments.get_logs("blue", "salary", lines=100)
    storage = deployments.get_logs("blue", "salary", lines=100, container_type="storage-initializer")
    seen = endpoints.get("salary")
    listed = [item.name for item in endpoints.list()]
    endpoint.traffic = {}
    endpoints.begin_create_or_update(endpoint).result()
    deployments.begin_delete("blue", "salary").result()
    left = [item.name for item in deployments.list("salary")]
    endpoints.begin_delete("salary").result()
    say(
        answer=answer, named=named, keys=[keys.primary_key, keys.secondary_key], logs=logs, storage=storage,
        read=[read.provisioning_state, read.instance_count, read.instance_type],
        seen=[seen.provisioning_state, seen.traffic, seen.tags, seen.scoring_uri],
        listed=listed, left=left, ended=[item.name for item in endpoints.list()],
    )
    """
    )
    assert [json.loads(said["answer"]), json.loads(said["named"])] == [[21500], [21500]]
    assert said["read"] == ["Succeeded", 1, "Standard_DS2_v2"]
    uri = "https://salary.southeastasia.inference.ml.azure.com/score"
    assert said["seen"] == ["Succeeded", {"blue": 100}, {"data": "Salary"}, uri]
    assert "Users's init has completed successfully" in said["logs"]
    assert "line.json" in said["storage"]
    assert (said["listed"], said["left"], said["ended"]) == (["salary"], [], [])
    assert {*said["keys"]} <= {*salary.azure.secrets}
    state = salary.azure.state["v2"]
    assert [*state["models"]] == ["line:1"]
    assert (state["endpoints"], state["deployments"]) == ({}, {})


def test_a_crash_in_init_is_the_error_of_the_deployment(salary: SdkV2) -> None:
    (salary.folder / "src" / "score.py").write_text(
        "def init():\n    raise ValueError('no such model')\n\ndef run(raw):\n    pass\n"
    )
    said = salary(
        DEPLOY
        + """
    from azure.core.exceptions import HttpResponseError
    try:
        deployments.begin_create_or_update(deployment).result()
    except HttpResponseError as error:
        logs = deployments.get_logs("blue", "salary", lines=100)
        say(code=error.error.code, logs=logs, state=deployments.get("blue", "salary").provisioning_state)
    """
    )
    assert (said["code"], said["state"]) == ("ResourceNotReady", "Failed")
    assert "ValueError: no such model" in said["logs"]
