"""A separate Podman for tests, behind its socket with Docker's API, with the base image of `container_engine`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from container_engine import BASE, FOLDER, ContainerEngine, alone, answers_docker, ensure_base, need
from tests.missing import skip_without
from tests.waiting import LIMIT, eventually

# Tests can run in a container, which has no systemd and cannot raise limits. The test registry uses plain HTTP, and
# Podman must be configured to allow that.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
_REGISTRIES = """\
[[registry]]
location = "{registry}"
insecure = true
"""


@pytest.fixture(scope="module")
def podman_engine(container_engine: ContainerEngine, image_registry: str) -> Iterator[ContainerEngine]:
    if os.getuid() != 0:
        skip_without("only root can start a Podman that has networks")
    for program in ("podman", "runc", "iptables"):
        need(program)
    folder = FOLDER / "podman"
    folder.mkdir(mode=0o700, exist_ok=True)
    with alone("podman"), _service(folder, image_registry) as host:
        engine = ContainerEngine(host, BASE, container_engine.wheels)
        ensure_base(engine)
        yield engine


@contextmanager
def _service(folder: Path, registry: str) -> Iterator[str]:
    """The address of `podman system service`. It is stopped at the end, and its images are kept for the next run."""
    (folder / "containers.conf").write_text(_CONTAINERS.format(folder=folder), encoding="utf-8")
    (folder / "registries.conf").write_text(_REGISTRIES.format(registry=registry), encoding="utf-8")
    own = {
        f"CONTAINERS_{name}CONF": f"{folder}/{file}.conf"
        for name, file in (("", "containers"), ("REGISTRIES_", "registries"))
    }
    podman = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    host = f"unix://{folder}/podman.sock"
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(
            [*podman, "system", "service", "--time=0", host], env={**os.environ, **own}, stdout=log, stderr=log
        )
    try:
        eventually(lambda: answers_docker(host), "Podman starts")
        yield host
    finally:
        service.terminate()
        service.wait(LIMIT)
        subprocess.run(["umount", folder / "root" / "overlay"], check=False)
