"""A model of several files: the allowed content of its folder, and the digest of the folder.

The digest is the SHA3-256 of a list: for each file the length of its name, its name, and the sha256 of its bytes. A
single file has another digest function. So no file can have the digest of a folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from ..errors import BadInput, Refused
from .durable import make_folder, sync

MOST_ENTRIES = 5_000
"""The maximum number of files and folders in a model, so that it always fits into an exported package."""

MOST_BYTES = 64 << 30
"""The maximum size of a model's files together, in bytes."""

CACHES = frozenset({"__pycache__"})
"""Folders that are left out of a model: Python writes them whenever it uses the modules beside them."""

_LONGEST_PART = 255  # bytes; the limit of most file systems for one part of a path
_KIND = b"lading.folder.1\0"
_HINT = "a model holds regular files and folders only; copy what a link names into the folder"


def files_of(folder: Path, *, leave_out: Collection[str] = ()) -> dict[str, Path]:
    """The files in a folder by their relative names, in one order everywhere.

    Raises Refused, with the path named, for a link or another special file, for a name that is not the same on every
    file system, for too many files or bytes, and for a folder without any file.
    """
    found: dict[str, Path] = {}
    alike: dict[str, str] = {}
    size = 0
    for count, entry in enumerate(_entries(folder, leave_out), 1):
        name = Path(entry.path).relative_to(folder).as_posix()
        _check_name(entry.path, name, alike)
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode):
            found[name], size = Path(entry.path), size + status.st_size
        elif not stat.S_ISDIR(status.st_mode):
            kind = "a symbolic link" if entry.is_symlink() else "not a regular file"
            raise Refused(f"{entry.path} is {kind}", hint=_HINT)
        if count > MOST_ENTRIES:
            raise Refused(f"{folder} has more than {MOST_ENTRIES} files and folders", hint="pack some into one file")
        if size > MOST_BYTES:
            raise Refused(f"{folder} has more than {MOST_BYTES >> 30} GiB", hint="a model may not be larger")
    if not found:
        raise Refused(f"{folder} holds no file", hint="name the folder that the model was saved in")
    return dict(sorted(found.items(), key=lambda item: item[0].encode()))


def source_files(source: Path, store: Path) -> dict[str, Path]:
    """The files of a folder that contains a model. Raises BadInput if the store lies in it."""
    if any(place.samefile(source) for place in (store, *store.parents) if place.exists()):
        raise BadInput(f"{source} holds the store {store}", hint="name a folder for the model alone")
    return files_of(source, leave_out=CACHES)


def gathered(sources: Mapping[str, Path], store: Path) -> dict[str, Path]:
    """The files of several models, by the path of each model. Raises the same errors as `source_files`."""
    found: dict[str, Path] = {}
    for place, source in sources.items():
        inner = source_files(source, store) if source.is_dir() else None
        found |= {place: source} if inner is None else {f"{place}/{name}": file for name, file in inner.items()}
    return found


def bring(files: Mapping[str, Path], copy: Path, bring_file: Callable[[Path, Path], str]) -> str:
    """Copy the files of a folder without their modes, wait until they are on the disk, and return the folder's digest.

    `bring_file` copies one file and returns its sha256.
    """
    digests = {}
    for name, file in files.items():
        place = copy / name
        make_folder(place.parent)
        digests[name] = bring_file(file, place)
        place.chmod(0o400)
    for folder in {place for name in files for place in (copy / name).parents if place.is_relative_to(copy)}:
        sync(folder)
    return digest_of_folder(digests)


def digest_of_files(files: Mapping[str, Path], digest: Callable[[Path], str]) -> str:
    """The digest of a folder with these files; `digest` gives the sha256 of one."""
    return digest_of_folder({name: digest(file) for name, file in files.items()})


def digest_of_folder(digests: Mapping[str, str]) -> str:
    """The digest of a folder, from the sha256 of each file by its relative name."""
    import hashlib

    whole = hashlib.sha3_256(_KIND)
    for name, sha256 in sorted((name.encode(), bytes.fromhex(sha256)) for name, sha256 in digests.items()):
        whole.update(len(name).to_bytes(8, "big") + name + sha256)
    return whole.hexdigest()


def is_plain(part: str) -> bool:
    """Whether one part of a path is harmless, and valid on every file system."""
    printable = part not in ("", ".", "..") and part.isprintable()
    return printable and "\\" not in part and len(part.encode()) <= _LONGEST_PART


def check_part(path: str, part: str) -> None:
    """Raise Refused unless every file system keeps `part`, the last part of `path`, unchanged."""
    import unicodedata  # only a model that enters the store pays for it

    if not is_plain(part) or not unicodedata.is_normalized("NFC", part):
        hint = "use printable characters in their composed form (NFC), without a backslash"
        raise Refused(f"{path!a} has a name that some systems change", hint=hint)


def _entries(folder: Path, leave_out: Collection[str]) -> Iterator[os.DirEntry[str]]:
    """All files and folders below a folder. Links are not followed."""
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder and entry.name in leave_out:
                    continue
                yield entry
                if is_folder:
                    waiting.append(entry.path)


def _check_name(path: str, name: str, alike: dict[str, str]) -> None:
    check_part(path, name.rpartition("/")[2])
    other = alike.setdefault(name.casefold(), name)
    if other != name:
        raise Refused(f"{path} and {other} have names that differ in case only", hint="rename one of them")
