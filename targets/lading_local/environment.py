"""Virtual environments for `python: isolated`: one per set of pinned requirements and server."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import lading_serving
from lading import Command, Context, Failed, Package, child_environment, install_lines, run_command

_NETWORK = (
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSH_AUTH_SOCK",
    "SSL_CERT_FILE",
)


def ensure_environment(package: Package, context: Context) -> Path | Failed:
    """The Python of a virtual environment with a package's requirements and the server. It is built if it is missing.

    Its folder has an unpredictable name, and the store's database records it. So an environment from somebody else is
    not used.
    """
    requirements = (*package.requirements, *_server_requirements())
    environments, key = context.work.resolve() / "environments", _key(package.python, requirements)
    name = context.recorded(f"environment/{key}")
    if name and (environments / name).is_dir():
        return environments / name / "bin" / "python"
    folder = environments / f"{key}-{os.urandom(8).hex()}"
    python = folder / "bin" / "python"
    base = _interpreter(package.python)
    if base is None:
        return Failed(reason=f"python {package.python}, which the package is pinned to, is not on the PATH")
    environments.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = install_lines(requirements, package.folder.resolve())
    commands = (
        ("virtual environment", (base, "-m", "venv", str(folder))),
        ("requirements", (str(python), "-m", "pip", "install", "--disable-pip-version-check", "--", *lines)),
    )
    for phase, argv in commands:
        if failed := _run(phase, argv, context):
            shutil.rmtree(folder, ignore_errors=True)
            return failed
    _copy_server(folder)
    context.record(f"environment/{key}", folder.name)
    return python


def _run(phase: str, argv: tuple[str, ...], context: Context) -> Failed | None:
    context.progress(phase)
    finished = run_command(
        Command(argv, context.work, child_environment(_network_names())),
        on_line=lambda line: context.progress(phase, line),
        cancelled=lambda: context.cancelled,
    )
    if finished.code == 0:
        return None
    how = "was stopped" if finished.code is None else f"ended with exit code {finished.code}"
    return Failed(reason=f"the installation of the {phase} {how}", log="\n".join(finished.tail))


def _network_names() -> list[str]:
    """The variables that configure pip's index and network."""
    return [name for name in os.environ if name.startswith("PIP_") or name.upper() in _NETWORK]


def _interpreter(version: str) -> str | None:
    """A Python of the version, such as `3.11`: the running one, or one on the PATH."""
    wanted = version.split(".")[:2]
    if wanted == [str(part) for part in sys.version_info[:2]]:
        return sys.executable
    return shutil.which(f"python{'.'.join(wanted)}")


def _server_requirements() -> list[str]:
    """The requirements of the extra `local`, beyond those of the core."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    found = [Requirement(line) for line in requires("lading") or ()]
    return [
        f"{each.name}{each.specifier}" for each in found if each.marker and each.marker.evaluate({"extra": "local"})
    ]


def _server_files() -> list[Path]:
    folder = Path(lading_serving.__path__[0])
    return sorted([*folder.glob("*.py"), *folder.glob("*.html")])


def _key(python: str, requirements: tuple[str, ...]) -> str:
    digest = hashlib.sha256("\n".join((python, *requirements)).encode())
    for file in _server_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _copy_server(environment: Path) -> None:
    """Copy this server into the environment, instead of one from an index."""
    (site,) = environment.glob("lib/python*/site-packages")
    package = site / lading_serving.__name__
    package.mkdir()
    for file in _server_files():
        shutil.copy(file, package)
