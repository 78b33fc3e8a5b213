"""The models that data scientists have: each goes from its manifest to the right answer on every kind of Python.

The answers are those of scikit-learn, XGBoost and LightGBM themselves, fitted in this process to the same rows.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from container_engine import ContainerEngine
from packaging.utils import parse_wheel_filename
from tests.conftest import Shell
from tests.typical_models import TYPICAL

pytestmark = pytest.mark.slow

TARGETS = """
targets:
  here: {plugin: local, port: 0}
  isolated: {plugin: local, port: 0, python: isolated, service_name: apart}
  container: {service_name: SERVICE}
"""


@pytest.fixture
def site(shell: Shell) -> Shell:
    shell.env["PIP_NO_COMPILE"] = "1"  # else pip compiles every file of SciPy
    return shell


@pytest.mark.parametrize("target", ["here", "isolated", "container"])
@pytest.mark.parametrize("name", TYPICAL)
def test_a_typical_model_answers_rightly(name: str, target: str, site: Shell, request: pytest.FixtureRequest) -> None:
    typical = TYPICAL[name]
    if (name, target) == ("wheel", "here"):
        pytest.skip("the Python of the command would need the wheel")
    expected = typical.prepare(site.folder)
    targets = TARGETS.replace("SERVICE", f"typical-{name}")  # all cases share one engine
    site.write("lading.yaml", typical.manifest + targets)
    if target == "container":
        _use_container(site, request.getfixturevalue("container_engine"))
    site("check")
    site("plan", "--target", target)
    deployed = site("deploy", "--target", target)
    assert "warning" not in deployed.err
    for body, answer in expected:
        found = site("score", "--target", target, "-d", json.dumps(body)).json()
        assert _flat(found) == _flat(answer)


def _use_container(site: Shell, engine: ContainerEngine) -> None:
    """Build images from wheels of the pinned requirements, on the base image of the tests.

    Only these wheels are sent, so equal requirements are one layer in the cache of the engine.
    """
    site.env["DOCKER_HOST"] = engine.host
    found = site("package", "--json").json()["requirements"]
    requirements = [line for line in found if " @ " not in line]  # the others are in the package itself
    server = {"httptools", "pip", "prometheus-client"}
    (site.folder / "wheels").mkdir()
    for wheel in engine.fetch(*requirements).glob("*.whl"):
        name, version, *_tags = parse_wheel_filename(wheel.name)
        if f"{name}=={version}" in requirements or name in server:
            shutil.copy(wheel, site.folder / "wheels")
    manifest = site.folder / "lading.yaml"
    manifest.write_text(f"{manifest.read_text()}image: {{base: '{engine.base}', wheels: wheels}}\n")


def _flat(found: Any) -> Any:
    """An answer whose numbers are compared approximately, and whose texts, lists and keys exactly."""
    if isinstance(found, dict):
        return {name: _flat(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_flat(value) for value in found]
    return pytest.approx(found, rel=1e-6) if isinstance(found, float) else found
