"""Processes and ports of a service that has no supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import StageFailed
from lading_serving.leftovers import StillRunning, end_leftovers
from lading_serving.listeners import PortInUse, listen

if TYPE_CHECKING:
    from lading import Context
    from lading_serving.control import ControlFolder

    from .options import LocalOptions


def refuse_leftovers(folder: ControlFolder) -> None:
    """End what an earlier supervisor has left. Raises StageFailed if that is not possible."""
    try:
        end_leftovers(folder.path)
    except StillRunning as error:
        raise StageFailed(str(error), hint="end them, and run the same command again") from error


def clear_leftovers(folder: ControlFolder) -> bool:
    """End what an earlier supervisor has left. Returns False if a supervisor runs, and then ends nothing.

    No supervisor can start meanwhile: that of a killed command would be ended in the middle of its start.
    """
    with folder.unsupervised() as unsupervised:
        if unsupervised:
            refuse_leftovers(folder)
    return unsupervised


def warn_of_another_port(folder: ControlFolder, options: LocalOptions, context: Context) -> None:
    """Warn if another program has taken the port that the service had, so that it has to move."""
    kept = folder.state()["port"]
    if options.port or not kept:
        return
    try:
        listen(options.host, kept).close()
    except PortInUse as error:
        context.warn(f"{error}: the service moves to another port")
    except OSError:  # the supervisor reports it
        return
