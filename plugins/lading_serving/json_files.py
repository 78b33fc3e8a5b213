"""JSON files in the folder of a service. A file is replaced in one step, and read only if it is ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .owned import Foreign, read_own


def write_json(path: Path, content: object, *, durable: bool = True) -> None:
    """Replace a file by JSON in one step, with mode 0600. If `durable`, it is on the disk on return."""
    write_bytes(path, json.dumps(content).encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Like `write_json`, for bytes."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while content:
            content = content[os.write(file, content) :]
        if durable:
            os.fsync(file)
    finally:
        os.close(file)
    scratch.replace(path)
    if durable:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_json(path: Path, is_valid: Callable[[Any], bool]) -> Any:
    """Read a file from `write_json`. Returns None if it is missing, or if a power loss emptied it.

    Raises Foreign for any other content.
    """
    try:
        data = read_own(path)
        content = json.loads(data) if data.strip(b"\0") else None
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise Foreign(path, "is not what `lading` writes there") from None
    if content is not None and not is_valid(content):
        raise Foreign(path, "is not what `lading` writes there")
    return content


def is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31
