"""The location of a manifest's store."""

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
    """The folder of a manifest's store. It may not exist yet.

    `option` comes first, then `LADING_STORE`. Otherwise the store lies in the nearest folder above the manifest that
    looks like the root of a project, else beside the manifest. If that folder has no store, and the user's state folder
    has one for it, that one is used.
    """
    named = option or environ.get("LADING_STORE")
    if named:
        return Path(named).absolute()
    beside = find_project(manifest) / STORE_FOLDER
    if not os.path.lexists(beside):
        with suppress(Transient):  # the user may have no home
            away = _below_state_folder(beside, environ)
            return away if away.is_dir() else beside
    return beside


def place_store(manifest: Path, environ: Mapping[str, str], option: Path | None = None) -> tuple[Path, str]:
    """Like `find_store`, for a command that may create the store. Also returns a remark for the user, or an empty text.

    If others could write to the store, because the file system has no modes, the store goes to the user's state folder.
    """
    path = find_store(manifest, environ, option)
    if option or environ.get("LADING_STORE") or not _lacks_modes(path):
        return path, ""
    away = _below_state_folder(path, environ)
    return away, f"{path.parent} is on a file system without modes, so its store is in {away}"


def _below_state_folder(beside: Path, environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "stores" / digest_of_path(beside)


def _lacks_modes(path: Path) -> bool:
    """Whether the file system ignores the mode of a new folder at `path`, so that others can write to it.

    If so, an empty folder is removed again.
    """
    if os.path.lexists(path) and not (_is_open(path) and not any(path.iterdir())):
        return False
    with naming(path):
        with suppress(PermissionError):  # the file system rejects the mode
            make_folder(path)
        if not _is_open(path):
            return False
        path.rmdir()
    return True


def _is_open(path: Path) -> bool:
    """Whether other users can write to a folder."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & 0o022)
    return False
