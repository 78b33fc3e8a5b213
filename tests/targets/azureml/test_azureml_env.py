"""`env` and `base_image_registry` of `aci` and `aks`: they reach Azure, and a changed secret is a change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import SERVICE, Cloud
from tests.targets.azureml.memory_workspace import Scene, scene_in
from tests.targets.target_kit import problem

from lading import DeployStep, Options, Pending, Ready, Refused
from lading_azureml.options import BaseImageRegistry
from lading_azureml.port import RegistryAccount, ServiceSpec
from lading_azureml_services import aci, aks
from lading_azureml_services.options import AciOptions, AksOptions, Provision

REGISTRY = BaseImageRegistry(address="team.azurecr.io", username="USER", password="PASSWORD")
PRIVATE = AciOptions(base_image="team.azurecr.io/base:1", base_image_registry=REGISTRY)
KEYED = AciOptions(primary_key="FIRST", secondary_key="SECOND")
UPDATING = Pending(phase="updating the service", retry_after=0.5)
SCRIPT = "import os\n\n\ndef init():\n    pass\n\n\ndef run(raw_data):\n    return [float(os.environ['RATE'])]\n"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = scene_in(tmp_path)
    scene.context.variables.update(USER="robot", PASSWORD="opensesame")
    return scene


def step(scene: Scene, options: AciOptions, release: int = 1) -> DeployStep:
    return aci.lading_deploy(scene.request(options, release), scene.context)


def deployed(scene: Scene, options: AciOptions) -> Scene:
    step(scene, options)
    scene.workspace.settle("salary")
    assert step(scene, options) == Ready()
    assert step(scene, options, release=2) == Ready()
    return scene


def test_variables_and_the_registry_are_part_of_the_image(scene: Scene) -> None:
    step(scene, replace(PRIVATE, env={"RATE": "0.5"}))
    (spec,) = scene.workspace.specs
    assert spec.image.env == {"RATE": "0.5"}
    assert spec.image.registry == RegistryAccount("team.azurecr.io", "robot", "opensesame")
    assert {"env", "base_image_registry"}.isdisjoint(spec.settings)
    shown = repr(spec) + json.dumps(dict(spec.tags))
    assert [secret for secret in ("0.5", "robot", "opensesame") if secret in shown] == []


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (AciOptions(env={"RATE": "1"}), {"env": {"RATE": "2"}}),
        (AciOptions(env={"RATE": "1"}), {"env": {}}),
        (AciOptions(), {"env": {"RATE": "1"}}),
        (PRIVATE, {}),
    ],
    ids=["another value", "no variable", "a new variable", "another password"],
)
def test_a_changed_value_updates_the_service(
    scene: Scene, options: AciOptions, change: dict[str, dict[str, str]]
) -> None:
    deployed(scene, options)
    scene.context.variables["PASSWORD"] = "rotated"
    changed = replace(options, **change)  # type: ignore[arg-type]
    assert step(scene, changed, release=3) == UPDATING
    scene.workspace.settle("salary")
    assert step(scene, changed, release=3) == Ready()


def test_a_service_keeps_the_keys_that_it_was_created_with(scene: Scene) -> None:
    deployed(scene, KEYED)
    assert step(scene, replace(KEYED, description="new"), release=3) == UPDATING
    scene.workspace.settle("salary")
    scene.context.variables["SECOND"] = "another key"
    with pytest.raises(Refused, match="the value of primary_key or secondary_key has changed") as caught:
        step(scene, KEYED, release=4)
    assert "lading keys --rotate" in str(caught.value.hint)


def test_a_service_of_an_older_version_is_not_updated_for_its_keys(scene: Scene) -> None:
    deployed(scene, KEYED)
    found = scene.workspace.services["salary"]
    tags = {name: value for name, value in found.tags.items() if name not in ("lading.keys", "lading.secrets")}
    scene.workspace.services["salary"] = replace(found, tags=tags)
    assert step(scene, KEYED, release=3) == Ready()


def test_a_tag_has_another_salt_for_each_release(scene: Scene) -> None:
    deployed(scene, AciOptions(env={"RATE": "1"}))
    step(scene, AciOptions(env={"RATE": "1"}, description="new"), release=3)
    first, second = (spec.tags["lading.secrets"] for spec in scene.workspace.specs)
    assert first != second
    assert len(first) < 256


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("env: {1A: x}", "5:24: targets.t.env.1A: must"),
        ("env: {A: 1}", "targets.t.env.A: expected text"),
        ("env: {AZUREML_MODEL_DIR: x}", "targets.t.env: Azure ML sets AZUREML_MODEL_DIR itself"),
        ("base_image_registry: {address: a.io, username: U, password: P}", "base_image_registry: it needs base_image"),
        ("base_image: x, base_image_registry: {address: https://a.io, username: U, password: P}", "address: must"),
        ("base_image: x, base_image_registry: {address: a.io, username: U}", "password"),
    ],
)
def test_an_impossible_variable_or_registry_is_refused_at_its_position(
    tmp_path: Path, block: str, expected: str
) -> None:
    assert expected in problem(tmp_path, AciOptions, block)
    assert expected in problem(tmp_path, AksOptions, block)


@pytest.mark.parametrize(("size", "refused"), [(65534, False), (65535, True)])
def test_the_limit_of_a_variable_counts_bytes(size: int, refused: bool) -> None:
    """Two bytes for each letter, and two for `A=`, fill what Linux accepts of one variable."""
    make: Callable[[], Options] = lambda: AciOptions(env={"A": "é" * size})  # noqa: E731
    if not refused:
        make()
        return
    with pytest.raises(ValueError, match="env: A has 131072 bytes, and Linux accepts at most 131071"):
        make()


ACI_SAMPLES = {
    "base_image": AciOptions(base_image="u"),
    "dockerfile": AciOptions(dockerfile=Path(__file__)),
    "base_image_registry": PRIVATE,
    "cpu_cores": AciOptions(cpu_cores=1),
    "memory_gb": AciOptions(memory_gb=1),
    "env": AciOptions(env={"A": "b"}),
    "tags": AciOptions(tags={"a": "b"}),
    "properties": AciOptions(properties={"a": "b"}),
    "description": AciOptions(description="a"),
    "enable_app_insights": AciOptions(enable_app_insights=True),
    "collect_model_data": AciOptions(collect_model_data=True),
    "primary_key": AciOptions(primary_key="FIRST"),
    "secondary_key": KEYED,
}
AKS_SAMPLES = {"env": AksOptions(env={"A": "b"}), "provision": AksOptions(provision=Provision())}


def spec_of(scene: Scene, options: AciOptions) -> ServiceSpec:
    scene.workspace.services.clear()
    step(scene, options, release=len(scene.workspace.specs) + 10)
    return scene.workspace.specs[-1]


@pytest.mark.parametrize("name", sorted(ACI_SAMPLES))
def test_an_option_has_an_effect(scene: Scene, name: str) -> None:
    sample, plain = ACI_SAMPLES[name], KEYED if name == "secondary_key" else AciOptions()
    with_it, without = spec_of(scene, sample), spec_of(scene, replace(plain, secondary_key=None))
    bare = [replace(spec, tags={}) if name != "tags" else spec for spec in (with_it, without)]
    assert bare[0] != bare[1]


def test_every_common_option_has_a_sample() -> None:
    common = {item.name for item in fields(AciOptions)} & {item.name for item in fields(AksOptions)}
    assert common - {"auth_enabled", "recreate"} == set(ACI_SAMPLES)
    assert aks.AKS.digests(AKS_SAMPLES["env"]) != aks.AKS.digests(AksOptions())


@pytest.mark.slow
def test_a_variable_reaches_the_script_and_a_new_value_is_deployed(cloud: Cloud) -> None:
    """The golden request is answered with the value of the variable."""
    cloud.script(SCRIPT)
    cloud.edit("    memory_gb: 1\n    tags", "    memory_gb: 1\n    env: {RATE: '${RATE}'}\n    tags")
    cloud("deploy", RATE="141760.569105")
    assert variables(cloud)["RATE"] == "141760.569105"
    assert "EXAMPLE_ENV_VAR" not in variables(cloud)
    assert "secret changed" in cloud("plan", RATE="141760.569106").out
    for _ in range(2):
        cloud("deploy", RATE="141760.569106")
    assert variables(cloud)["RATE"] == "141760.569106"
    assert cloud.count("PATCH", SERVICE) == 1
    assert "golden request 1" in cloud("deploy", RATE="7", code=8).err


def variables(cloud: Cloud) -> dict[str, str]:
    """The variables of the service's image."""
    found: dict[str, str] = cloud.azure.state["services"]["salary-svc"]["environmentImageRequest"]["environment"][
        "environmentVariables"
    ]
    return found
