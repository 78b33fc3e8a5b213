"""The scoring script that a trainer returns with its model. It is checked, and kept in the store like a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import PluginError, Refused

if TYPE_CHECKING:
    from ...plugin.discovery import Installed
    from ...store.files import Files

_MOST_BYTES = 1 << 20


def check_script(script: Path, folder: Path, plugin: Installed) -> None:
    """Raise PluginError unless a trainer returned a script with `init` and `run` in its work folder. It is not run."""
    try:
        fault = next(_faults(script, folder), None)
    except Refused as error:
        fault = error.message
    except OSError as error:
        fault = f"{script.name} cannot be read: {error}"
    if fault:
        raise PluginError(
            f"{plugin} returned no usable scoring script: {fault}",
            hint=f"report it to the authors of {plugin.distribution}",
        )


def keep_script(files: Files, script: Path | None) -> str:
    """Keep a script in the store. Returns `SHA256/NAME`, or an empty text without a script."""
    return f"{files.put(script, name=script.name)[0]}/{script.name}" if script else ""


def kept_script(files: Files, kept: str) -> Path | None:
    """The stored file of a script. Raises Refused if it is missing or was altered."""
    if not kept:
        return None
    sha256, _, name = kept.partition("/")
    files.check(sha256, name=name)
    return files.path(sha256, name=name)


def _faults(script: Path, folder: Path) -> Iterator[str]:
    from ...base.scripts import script_problem  # if there is nothing to do, these are not loaded
    from ...store.tree import check_part

    check_part(str(script), script.name)
    if script.is_symlink() or not script.resolve().is_relative_to(folder.resolve()):
        yield f"{script} is not in its work folder, or is a link"
    if not script.is_file():
        yield f"{script.name} is not a regular file" if script.exists() else f"{script.name} does not exist"
    if script.suffix != ".py":
        yield f"the name {script.name} does not end in .py"
    if script.stat().st_size > _MOST_BYTES:
        yield f"{script.name} is larger than {_MOST_BYTES >> 20} MiB"
    if problem := script_problem(script, {"init": 0, "run": 1}):
        yield problem
