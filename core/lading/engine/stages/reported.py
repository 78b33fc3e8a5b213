"""The files that a training reports as read: their digests, if they are inputs of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.reading import CHANGED, file_stamp, is_ignored
from .reads import Digests, digest

if TYPE_CHECKING:
    from ...manifest import Section
    from ...model import TrainedModel
    from ..session.events import Emitter
    from ..session.session import Session


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
    found = digest(session, path)
    return found if file_stamp(path) == stamp else CHANGED


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
