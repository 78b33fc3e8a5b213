"""The packages of an image are resolved before the engine is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import Shell

from lading.model import Installs
from lading_docker.options import DockerOptions
from lading_docker.sources import PARSER

ON = ("--target", "container")
REFUSED = (("plan", *ON), ("deploy", *ON), ("image", "build"))


@pytest.fixture
def imaged(salary: Shell) -> Path:
    """The salary manifest with an image from wheels, without an engine."""
    (salary.folder / "manifests" / "wheels").mkdir()
    manifest = salary.folder / "manifests" / "salary.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("target: local", "image: {wheels: wheels}\n\ntarget: local"), encoding="utf-8")
    salary.env["DOCKER_HOST"] = f"unix://{salary.folder}/absent.sock"
    return manifest


@pytest.mark.slow
def test_a_conflict_is_reported_at_its_line_before_the_engine_is_used(salary: Shell, imaged: Path) -> None:
    for argv in (("image", "build", imaged), ("deploy", imaged, *ON), ("plan", imaged, *ON)):
        done = salary(*argv, code=2)
        assert "salary.yaml:21:25: package.environment.conda.0: the environment for " in done.err
        assert "the package index has no such version" in done.err
        assert "resolving · for Python" in done.err
    assert salary("history", imaged, "--json").json() == []


@pytest.mark.slow
def test_an_address_that_the_image_cannot_install_is_refused_at_its_line(salary: Shell, imaged: Path) -> None:
    text = imaged.read_text(encoding="utf-8")
    commit = "0123456789abcdef0123456789abcdef01234567"
    for address, base, reason in (
        (f"git+https://a.example/t@{commit}#egg=thing", "", "git is not there; name a `base` image that has git"),
        (f"thing @ git+file:///srv/t@{commit}", "base: x, ", "a git repository of this machine is not there; build a"),
    ):
        changed = text.replace("{conda: [scikit-learn]}", f"{{conda: [scikit-learn], pip: ['{address}']}}")
        assert changed != text
        imaged.write_text(changed.replace("image: {", f"image: {{{base}"), encoding="utf-8")
        message = f"package.environment.pip.0: docker cannot install thing: {reason}"
        for argv in REFUSED:
            done = salary(*argv, imaged, code=2)
            assert message in done.err.replace("\n  ", "; ")
            assert "train: done" not in done.err
        salary("package", imaged)
        for argv in REFUSED:
            assert message in salary(*argv, imaged, code=2).err.replace("\n  ", "; ")


@pytest.mark.slow
def test_a_deploy_to_local_resolves_nothing(salary: Shell, imaged: Path) -> None:
    assert "resolving" not in salary("deploy", imaged).err


def test_the_image_installs_its_parser_from_the_sources_of_its_block(tmp_path: Path) -> None:
    options = DockerOptions(platform="linux/arm64", wheels=tmp_path, index_url="https://mirror.example/simple")
    installs = options.installs
    assert isinstance(installs, Installs)
    assert (installs.platform, installs.adds) == ("linux/arm64", (PARSER,))
    assert (installs.sources.wheels, installs.sources.index_url) == (tmp_path, "https://mirror.example/simple")
    assert not installs.sources.no_index
    assert DockerOptions(wheels=tmp_path).installs.sources.no_index
