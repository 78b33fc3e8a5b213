"""The unmodified SDK v2 with a registry: a model is registered there and found again."""

from __future__ import annotations

import pytest
from azure_sdk_v2 import SdkV2

pytestmark = pytest.mark.slow

REGISTRY = """
    client = MLClient(EnvironmentCredential(), registry_name=os.environ.get("REGISTRY", "team"), enable_telemetry=False)
"""
REGISTER = """
    model = client.models.create_or_update(Model(path="line.json", name="line", version="sha256-1", tags={"a": "b"}))
    found = client.models.get("line", version="sha256-1")
    say(id=[model.id, found.id], tags=found.tags, path=found.path)
"""
NAME = "azureml://registries/team/models/line/versions/sha256-1"


class RegistrySdk(SdkV2):
    sign_in_lines = REGISTRY


@pytest.fixture
def line(sdk_v2: SdkV2) -> RegistrySdk:
    """A folder with a model."""
    (sdk_v2.folder / "line.json").write_text('{"slope": 1000, "start": 500}')
    sdk_v2.azure.settings(retry_after=0, polls=1)
    return RegistrySdk(sdk_v2.azure, sdk_v2.folder)


def test_a_model_is_registered_and_found_again(line: RegistrySdk) -> None:
    said = line(REGISTER)
    assert (said["id"], said["tags"]) == ([NAME, NAME], {"a": "b"})
    assert said["path"].endswith("/line.json")
    (model,) = line.azure.world["registries"]["team"]["models"].values()
    assert model["properties"]["provisioningState"] == "Succeeded"
    kinds = [f"{call.method} {call.path.partition('/registries/team/')[2]}" for call in line.azure.calls]
    assert [kind for kind in kinds if "versions" in kind][:3] == [
        "GET models/line/versions",
        "PUT tempdatarefs/line/versions/sha256-1",
        "PUT models/line/versions/sha256-1",
    ]


def test_another_registry_is_refused(line: RegistrySdk) -> None:
    line.environ["REGISTRY"] = "absent"
    assert line.fails(REGISTER)[0] == "ResourceNotFoundError"


def test_a_missing_action_is_refused(line: RegistrySdk) -> None:
    action = "Microsoft.MachineLearningServices/registries/assets/write"
    line.azure.settings(denied=[action])
    assert action in line.fails(REGISTER)[1]
