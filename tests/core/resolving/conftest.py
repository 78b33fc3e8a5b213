from __future__ import annotations

import io
import platform
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from lading.engine.resolving import Question
from lading.model import Sources

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
PLATFORM = "linux/arm64" if platform.machine() == "aarch64" else "linux/amd64"


@dataclass(frozen=True)
class Wheelhouse:
    """A folder of wheels that have only metadata. `installed` has the same metadata in pip's form."""

    folder: Path
    installed: Path

    def add(
        self, name: str, version: str, *requires: str, tag: str = "py3-none-any", extras: tuple[str, ...] = ()
    ) -> None:
        info = f"{name}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
        needs += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
        files = {f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel, f"{info}/RECORD": ""}
        with zipfile.ZipFile(self.folder / f"{name}-{version}-{tag}.whl", "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)

    def add_source(self, name: str, version: str) -> None:
        """A source distribution, whose setup script must never run."""
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "setup.py": "raise SystemExit('the setup script has run')\n",
        }
        with tarfile.open(self.folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
            for path, text in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{path}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))

    def install(self, name: str, version: str, *requires: str, extras: tuple[str, ...] = ()) -> None:
        """Install a distribution for the offline resolver, and add its wheel."""
        self.add(name, version, *requires, extras=extras)
        with zipfile.ZipFile(self.folder / f"{name}-{version}-py3-none-any.whl") as archive:
            archive.extractall(self.installed)

    def question(self, *lines: str, python: str = HERE, platform: str = PLATFORM) -> Question:
        return Question(lines, python, platform, Sources(wheels=self.folder))


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    house = Wheelhouse(tmp_path / "wheels", tmp_path / "installed")
    house.folder.mkdir()
    house.installed.mkdir()
    monkeypatch.syspath_prepend(str(house.installed))
    return house


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose package index does not answer. Its address has a password."""
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://reader:r3solv3r@127.0.0.1:9/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
