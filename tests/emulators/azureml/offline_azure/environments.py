"""The environment of an image, resolved as in the image's build: the pip part of the conda file, for Azure's platform.

uv is used first, because it is fast. If uv refuses, pip is used too, because pip decides on Azure and its messages are
in the log. Each environment is resolved once per process.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .operations import Failure
from .state import Record

SERVER = "azureml-inference-server-http"
HEAD = "Solving environment: ...working... done\nInstalling pip dependencies: ...working...\nPip subprocess error:\n"
TAIL = "\nfailed\n\nCondaEnvException: Pip failed\n"
PLATFORM = "x86_64-manylinux_2_35"  # Ubuntu 22.04, the base of Azure ML's own images
PIP = ("--dry-run", "--ignore-installed", "--no-input", "--no-color", "--disable-pip-version-check")
SECONDS = 300


class NoIndex(Exception):
    """No package index responds."""


def build(environment: Record) -> None:
    """Check an environment. Raises Failure if pip would refuse it, or if it contains no server."""
    python, pins = _asked(environment)
    found, refused = resolve(python, pins)
    if refused:
        message = "The image build failed: conda env create ended with 1: CondaEnvException: Pip failed"
        raise _failure("ImageBuildFailed", "BuildImage", message, HEAD + refused + TAIL)
    if SERVER not in found and not environment.get("inferencingStackVersion"):
        message = "Your container application crashed: it has no inference server."
        raise _failure("DeploymentFailed", "DeployService", message, f"No module named {SERVER.replace('-', '_')}")


def _asked(environment: Record) -> tuple[str, tuple[str, ...]]:
    """The version of Python, and the pip requirements."""
    python, pins = "", list[str]()
    for item in (environment["python"].get("condaDependencies") or {}).get("dependencies") or ():
        if isinstance(item, dict):
            pins += item.get("pip") or ()
        elif item.startswith("python="):
            python = ".".join(item.removeprefix("python=").split(".")[:2])
    return python or f"{sys.version_info[0]}.{sys.version_info[1]}", tuple(pins)


@functools.cache
def resolve(python: str, pins: tuple[str, ...]) -> tuple[frozenset[str], str]:
    """The names of the distributions to install, and the message of a refusal. Raises NoIndex."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        code, said = _run(folder, "uv", "pip", "compile", "requirements.txt", *_uv(python))
        if code == 0:
            return frozenset(line.partition("==")[0] for line in said if "==" in line), ""
        if code != 1:
            raise NoIndex("\n".join(said[-3:]))
        refused = "\n".join(said)
        if python == f"{sys.version_info[0]}.{sys.version_info[1]}":
            code, said = _run(folder, "pip", "install", "--requirement", "requirements.txt", *PIP)
            refused = "\n".join(line for line in said if line.startswith("ERROR:"))
    if code == 0:
        return frozenset(word.rpartition("-")[0] for word in said[-1].split() if "-" in word), ""
    return frozenset(), refused


def _uv(python: str) -> Iterable[str]:
    yield from ("--python-version", python, "--python-platform", PLATFORM, "--no-header")
    yield from ("--no-annotate", "--quiet", "--color", "never")


def _run(folder: Path, *argv: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def _failure(code: str, phase: str, message: str, log: str) -> Failure:
    details = [{"code": phase, "message": message}]
    return Failure({"code": code, "statusCode": 400, "message": message, "details": details}, phase, log)
