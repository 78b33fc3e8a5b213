"""The files of runs and models. Azure keeps the first file of a name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from lading import Json, StageFailed

from .blobs import sha256_at, upload
from .services import Services

_SERVICE = "artifact/v2.0"
_BATCH = 100  # names of one request


def put_files(services: Services, place: str, files: Mapping[str, Path]) -> tuple[str, ...]:
    """Upload the files that a place lacks, under their names. `place` is an origin with a container.

    Returns the names of the files that it has with another content. A file whose upload was interrupted has a name, but
    no content; it is uploaded again.
    """
    what, kept = "uploading the files", []
    there = {name for name in _names(services, place) if name in files}
    for name in sorted(there):
        found = sha256_at(services.arm, what, _address(services, place, name, "contentinfo"))
        if found is None:
            upload(services.arm, what, _address(services, place, name, "write"), files[name])
        elif found != _sha256(files[name]):
            kept.append(name)
    new = [name for name in files if name not in there]
    for start in range(0, len(new), _BATCH):
        for name, url in _created(services, place, new[start : start + _BATCH]).items():
            upload(services.arm, what, url, files[name])
    return tuple(kept)


def _names(services: Services, place: str) -> list[str]:
    found, path = [], f"artifacts/{place}"
    while path:
        page = services.ask("listing the files", "GET", _SERVICE, path, gone=True).body or {}
        found += [str(each["path"]) for each in page.get("value") or ()]
        token = page.get("continuationToken")
        path = f"artifacts/{place}?continuationToken={quote(token, safe='')}" if token else ""
    return found


def _address(services: Services, place: str, name: str, access: str) -> str:
    """The signed address of an artifact, to read or to write it."""
    path = f"artifacts/{access}/{place}/{quote(name)}"
    return str(services.ask(f"reading the address of {name}", "GET", _SERVICE, path).body["contentUri"])


def _created(services: Services, place: str, names: list[str]) -> dict[str, str]:
    """Create artifacts without content. Returns the signed addresses to write them."""
    body = {"paths": [{"path": name} for name in names]}
    found = services.ask("creating the files", "POST", _SERVICE, f"artifacts/batch/metadata/{place}", body).body
    for name, refused in (found.get("errors") or {}).items():
        raise StageFailed(f"creating the file {name} failed: {_message(refused)}")
    return {name: str(info["contentUri"]) for name, info in found["artifactContentInformation"].items()}


def _message(refused: Json) -> str:
    error = (refused or {}).get("error") or {}
    return ": ".join(filter(None, (str(error.get("code") or ""), str(error.get("message") or ""))))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
