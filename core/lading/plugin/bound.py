"""One bound plugin, with one typed method per hook. No other module calls hooks through pluggy.

Each plugin has a separate PluginManager. So a hook with one answer has no rival, and a failing plugin cannot silence
another one.
"""

from __future__ import annotations

import sys
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import pluggy

from .. import model
from ..errors import FAILURES, Interrupted, LadingError, PluginError
from ..model.description import Role
from ..model.metrics import reserved_name
from . import discovery, spec
from .answers import finite, misfit
from .discovery import Installed, find, group_of, load, speaking
from .faults import full_disk, reason, remedy, special_kind, strange_argument, unusable, unusable_key


def bind(role: str, name: str) -> BoundPlugin:
    """Load the plugin `name` for a role of the manifest.

    Raises BadInput if no such plugin is installed, and PluginError if it is broken or does not support the role.
    """
    plugin = BoundPlugin(find(group_of(role), name))
    plugin.require(role)
    return plugin


def identity(role: str, name: str, *, beside: str = "") -> str:
    """The full name of the plugin `name` for a role, so that two names of one plugin are equal; see `discovery`."""
    return discovery.identity(group_of(role), name, beside=beside)


class BoundPlugin:
    """One plugin and its hooks. Each answer is checked against its types.

    Every method raises PluginError if the plugin breaks the contract. A LadingError of the plugin is passed on.
    `retiring` names the deprecated things that the plugin uses.
    """

    def __init__(self, installed: Installed) -> None:
        self.installed = installed
        self._manager = pluggy.PluginManager(spec.PROJECT)
        self.retiring = self._take_up(load(installed))
        if "lading_describe" not in self.hooks:
            raise self._broken("does not implement lading_describe, or not with the marker lading.hookimpl")
        self.description = self._call("lading_describe", model.Description)
        if not issubclass(self.description.options, model.Options):
            raise self._broken("has an options type that does not subclass lading.Options")
        for role, options in self.description.role_options.items():
            if role not in tuple(Role) or not (isinstance(options, type) and issubclass(options, model.Options)):
                raise self._broken(f"has role_options for {role!r}: they map a role to a subclass of lading.Options")
        if self.description.api > model.API_VERSION:
            raise self._too_new(self.description.api)
        if self.description.api < 1:
            raise self._broken(f"declares api={_short(self.description.api)}; the first version of the contract is 1")
        self._refuse_half_roles()

    @cached_property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that the plugin implements, by name."""
        (plugin,) = self._manager.get_plugins()
        return tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ()))

    @property
    def code(self) -> Path:
        """The code of the plugin: the file of its module, or the folder of its package."""
        source = Path(str(sys.modules[self.installed.value.partition(":")[0]].__file__))
        return source.parent if source.stem == "__init__" else source

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the plugin supports."""
        return tuple(role for role in Role if set(role.hooks) <= set(self.hooks))

    def can(self, capability: model.Capability) -> bool:
        return capability in self.description.capabilities

    def takes(self, hook: str, argument: str) -> bool:
        """Whether the plugin's implementation of a hook accepts an argument. Implementations may omit arguments."""
        found = getattr(self._manager.hook, hook).get_hookimpls()
        return any(argument in each.argnames for each in found)

    def require(self, *roles: str) -> None:
        """Raise PluginError if the plugin has no role, or lacks a hook of a role or of a declared capability."""
        if not roles:
            raise self._broken("has no role: its only hook is lading_describe")
        declared = [capability.hook for capability in model.Capability if capability.hook and self.can(capability)]
        wanted = [hook for role in roles for hook in Role(role).hooks]
        missing = [hook for hook in (*wanted, *declared) if hook not in self.hooks]
        if missing:
            raise self._broken(f"does not implement {', '.join(missing)}")

    def connect(self, request: model.ConnectRequest, context: model.Context) -> Any:
        return self._call("lading_connect", object, request=request, context=context)

    def train(self, request: model.TrainRequest, context: model.Context) -> model.TrainedModel:
        return self._call("lading_train", model.TrainedModel, request=request, context=context)

    def inspect(self, request: model.InspectRequest) -> model.TrainedModel:
        return self._call("lading_inspect", model.TrainedModel, request=request)

    def evaluate(self, request: model.EvaluateRequest, context: model.Context) -> model.Measured:
        measured: model.Measured = self._call("lading_evaluate", model.Measured, request=request, context=context)
        if name := reserved_name(measured.metrics):
            raise self._broken(f"returned a wrong answer from lading_evaluate: the metric name {name!r} is reserved")
        return measured

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

    def metrics(self, deployment: model.Deployment, context: model.Context) -> model.Metrics:
        return self._call("lading_metrics", model.Metrics, deployment=deployment, context=context)

    def keys(self, deployment: model.Deployment, context: model.Context, *, rotate: str | None = None) -> model.Keys:
        keys: model.Keys = self._call("lading_keys", model.Keys, deployment=deployment, context=context, rotate=rotate)
        if wrong := unusable_key(keys):
            raise self._broken(f"returned a wrong answer from lading_keys: {wrong}")
        return keys

    def invoke(self, request: model.InvokeRequest, context: model.Context) -> model.InvokeAnswer | None:
        """The answer that the target got. None if the framework is to send the request over HTTP."""
        answer = self._relay("lading_invoke", request=request, context=context)
        return None if answer is None else self._checked("lading_invoke", answer, model.InvokeAnswer)

    def delete(self, deployment: model.Deployment, context: model.Context) -> model.DeleteStep:
        steps = (model.Pending, model.Done, model.Failed)
        return self._call("lading_delete", *steps, deployment=deployment, context=context)

    def shift(self, request: model.ShiftRequest, context: model.Context) -> model.ShiftStep:
        steps = (model.Pending, model.Done, model.Failed)
        return self._call("lading_shift", *steps, request=request, context=context)

    def eject(self, request: model.DeployRequest, context: model.Context) -> model.Ejected:
        return self._call("lading_eject", model.Ejected, request=request, context=context)

    def list(self, request: model.ListRequest, context: model.Context) -> model.Listing:
        return self._call("lading_list", model.Listing, request=request, context=context)

    def preflight(self, request: model.PreflightRequest, context: model.Context) -> model.TargetFindings:
        return self._call("lading_preflight", model.TargetFindings, request=request, context=context)

    def plan(self, request: model.PlanRequest, context: model.Context) -> model.PlanFindings:
        return self._call("lading_plan", model.PlanFindings, request=request, context=context)

    def track(
        self, request: model.Run, context: model.Context, *, artifacts: tuple[Path, ...] = ()
    ) -> model.TrackedRun:
        return self._call("lading_track", model.TrackedRun, request=request, context=context, artifacts=artifacts)

    def observe(self, event: model.Event, options: model.Options, context: model.Context) -> None:
        self._notify("lading_observe", event=event, options=options, context=context)

    def gate(self, request: model.GateRequest, context: model.Context) -> None:
        self._notify("lading_gate", request=request, context=context)

    def _refuse_half_roles(self) -> None:
        """Raise PluginError if the plugin has one hook of a role but lacks another one that the role needs."""
        found = set(self.hooks)
        for role in Role:
            lacking = [hook for hook in role.hooks if hook not in found]
            if lacking and not found.isdisjoint((*role.hooks, *role.optional)):
                article = "an" if role.noun[0] in "aeiou" else "a"
                raise self._broken(f"is incomplete: {article} {role.noun} lacks {', '.join(lacking)}")

    def _take_up(self, loaded: object) -> tuple[str, ...]:
        """Register the hooks. Returns the warnings of the contract for the user, who cannot see Python's warnings."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")  # pluggy reads every attribute of a plugin, and any of them can warn
            warnings.simplefilter("always", spec.Retiring)
            try:
                hash(loaded)  # pluggy keeps plugins in a set
                self._manager.add_hookspecs(spec.specifications(loaded))
                self._manager.register(loaded, name=self.installed.name)
            except pluggy.PluginValidationError as error:
                strange = strange_argument(loaded, spec.HOOKS)
                raise self._foreign(loaded, strange or f"breaks the contract: {reason(error)}") from error
            except Exception as error:  # pluggy looks at every attribute, and any of them can raise, like the hash
                raise self._foreign(loaded, f"cannot be inspected: {reason(error)}") from error
        for hook in self.hooks:
            if not getattr(self._manager.hook, hook).has_spec():
                raise self._foreign(loaded, f"implements {hook}, which is not a hook{_meant(hook)}")
            if kind := special_kind(getattr(loaded, hook)):
                raise self._foreign(loaded, f"implements {hook} as {kind}: hooks are plain functions")
        return tuple(f"{self.installed} must be changed: {warning.message}" for warning in caught)

    def _foreign(self, loaded: object, what: str) -> PluginError:
        """The failure of a plugin that does not fit the contract: it is wrong, or it needs a later contract."""
        api = _declared_api(loaded)
        return self._too_new(api) if api > model.API_VERSION else self._broken(what)

    def _call(self, hook: str, *types: type[Any], **arguments: object) -> Any:
        answer = self._relay(hook, **arguments)
        if answer is None:
            raise self._broken(f"returned None from {hook}")
        return self._checked(hook, answer, *types)

    def _checked(self, hook: str, answer: Any, *types: type[Any]) -> Any:
        """The answer if it is of one of the types and well formed."""
        kind = next((kind for kind in types if isinstance(answer, kind)), None)
        if kind is None:
            expected = " or ".join(kind.__name__ for kind in types)
            raise self._broken(f"returned {type(answer).__name__} from {hook}, not {expected}")
        if wrong := misfit(answer, kind) or unusable(answer):
            raise self._broken(f"returned a wrong answer from {hook}: {wrong}")
        return finite(answer, kind)

    def _notify(self, hook: str, **arguments: object) -> None:
        """Call a hook that returns None. A gate that returns False means to refuse, so the deploy must not continue."""
        answers = self._relay(hook, **arguments)
        if answers:
            raise self._broken(f"returned {type(answers[0]).__name__} from {hook}, which must return None or raise")

    def _relay(self, hook: str, **arguments: object) -> Any:
        try:
            with speaking(self.installed):
                return getattr(self._manager.hook, hook)(**arguments)
        except Interrupted:
            raise
        except BaseException as error:  # a hook can raise any exception, including SystemExit and CancelledError
            if _is_documented(error):
                raise
            if full := full_disk(error):
                raise full from error
            raise PluginError(
                f"{self.installed} failed in {hook}: {reason(error)}", hint=remedy(self.installed.distribution, error)
            ) from error

    def _broken(self, what: str) -> PluginError:
        return PluginError(
            f"{self.installed} {what}", hint=f"report it to the authors of {self.installed.distribution}"
        )

    def _too_new(self, api: int) -> PluginError:
        return PluginError(
            f"{self.installed} needs version {_short(api)} of the plugin contract; this is {model.API_VERSION}",
            hint="pip install --upgrade lading",
        )


def _is_documented(error: BaseException) -> bool:
    """Whether a failure has the exit code of a documented one: a plugin must not end a command with 0, or with text."""
    code = error.exit_code if isinstance(error, LadingError) else None
    return type(code) is int and code in {failure.exit_code for failure in FAILURES}


def _meant(hook: str) -> str:
    import difflib

    close = difflib.get_close_matches(hook, spec.HOOKS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _short(number: int) -> str:
    """A number in digits, unless there are many."""
    if abs(number) < 10**9:
        return str(number)
    return ">999999999" if number > 0 else "<-999999999"


def _declared_api(loaded: Any) -> int:
    """The contract version of a plugin with foreign hooks, read without pluggy; 0 if it has none."""
    try:
        if special_kind(loaded.lading_describe):
            return 0
        return int(loaded.lading_describe().api)
    except Exception:
        return 0
