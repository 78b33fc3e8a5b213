"""The stores that the user trusts. The user's state folder lists their random ids and paths.

There is one small file for each path, replaced in one step, so no lock is needed. A moved, copied or restored store is
not listed at its new path. A store that comes with a repository cannot know the id.
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
_LONGEST = 65536  # bytes: the longest path, escaped, fits


def state_folder(environ: Mapping[str, str]) -> Path:
    """The user's folder for the state of Lading. Raises Transient if the user has no home folder."""
    named = environ.get("XDG_STATE_HOME", "")
    if named.startswith("/"):  # the standard requires to ignore a relative path
        return Path(named) / "lading"
    try:
        return Path(environ.get("HOME") or Path.home()) / ".local" / "state" / "lading"
    except RuntimeError as error:
        raise Transient("this user has no home folder", hint=_hint()) from error


def digest_of_path(path: Path) -> str:
    """A file name for a path. Links in the path are resolved first."""
    import hashlib

    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]


class Trust:
    """The user's trust in the store of `guard`."""

    def __init__(self, guard: Guard, environ: Mapping[str, str]) -> None:
        self._guard = guard
        self._environ = environ
        self._path = os.path.realpath(guard.root)

    def holds(self) -> bool:
        """Whether the store is listed with its path, or the environment variable trusts all stores."""
        if self._is_set():
            return True
        known = _read(self._guard.control(ID))
        return known != "" and self._listed() == known

    @property
    def remark(self) -> str:
        """A warning if the store is not trusted, otherwise empty."""
        if self.holds():
            return ""
        return f"the store {self._guard.root} is not trusted; `lading store trust` shows its content"

    def demand(self) -> None:
        """Raise Refused unless the store is trusted."""
        if not self.holds():
            raise Refused(
                f"the store {self._guard.root} is not trusted: this user did not create it at this path",
                hint=f"`lading store trust --yes --store {shlex.quote(str(self._guard.root))}` trusts it; "
                f"{VARIABLE}=1 does so if it comes from your own cache, or if the home folder is read-only",
            )

    def grant(self) -> None:
        """Give the store a new id and list it. Raises Transient if the list cannot be written."""
        known = os.urandom(16).hex()
        try:
            self._list(known)
        except Transient:
            if not self._is_set():
                raise
            return
        with naming(self._guard.root):
            replace_file(self._guard.control(ID), f"{known}\n".encode())

    def _is_set(self) -> bool:
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
    """Read a small file. Returns an empty text if it is not the user's own, or if others can write to it."""
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
