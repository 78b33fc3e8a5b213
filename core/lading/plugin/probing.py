"""Import each plugin in a separate process to find out whether it works."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.process import Command, Finished, child_environment, run_command
from ..errors import LadingError
from .bound import BoundPlugin
from .discovery import RESTRICTION, TARGETS, Installed

if TYPE_CHECKING:
    from ..model import Json


def probe(plugin: Installed, *, timeout: float) -> dict[str, Json]:
    """Import a plugin in a child process and return its description, or the reason why it is broken as its `problem`.

    `timeout` is in seconds. `printed` is the output of the import.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        argv = (sys.executable, "-P", "-m", "lading.plugin.probing", json.dumps(plugin._asdict()), str(file))
        command = Command(argv, Path(folder), child_environment(("PYTHONPATH", RESTRICTION)))
        finished = run_command(command, timeout=timeout)
        found: dict[str, Json] = json.loads(file.read_text()) if file.exists() else {}
    return {**(found or _end(plugin, finished, timeout)), "printed": finished.tail}


def _end(plugin: Installed, finished: Finished, timeout: float) -> dict[str, Json]:
    """The result for a plugin whose process reported nothing."""
    repair = f"repair or uninstall {plugin.distribution}, or report it to its authors"
    if finished.code is None:
        return {
            "problem": f"{plugin} could not be imported within {timeout:g} s",
            "hint": f"give it more time with --timeout; if that does not help, {repair}",
        }
    return {"problem": f"{plugin} ended the process that imported it, with code {finished.code}", "hint": repair}


def _describe(plugin: Installed) -> dict[str, Json]:
    try:
        bound = BoundPlugin(plugin)
        roles = ("target",) if plugin.group == TARGETS else bound.roles
        bound.require(*roles)
    except LadingError as error:
        return {"problem": error.message, "hint": error.hint}
    return {
        "summary": bound.description.summary,
        "api": bound.description.api,
        "roles": roles,
        "hooks": bound.hooks,
        "capabilities": sorted(bound.description.capabilities),
        "retiring": bound.retiring,
        "problem": None,
    }


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(_describe(Installed(**json.loads(sys.argv[1])))), encoding="utf-8")
