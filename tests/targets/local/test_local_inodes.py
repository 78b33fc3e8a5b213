"""A file system that has no inodes left, at each step of a deploy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.conftest import LADING, ROOT, Done, Shell
from tests.missing import skip_without
from tests.waiting import LIMIT

ENOUGH = 100
Mount = Callable[[int], AbstractContextManager[Shell]]


@pytest.fixture
def small(shell: Shell) -> Mount:
    """Mounts a file system with so many inodes, with the salary project in it."""

    @contextmanager
    def mounted(inodes: int) -> Iterator[Shell]:
        place = shell.folder / "small"
        place.mkdir(exist_ok=True)
        argv = ["mount", "-t", "tmpfs", "-o", f"size=100m,nr_inodes={inodes}", "none", str(place)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode != 0:
            skip_without(f"this machine mounts no small file system: {done.stderr}")
        try:
            for name in ("manifests", "data"):
                shutil.copytree(ROOT / name, place / name)
            yield Shell(place, {**shell.env, "LADING_STORE": str(place / "store")}, LADING)
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=LIMIT)

    return mounted


def deploy(shell: Shell) -> Done:
    return shell("deploy", "manifests/salary.yaml", code=None)


@pytest.mark.slow
def test_a_deploy_without_inodes_names_the_place_and_continues_later(small: Mount) -> None:
    with small(ENOUGH) as shell:
        before = os.statvfs(shell.folder).f_ffree
        assert deploy(shell).code == 0
        shell("delete", "manifests/salary.yaml")
        used = before - os.statvfs(shell.folder).f_ffree
    codes = set()
    for lacking in range(2, used, 4):
        with small(ENOUGH - before + used - lacking) as shell:
            done = deploy(shell)
            codes.add(done.code)
            assert done.code in (0, 5), done.err
            # SQLite does not say why it cannot open a file, so its hint names the disk
            assert done.code == 0 or "no space left on device" in done.err.lower() or "free space" in done.err
            assert done.code == 0 or str(shell.folder) in done.err
            subprocess.run(["mount", "-o", f"remount,nr_inodes={2 * ENOUGH}", str(shell.folder)], check=True)
            assert deploy(shell).code == 0
            shell("delete", "manifests/salary.yaml")
    assert 5 in codes
