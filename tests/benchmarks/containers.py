"""The cost of images and containers, compared with the engine's own build and the target `local`."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .environments import ROOT, Bench
from .measure import Row, run, stopwatch, timing

sys.path[:0] = [str(ROOT / "tests" / name) for name in ("engine", "emulators/azureml")]

from container_engine import ContainerEngine, engine_for_tests  # noqa: E402

BUILD, IDLE = "image stage, another model, against docker build", "deploy to container, nothing to do"
MANIFEST = """\
version: 1
name: crate
register: {{model: crate, file: model.txt}}
package: {{scoring_script: score.py}}
image: {{base: "{base}", wheels: {wheels}}}
target: local
targets: {{local: {{}}, container: {{}}}}
"""


def rows(bench: Bench) -> Iterator[Row]:
    """The image stage, from its first to its last event, compared with `docker build` of the same context.

    On both sides the base image exists and the requirements are cached. Starting, registering and packaging do not
    count: `docker build` gets a folder with their results.
    """
    try:
        with engine_for_tests() as engine:
            bench.ours.pip("install", "lading[docker]")
            project = _Project(bench, engine)
            yield timing(BUILD, 1.5, project.image, project.plain_build, bench.times(15))
            yield from project.idle()
    except pytest.skip.Exception as missing:
        yield Row(BUILD, str(missing), "", None, 1.5)
        yield Row(IDLE, str(missing), "", None, 2)


class _Project:
    """A project whose model changes each time, so that the package and its image layers are built again."""

    def __init__(self, bench: Bench, engine: ContainerEngine) -> None:
        self._bench, self._engine = bench, engine
        self._folder = bench.work / "crate"
        self._folder.mkdir(exist_ok=True)
        (self._folder / "score.py").write_text("def init(): ...\ndef run(raw_data): return 1\n", encoding="utf-8")
        self._manifest = self._folder / "lading.yaml"
        self._manifest.write_text(MANIFEST.format(base=engine.base, wheels=engine.wheels), encoding="utf-8")
        self._env = f"DOCKER_HOST={engine.host}"
        self._train()

    def image(self) -> float:
        """Duration of the image stage in seconds, including the import of the docker SDK."""
        self._train()
        program = self._bench.programs / "image_stage.py"
        return float(run([self._bench.ours.tool("python"), program, self._manifest], DOCKER_HOST=self._engine.host))

    def plain_build(self) -> float:
        """Duration in seconds of the engine's own build of the same context."""
        self._train()
        folder, base, wheels = self._folder / "context", self._engine.base, self._engine.wheels
        shutil.rmtree(folder, ignore_errors=True)
        program = self._bench.programs / "context.py"
        printed = run([self._bench.ours.tool("python"), program, self._manifest, folder, base, wheels])
        arguments = [f"--build-arg={name}={value}" for name, value in json.loads(printed).items()]
        return stopwatch("docker", "-H", self._engine.host, "build", "-t", "crate:plain", *arguments, folder)()

    def idle(self) -> Iterator[Row]:
        targets = ("container", "local")
        ours, peer = (self._lading("deploy", self._manifest, "--target", target) for target in targets)
        try:
            yield timing(IDLE, 2, ours, peer, self._bench.times(40))
        finally:
            for target in targets:
                self._lading("delete", self._manifest, "--target", target)()

    def _train(self) -> None:
        (self._folder / "model.txt").write_text(str(time.time_ns()), encoding="utf-8")

    def _lading(self, *arguments: str | Path) -> Callable[[], float]:
        return stopwatch("env", self._env, self._bench.ours.tool("lading"), *arguments)
