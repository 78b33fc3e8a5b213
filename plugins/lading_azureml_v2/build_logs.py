"""The log of an image build that failed. Azure's error has its signed address, or names its place in blob storage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from lading import Json
from lading_azureml.text import clean_lines

if TYPE_CHECKING:
    from .workspace import Workspace

_VERSION = "2024-10-01-preview"  # of datastores, in Microsoft's SDK
_STORES = ("workspaceartifactstore", "workspaceblobstore")
"""The datastores of every workspace. Azure writes its logs to the first one."""

_SIGNED = re.compile(r"""https://[^/\s"'\\]+\.blob\.[^\s"'\\]+/ImageLogs/[^\s"'\\]+\?[^\s"'\\]+""")
_PLACE = re.compile(r"storage account '([^']+)' in the container '([^']+)' at the path '([^']+)'")
_AND = re.compile(r"\\+u0026")  # a detail can be JSON in a text, with the signs of an address as escapes
_WHAT = "reading the log of the image build"
_MOST = 256 << 10  # bytes of a log that are kept, from its end


def build_log(workspace: Workspace, error: Mapping[str, Json]) -> tuple[str, ...]:
    """The lines of the log that an error of Azure names; none if it names no log of the workspace.

    Raises StageFailed if the log may not be read, and FileNotFoundError if it is not there.
    """
    text = _AND.sub("&", json.dumps(error, ensure_ascii=False))
    signed = _SIGNED.search(text)
    url = signed[0] if signed else _address(workspace, text)
    arm = workspace.services.arm
    if not arm.is_storage(url):
        return ()
    return clean_lines(_end(arm.read_blob(_WHAT, url)).decode(errors="replace"))


def _end(pieces: Iterable[bytes]) -> bytes:
    """The last bytes of a log, which can have any size."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        if len(kept) > 2 * _MOST:
            del kept[:-_MOST]
    return bytes(kept[-_MOST:])


def _address(workspace: Workspace, text: str) -> str:
    """The signed address of the log at the place that a text names; empty without one."""
    place = _PLACE.search(text)
    if place is None:
        return ""
    account, container, path = place.groups()
    for store in _STORES:
        found = _ask(workspace, "GET", store).get("properties") or {}
        if (found.get("accountName"), found.get("containerName")) == (account, container):
            body = {"expirableSecret": True, "expireAfterHours": 1}
            token = str(_ask(workspace, "POST", f"{store}/listSecrets", body).get("sasToken") or "")
            host = f"{account}.blob.{found.get('endpoint') or ''}"
            return f"https://{host}/{container}/{quote(path)}?{token.lstrip('?')}" if token else ""
    return ""


def _ask(workspace: Workspace, method: str, path: str, body: Json = None) -> Json:
    return workspace.services.arm.ask(_WHAT, method, f"{workspace.id}/datastores/{path}", _VERSION, body).body or {}
