"""Run a resolver as a child process. Requirements are in a file and addresses in the environment, not in its argv."""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.process import Command, Finished, child_environment, run_command
from ...model.environments import Sources
from .question import Question

TIMEOUT = 300.0  # seconds: pip may download each wheel of a large environment to read its metadata
PLACEHOLDERS = "placeholders"
_LINES = 5000  # of its output that are kept

_CONFIGURATION = ("PIP_", "UV_")
_PLACES = re.compile("[A-Z]+_(DEFAULT_INDEX|(EXTRA_)?INDEX_URL|FIND_LINKS|INDEX|INSECURE_HOST|NO_INDEX|TRUSTED_HOST)")
_NETWORK = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")
_PASSWORD = re.compile(r"(://)[^/\s@]*@")


def addresses(sources: Sources, index: str, extra: str, hosts: str) -> dict[str, str]:
    """Environment variables for a resolver, with the locations of packages.

    The arguments are the names of the variables.
    """
    given = {
        index: sources.index_url,
        extra: " ".join(sources.extra_index_urls),
        hosts: " ".join(sources.trusted_hosts),
    }
    return {name: value for name, value in given.items() if value}


@contextmanager
def workplace(question: Question) -> Iterator[Path]:
    """A temporary folder with the question's requirements in `requirements.txt`."""
    with tempfile.TemporaryDirectory(prefix="lading-") as name:
        folder = Path(name)
        _write_placeholders(question, folder / PLACEHOLDERS)
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in question.requirements), "utf-8")
        yield folder


def options(question: Question, folder: Path) -> list[str]:
    """The common options of uv and pip for the locations of packages. They contain only paths of this machine."""
    wheels = question.sources.wheels
    links = [f"--find-links={folder / PLACEHOLDERS}"] if question.unbuilt else []
    links += [f"--find-links={wheels.resolve()}"] if wheels is not None else []
    return [*links, *(["--no-index"] if question.sources.no_index else [])]


def _write_placeholders(question: Question, folder: Path) -> None:
    """Write wheels that have only a name and a version, for distributions without a wheel."""
    folder.mkdir()
    for name, version in question.unbuilt:
        stem = f"{name.replace('-', '_')}-{version}"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            head = "Wheel-Version: 1.0\nGenerator: lading\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{stem}.dist-info/WHEEL", head)
            wheel.writestr(f"{stem}.dist-info/RECORD", "")


def run(argv: list[str], folder: Path, question: Question, **variables: str) -> Finished:
    """Run a resolver in the folder, with this machine's configuration. Passwords are removed from its output.

    If the question has sources, the sources in this machine's configuration are not used.
    """
    inherited = _inherited(alone=question.sources != Sources())
    command = Command(tuple(argv), folder, child_environment(inherited, **variables))
    done = run_command(command, timeout=TIMEOUT, tail=_LINES)
    return Finished(done.code, tuple(_PASSWORD.sub(r"\1", line) for line in done.tail))


def _inherited(*, alone: bool) -> Iterator[str]:
    """The names of the variables with this machine's package sources and network settings."""
    for name in os.environ:
        configured = name.startswith(_CONFIGURATION) and not (alone and _PLACES.fullmatch(name))
        if configured or name.upper() in _NETWORK:
            yield name
