"""Files that a training read in addition to those in the manifest: the second part of its cache key.

They are known only after a run. So the first part of the key leads to the names of files that earlier runs read. Each
set of names, with the current bytes, is a possible key of a run's output.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import LadingError
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...model import Json
    from ..session.session import Session

Digests = dict[str, str | None]

_MOST_SETS = 8  # sets of names, so that a return to an earlier branch does not train again


def possible(session: Session, named: keys.Inputs) -> Iterator[keys.Inputs]:
    """The possible inputs of a training with their current bytes. The newest run's set comes first."""
    for names in session.store.reuse.get(_index(named)) or ():
        yield joined(named, {name: digest(session, session.project / name) for name in names})


def joined(named: keys.Inputs, reads: Digests) -> keys.Inputs:
    """The inputs of a training, with both parts."""
    stage, values, record = named
    return keys.Inputs(stage, {**values, "reads": reads}, {**record, "reads": reads})


def are_known(stage_inputs: keys.Inputs) -> bool:
    """Whether these inputs have both parts."""
    return "reads" in stage_inputs.values


def rows(session: Session, named: keys.Inputs, reads: Digests, output: Json) -> list[tuple[str, str, Json]]:
    """The stored record of a run, so that `possible` finds it."""
    index, names = _index(named), sorted(reads)
    others = [known for known in session.store.reuse.get(index) or () if known != names]
    return [
        (joined(named, reads).key, named.stage, output),
        (index, "reads", [names, *others][:_MOST_SETS]),
    ]


def _index(named: keys.Inputs) -> str:
    return keys.key("reads", of=named.key)


def digest(session: Session, path: Path) -> str | None:
    """The sha256 of a file, or of a folder's listing; None if it cannot be read."""
    try:
        if not path.is_dir():
            return session.store.digests.file(path)
        from ...base.reading import file_stamp  # most trainings list no folder

        return file_stamp(path) or None
    except (LadingError, OSError):
        return None
