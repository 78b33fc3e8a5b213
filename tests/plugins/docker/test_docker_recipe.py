"""The inputs of an image: no text of a manifest becomes an instruction, and the same inputs give the same bytes."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Shell
from tests.hook_kit import a_version

from lading import ImageRequest, ManifestError, ModelPart, Package
from lading.manifest import parse
from lading.manifest.bind import bind_draft
from lading_docker.archive import write
from lading_docker.failures import failure
from lading_docker.options import DockerOptions
from lading_docker.recipe import DOCKERFILE, Recipe, recipe

HOSTILE = st.one_of(
    st.sampled_from(
        ["a\nRUN id", "$(id)", "${PATH}", "{{ x }}", "../../etc", "-rf", "a b", "`id`", "a' \"b", "#x", "\\"]
    ),
    st.text(min_size=1, max_size=40),
)


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ImageRequest[DockerOptions]:
    folder = tmp_path_factory.mktemp("package")
    (folder / "azureml-app").mkdir()
    (folder / "azureml-app" / "score.py").write_text("def init(): ...")
    file = folder.parent / "model.txt"
    file.write_text("7")
    model = a_version(file, sha256="aa", file_name="model.txt", framework="x", framework_version="1", python="3.11.7")
    package = Package(
        digest="dd",
        folder=folder,
        scoring_script="score.py",
        model=model,
        python="3.11.7",
        requirements=("click==8.1.0",),
    )
    return ImageRequest(
        package=package,
        options=DockerOptions(),
        service="price",
        tags={"lading.service": "price", "lading.package": "dd", "lading.model": "aa"},
    )


def made(request: ImageRequest[DockerOptions], **options: Any) -> Recipe:
    return recipe(request, DockerOptions(**options))


@given(script=HOSTILE, requirement=HOSTILE, host=HOSTILE)
def test_a_malicious_text_is_passed_on_but_never_as_an_instruction(
    request_: ImageRequest[DockerOptions], script: str, requirement: str, host: str
) -> None:
    package = replace(request_.package, scoring_script=script, requirements=(requirement,))
    found = made(replace(request_, package=package), trusted_hosts=(host,))
    assert found.files["Dockerfile"] == DOCKERFILE.encode()
    assert found.arguments["SCRIPT"] == f"azureml-app/{script}"
    said = json.loads(bytes(found.files["install/install.json"]))
    assert f"--trusted-host={host}" in said["arguments"]  # one word that looks like an option
    assert not [name for name in found.files if name.startswith("/") or ".." in name.split("/")]


def test_the_wheels_of_a_package_are_installed_and_not_in_the_final_image(
    request_: ImageRequest[DockerOptions], tmp_path: Path
) -> None:
    file = "thing-1.0-py3-none-any.whl"
    for folder in ("wheels", "others"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(folder)
    package = replace(request_.package, folder=tmp_path, requirements=("a==1", f"thing @ file:wheels/{file}#sha256=00"))
    found = made(replace(request_, package=package), wheels=tmp_path / "others")
    assert (
        f"thing @ file:///install/package/wheels/{file}#sha256=00"
        in bytes(found.files["install/requirements.txt"]).decode().splitlines()
    )
    assert found.files[f"install/package/wheels/{file}"] == tmp_path / "wheels" / file
    assert found.files[f"install/wheels/{file}"] == tmp_path / "others" / file
    assert f"home/wheels/{file}" not in found.files


def test_several_models_lie_side_by_side(request_: ImageRequest[DockerOptions], tmp_path: Path) -> None:
    (tmp_path / "price" / "1").mkdir(parents=True)
    (tmp_path / "price" / "1" / "price.txt").write_text("7")
    parts = (ModelPart(name="price", version=1, file_name="price.txt", sha256="bb"),)
    model = replace(request_.package.model, file=tmp_path, file_name="azureml-models", parts=parts)
    found = made(replace(request_, package=replace(request_.package, model=model)))
    assert [name for name in found.files if "/azureml-models/" in name] == ["home/azureml-models/price/1/price.txt"]
    assert found.arguments["MODEL"] == "/var/lading/azureml-models"


def accepted(field: str, text: str) -> bool:
    block = json.dumps({field: text.replace("$", "$$")}, ensure_ascii=False)
    source = f"version: 1\nname: price\ntrain: {{}}\nimage: {block}\n"
    try:
        bind_draft(parse(Path("lading.yaml"), source.encode("utf-8", "surrogatepass"), {}), {("image",): DockerOptions})
    except ManifestError:
        return False
    return True


@given(text=HOSTILE)
def test_an_accepted_option_contains_nothing_that_an_engine_interprets(text: str) -> None:
    for field in ("base", "repository", "platform"):
        assert not accepted(field, text) or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", text), (field, text)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("base", "python"),
        ("base", "registry.example:5000/team/python:3.11-slim"),
        ("base", f"python@sha256:{'0' * 64}"),
        ("repository", "127.0.0.1:5000/a/b"),
        ("platform", "linux/arm64"),
    ],
)
def test_a_usual_value_is_accepted(field: str, text: str) -> None:
    assert accepted(field, text)


def test_the_dockerfile_has_only_exec_forms() -> None:
    commands = re.findall(r"^(?:RUN|ENTRYPOINT|HEALTHCHECK .*CMD) (.*)$", DOCKERFILE, re.MULTILINE)
    assert len(commands) == 3
    assert all(isinstance(json.loads(command), list) for command in commands)


def test_each_argument_is_declared_in_the_dockerfile_and_each_label_has_one(
    request_: ImageRequest[DockerOptions],
) -> None:
    assert sorted(re.findall(r"^ARG (.*)$", DOCKERFILE, re.MULTILINE)) == sorted(made(request_).arguments)
    (labels,) = re.findall(r"^LABEL (.*)$", DOCKERFILE, re.MULTILINE)
    assert {label.partition("=")[0] for label in labels.split()} >= set(request_.tags)


def archive(files: Mapping[str, bytes | Path]) -> bytes:
    file = io.BytesIO()
    write(files, file)
    return file.getvalue()


def test_the_same_inputs_give_the_same_bytes_with_any_file_times(request_: ImageRequest[DockerOptions]) -> None:
    first = made(request_)
    before = archive(first.files)
    (request_.package.folder / "azureml-app" / "score.py").touch()
    assert (made(request_).digest, archive(made(request_).files)) == (first.digest, before)
    with tarfile.open(fileobj=io.BytesIO(before)) as tar:
        assert {(member.mtime, member.uid) for member in tar} == {(946684800, 0)}
        assert {member.mode for member in tar if member.isfile()} == {0o644}
    names = set(first.files)
    assert {"home/azureml-app/score.py", "home/azureml-models/rate/3/model.txt"} <= names
    assert {"server/lading_serving/alone.py", "install/requirements.txt"} <= names


@pytest.mark.parametrize(
    "options", [{"base": "python:3.11"}, {"platform": "linux/arm64"}, {"index_url": "https://example.com"}]
)
def test_another_input_gives_another_image(request_: ImageRequest[DockerOptions], options: Mapping[str, str]) -> None:
    assert made(request_, **options).digest != made(request_).digest
    assert made(request_).arguments["BASE"] == "python:3.11-slim"


def test_an_address_with_a_password_is_refused_at_its_line_and_not_shown(shell: Shell) -> None:
    shell.write("model.txt", "7")
    shell.write(
        "lading.yaml",
        "version: 1\nname: price\nregister: {file: model.txt}\nimage:\n  index_url: https://me:s3cr3t@example.com/simple\n",
    )
    refused = shell("check", code=2).err
    assert "lading.yaml:5:14: image.index_url: has a user or password in it" in refused
    assert "s3cr3t" not in refused


@pytest.mark.parametrize(
    ("what", "said", "code"),
    [
        ("pulling x", "toomanyrequests: You have reached your pull rate limit", 5),
        ("pulling x", "pull access denied for x", 5),
        ("pushing x", "unauthorized: authentication required", 5),
        ("building the image", "write /x: no space left on device", 5),
        ("building the image", "The command 'python3' returned a non-zero code: 1", 6),
        ("creating the container x", "permission denied", 6),
    ],
)
def test_each_error_of_an_engine_gets_its_class(what: str, said: str, code: int) -> None:
    found = failure(what, said)
    assert (found.exit_code, found.message.startswith(what)) == (code, True)


def test_without_an_engine_a_deploy_shows_the_next_step_and_starts_nothing(shell: Shell) -> None:
    shell.write("model.txt", "7")
    shell.write("score.py", "def init(): ...\ndef run(raw_data): return 1\n")
    shell.write(
        "lading.yaml",
        "version: 1\nname: price\nregister: {file: model.txt}\npackage: {scoring_script: score.py}\n"
        "target: container\ntargets: {container: {}}\n",
    )
    nowhere = {"DOCKER_HOST": f"unix://{shell.folder}/no.sock"}
    done = shell("deploy", code=5, **nowhere)
    assert f"no container engine answers at {nowhere['DOCKER_HOST']}" in done.err
    assert "DOCKER_HOST" in done.err
    assert shell("history", "--json").json() == []


def test_a_model_that_is_a_folder_lies_under_its_own_name(
    request_: ImageRequest[DockerOptions], tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.bin").write_bytes(b"a")
    (tmp_path / "config.json").write_text("{}")
    model = replace(request_.package.model, file=tmp_path, file_name="forest")
    request = replace(request_, package=replace(request_.package, model=model))
    found, home = made(request), "home/azureml-models/rate/3"
    files = {name: path for name, path in found.files.items() if name.startswith(home)}
    assert files == {
        f"{home}/forest/config.json": tmp_path / "config.json",
        f"{home}/forest/parts/a.bin": tmp_path / "parts" / "a.bin",
    }
    assert found.arguments["MODEL"] == "/var/lading/azureml-models/rate/3"
    (tmp_path / "parts" / "a.bin").write_bytes(b"b")
    assert made(request).digest != found.digest


def test_the_server_of_an_image_has_its_page(request_: ImageRequest[DockerOptions]) -> None:
    files = made(request_).files
    assert {"server/lading_serving/page.html", "server/lading_serving/keys.py"} <= files.keys()
