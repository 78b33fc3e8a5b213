"""A pin that no package index has ends a deploy before its training, if a target installs it."""

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


@pytest.fixture
def site(shell: Shell) -> Shell:
    (shell.folder / "wheels").mkdir()
    shell.write("train.csv", "x,y\n1,2\n2,4\n3,6\n")
    shell.write("lading.yaml", MANIFEST)
    return shell


def test_a_pin_that_does_not_exist_is_reported_before_the_training(site: Shell) -> None:
    failed = site("deploy", code=2).err
    assert "lading.yaml:6:25: package.environment.pip.1: requets==2.31.0 cannot be installed" in failed
    assert "train: started" not in failed


def test_it_is_not_asked_for_if_no_target_installs_it(site: Shell) -> None:
    site("train")
