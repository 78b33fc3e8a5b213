"""The content of a run's files. Azure keeps the first file of a name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def sha256_of_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of(run: Any, name: str) -> str | None:
    """The digest of a run's file or folder with that name; None if there is none.

    The SDK's own download is not used, because it retries missing files for minutes.
    """
    import requests

    address = run._client.artifacts.get_file_uri("ExperimentRun", run._container, name)
    digest = hashlib.sha256()
    with requests.get(address, stream=True, timeout=60) as answer:
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        for chunk in answer.iter_content(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
