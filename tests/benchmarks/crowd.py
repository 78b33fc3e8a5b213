"""Many unused plugins beside Lading. Their entry points are read, but none is imported."""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import ZipFile

from .environments import Bench

# A command that imports one of them fails, and so does the benchmark.
MODULE = 'raise RuntimeError("a plugin was imported that nobody asked for")\n'


def crowd(bench: Bench, count: int) -> Path:
    """Install `count` distributions, each with a plugin and a target, into a folder for PYTHONPATH."""
    folder, wheels = bench.work / "crowd", bench.work / "crowd-wheels"
    for old in (folder, wheels):
        shutil.rmtree(old, ignore_errors=True)
    wheels.mkdir()
    files = [_wheel(wheels, f"lading_crowd{number}") for number in range(count)]
    bench.ours.pip("install", "--no-index", "--no-deps", "--target", folder, *files)
    return folder


def _wheel(folder: Path, name: str) -> Path:
    file, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    parts = {
        f"{name}.py": MODULE,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: lading\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[lading.plugins]\n{name} = {name}\n\n[lading.targets]\n{name} = {name}\n",
    }
    record = f"{info}/RECORD"
    parts[record] = "".join(f"{part},,\n" for part in (*parts, record))
    with ZipFile(file, "w") as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return file
