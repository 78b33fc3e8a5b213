"""Another wheel of Lading, and the CPU time of short commands compared with the same commands of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from .environments import EXTRAS, ROOT, Bench, Environment, create_environment
from .measure import Row, cpu_clock, run, timing

LIMIT = 1.03
PAIRS = 25
_PLAIN = ("--version", "--help", "target list")
_IDLE = ("deploy", "plan")  # with nothing to do


def rows(bench: Bench) -> Iterator[Row]:
    """One row per command."""
    other = older(bench)
    manifest = bench.project / "manifests" / "salary.yaml"
    with bench.deployment(manifest, "new"), other.deployment(manifest, "old"):
        for what in (*_PLAIN, *_IDLE):
            ours, theirs = _clock(bench, "new", manifest, what), _clock(other, "old", manifest, what)
            yield timing(f"lading {what}: CPU, new against old", LIMIT, ours, theirs, bench.times(PAIRS))


def _clock(bench: Bench, store: str, manifest: Path, what: str) -> Callable[[], float]:
    deployed: tuple[str | Path, ...] = (manifest, "--store", bench.store(store)) if what in _IDLE else ()
    return cpu_clock(bench.ours.tool("lading"), *what.split(), *deployed)


def older(bench: Bench) -> Bench:
    """The same project with the wheel of the reference: a wheel file, or one built from a Git revision."""
    return replace(bench, ours=_install(bench, bench.reference))


def _install(bench: Bench, reference: str) -> Environment:
    """An environment with the wheel of the reference.

    All other packages have the same versions as Lading's environment.
    """
    wheel = Path(reference).resolve() if reference.endswith(".whl") else _build(bench, reference)
    click.echo(f"installing {wheel.name} of the reference {reference}", err=True)
    other = create_environment(bench.work / "reference")
    frozen = bench.ours.pip("list", "--format", "freeze").splitlines()
    pins = [line for line in frozen if line.partition("==")[0] not in ("lading", "bare", "pip", "setuptools")]
    other.pip("uninstall", "--yes", "lading")
    other.pip("install", f"{wheel}[{EXTRAS}]", bench.programs / "bare", *pins)
    return other


def _build(bench: Bench, revision: str) -> Path:
    """The wheel of a revision of this repository."""
    click.echo(f"building the wheel of {revision}", err=True)
    source, wheels = bench.work / "reference-source", bench.work / "reference-wheel"
    for old in (source, wheels):
        shutil.rmtree(old, ignore_errors=True)
    source.mkdir(parents=True)
    archive = source.with_suffix(".tar")
    run(["git", "-C", ROOT, "archive", "--format", "tar", "--output", archive, revision])
    shutil.unpack_archive(archive, source)
    bench.ours.pip("wheel", "--no-deps", "--wheel-dir", wheels, source)
    (wheel,) = wheels.glob("*.whl")
    return wheel
