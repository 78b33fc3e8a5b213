"""How often the engine has started a container again, and why it had ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import StageFailed
from lading_docker.reading import deaths

if TYPE_CHECKING:
    from .containers import Container


def explained(container: Container) -> str:
    """The detail of a container's status. The engine is asked for more only if it has restarted the container."""
    if not container.restarts:
        return container.detail
    times = "once" if container.restarts == 1 else f"{container.restarts} times"
    return "; ".join(filter(None, (container.detail, f"its policy restarted it {times}{_cause(container)}")))


def _cause(container: Container) -> str:
    """Why it ended last, as far as the engine still knows."""
    try:
        found = deaths(container.id)
    except StageFailed:  # the engine keeps no events
        found = ()
    memory = container.out_of_memory or any(event["Action"] == "oom" for event in found)
    codes = [event["Actor"]["Attributes"].get("exitCode") for event in found if event["Action"] == "die"]
    cause = [*(["out of memory"] if memory else []), *([f"exit code {codes[-1]}"] if codes and codes[-1] else [])]
    return f": {', '.join(cause)}" if cause else ""
