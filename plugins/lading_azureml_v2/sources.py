"""The source of a deployment in the workspace: a folder with the scoring script, as a code asset.

The name of an asset comes from the content, so a repeated registration changes nothing.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lading_azureml.port import Taken

from .blobs import upload

if TYPE_CHECKING:
    from lading import Context, Json

    from .workspace import Workspace

_PACKAGE = "lading.package"
_WHAT = "uploading the scoring script"


def ensure_code(workspace: Workspace, folder: Path, digest: str, context: Context) -> str:
    """The id of the code asset with the files of a folder. `digest` stands for their content, as 64 hex digits.

    If the workspace has none, the files are uploaded and registered. An interrupted upload begins again. Raises Taken
    if the asset of that name has another content.
    """
    name = str(uuid.UUID(digest[:32]))  # the SDK's names have this form
    known = workspace.code(name)
    if known is None:
        context.intend(f"code/{name}")
        context.progress(_WHAT, folder.name)
        place, signature = workspace.code_container(name)
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            path = quote(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            upload(workspace.services.arm, _WHAT, f"{place}/{path}?{signature}", file)
        workspace.put_code(name, _body(f"{place}/{folder.name}", digest))
    elif (known.get("properties") or {}).get(_PACKAGE) != digest:
        raise Taken(f"code asset {name} has another content", hint="delete it from the workspace, and deploy again")
    return workspace.code_id(name)


def _body(uri: str, digest: str) -> Json:
    properties = {_PACKAGE: digest}
    return {"properties": {"codeUri": uri, "isAnonymous": True, "isArchived": False, "properties": properties}}
