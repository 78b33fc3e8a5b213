"""Models of earlier versions of scikit-learn, deployed with the manifest that `init --model` writes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .gate import Figures, Found, Gate, Harm, Trial

PROGRAM = Path(__file__).with_name("programs") / "old_models.py"
LAST_PYTHON = {"1.2": 11, "1.3": 12, "1.4": 12, "1.5": 13, "1.6": 13, "1.7": 14, "1.8": 14, "1.9": 14}
"""The versions of scikit-learn, with the minor version of the newest Python that each has wheels for."""
FOR_NUMPY_1 = ("1.2", "1.3", "1.4")  # their users had it, and the metadata of some allows NumPy 2
KINDS = ("table", "linear", "forest", "grid", "text", "boosting", "histograms", "network")
FORMATS = ("joblib", "pkl")
CONFIGURATION = ("pip_", "uv_", "ssl_", "http_proxy", "https_proxy", "no_proxy", "requests_ca")  # of package indexes
LIMIT = 1800.0  # seconds for a command that downloads an environment, also on a busy machine


@dataclass(frozen=True)
class Point:
    """A kind of model, and the version of scikit-learn that makes it."""

    version: str
    kind: str
    format: str

    def __str__(self) -> str:
        return f"{self.version} {self.kind} {self.format}"

    @property
    def file(self) -> str:
        return f"{self.kind}.{self.format}"


@dataclass(frozen=True)
class Site:
    """The models of one version. They are releases of one service, so that they can share an environment."""

    trial: Trial
    folder: Path

    def lading(self, point: Point, *argv: str) -> subprocess.CompletedProcess[str]:
        here = self.folder / point.kind / "service"
        here.mkdir(parents=True, exist_ok=True)
        network = {name: value for name, value in os.environ.items() if name.lower().startswith(CONFIGURATION)}
        # pip would compile every file of SciPy in each environment
        own = {"LADING_STORE": str(self.folder / "store"), "PIP_NO_COMPILE": "1"}
        env = {**self.trial.build.environment(), **network, **own}
        return _run([str(self.trial.build.lading), *argv], cwd=here, env=env)

    def make(self, points: list[Point]) -> None:
        """Make the models in an environment of their version. Raises CalledProcessError if that fails."""
        version = points[0].version
        argv = [_uv(), "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable]
        argv += ["--with", f"scikit-learn=={version}.*", "--with", "pandas", "--with", "joblib"]
        argv += ["--with", "numpy<2"] if version in FOR_NUMPY_1 else []
        made = _run([*argv, "python", str(PROGRAM), str(self.folder), *(point.file for point in points)])
        made.check_returncode()


def points() -> list[Point]:
    """All versions that this Python can install, with each kind. The format alternates."""
    versions = [version for version, last in LAST_PYTHON.items() if sys.version_info.minor <= last]
    return [
        Point(version, kind, FORMATS[(row + column) % 2])
        for row, version in enumerate(versions)
        for column, kind in enumerate(KINDS)
    ]


def _sample(trial: Trial) -> list[Point]:
    """A share of the versions, with a share of the kinds, which differ between versions. At least two versions."""
    versions = trial.sample(sorted({point.version for point in points()})) if not trial.focus else list(LAST_PYTHON)
    count = max(1, round(len(KINDS) * trial.share))
    rows = {version: row for row, version in enumerate(LAST_PYTHON)}
    kinds = {version: [KINDS[(row + each) % len(KINDS)] for each in range(count)] for version, row in rows.items()}
    chosen = [point for point in points() if point.version in versions and point.kind in kinds[point.version]]
    return replace(trial, share=1.0).sample(chosen)


def _attempt(trial: Trial, tried: list[Point]) -> Iterator[Found]:
    site = Site(trial, trial.folder / tried[0].version)
    site.folder.mkdir()
    site.make(tried)
    for point in tried:
        try:
            yield from _deploy(site, point)
        except subprocess.TimeoutExpired as error:
            yield Found(Harm.STUCK, f"{point}: {error}")
    ended = site.lading(tried[-1], "delete")
    if ended.returncode:
        yield Found(Harm.STUCK, f"{tried[-1]}: delete: {ended.stderr[-600:]}")


def _deploy(site: Site, point: Point) -> Iterator[Found]:
    """Deploy a model with an untouched manifest, and compare its answer with that of its maker."""
    made: dict[str, Any] = json.loads((site.folder / f"{point.kind}.json").read_text())
    model = str(site.folder / point.file)
    for argv in (("init", "--model", model), ("deploy",)):
        done = site.lading(point, *argv)
        if "warning:" in done.stderr or "Traceback" in done.stderr:
            yield Found(Harm.UNTRUE, f"{point}: {argv[0]}: {done.stderr[-600:]}")
        if done.returncode:
            yield Found(Harm.STUCK, f"{point}: {argv[0]}: exit {done.returncode}: {done.stderr[-600:]}")
            return
    scored = site.lading(point, "score", "-d", json.dumps(made["request"]))
    if scored.returncode or not _equal(json.loads(scored.stdout), made["answer"]):
        yield Found(Harm.GAP, f"{point}: {scored.stdout} is not {made['answer']}: {scored.stderr[-600:]}")


def _equal(found: Any, made: list[Any]) -> bool:
    """Whether two answers are equal. Another NumPy may round the last digits differently."""
    return len(found) == len(made) and all(
        math.isclose(one, other, rel_tol=1e-9) if isinstance(other, float) else one == other
        for one, other in zip(found, made, strict=True)
    )


def _run(argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False, **options
    )


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else "uv"


def _deployed(trial: Trial) -> Figures:
    tried = _sample(trial)
    versions = [[point for point in tried if point.version == version] for version in LAST_PYTHON]
    found = trial.each(lambda points: _attempt(trial, points), [points for points in versions if points])
    return Figures(len(points()), len(tried), found)


GATES = (
    Gate(
        "old-models",
        "models of scikit-learn 1.2 to 1.9 deploy with the manifest that `init --model` writes, and answer as before",
        _deployed,
        needs="uv",
        share=0.1,  # each version downloads an environment for its makers and one for its service
    ),
)
