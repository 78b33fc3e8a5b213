"""From a package to an image: the requests to the engine, the journal, and the steps that the next command skips."""

from __future__ import annotations

import io
import json
import tarfile
from base64 import urlsafe_b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hook_kit import MemoryContext
from tests.plugins.docker.docker_kit import REGISTRY, SHA, a_request, digest_of, has_image, lacks, stream
from tests.plugins.wire import Wire

from lading import BadInput, Image, StageFailed, Transient
from lading_docker import lading_describe, lading_image
from lading_docker.options import Credentials, DockerOptions
from lading_docker.pushes import keep, pushed
from lading_docker.recipe import recipe

BASE = "python:3.11-slim"
PUSHED = {"status": f"latest: digest: {SHA} size: 1570"}


def test_the_plugin_describes_itself() -> None:
    found = lading_describe()
    assert found.options is DockerOptions
    assert found.libraries == ("lading",)
    assert found.connection is None


def test_an_existing_image_is_not_built_or_pushed(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request = a_request(tmp_path)
    digest = digest_of(request)
    has_image(wire, f"lading/price:{digest[:20]}", digest)
    image = lading_image(request=request, context=context)
    name = f"lading/price:{digest[:20]}"
    assert image == Image(reference="sha256:1d", digest="sha256:1d", platform="linux/amd64", extra={"name": name})
    assert wire.lines == ["GET /version", f"GET /v1.41/images/lading/price:{digest[:20]}/json"]
    assert context.intents == []


def test_a_missing_image_is_journaled_and_built_from_its_base(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request = a_request(tmp_path)
    digest = digest_of(request)
    name = f"lading/price:{digest[:20]}"
    lacks(wire, name)
    has_image(wire, name, digest)
    lacks(wire, BASE)
    stream(wire, "/images/create", {"status": "Pulling from library/python", "id": "3.11-slim"})
    stream(wire, "/build", {"stream": "Step 1/9 : ARG BASE\n"}, {"stream": " ---> 5f\n"})
    assert lading_image(request=request, context=context).digest == "sha256:1d"
    assert wire.lines == [
        "GET /version",
        f"GET /v1.41/images/{name}/json",
        f"GET /v1.41/images/{BASE}/json",
        "POST /v1.41/images/create",
        "POST /v1.41/build",
        f"GET /v1.41/images/{name}/json",
    ]
    assert context.intents == [f"image/{name}"]
    assert context.shown == [
        ("pulling", "3.11-slim Pulling from library/python"),
        ("building", "Step 1/9 : ARG BASE"),
    ]
    assert list(context.work.iterdir()) == []


def test_the_engine_receives_the_files_and_arguments_of_the_recipe(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request = a_request(tmp_path, platform="linux/arm64")
    digest = digest_of(request)
    lacks(wire, f"lading/price:{digest[:20]}")
    has_image(wire, f"lading/price:{digest[:20]}", digest)
    has_image(wire, BASE, architecture="arm64")
    stream(wire, "/build")
    lading_image(request=request, context=context)
    (asked,) = wire.like("POST", "/build")
    assert asked.query["t"] == f"lading/price:{digest[:20]}"
    assert asked.query["platform"] == "linux/arm64"
    assert json.loads(asked.query["buildargs"]) == recipe(request, DockerOptions(platform="linux/arm64")).arguments
    with tarfile.open(fileobj=io.BytesIO(asked.body)) as tar:
        names = {member.name for member in tar if member.isfile()}
        inputs = tar.extractfile("home/lading.inputs")
        assert inputs is not None
        assert inputs.read() == digest.encode()
    assert {"Dockerfile", "install/requirements.txt", "home/azureml-app/score.py"} <= names


def test_an_image_with_this_name_but_other_inputs_is_built_again(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request = a_request(tmp_path)
    digest = digest_of(request)
    name = f"lading/price:{digest[:20]}"
    has_image(wire, name, "0" * 64, "sha256:01d")
    has_image(wire, name, digest, "sha256:2e")
    has_image(wire, BASE)
    stream(wire, "/build")
    assert lading_image(request=request, context=context).reference == "sha256:2e"


def test_a_build_without_a_resulting_image_is_a_failure(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request = a_request(tmp_path)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    has_image(wire, BASE)
    stream(wire, "/build")
    with pytest.raises(
        Transient, match=r"^building the image: the engine ended it early; it does not have lading/price:"
    ):
        lading_image(request=request, context=context)


def test_a_failed_build_shows_its_last_lines(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request = a_request(tmp_path)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    has_image(wire, BASE)
    said = [{"stream": f"line {number}\n"} for number in range(30)]
    stream(wire, "/build", *said, {"error": "returned a non-zero code: 1"})
    with pytest.raises(StageFailed) as caught:
        lading_image(request=request, context=context)
    first, *rest = caught.value.message.splitlines()
    assert first == "building the image: returned a non-zero code: 1"
    assert rest == [f"line {number}" for number in range(10, 30)]
    assert caught.value.log == (*(f"line {number}" for number in range(30)), first)
    assert len(context.shown) == 30


NO_PYTHON = [
    'OCI runtime create failed: unable to start container process: exec: "python3": executable file not found in $PATH',
    "crun: executable file `python3` not found in $PATH: No such file or directory: OCI runtime attempted to invoke",
]
NO_NETWORK = "NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution"


@pytest.mark.parametrize(
    ("said", "networks", "first"),
    [
        (NO_PYTHON[0], ["bridge"], f"the base image {BASE} has no python3"),
        (NO_PYTHON[1], ["podman"], f"the base image {BASE} has no python3"),
        (NO_NETWORK, ["bridge", "host"], "the build cannot reach the package index"),
        (NO_NETWORK, ["podman"], "the build cannot reach the package index"),
        (NO_NETWORK, ["host"], "the engine gives a build no network: it was started with --bridge=none"),
        ("the disk is slow", ["bridge"], "building the image: the command returned a non-zero code: 1"),
    ],
)
def test_a_failed_build_names_its_cause(
    wire: Wire, context: MemoryContext, tmp_path: Path, said: str, networks: list[str], first: str
) -> None:
    request = a_request(tmp_path)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    has_image(wire, BASE)
    wire.answer("GET", "/networks", [{"Name": name} for name in networks])
    stream(wire, "/build", {"stream": f"{said}\n"}, {"error": "the command returned a non-zero code: 1"})
    with pytest.raises(StageFailed) as caught:
        lading_image(request=request, context=context)
    assert caught.value.message.splitlines()[0] == first
    assert said in caught.value.message


@pytest.mark.parametrize(("options", "wanted"), [({}, "linux/amd64"), ({"platform": "linux/riscv64"}, "linux/riscv64")])
def test_the_platform_of_a_local_base_is_compared_before_the_build(
    wire: Wire, context: MemoryContext, tmp_path: Path, options: dict[str, Any], wanted: str
) -> None:
    request = a_request(tmp_path, **options)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    has_image(wire, BASE, architecture="arm64")
    with pytest.raises(BadInput) as caught:
        lading_image(request=request, context=context)
    assert (
        caught.value.message == f"the base image {BASE} on the engine is for linux/arm64, and the image is for {wanted}"
    )
    assert caught.value.option == "base"
    assert wire.like("POST", "/build") == []


def test_a_registry_that_refuses_the_base_stops_the_command_before_the_build(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request = a_request(tmp_path)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    lacks(wire, BASE)
    stream(wire, "/images/create", {"error": "toomanyrequests: wait"})
    with pytest.raises(Transient, match=r"^pulling python:3.11-slim: toomanyrequests: wait$"):
        lading_image(request=request, context=context)
    assert wire.like("POST", "/build") == []


def test_a_build_stops_when_the_user_cancels(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request = a_request(tmp_path)
    lacks(wire, f"lading/price:{digest_of(request)[:20]}")
    has_image(wire, BASE)
    stream(wire, "/build", *({"stream": f"line {number}\n"} for number in range(9)))
    context.cancel_after = 2
    with pytest.raises(Transient):
        lading_image(request=request, context=context)
    assert context.shown == [("building", "line 0"), ("building", "line 1")]


def ready_to_push(wire: Wire, folder: Path, **options: Any) -> tuple[Any, str]:
    """A request whose image exists in the engine, and the image's name."""
    request = a_request(folder, repository=REGISTRY, **options)
    digest = digest_of(request)
    has_image(wire, f"{REGISTRY}:{digest[:20]}", digest)
    return request, f"{REGISTRY}:{digest[:20]}"


def test_a_pushed_image_has_the_digest_of_its_registry(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request, name = ready_to_push(wire, tmp_path)
    stream(wire, "/push", {"status": "Preparing", "id": "5f"}, PUSHED)
    assert lading_image(request=request, context=context) == Image(
        reference=f"{REGISTRY}@{SHA}", digest=SHA, platform="linux/amd64", registry="registry.example:5000"
    )
    assert wire.lines[-1] == f"POST /v1.41/images/{REGISTRY}/push"
    assert wire.sent[-1].query == {"tag": name.rpartition(":")[2]}
    assert context.intents == [f"push/{name}"]


def test_the_next_command_does_not_push_the_same_image_again(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request, _ = ready_to_push(wire, tmp_path)
    stream(wire, "/push", PUSHED)
    wire.answer("GET", f"/distribution/{REGISTRY}%40{SHA}/json", {"Descriptor": {"digest": SHA}})
    first = lading_image(request=request, context=context)
    again = MemoryContext(context.work)
    assert lading_image(request=request, context=again) == first
    assert len(wire.like("POST", "/push")) == 1
    assert len(wire.like("GET", "/json")) == 3, "the image is found twice, and the registry is asked once"
    assert again.intents == []


@pytest.mark.parametrize("status", [401, 404, 500])
def test_an_image_that_the_registry_does_not_show_is_pushed_again(
    wire: Wire, context: MemoryContext, tmp_path: Path, status: int
) -> None:
    request, name = ready_to_push(wire, tmp_path)
    stream(wire, "/push", PUSHED)
    wire.answer("GET", f"/distribution/{REGISTRY}%40{SHA}/json", {"message": "manifest unknown"}, status)
    first = lading_image(request=request, context=context)
    again = MemoryContext(context.work)
    assert lading_image(request=request, context=again) == first
    assert again.intents == [f"push/{name}"]
    assert len(wire.like("POST", "/push")) == 2


def test_a_forced_image_is_built_without_a_cache_and_pushed_again(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request, name = ready_to_push(wire, tmp_path)
    stream(wire, "/push", PUSHED)
    has_image(wire, BASE)
    stream(wire, "/build")
    lading_image(request=request, context=context)
    assert wire.like("POST", "/build") == []
    again = MemoryContext(context.work)
    lading_image(request=replace(request, force=True), context=again)
    assert again.intents == [f"image/{name}", f"push/{name}"]
    assert wire.like("POST", "/build")[0].query["nocache"] == "True"
    assert wire.like("GET", f"%40{SHA}/json") == []


def test_an_image_with_push_false_is_not_pushed(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request = a_request(tmp_path, push=False, repository=REGISTRY)
    digest = digest_of(request)
    has_image(wire, f"{REGISTRY}:{digest[:20]}", digest)
    assert lading_image(request=request, context=context).registry == ""
    assert wire.like("POST", "/push") == []


def test_a_push_without_a_repository_is_refused_before_the_engine_is_used(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as caught:
        lading_image(request=a_request(tmp_path, push=True), context=context)
    assert caught.value.hint == "add `repository:` under image"
    assert wire.sent == []


def test_a_push_signs_in_with_the_named_variables(wire: Wire, context: MemoryContext, tmp_path: Path) -> None:
    request, name = ready_to_push(wire, tmp_path, credentials=Credentials(username="ROBOT", password="TOKEN"))
    context.variables |= {"ROBOT": "robot$ci", "TOKEN": "s3cr3t"}
    stream(wire, "/push", PUSHED)
    lading_image(request=request, context=context)
    header = wire.sent[-1].headers["x-registry-auth"].removeprefix("b'").removesuffix("'")
    assert json.loads(urlsafe_b64decode(header)) == {"username": "robot$ci", "password": "s3cr3t"}
    assert (context.intents, context.secrets) == ([f"push/{name}"], ["ROBOT", "TOKEN"])


def test_an_unset_variable_stops_the_command_before_the_push(
    wire: Wire, context: MemoryContext, tmp_path: Path
) -> None:
    request, _ = ready_to_push(wire, tmp_path, credentials=Credentials(username="ROBOT", password="TOKEN"))
    context.variables["ROBOT"] = "robot"
    with pytest.raises(BadInput, match="TOKEN is not set"):
        lading_image(request=request, context=context)
    assert wire.like("POST", "/push") == []


@pytest.mark.parametrize("said", ["Pushed", "digest: sha256:short size: 1", f"digest: sha512:{'5' * 64}"])
def test_a_push_without_a_digest_is_a_failure_and_is_not_recorded(
    wire: Wire, context: MemoryContext, tmp_path: Path, said: str
) -> None:
    request, name = ready_to_push(wire, tmp_path)
    stream(wire, "/push", {"status": said})
    with pytest.raises(Transient) as caught:
        lading_image(request=request, context=context)
    assert caught.value.message == f"pushing {name}: the engine ended it before it reported a digest"
    assert list(context.work.iterdir()) == []


def test_only_the_last_push_is_recorded(tmp_path: Path) -> None:
    keep(tmp_path, "sha256:1", "r.example/a:1", SHA)
    assert pushed(tmp_path, "sha256:1", "r.example/a:1") == SHA
    assert pushed(tmp_path, "sha256:2", "r.example/a:1") is None
    assert pushed(tmp_path, "sha256:1", "r.example/b:1") is None
    keep(tmp_path, "sha256:2", "r.example/b:1", "sha256:2d")
    assert pushed(tmp_path, "sha256:1", "r.example/a:1") is None
    assert [file.name for file in tmp_path.iterdir()] == ["pushed.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"{}", b"[]", b"7", b"null", b"[" * 99999])
def test_after_a_damaged_record_the_image_is_pushed_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pushed.json").write_bytes(content)
    assert pushed(tmp_path, "sha256:1", "r.example/a:1") is None
