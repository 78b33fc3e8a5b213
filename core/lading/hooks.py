"""One plugin bound alone, with one typed method per hook. Nothing else touches pluggy's relay.

Each plugin has a PluginManager of its own, so that a hook which answers once never meets a rival and one that fails
never silences another.
"""

from __future__ import annotations

from typing import Any

import pluggy

from . import hookspecs, model
from .errors import LadingError, PluginError
from .plugins import PLUGINS, TARGETS, Installed, find, load

# The hooks that make a plugin what a manifest asks it to be.
_ROLES = {
    "train": ("lading_train", "lading_inspect"),
    "register": ("lading_register",),
    "package": ("lading_package",),
    "target": ("lading_deploy", "lading_scoring_uri"),
    "connection": ("lading_connect",),
    "track": ("lading_track",),
    "observer": ("lading_observe",),
    "gate": ("lading_gate",),
}
_CAPABILITY_HOOKS = {
    model.Capability.STATUS: "lading_status",
    model.Capability.LOGS: "lading_logs",
    model.Capability.KEYS: "lading_keys",
    model.Capability.DELETE: "lading_delete",
}


def bind(role: str, name: str) -> BoundPlugin:
    """Load the plugin `name` for a role of the manifest.

    Raises BadInput where no such plugin is installed, and PluginError where it is broken or cannot fill the role.
    """
    plugin = BoundPlugin(find(TARGETS if role == "target" else PLUGINS, name))
    plugin.require(role)
    return plugin


class BoundPlugin:
    """One plugin and its hooks, each with its own types checked.

    Every method raises PluginError where the plugin breaks the contract, and lets a LadingError of the plugin pass.
    """

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        try:
            self._manager.register(load(installed), name=installed.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            message = str(error).replace("\n", " ")
            raise PluginError(f"{installed} breaks the contract: {message}", hint=self._repair()) from error
        self.description = self._call("lading_describe", model.Description)
        if self.description.api > model.API_VERSION:
            raise PluginError(
                f"{installed} needs version {self.description.api} of the plugin contract; this is {model.API_VERSION}",
                hint="pip install --upgrade lading",
            )

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that the plugin implements, by name."""
        (plugin,) = self._manager.get_plugins()
        return tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the plugin can fill."""
        return tuple(role for role, hooks in _ROLES.items() if set(hooks) <= set(self.hooks))

    def can(self, capability: model.Capability) -> bool:
        return capability in self.description.capabilities

    def require(self, role: str) -> None:
        """Raise PluginError where the plugin lacks a hook of `role` or of a capability that it declares."""
        declared = [_CAPABILITY_HOOKS[c] for c in self.description.capabilities if c in _CAPABILITY_HOOKS]
        missing = [hook for hook in (*_ROLES[role], *declared) if hook not in self.hooks]
        if missing:
            raise PluginError(f"{self.installed} does not implement {', '.join(missing)}", hint=self._repair())

    def connect(self, request: model.ConnectRequest, context: model.Context) -> Any:
        return self._call("lading_connect", object, request=request, context=context)

    def train(self, request: model.TrainRequest, context: model.Context) -> model.TrainedModel:
        return self._call("lading_train", model.TrainedModel, request=request, context=context)

    def inspect(self, request: model.InspectRequest) -> model.TrainedModel:
        return self._call("lading_inspect", model.TrainedModel, request=request)

    def register(self, request: model.RegisterRequest, context: model.Context) -> model.ModelReference:
        return self._call("lading_register", model.ModelReference, request=request, context=context)

    def package(self, request: model.PackageRequest, context: model.Context) -> model.PackedFiles:
        return self._call("lading_package", model.PackedFiles, request=request, context=context)

    def deploy(self, request: model.DeployRequest, context: model.Context) -> model.DeployStep:
        steps = (model.Pending, model.Candidate, model.Ready, model.Failed)
        return self._call("lading_deploy", *steps, request=request, context=context)

    def scoring_uri(
        self, deployment: model.Deployment, context: model.Context
    ) -> model.ScoringUri | model.NoScoringUri:
        answers = (model.ScoringUri, model.NoScoringUri)
        return self._call("lading_scoring_uri", *answers, deployment=deployment, context=context)

    def status(self, deployment: model.Deployment, context: model.Context) -> model.Status:
        return self._call("lading_status", model.Status, deployment=deployment, context=context)

    def logs(self, request: model.LogsRequest, context: model.Context) -> model.Logs:
        return self._call("lading_logs", model.Logs, request=request, context=context)

    def keys(self, deployment: model.Deployment, context: model.Context, *, rotate: str | None = None) -> model.Keys:
        return self._call("lading_keys", model.Keys, deployment=deployment, context=context, rotate=rotate)

    def delete(self, deployment: model.Deployment, context: model.Context) -> model.Status:
        return self._call("lading_delete", model.Status, deployment=deployment, context=context)

    def track(self, request: model.Run, options: model.Options, context: model.Context) -> model.TrackedRun:
        return self._call("lading_track", model.TrackedRun, request=request, options=options, context=context)

    def observe(self, event: model.Event, options: model.Options, context: model.Context) -> None:
        self._relay("lading_observe", event=event, options=options, context=context)

    def gate(self, request: model.GateRequest, context: model.Context) -> None:
        self._relay("lading_gate", request=request, context=context)

    def _call(self, hook: str, *types: type[Any], **arguments: object) -> Any:
        answer = self._relay(hook, **arguments)
        if answer is None:
            raise PluginError(f"{self.installed} gave no answer to {hook}", hint=self._repair())
        if not isinstance(answer, types):
            expected = " or ".join(kind.__name__ for kind in types)
            raise PluginError(
                f"{self.installed} answered {hook} with {type(answer).__name__}, not {expected}", hint=self._repair()
            )
        return answer

    def _relay(self, hook: str, **arguments: object) -> object:
        try:
            return getattr(self._manager.hook, hook)(**arguments)
        except LadingError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(
                f"{self.installed} failed in {hook}: {reason}", hint=f"-v shows where; {self._repair()}"
            ) from error

    def _repair(self) -> str:
        return f"tell the authors of {self.installed.distribution}"
