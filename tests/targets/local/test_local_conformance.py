"""The conformance of the target `local`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lading.testing import TargetConformance


@pytest.mark.slow  # test_local_deploying.py covers the same, without a command for each step
class TestLocal(TargetConformance):
    target = "local"
    earlier_things = 1  # the folder of the previous release stays until the next deploy, because its worker ends later

    @pytest.fixture(scope="class")
    @classmethod
    def things_of(cls, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Iterable[str]]:
        """The folders of releases below those of the kit, and the processes whose command lines name one of them."""
        base = tmp_path_factory.getbasetemp()
        return lambda service: [*releases(base, service), *processes(base, service)]


def releases(base: Path, service: str) -> Iterator[str]:
    found = base.glob(f"local-*/.lading/work/deployments/*/{service}/releases/*")
    for release in {path.resolve() for path in found if path.is_dir()}:  # pytest links the newest folder of each name
        yield f"folder {release.name}"


def processes(base: Path, service: str) -> Iterator[str]:
    """Supervisors, and the releases that have workers. The number of workers does not matter."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes().decode().split("\0")
            folders = [
                part for part in line if part.startswith(str(base)) and f"/deployments/checked/{service}" in part
            ]
            found |= {f"{line[line.index('-m') + 1]} of {Path(folder).name}" for folder in folders if "-m" in line}
    yield from found
