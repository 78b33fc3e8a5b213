"""Files to copy into a container, as the archive that an engine unpacks."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping

_USER = 10001
"""The user of the server in an image."""


def archive_of(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A tar archive of files for the user of the server: absolute paths with content and mode."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), mode, int(time.time())
            entry.uid = entry.gid = _USER
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()
