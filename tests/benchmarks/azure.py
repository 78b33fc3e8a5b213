"""The cost of a deploy to Azure with nothing to do, with the offline Azure."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from .environments import ROOT, Bench
from .measure import Row, run

sys.path.append(str(ROOT / "tests" / "emulators" / "azureml"))

from offline_azure.azurite import Missing, azurite
from offline_azure.client import Azure, Emulator

WHAT = "lading deploy --target aci, nothing to do"
LIMIT = 2.0  # seconds


def rows(bench: Bench) -> Iterator[Row]:
    try:
        script = azurite()
    except Missing as missing:
        yield Row(WHAT, str(missing), "", None, LIMIT, unit="s")
        return
    bench.ours.pip("install", "lading[azureml]")
    with closing(Emulator(script)) as emulator, tempfile.TemporaryDirectory() as name:
        figure = median(_seconds(bench, Azure(emulator, Path(name)), Path(name)))
    yield Row(WHAT, f"{figure * 1000:.0f} ms", "", figure, LIMIT, unit="s")


def _seconds(bench: Bench, azure: Azure, folder: Path) -> list[float]:
    """The duration of the command, after the service is up."""
    place = azure.workspace
    for name in ("manifests", "data"):
        shutil.copytree(bench.project / name, folder / name)
    manifest = folder / "manifests" / "salary.yaml"
    text = manifest.read_text(encoding="utf-8").replace("workspace: salary\n", f"workspace: {place.workspace}\n")
    text = text.replace("resource_group: mi2", f"resource_group: {place.resource_group}")
    manifest.write_text(text, encoding="utf-8")
    env = {**azure.environ, "AZURE_SUBSCRIPTION_ID": place.subscription_id, "PATH": os.environ["PATH"]}
    command: list[str | Path] = [bench.ours.tool("lading"), "deploy", manifest, "--target", "aci"]
    run(command, **env)
    taken = []
    for _ in range(bench.times(9)):
        started = time.perf_counter()
        run(command, **env)
        taken.append(time.perf_counter() - started)
    return taken
