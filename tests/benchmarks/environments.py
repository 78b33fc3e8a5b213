"""The environments of the benchmarks: one for Lading from a wheel, and one for each peer from the index."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from .measure import run

ROOT = Path(__file__).parents[2]
EXTRAS = "sklearn,pandas,local"
# Both servers load the same model, so they share the packages that determine its bytes and speed.
SHARED = ("joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl")
MANIFEST = """\
version: 1
name: {name}
register: {{model: {name}, file: model.joblib}}
package: {{scoring_script: score.py}}
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    def tool(self, name: str) -> Path:
        return self.folder / "bin" / name

    def pip(self, *arguments: str | Path) -> str:
        return run([self.tool("python"), "-m", "pip", *arguments])


@dataclass(frozen=True)
class Bench:
    """A copy of the project, an environment with Lading and the minimal click app, and a folder for other files.

    `share` is the share of rounds to run; 1 gives stable results. `reference` is a wheel to compare with, or the
    revision to build it from. It is empty if there is none.
    """

    work: Path
    ours: Environment
    share: float
    reference: str = ""

    @property
    def project(self) -> Path:
        return self.work / "project"

    @property
    def programs(self) -> Path:
        return self.project / "tests" / "benchmarks" / "programs"

    def times(self, rounds: int) -> int:
        return max(1, round(rounds * self.share))

    def model(self, name: str, extra: int) -> Path:
        """A folder with a manifest, a scoring script and a finished model with `extra` additional bytes."""
        folder = self.work / "models" / name
        folder.mkdir(parents=True, exist_ok=True)
        csv, file = self.project / "data" / "sal.csv", folder / "model.joblib"
        run([self.ours.tool("python"), self.programs / "fit.py", csv, file, str(extra)])
        shutil.copy(self.programs / "score.py", folder)
        (folder / "lading.yaml").write_text(MANIFEST.format(name=name), encoding="utf-8")
        return folder

    def deploy(self, manifest: Path, name: str) -> list[str | Path]:
        """The command that deploys into the store `name`."""
        return [self.ours.tool("lading"), "deploy", manifest, "--store", self.store(name)]

    def store(self, name: str) -> Path:
        return self.work / "stores" / name

    @contextmanager
    def deployment(self, manifest: Path, name: str) -> Iterator[str]:
        """Deploy into a new store `name` and yield the scoring URI. Everything is removed afterwards."""
        self._remove(manifest, name)  # a killed run may have left it
        try:
            yield run(self.deploy(manifest, name)).strip()
        finally:
            self._remove(manifest, name)

    def _remove(self, manifest: Path, name: str) -> None:
        if self.store(name).exists():
            run([self.ours.tool("lading"), "delete", manifest, "--store", self.store(name)])
            shutil.rmtree(self.store(name))


def prepare(work: Path, share: float, reference: str = "") -> Bench:
    """Build the wheel of the current project, and install it with its extras and the minimal click app."""
    bench = Bench(work, create_environment(work / "ours"), share, reference)
    shutil.rmtree(bench.project, ignore_errors=True)
    shutil.rmtree(work / "wheel", ignore_errors=True)
    # A build leaves files behind, and would include those of an earlier build.
    unwanted = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, bench.project, ignore=unwanted)
    click.echo("building the wheel", err=True)
    bench.ours.pip("wheel", "--no-deps", "--wheel-dir", work / "wheel", bench.project)
    (wheel,) = (work / "wheel").glob("*.whl")
    click.echo("installing it", err=True)
    bench.ours.pip("uninstall", "--yes", "lading")
    bench.ours.pip("install", f"{wheel}[{EXTRAS}]", bench.programs / "bare")
    return bench


def azureml_environment(bench: Bench) -> Environment:
    """An environment with Azure ML's server, and the same versions of the packages that a model depends on."""
    click.echo("installing azureml-inference-server-http", err=True)
    peer = create_environment(bench.work / "peer")
    frozen = bench.ours.pip("list", "--format", "freeze").splitlines()
    pins = [line for line in frozen if line.partition("==")[0] in SHARED]
    peer.pip("install", "azureml-inference-server-http>=1.5", *pins)
    return peer


def iotedge_environment(bench: Bench) -> Environment:
    """An environment with Lading, its target for IoT Edge, and a fake builder of images."""
    click.echo("installing the extra iotedge", err=True)
    edge = create_environment(bench.work / "edge")
    (wheel,) = (bench.work / "wheel").glob("*.whl")
    edge.pip("uninstall", "--yes", "lading")
    edge.pip("install", f"{wheel}[iotedge]", bench.project / "tests" / "distributions" / "stamp")
    return edge


def create_environment(folder: Path) -> Environment:
    """A virtual environment in a folder. An existing one is reused."""
    if not (folder / "bin" / "pip").exists():
        run([sys.executable, "-m", "venv", "--clear", folder])
    return Environment(folder)
