"""Where the store of a manifest lies."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import Transient
from .durable import make_folder, naming
from .project import STORE_FOLDER, find_project
from .trust import digest_of_path, state_folder


def find_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> Path:
    """Where the store of a manifest lies: where `option` or `LADING_STORE` says, else beside the nearest folder above
    the manifest that looks like the root of a project, else beside the manifest. It need not exist.

    If there is no store, but one in the user's state folder for that place, it is that one.
    """
    named = option or environ.get("LADING_STORE")
    if named:
        return Path(named).absolute()
    beside = find_project(manifest) / STORE_FOLDER
    if not os.path.lexists(beside):
        with suppress(Transient):  # a user without a home
            away = _away(beside, environ)
            return away if away.is_dir() else beside
    return beside


def place_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> tuple[Path, str]:
    """Like `find_store`, for a command that may create the store, with what the user should know of that place.

    On a file system without modes, where others could write to it, the store goes to the user's state folder.
    """
    path = find_store(manifest, environ, option)
    if option or environ.get("LADING_STORE") or not _lacks_modes(path):
        return path, ""
    away = _away(path, environ)
    return away, f"{path.parent} is on a file system without modes, so its store lies in {away}"


def _away(beside: Path, environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "stores" / digest_of_path(beside)


def _lacks_modes(path: Path) -> bool:
    """Whether a new folder at `path` stays open to others, whatever is asked for; an empty one is removed then."""
    if os.path.lexists(path) and not (_is_open(path) and not any(path.iterdir())):
        return False
    with naming(path):
        with suppress(PermissionError):  # the file system refuses the mode
            make_folder(path)
        if not _is_open(path):
            return False
        path.rmdir()
    return True


def _is_open(path: Path) -> bool:
    """Whether a folder is open to the writing of others."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & 0o022)
    return False
