"""The cost of an IoT Edge fleet in calls of the hub. They are counted because the hub has a quota for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .environments import ROOT, Bench, Environment, iotedge_environment
from .measure import Row, run

sys.path[:0] = [str(ROOT / "tests" / "emulators" / name) for name in ("azureml", "iothub")]

from offline_azure.client import Emulator  # noqa: E402
from offline_iothub.client import IotHub  # noqa: E402

MANY, FEW = 1000, 10
MANIFEST = """\
version: 1
name: salary
register: {model: salary, file: model.txt}
package: {scoring_script: score.py}
image: {plugin: stamp}
target: edge
targets:
  edge: {plugin: iot-edge, hub: FLEET, target_condition: "tags.site = 'oslo'", mode: replace, wait: {grace: 0.5}}
"""


def rows(bench: Bench) -> Iterator[Row]:
    edge = iotedge_environment(bench)
    with closing(Emulator(program="offline_iothub")) as emulator:
        many, few = (_calls(bench, edge, emulator, devices) for devices in (MANY, FEW))
    what = f"calls of a status poll, {MANY} devices against {FEW}"
    yield Row(what, f"{many} calls", f"{few} calls", many / few, 1)


def _calls(bench: Bench, edge: Environment, emulator: Emulator, devices: int) -> int:
    """Deploy to a fleet of this size. Returns the number of calls that its status needs afterwards."""
    folder = bench.work / "fleets" / str(devices)
    folder.mkdir(parents=True, exist_ok=True)
    hub = IotHub(emulator, folder)
    hub.add_fleet(devices, tags={"site": "oslo"})
    env = {**hub.network, "FLEET": hub.connection_string}
    manifest = _project(folder, devices)
    run([edge.tool("lading"), "deploy", manifest, "--store", folder / "store" / hub.host], **env)
    before = len(list(hub.calls))
    run([edge.tool("lading"), "status", manifest, "--store", folder / "store" / hub.host], **env)
    return len(list(hub.calls)) - before


def _project(folder: Path, devices: int) -> Path:
    (folder / "score.py").write_text("def init(): ...\ndef run(raw_data): ...\n", encoding="utf-8")
    (folder / "model.txt").write_text(f"a model for {devices}", encoding="utf-8")
    manifest = folder / "lading.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")
    return manifest
