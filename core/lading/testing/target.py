"""The conformance of a target: rules for every target on any platform."""

from __future__ import annotations

from .canary import CanaryChecks
from .description import DescriptionChecks
from .fresh import FreshChecks
from .life import LifeChecks
from .things import FlowThings, KillThings


class TargetConformance(
    KillThings, CanaryChecks, FreshChecks, FlowThings, LifeChecks, DescriptionChecks
):  # pytest starts with the last one
    """Subclass it in a test module, and name the target.

    Example:
        >>> class TestAcme(TargetConformance):
        ...     target = "acme"
        ...     options = {"port": 0}

    If a value is known only at run time, override a fixture, class-scoped or wider: `target_options`,
    `target_connections`, or `target_environ`, the environment variables of the deploying processes. `things_of`
    examines the platform without the plugin. A check is skipped only if `things_of` is missing or the target does not
    declare the capability.
    """
