"""Which stores the user trusts: the random id of each is listed, with its path, in the user's state folder.

One small file for each path, replaced in one step, so that no lock is needed. A store that was moved, copied or
restored elsewhere is not listed there, and one that came with a repository cannot know the id.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from ..errors import Refused, Transient
from .durable import make_folder, naming, replace_file
from .guard import ID, Guard

VARIABLE = "LADING_TRUST_STORE"
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_LONGEST = 65536  # bytes: an entry with the longest path, escaped, fits


def state_folder(environ: Mapping[str, str]) -> Path:
    """The user's folder for the state of Lading. Raises Transient if the user has no home."""
    named = environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):  # any other is to be ignored
        return Path(named) / "lading"
    try:
        return Path(environ.get("HOME") or Path.home()) / ".local" / "state" / "lading"
    except RuntimeError as error:
        raise Transient("this user has no home folder", hint=_hint()) from error


def digest_of_path(path: Path) -> str:
    """A file name for a path, whatever leads to it."""
    import hashlib

    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]


class Trust:
    """The trust of the user in the store that `guard` guards."""

    def __init__(self, guard: Guard, environ: Mapping[str, str]) -> None:
        self._guard = guard
        self._environ = environ
        self._path = os.path.realpath(guard.root)

    def holds(self) -> bool:
        """Whether the store is listed at its path, or the variable says that every store is trusted."""
        if self._given():
            return True
        known = _read(self._guard.control(ID))
        return known != "" and self._listed() == known

    @property
    def remark(self) -> str:
        """A warning about a store that is not trusted; empty for a trusted one."""
        if self.holds():
            return ""
        return f"the store {self._guard.root} is not trusted; `lading store trust` shows what it holds"

    def demand(self) -> None:
        """Raise Refused unless the store is trusted."""
        if not self.holds():
            raise Refused(
                f"the store {self._guard.root} is not trusted: it was not made at this place by this user",
                hint=f"`lading store trust --yes --store {shlex.quote(str(self._guard.root))}` trusts it; "
                f"{VARIABLE}=1 does so if it comes from a cache of your own, or the home cannot be written",
            )

    def grant(self) -> None:
        """Give the store a new id, and list it. Raises Transient if the list cannot be written."""
        known = os.urandom(16).hex()
        try:
            self._list(known)
        except Transient:
            if not self._given():
                raise
            return
        with naming(self._guard.root):
            replace_file(self._guard.control(ID), f"{known}\n".encode())

    def _given(self) -> bool:
        return self._environ.get(VARIABLE) == "1"

    def _entry(self) -> Path:
        return state_folder(self._environ) / "trusted" / f"{digest_of_path(self._guard.root)}.json"

    def _list(self, known: str) -> None:
        entry = self._entry()
        try:
            make_folder(entry.parent)
            replace_file(entry, json.dumps({"store": self._path, "id": known}).encode())
        except OSError as error:
            reason, path = (error.strerror or str(error)).lower(), error.filename or entry
            hint = _hint() if error.errno in _CLOSED else "free some space, then run the same command again"
            raise Transient(f"{path}: {reason}, so the store cannot be listed as trusted", hint=hint) from error

    def _listed(self) -> str:
        try:
            found = json.loads(_read(self._entry()) or "{}")
            return str(found["id"]) if found["store"] == self._path else ""
        except (ValueError, LookupError, TypeError, Transient):
            return ""


def _hint() -> str:
    return f"make it writable, or set {VARIABLE}=1 to trust the stores that this command uses"


def _read(path: Path) -> str:
    """The text of a small file that is the user's own, and that others cannot write; empty for any other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        status = os.fstat(descriptor)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
        return os.read(descriptor, _LONGEST).decode("ascii", "replace").strip() if ours else ""
    finally:
        os.close(descriptor)
