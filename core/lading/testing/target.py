"""The conformance of a target: what every target must do, whatever it deploys to."""

from __future__ import annotations

from .description import DescriptionChecks
from .flow import FlowChecks
from .kill import KillChecks
from .life import LifeChecks


class TargetConformance(KillChecks, FlowChecks, LifeChecks, DescriptionChecks):  # pytest begins with the last
    """Subclass it in a test module, and name the target.

    Example:
        >>> class TestQuay(TargetConformance):
        ...     target = "quay"
        ...     options = {"port": 0}

    Where a value is known only at run time, override a fixture, class-scoped or wider: `target_options`,
    `target_connections`, or `target_environ`, the environment variables of the deploying processes. A check is skipped
    only for a capability that the target does not declare.
    """
