"""A pin that no package index has ends a plan, and a deploy before its training, if a target installs it."""

from __future__ import annotations

import pytest
from tests.conftest import Shell

MANIFEST = """\
version: 1
name: svc
train: {data: train.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
package:
  environment:
    pip: [scikit-learn, requets==2.31.0]
image: {wheels: wheels}
target: container
targets: {container: {port: 0}}
"""

LOCAL = "target: local\ntargets: {local: {python: isolated}}"


@pytest.fixture
def site(shell: Shell) -> Shell:
    (shell.folder / "wheels").mkdir()
    shell.write("train.csv", "x,y\n1,2\n2,4\n3,6\n")
    shell.write("lading.yaml", MANIFEST)
    return shell


def assert_refused(text: str, block: str) -> None:
    assert f"lading.yaml:6:25: package.environment.pip.1: the environment for {block} cannot be installed" in text
    assert "requets==2.31.0 cannot be installed: the package index has no such version" in text
    assert "`pip index versions requets` lists the versions that exist" in text
    assert "train: started" not in text


def test_a_pin_that_does_not_exist_is_reported_before_the_training(site: Shell) -> None:
    assert_refused(site("deploy", code=2).err, "docker")


def test_a_plan_reports_it_at_the_line_of_a_requirements_file(site: Shell) -> None:
    site.write("pins.txt", "# the pins\nscikit-learn\nrequets==2.31.0\n")
    site.write("lading.yaml", MANIFEST.replace("pip: [scikit-learn, requets==2.31.0]", "requirements: pins.txt"))
    failed = site("plan", code=2).err
    assert "lading.yaml:6:19: package.environment.requirements: pins.txt:3: the environment for docker" in failed


@pytest.fixture
def isolated(site: Shell) -> Shell:
    """A project for a virtual environment of this machine, whose package index is an empty folder."""
    index = (site.folder / "wheels").as_uri()
    site.env |= {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index}
    site.write("lading.yaml", MANIFEST.replace("target: container\ntargets: {container: {port: 0}}", LOCAL))
    return site


def test_a_pin_of_an_isolated_python_is_asked_for_too(isolated: Shell) -> None:
    assert_refused(isolated("plan", code=2).err, "local")


@pytest.mark.slow
def test_the_running_python_is_asked_for_nothing(isolated: Shell) -> None:
    manifest = isolated.folder / "lading.yaml"
    manifest.write_text(manifest.read_text().replace("isolated", "current"))
    assert "train: done" in isolated("deploy", code=None).err
    isolated("delete", code=None)


def test_it_is_not_asked_for_if_no_target_installs_it(site: Shell) -> None:
    site("train")


def test_only_pins_that_this_python_lacks_are_asked_for_here(isolated: Shell) -> None:
    """The empty index does not have scikit-learn either."""
    isolated.write("lading.yaml", (isolated.folder / "lading.yaml").read_text().replace(", requets==2.31.0", ""))
    assert "resolving" not in isolated("plan").err
