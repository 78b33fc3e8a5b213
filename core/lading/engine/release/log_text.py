"""The log of a scoring script as the user reads it: with the paths of the user's files, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..session.session import Session

_COPY = re.compile(r'(?<=File ")[^"\n]*/azureml-app/([^"\n]+)(?=")')
_TRACEBACK = re.compile(r"^(?=Traceback \(most recent call last\):$)", re.MULTILINE)


def with_originals(session: Session, package: Path, text: str) -> str:
    """The text with the user's file in place of each copy in a release, if that file has the same bytes.

    `package` is the folder of the release's package in the store.
    """

    def original(match: re.Match[str]) -> str:
        copy = package / "azureml-app" / match[1]
        return next((str(file) for file in _possible(session, match[1]) if _is_same(file, copy)), match[0])

    return _COPY.sub(original, text)


def _possible(session: Session, name: str) -> Iterator[Path]:
    """The files of the manifest that a package keeps under a name."""
    first, *rest = Path(name).parts
    for section in filter(None, (session.manifest.package, session.manifest.train)):
        for place in section.inputs.values():
            if place.name == first:
                yield place.joinpath(*rest)


def _is_same(file: Path, copy: Path) -> bool:
    try:
        return file.read_bytes() == copy.read_bytes()
    except OSError:
        return False


def once(reason: str, log: str) -> str:
    """A log without what the reason of the failure says already, and with each traceback once."""
    fresh = "\n".join(line for line in log.splitlines() if line and not _repeats(line, reason))
    return "\n".join(dict.fromkeys(block.rstrip() for block in _TRACEBACK.split(fresh) if block))


def _repeats(line: str, reason: str) -> bool:
    return reason.startswith(line) or reason.endswith(line) or (bool(reason) and line.endswith(reason))
