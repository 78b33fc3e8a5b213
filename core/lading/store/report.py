"""A summary of a store, so that a user can decide whether to trust it."""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refused
from ..model import Shown
from .durable import naming
from .guard import Guard
from .locks import locked_folder
from .reading import StoreToRead
from .trust import Trust


@dataclass(frozen=True, kw_only=True)
class StoreReport(Shown):
    """Summary of a store. If the records cannot be read, `problem` gives the reason, and nothing is counted."""

    store: Path
    owner: str
    trusted: bool
    runs: int | None = None
    models: int | None = None
    releases: int | None = None
    problem: str = ""


def report(root: Path, environ: Mapping[str, str]) -> StoreReport:
    """Summarize the store in `root`. Raises BadInput if there is none, and Refused if the guard rejects it."""
    trust, owner = _trust(root, environ), _user(root.lstat().st_uid)
    held = trust.holds()
    try:
        with closing(StoreToRead.read(root, environ)) as store:
            return StoreReport(
                store=root,
                owner=owner,
                trusted=held,
                runs=len(store.runs.list()),
                models=len(store.models.list()),
                releases=len(store.releases.list()),
            )
    except Refused as error:
        return StoreReport(store=root, owner=owner, trusted=held, problem=error.message)


def grant_trust(root: Path, environ: Mapping[str, str]) -> None:
    """Trust the store in `root`. Raises BadInput if there is none, and Transient if the trust cannot be recorded."""
    trust = _trust(root, environ)
    with naming(root), locked_folder(root):
        trust.grant()


def _trust(root: Path, environ: Mapping[str, str]) -> Trust:
    guard = Guard(root)
    with naming(root):
        guard.require()
    return Trust(guard, environ)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
