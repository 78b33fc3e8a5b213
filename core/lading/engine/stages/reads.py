"""Files that a training read in addition to those in the manifest: the second part of its cache key.

They are known only after a run. So the first part of the key leads to the names of files that earlier runs read. Each
set of names, with the current bytes, is a possible key of a run's output.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.reading import CHANGED, file_stamp, is_ignored
from ...errors import LadingError
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import Json, TrainedModel
    from ..session.events import Emitter
    from ..session.session import Session

Digests = dict[str, str | None]

_MOST_SETS = 8  # sets of names, so that a return to an earlier branch does not train again


def possible(session: Session, named: keys.Inputs) -> Iterator[keys.Inputs]:
    """The possible inputs of a training with their current bytes. The newest run's set comes first."""
    for names in session.store.reuse.get(_index(named)) or ():
        yield joined(named, {name: _digest(session, session.project / name) for name in names})


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


def digested(session: Session, section: Section, made: TrainedModel, emit: Emitter) -> Digests | None:
    """The digest of each input that a training reports; None if it does not know them.

    A file that changed after it was read gets a digest that never matches. So the next command trains again.
    """
    if made.reads is None:
        return None
    inside = {name: path for path in made.reads if (name := _name(session, section, path))}
    ignored = _ignored_by_git(session, inside, emit)
    counted = sorted(inside.keys() - ignored)
    return {name: _digest_of_read(session, inside[name], made.reads[inside[name]]) for name in counted}


def _digest_of_read(session: Session, path: Path, stamp: str) -> str | None:
    """The digest of a file that was read, if its stamp has not changed since."""
    digest = _digest(session, path)
    return digest if file_stamp(path) == stamp else CHANGED


def _index(named: keys.Inputs) -> str:
    return keys.key("reads", of=named.key)


def _digest(session: Session, path: Path) -> str | None:
    """The sha256 of a file, or of a folder's listing; None if it cannot be read."""
    try:
        return (file_stamp(path) or None) if path.is_dir() else session.store.digests.file(path)
    except (LadingError, OSError):
        return None


def _name(session: Session, section: Section, path: Path) -> str | None:
    """The path of an input in the project; None if it is outside or already an input."""
    known = {*section.inputs.values(), session.store.root}
    if not path.is_relative_to(session.project) or known.intersection((path, *path.parents)):
        return None
    name = path.relative_to(session.project)
    return None if any(map(is_ignored, name.parts)) else name.as_posix()


def _ignored_by_git(session: Session, names: Collection[str], emit: Emitter) -> set[str]:
    """The names that git ignores, if the manifest is in a repository and is not ignored itself."""
    if not names:
        return set()
    from ...base.process import Command, child_environment, run_command

    manifest = str(session.manifest.file.resolve())
    command = ("git", "-c", "core.quotePath=false", "check-ignore", "--", manifest, *names)
    try:
        finished = run_command(Command(command, session.project, child_environment()), timeout=10, tail=len(names) + 1)
    except OSError:  # git is not installed, or the names are too long for a command
        return set()
    found = set(finished.tail) if finished.code == 0 else set()
    if manifest in found:
        return set()
    if ignored := sorted(found.intersection(names)):
        reason = f"git ignores {_listed(ignored)}, so a change of it does not cause a new training"
        detail = f"{reason}; name it under train: inputs"
        emit("warning", detail=detail)
    return set(ignored)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
