"""One plugin bound alone, with one typed method per hook. Nothing else touches pluggy's relay.

Each plugin has a PluginManager of its own, so that a hook which answers once never meets a rival and one that fails
never silences another.
"""

from __future__ import annotations

import warnings
from typing import Any

import pluggy

from .. import model
from ..errors import LadingError, PluginError
from . import spec
from .discovery import PLUGINS, TARGETS, Installed, find, load, speaking
from .faults import misfit, reason, remedy, strange_argument

# The hooks that make a plugin what a manifest asks it to be.
_ROLES = {
    "train": ("lading_train", "lading_inspect"),
    "register": ("lading_register",),
    "package": ("lading_package",),
    "image": ("lading_image",),
    "target": ("lading_deploy", "lading_scoring_uri"),
    "connection": ("lading_connect",),
    "track": ("lading_track",),
    "observer": ("lading_observe",),
    "gate": ("lading_gate",),
}
CAPABILITY_HOOKS = {
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
    `retiring` says which of the things that the plugin asks for will go.
    """

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self._manager = pluggy.PluginManager(spec.PROJECT)
        for part in spec.PARTS:
            self._manager.add_hookspecs(part)
        self.retiring = self._take_up(load(installed))
        if "lading_describe" not in self.hooks:
            raise self._broken("does not implement lading_describe, or not with the marker lading.hookimpl")
        self.description = self._call("lading_describe", model.Description)
        if not issubclass(self.description.options, model.Options):
            raise self._broken("describes options that are no lading.Options")
        if self.description.api > model.API_VERSION:
            raise self._too_new(self.description.api)

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

    def require(self, *roles: str) -> None:
        """Raise PluginError where no role is given, or a hook of one or of a declared capability is lacking."""
        if not roles:
            raise self._broken("fills no role: it implements no hook but lading_describe")
        declared = [CAPABILITY_HOOKS[c] for c in self.description.capabilities if c in CAPABILITY_HOOKS]
        wanted = [hook for role in roles for hook in _ROLES[role]]
        missing = [hook for hook in (*wanted, *declared) if hook not in self.hooks]
        if missing:
            raise self._broken(f"does not implement {', '.join(missing)}")

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

    def image(self, request: model.ImageRequest, context: model.Context) -> model.Image | model.Pending:
        return self._call("lading_image", model.Image, model.Pending, request=request, context=context)

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

    def track(self, request: model.Run, context: model.Context) -> model.TrackedRun:
        return self._call("lading_track", model.TrackedRun, request=request, context=context)

    def observe(self, event: model.Event, options: model.Options, context: model.Context) -> None:
        self._tell("lading_observe", event=event, options=options, context=context)

    def gate(self, request: model.GateRequest, context: model.Context) -> None:
        self._tell("lading_gate", request=request, context=context)

    def _take_up(self, loaded: object) -> tuple[str, ...]:
        """Register the hooks. Returns what the contract warns of, for the user, who cannot see Python's warnings."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")  # pluggy reads every attribute of a plugin, and any of them can warn
            warnings.simplefilter("always", spec.Retiring)
            try:
                self._manager.register(loaded, name=self.installed.name)
            except pluggy.PluginValidationError as error:
                strange = strange_argument(loaded, spec.HOOKS)
                raise self._foreign(loaded, strange or f"breaks the contract: {reason(error)}") from error
            except Exception as error:  # pluggy looks at every attribute, and any of them can raise
                raise self._foreign(loaded, f"cannot be looked at: {reason(error)}") from error
        for hook in self.hooks:
            if not getattr(self._manager.hook, hook).has_spec():
                raise self._foreign(loaded, f"implements {hook}, which is no hook{_meant(hook)}")
        return tuple(f"{self.installed} must be changed: {warning.message}" for warning in caught)

    def _foreign(self, loaded: object, what: str) -> PluginError:
        """The failure of a plugin that does not fit the contract, because it is wrong or of a later one."""
        api = _declared_api(loaded)
        return self._too_new(api) if api > model.API_VERSION else self._broken(what)

    def _call(self, hook: str, *types: type[Any], **arguments: object) -> Any:
        answer = self._relay(hook, **arguments)
        if answer is None:
            raise self._broken(f"gave no answer to {hook}")
        kind = next((kind for kind in types if isinstance(answer, kind)), None)
        if kind is None:
            expected = " or ".join(kind.__name__ for kind in types)
            raise self._broken(f"answered {hook} with {type(answer).__name__}, not {expected}")
        if wrong := misfit(answer, kind):
            raise self._broken(f"answered {hook} wrongly: {wrong}")
        return answer

    def _tell(self, hook: str, **arguments: object) -> None:
        """Call a hook that answers nothing: a gate that returns False means to refuse, and must not be passed."""
        answers = self._relay(hook, **arguments)
        if answers:
            raise self._broken(f"answered {hook} with {type(answers[0]).__name__}, where only raising counts")

    def _relay(self, hook: str, **arguments: object) -> Any:
        try:
            with speaking(self.installed):
                return getattr(self._manager.hook, hook)(**arguments)
        except BaseException as error:  # a hook can raise what it likes, SystemExit and CancelledError among it
            if isinstance(error, LadingError) and error.exit_code != LadingError.exit_code:
                raise
            raise PluginError(
                f"{self.installed} failed in {hook}: {reason(error)}", hint=remedy(self.installed.distribution, error)
            ) from error

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"{self.installed} {what}", hint=f"tell the authors of {self.installed.distribution}")

    def _too_new(self, api: int) -> PluginError:
        return PluginError(
            f"{self.installed} needs version {api} of the plugin contract; this is {model.API_VERSION}",
            hint="pip install --upgrade lading",
        )


def _meant(hook: str) -> str:
    import difflib

    close = difflib.get_close_matches(hook, spec.HOOKS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _declared_api(loaded: Any) -> int:
    """The contract of a plugin whose hooks are not ours, asked past pluggy; 0 where it does not say."""
    try:
        return int(loaded.lading_describe().api)
    except Exception:
        return 0
