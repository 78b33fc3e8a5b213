"""A resolver as a child process: the requirements in a file, the addresses in its environment, neither in its argv."""

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
    """The variables of a resolver, by their names, that hold where it looks."""
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
    """Where to look, in the words that uv and pip share; only paths of this machine are among them."""
    wheels = question.sources.wheels
    links = [f"--find-links={folder / PLACEHOLDERS}"] if question.unbuilt else []
    links += [f"--find-links={wheels.resolve()}"] if wheels is not None else []
    return [*links, *(["--no-index"] if question.sources.no_index else [])]


def _write_placeholders(question: Question, folder: Path) -> None:
    """Wheels that hold a name and a version alone, in place of distributions that have none."""
    folder.mkdir()
    for name, version in question.unbuilt:
        stem = f"{name.replace('-', '_')}-{version}"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            head = "Wheel-Version: 1.0\nGenerator: lading\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{stem}.dist-info/WHEEL", head)
            wheel.writestr(f"{stem}.dist-info/RECORD", "")


def run(argv: list[str], folder: Path, question: Question, **variables: str) -> Finished:
    """Run a resolver in the folder, with this machine's configuration of it; passwords are removed from its output.

    When the question has sources, the machine's own are left out.
    """
    inherited = _inherited(alone=question.sources != Sources())
    command = Command(tuple(argv), folder, child_environment(inherited, **variables))
    done = run_command(command, timeout=TIMEOUT, tail=_LINES)
    return Finished(done.code, tuple(_PASSWORD.sub(r"\1", line) for line in done.tail))


def _inherited(*, alone: bool) -> Iterator[str]:
    """The variables that say where this machine finds packages, and how it reaches the network."""
    for name in os.environ:
        configured = name.startswith(_CONFIGURATION) and not (alone and _PLACES.fullmatch(name))
        if configured or name.upper() in _NETWORK:
            yield name
