"""Images of online deployments: in a container engine, and unpacked in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from arm_client import SERVER, Arm
from container_engine import ContainerEngine
from tests.conftest import Shell

pytestmark = pytest.mark.slow

BLUE = "/onlineEndpoints/salary/deployments/blue"
SALARY = 141760.56910569107


def test_an_image_runs_in_a_container_engine(
    arm: Arm, container_engine: ContainerEngine, image_registry: str, tmp_path: Path
) -> None:
    image = f"{image_registry}/server:1"
    lines = (f"FROM {container_engine.base}", "COPY server.py /", 'CMD ["python3", "/server.py", "5001"]')
    (tmp_path / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    container_engine.docker("build", "--tag", image, str(tmp_path))
    container_engine.docker("push", image)
    container_engine.docker("rmi", image)
    arm.azure.settings(engine=container_engine.host)
    key = _endpoint(arm, arm.environment(image, "1"), HOST="0.0.0.0", NAME="engine")
    assert arm.score(key, "blue").body == {"by": "engine"}
    assert "POST /score" in arm("POST", f"{BLUE}/getLogs", {}).body["content"]
    arm.done("DELETE", "/onlineEndpoints/salary")
    assert container_engine.docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}") == ""


def test_an_unpacked_image_serves_the_package(
    arm: Arm, salary: Shell, install: Callable[[str], Path], tmp_path: Path
) -> None:
    file = salary.folder / "manifests" / "salary.yaml"
    manifest = yaml.safe_load(file.read_text())
    manifest["image"] = {"plugin": "unpacked", "folder": str(tmp_path / "images")}
    file.write_text(yaml.safe_dump(manifest, sort_keys=False))
    salary.env["PYTHONPATH"] = str(install("unpacked"))
    image = salary("image", "push", file).out.strip()
    arm.azure.settings(images=str(tmp_path / "images"))
    key = _endpoint(arm, arm.environment(image, "1"))
    assert arm.score(key, "blue").body == pytest.approx([SALARY])
    assert "init() succeeded" in arm("POST", f"{BLUE}/getLogs", {}).body["content"]
    assert [folder.name for folder in (tmp_path / "images").iterdir()] == [image.rpartition(":")[2]]


def _endpoint(arm: Arm, environment: str, **env: str) -> str:
    """An endpoint with the deployment `blue`. Returns its key."""
    arm.endpoint()
    arm.done("PUT", BLUE, arm.deployment_body(environment, environmentVariables=env))
    return str(arm("POST", "/onlineEndpoints/salary/listKeys").body["primaryKey"])
