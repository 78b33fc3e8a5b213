"""Images that the workspace builds for other targets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import Cloud

pytestmark = pytest.mark.slow

PACKAGES = r"/packages$"
ERROR = {"code": "ImageBuildFailed", "statusCode": 400, "message": "pip ended with 1", "details": []}


@pytest.fixture
def builder(cloud: Cloud) -> Cloud:
    """The project with a manifest whose workspace builds the image."""
    cloud.edit("target: local", "image: {plugin: azureml-image}\n\ntarget: local")
    return cloud


def build(cloud: Cloud, *argv: str, code: int = 0) -> str:
    return cloud.shell("image", "build", "salary.yaml", *argv, code=code).out


def test_an_image_is_built_once_and_named_by_its_digest(builder: Cloud) -> None:
    azure = builder.azure
    azure.faults.stick(method="POST", path=PACKAGES)
    build(builder, "--timeout", "40", code=7)
    assert "building the image" in builder.seen[-1]
    assert azure.release() == 1
    reference = build(builder)
    (location,) = azure.state["images"]
    repository, label = location.rsplit(":", 1)
    assert re.fullmatch(re.escape(repository) + r"@sha256:[0-9a-f]{64}\n", reference)
    assert repository.endswith(".azurecr.io/salary-svc")
    assert azure.state["images"][location]["modelIds"] == ["sal_model:1"]
    assert f"Step 1/1 : PackageDockerImage {location}" in builder.seen[0] + builder.seen[1]
    builder.forget()
    assert build(builder) == reference
    assert len(azure.calls.like("POST", PACKAGES)) == 1
    builder.edit("plugin: azureml-image", "plugin: azureml-image, base_image: ubuntu, repository: pay/salary")
    assert f"{repository.partition('/')[0]}/pay/salary@sha256:" in build(builder)
    (other,) = {*azure.state["images"]} - {location}
    assert other.rsplit(":", 1)[1] != label


def test_a_failed_build_shows_the_end_of_its_log_and_can_be_repeated(builder: Cloud) -> None:
    builder.azure.faults.fail_operation(ERROR, "BuildImage", "step 1\nno such package: absent\n", path=PACKAGES)
    build(builder, code=6)
    assert "building the image failed: pip ended with 1" in builder.seen[-1]
    assert "no such package: absent" in builder.seen[-1]
    builder.azure.faults.drop_after(method="POST", path=PACKAGES)
    assert "@sha256:" in build(builder)
    assert len(builder.azure.state["images"]) == 1


def test_the_whole_log_of_a_failed_build_is_kept_until_a_build_succeeds(builder: Cloud) -> None:
    lines = "".join(f"step {number}\n" for number in range(5000))
    builder.azure.faults.fail_operation(ERROR, "BuildImage", lines, path=PACKAGES)
    build(builder, code=6)
    assert "step 4999\n" in builder.seen[-1]
    assert "step 4900\n" not in builder.seen[-1]
    file = builder.seen[-1].rpartition("the whole log of the build is in ")[2].strip()
    assert Path(file).read_text("utf-8") == lines.rstrip()
    assert builder("logs", "--build", target="local").out == lines
    build(builder)
    assert "the last image build has not failed" in builder("logs", "--build", target="local", code=2).err


def test_a_registry_with_an_unexpected_response_is_named(builder: Cloud) -> None:
    builder.azure.faults.answer(401, path=r"azurecr\.io/v2/")
    build(builder, code=6)
    assert re.search(r"container registry \w+\.azurecr\.io does not accept its admin user", builder.seen[-1])
    builder.azure.faults.answer(403, {"error": {"code": "Forbidden", "message": "no"}}, path=r"listKeys$")
    build(builder, code=6)
    assert "reading the keys of the container registry is not allowed: no" in builder.seen[-1]
    assert builder.azure.calls.like("POST", PACKAGES) == []
    builder.azure.settings(admin_user=False)
    build(builder, code=6)
    assert "has no admin user, so no image in it can be found" in builder.seen[-1]
    assert builder.azure.calls.like("POST", PACKAGES) == []
    builder.azure.settings(admin_user=True)
    builder.azure.faults.answer(404, method="HEAD", path=r"azurecr\.io/v2/", skip=1)
    assert "@sha256:" in build(builder)
    assert len(builder.azure.calls.like("POST", PACKAGES)) == 1
