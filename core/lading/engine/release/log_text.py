"""The log of a scoring script as the user reads it: with the paths of the user's files, and nothing twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...manifest.blocks import BY_ROLE
from ...model.description import Role

if TYPE_CHECKING:
    from ...model import Json
    from ..session.session import Session

_COPY = re.compile(r'(?<=File ")[^"\n]*/azureml-app/([^"\n]+)(?=")')
_TRACEBACK = re.compile(r"^(?=Traceback \(most recent call last\):$)", re.MULTILINE)


def with_originals(session: Session, package: Path, text: str) -> str:
    """The text with the user's file in place of each copy in a release, if that file has the same bytes.

    `package` is the folder of the release's package in the store.
    """
    if not _COPY.search(text):
        return text
    named = tuple(_named(session))

    def original(match: re.Match[str]) -> str:
        copy = package / "azureml-app" / match[1]
        return next((str(file) for file in _possible(named, match[1]) if _is_same(file, copy)), match[0])

    return _COPY.sub(original, text)


def _named(session: Session) -> Iterator[Path]:
    """The files and folders that the manifest may name for a package. A query does not bind these blocks."""
    draft = session.draft()
    for role in (Role.PACKAGE, Role.TRAIN):
        for text in _texts(draft.expanded(draft.block((BY_ROLE[role].key,)))):
            yield draft.file.parent.absolute() / text


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        yield from _texts(item)


def _possible(named: Iterable[Path], name: str) -> Iterator[Path]:
    """The files of the manifest that a package keeps under a name."""
    first, *rest = Path(name).parts
    return (place.joinpath(*rest) for place in named if place.name == first)


def _is_same(file: Path, copy: Path) -> bool:
    try:
        return file.read_bytes() == copy.read_bytes()
    except (OSError, ValueError):  # a text of the manifest need not be a path
        return False


def once(reason: str, log: str) -> str:
    """A log without what the reason of the failure says already, and with each traceback once."""
    fresh = "\n".join(line for line in log.splitlines() if line and not _repeats(line, reason))
    return "\n".join(dict.fromkeys(block.rstrip() for block in _TRACEBACK.split(fresh) if block))


def _repeats(line: str, reason: str) -> bool:
    return reason.startswith(line) or reason.endswith(line) or (bool(reason) and line.endswith(reason))
