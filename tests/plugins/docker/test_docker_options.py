"""Options of an image: usual values are accepted, and no other text reaches an engine, pip or a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.plugins.docker.docker_kit import a_package, a_request, digest_of

from lading import ImageRequest, ManifestError, Problem, Sources
from lading.manifest import parse
from lading.manifest.bind import bind_draft
from lading_docker.options import DockerOptions
from lading_docker.recipe import minor, recipe
from lading_docker.sources import EXPOSITION, PARSER, installs


def problem_of(field: str, value: object) -> Problem | None:
    """The only problem of an image block with this value. None if the block is accepted."""
    text = f"version: 1\nname: price\ntrain: {{}}\nimage: {json.dumps({field: value})}\n"
    try:
        bind_draft(parse(Path("lading.yaml"), text.encode(), {}), {("image",): DockerOptions})
    except ManifestError as error:
        (problem,) = error.problems
        return problem
    return None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", "ubuntu"),
        ("base", "python:3.11-slim-bookworm"),
        ("base", "localhost:5000/python"),
        ("base", "r.example/a/b__c/d-e.f:V1_2"),
        ("base", f"python:3.11@sha256:{'ab' * 32}"),
        ("platform", "linux/amd64"),
        ("platform", "linux/arm/v7"),
        ("repository", "price"),
        ("repository", "r.example:443/team/price"),
        ("index_url", "https://pypi.example/simple"),
        ("index_url", "http://127.0.0.1:3141/root/+simple/"),
        ("index_url", "file:///srv/simple"),
        ("index_url", "https://pypi.example/@team/simple"),
        ("extra_index_urls", ["https://a.example", "https://b.example/c"]),
        ("trusted_hosts", ["pypi.example", "127.0.0.1:3141", "a"]),
        ("credentials", {"username": "ROBOT_1", "password": "_TOKEN"}),
    ],
)
def test_a_usual_value_is_accepted(field: str, value: object) -> None:
    assert problem_of(field, value) is None


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("base", "Python", "image.base"),
        ("base", "python:", "image.base"),
        ("base", "python:3.11 AS x", "image.base"),
        ("base", "-python", "image.base"),
        ("base", "python@sha256:abc", "image.base"),
        ("base", f"python@sha512:{'ab' * 32}", "image.base"),
        ("base", "a//b", "image.base"),
        ("base", "python\nRUN id", "image.base"),
        ("base", "", "image.base"),
        ("platform", "linux", "image.platform"),
        ("platform", "Linux/amd64", "image.platform"),
        ("platform", "linux/amd64/v2/x", "image.platform"),
        ("repository", "price:1", "image.repository"),
        ("repository", "https://r.example/price", "image.repository"),
        ("repository", "r.example:port/price", "image.repository"),
        ("index_url", "pypi.example/simple", "image.index_url"),
        ("index_url", "ftp://pypi.example", "image.index_url"),
        ("index_url", "https://pypi.example/a b", "image.index_url"),
        ("extra_index_urls", ["https://a.example", "b"], "image.extra_index_urls.1"),
        ("trusted_hosts", ["--proxy=x"], "image.trusted_hosts.0"),
        ("trusted_hosts", ["a.example/b"], "image.trusted_hosts.0"),
        ("credentials", {"username": "robot$ci", "password": "T"}, "image.credentials.username"),
        ("credentials", {"username": "ROBOT"}, "image.credentials.password"),
        ("wheels", "nowhere", "image.wheels"),
        ("pull", True, "image.pull"),
    ],
)
def test_an_invalid_value_is_refused_at_its_position(field: str, value: object, path: str) -> None:
    problem = problem_of(field, value)
    assert problem is not None
    assert (problem.path, problem.line) == (path, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index_url", "https://ann:s3cr3t@pypi.example/simple"),
        ("index_url", "https://s3cr3t@pypi.example/simple"),
        ("index_url", "HTTPS://ann:s3cr3t@pypi.example"),
        ("extra_index_urls", ["https://a.example", "http://ann:s3cr3t@b.example"]),
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(field: str, value: object) -> None:
    problem = problem_of(field, value)
    assert problem is not None
    assert "s3cr3t" not in problem.message


def test_a_file_in_place_of_a_folder_of_wheels_is_named(tmp_path: Path) -> None:
    file = tmp_path / "wheels.zip"
    file.touch()
    with pytest.raises(ValueError, match=r"^wheels: not a folder: .*wheels\.zip$"):
        DockerOptions(wheels=file)


@pytest.mark.parametrize(
    ("machine", "platform"),
    [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("riscv64", "linux/riscv64"), ("s390x", "linux/s390x")],
)
def test_without_a_platform_an_image_is_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, platform: str
) -> None:
    monkeypatch.setattr("lading_docker.sources.machine", lambda: machine)
    found = installs(None, Sources(), own_base=False)
    assert (found.platform, found.adds) == (platform, (PARSER,))
    assert installs("linux/arm/v7", Sources(), own_base=False).platform == "linux/arm/v7"


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, []),
        ({"index_url": "https://a.example"}, ["--index-url=https://a.example"]),
        (
            {"extra_index_urls": ("https://b.example", "https://c.example"), "trusted_hosts": ("b.example",)},
            [
                "--extra-index-url=https://b.example",
                "--extra-index-url=https://c.example",
                "--trusted-host=b.example",
            ],
        ),
        (
            {"index_url": "https://a.example", "trusted_hosts": ("a.example",), "wheels": True},
            ["--trusted-host=a.example", "--index-url=https://a.example", "--find-links=/install/wheels"],
        ),
        (
            {"extra_index_urls": ("https://b.example",), "wheels": True},
            ["--extra-index-url=https://b.example", "--find-links=/install/wheels"],
        ),
        ({"wheels": True}, ["--find-links=/install/wheels", "--no-index"]),
    ],
)
def test_pip_in_the_image_uses_the_sources_in_the_options(
    tmp_path: Path, options: dict[str, object], arguments: list[str]
) -> None:
    if "wheels" in options:
        options = {**options, "wheels": tmp_path}
    made = recipe(a_request(tmp_path), DockerOptions(**options))  # type: ignore[arg-type]
    assert json.loads(bytes(made.files["install/install.json"])) == {
        "python": "3.11",
        "arguments": arguments,
        "target": "/opt/lading/packages",
    }


def test_only_the_wheels_of_a_folder_are_files_of_the_build(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in ("a-1-py3-none-any.whl", "a-1.tar.gz", "notes.txt"):
        (wheels / name).write_text(name, encoding="utf-8")
    request = a_request(tmp_path, wheels=wheels)
    first = digest_of(request)
    made = recipe(request, DockerOptions(wheels=wheels))
    assert [name for name in made.files if "wheels" in name] == ["install/wheels/a-1-py3-none-any.whl"]
    (wheels / "notes.txt").write_text("other", encoding="utf-8")
    assert digest_of(request) == first
    (wheels / "a-1-py3-none-any.whl").write_text("other", encoding="utf-8")
    assert digest_of(request) != first


@pytest.mark.parametrize(
    ("pins", "lines"),
    [
        (("click==8.1.0",), ["click==8.1.0", PARSER, EXPOSITION]),
        (("httptools==0.6.4", "click==8.1.0"), ["httptools==0.6.4", "click==8.1.0", EXPOSITION]),
        (("HTTPTools==0.6.4", "prometheus_client==0.21.0"), ["HTTPTools==0.6.4", "prometheus_client==0.21.0"]),
    ],
)
def test_the_requirements_of_the_server_are_added_if_the_package_has_none_of_them(
    tmp_path: Path, pins: tuple[str, ...], lines: list[str]
) -> None:
    package = a_package(tmp_path, *pins)
    request = ImageRequest(package=package, options=DockerOptions(), service="price", tags={})
    text = recipe(request, DockerOptions()).files["install/requirements.txt"]
    assert bytes(text).decode().splitlines() == lines


def test_the_build_arguments_describe_the_package_and_the_model(tmp_path: Path) -> None:
    request = a_request(tmp_path)
    made = recipe(request, DockerOptions())
    assert made.arguments == {
        "BASE": "python:3.11-slim",
        "SCRIPT": "azureml-app/score.py",
        "MODEL": "/var/lading/azureml-models/rate/3",
        "LADING_INPUTS": made.digest,
        "LADING_SERVICE": "price",
        "LADING_PACKAGE": "dd",
        "LADING_MODEL": "aa",
        "LADING_MODEL_NAME": "rate",
        "LADING_MODEL_VERSION": "3",
        "ORG_OPENCONTAINERS_IMAGE_TITLE": "price",
        "ORG_OPENCONTAINERS_IMAGE_VERSION": "3",
        "ORG_OPENCONTAINERS_IMAGE_REVISION": "dd",
    }
    assert made.files["home/lading.inputs"] == made.digest.encode()


@pytest.mark.parametrize(("python", "expected"), [("3.11.7", "3.11"), ("3.11", "3.11"), ("3.13.0rc1", "3.13")])
def test_the_base_has_the_minor_version_of_the_package(python: str, expected: str) -> None:
    assert minor(python) == expected
