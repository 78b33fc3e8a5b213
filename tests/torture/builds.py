"""The product under test: a copy of its packages in its own environment, unchanged or with one line broken."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

COMMAND = """\
#!{python}
import sys

from lading.cli import main

sys.exit(main())
"""


@dataclass(frozen=True)
class Defect:
    """One line of the product, and its broken form.

    Planting raises ValueError unless the line occurs exactly once.
    """

    name: str
    file: str
    line: str
    broken: str

    def plant(self, packages: Path) -> None:
        file = packages / self.file
        text = file.read_text(encoding="utf-8")
        if text.count(self.line) != 1:
            raise ValueError(f"{self.file} has {text.count(self.line)} times: {self.line}")
        file.write_text(text.replace(self.line, self.broken), encoding="utf-8")


@dataclass(frozen=True)
class Build:
    """An environment with a copy of `lading`. An edit of the sources meanwhile would shift the numbers of the calls."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *defects: Defect) -> Build:
        """Copy the installed packages, and plant defects in the copy."""
        build = cls(folder)
        venv.EnvBuilder(symlinks=True).create(folder)
        for name in _packages():
            spec = find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            shutil.copytree(
                Path(spec.origin).parent, build.packages / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for defect in defects:
            defect.plant(build.packages)
        compileall.compile_dir(build.packages, quiet=1)
        others = [path for path in sys.path if path.endswith("site-packages")]
        (build.packages / "others.pth").write_text("\n".join(others), encoding="utf-8")
        build.lading.write_text(COMMAND.format(python=build.python), encoding="utf-8")
        build.lading.chmod(0o700)
        return build

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def lading(self) -> Path:
        return self.folder / "bin" / "lading"

    def environment(self) -> dict[str, str]:
        """The environment of its commands. It has nothing that would make two runs of a command differ."""
        kept = ("HOME", "LANG", "PATH", "TMPDIR", "XDG_STATE_HOME")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        return {**env, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _packages() -> list[str]:
    return (distribution("lading").read_text("top_level.txt") or "").split()
