"""The steps of building an image: requested once, followed, found, and requested again if it failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import SHA, a_version
from tests.plugins.azureml.memory_kit import MemoryWorkspace, context_of

from lading import (
    BadInput,
    Environment,
    Image,
    ImageRequest,
    Package,
    Pending,
    StageFailed,
    Transient,
)
from lading_azureml.image_maker import lading_describe, lading_image
from lading_azureml.options import BaseImageRegistry, ImageOptions
from lading_azureml.port import BuiltImage, Operation, RegisteredModel


def an_image_request(folder: Path, service: str = "price", **options: Any) -> ImageRequest[ImageOptions]:
    package = Package(
        digest="dd",
        folder=folder / "package",
        scoring_script="score.py",
        model=a_version(folder / "5f"),
        python="3.11",
        requirements=("scikit-learn==1.7.2",),
    )
    return ImageRequest(package=package, options=ImageOptions(**options), service=service, tags={})


BUILT = BuiltImage("salary9.azurecr.io", "price", "sha256:1d")


def test_the_image_maker_describes_itself() -> None:
    found = lading_describe()
    assert (found.options, found.connection) == (ImageOptions, "azureml")


def test_an_existing_image_is_not_built(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(image=BUILT)
    context = context_of(tmp_path, workspace)
    assert lading_image(request=an_image_request(tmp_path), context=context) == Image(
        reference="salary9.azurecr.io/price@sha256:1d",
        digest="sha256:1d",
        platform="linux/amd64",
        registry="salary9.azurecr.io",
    )
    assert [asked[0] for asked in workspace.asked] == ["find"]
    assert context.intents == []


def test_a_build_is_requested_once_and_then_followed(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(
        registered=RegisteredModel("rate", 7, SHA),
        operations=[
            Operation("NotStarted", "", {}),
            Operation("Running", "", {}, log_url="https://x.example/log"),
            Operation("Succeeded", "", {}),
        ],
        build_lines=["step 1", "", "step 2"],
    )
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    first = lading_image(request=request, context=context)
    (_, repository, label), (_, image, *named) = workspace.asked
    assert first == Pending(phase="building the image", detail=f"price:{label}", retry_after=0.5)
    assert named == [repository, label]
    assert (image.name, image.script, image.models[0].id) == ("price", "score.py", "rate:7")
    assert context.intents == [f"image/price:{label}"]
    assert lading_image(request=request, context=context) == Pending(
        phase="building the image", detail="", retry_after=5.0
    )
    assert lading_image(request=request, context=context) == Pending(
        phase="building the image", detail="step 2", retry_after=5.0
    )
    workspace.image = BUILT
    assert lading_image(request=request, context=context) == Image(
        reference=BUILT.reference, digest=BUILT.digest, platform="linux/amd64", registry=BUILT.registry
    )
    assert len(context.intents) == 1
    assert list(context.work.iterdir()) == []


def test_a_failed_build_shows_the_end_of_its_log_and_is_requested_again(tmp_path: Path) -> None:
    failed = Operation("Failed", "", {"message": "no space"}, log_url="https://x.example/log")
    workspace = MemoryWorkspace(
        registered=RegisteredModel("rate", 7, SHA),
        operations=[failed],
        build_lines=[f"line {number}" for number in range(40)],
    )
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    with pytest.raises(StageFailed) as caught:
        lading_image(request=request, context=context)
    first, *lines = caught.value.message.splitlines()
    assert first == "building the image failed: no space"
    assert lines == [f"line {number}" for number in range(10, 40)]
    assert caught.value.log == workspace.build_lines
    assert isinstance(lading_image(request=request, context=context), Pending)
    assert [asked[0] for asked in workspace.asked].count("build") == 2


def test_an_unreadable_log_does_not_stop_a_build(tmp_path: Path) -> None:
    running = Operation("Running", "", {}, log_url="https://x.example/log")
    workspace = MemoryWorkspace(
        registered=RegisteredModel("rate", 7, SHA), operations=[running], build_lines=Transient("no answer")
    )
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    assert lading_image(request=request, context=context) == Pending(
        phase="building the image", detail="", retry_after=5.0
    )


@pytest.mark.parametrize(("error", "followed"), [(StageFailed("it is gone"), False), (Transient("later"), True)])
def test_an_operation_is_forgotten_only_if_it_cannot_be_followed(
    tmp_path: Path, error: Exception, followed: bool
) -> None:
    workspace = MemoryWorkspace(registered=RegisteredModel("rate", 7, SHA), operations=[error])
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    with pytest.raises(type(error)):
        lading_image(request=request, context=context)
    assert bool(list(context.work.iterdir())) is followed


def test_a_built_image_may_become_visible_later(tmp_path: Path) -> None:
    done = Operation("Succeeded", "", {})
    workspace = MemoryWorkspace(registered=RegisteredModel("rate", 7, SHA), operations=[done] * 9)
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    waiting = Pending(phase="waiting for the container registry", detail="", retry_after=5.0)
    assert lading_image(request=request, context=context) == waiting
    workspace.image = BUILT
    assert isinstance(lading_image(request=request, context=context), Image)
    assert [asked[0] for asked in workspace.asked].count("build") == 1


def test_a_built_image_that_no_registry_shows_is_explained_and_built_once_per_command(tmp_path: Path) -> None:
    done = Operation("Succeeded", "", {})
    workspace = MemoryWorkspace(registered=RegisteredModel("rate", 7, SHA), operations=[done] * 99)
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    for _ in range(6):
        assert isinstance(lading_image(request=request, context=context), Pending)
    with pytest.raises(StageFailed, match="but the workspace's container registry does not show it") as caught:
        lading_image(request=request, context=context)
    assert "az acr" in str(caught.value.hint)
    assert [asked[0] for asked in workspace.asked].count("build") == 1
    assert list(context.work.iterdir()) == []


def test_a_build_that_azure_has_forgotten_is_looked_for_in_the_registry(tmp_path: Path) -> None:
    workspace = MemoryWorkspace(registered=RegisteredModel("rate", 7, SHA), operations=[None])
    context, request = context_of(tmp_path, workspace), an_image_request(tmp_path)
    lading_image(request=request, context=context)
    workspace.image = BUILT
    assert isinstance(lading_image(request=request, context=context), Image)
    workspace.image, workspace.operations = None, [None]
    lading_image(request=request, context=context)
    lading_image(request=request, context=context)
    assert [asked[0] for asked in workspace.asked].count("build") == 3


@pytest.mark.parametrize("service", ["Price", "price_", "-price", "größe"])
def test_a_name_that_no_registry_accepts_needs_a_repository(tmp_path: Path, service: str) -> None:
    with pytest.raises(BadInput) as caught:
        lading_image(request=an_image_request(tmp_path, service), context=context_of(tmp_path, MemoryWorkspace()))
    assert caught.value.message == f"'{service}' cannot be the name of an image"
    workspace = MemoryWorkspace(image=BUILT)
    request = an_image_request(tmp_path, service, repository="team/price")
    lading_image(request=request, context=context_of(tmp_path, workspace))
    assert workspace.asked[0][1] == "team/price"


def label_of(folder: Path, request: ImageRequest[ImageOptions]) -> str:
    workspace = MemoryWorkspace(image=BUILT)
    lading_image(request=request, context=context_of(folder, workspace))
    return str(workspace.asked[0][2])


def test_a_label_depends_only_on_the_inputs_of_the_build(tmp_path: Path) -> None:
    request = an_image_request(tmp_path)
    first = label_of(tmp_path, request)
    assert len(first) == 32
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM ubuntu\n", encoding="utf-8")
    other = replace(request, package=replace(request.package, digest="ee"))
    changed = [
        label_of(tmp_path, other),
        label_of(tmp_path, an_image_request(tmp_path, "other")),
        label_of(tmp_path, an_image_request(tmp_path, base_image="ubuntu")),
        label_of(tmp_path, an_image_request(tmp_path, dockerfile=dockerfile)),
        label_of(tmp_path, replace(request, environment=Environment(requirements=(), added="azureml-defaults==1.60"))),
    ]
    registry = BaseImageRegistry(address="a.io", username="U", password="P")
    changed.insert(0, label_of(tmp_path, an_image_request(tmp_path, base_image="b", base_image_registry=registry)))
    assert len({first, *changed}) == 7
    newer = replace(request, environment=Environment(requirements=(), added="azureml-defaults==1.61"))
    assert label_of(tmp_path, newer) == changed[-1]
    assert label_of(tmp_path, replace(request, tags={"a": "b"}, push=True)) == first
