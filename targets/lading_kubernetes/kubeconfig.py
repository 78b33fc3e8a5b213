"""The kubeconfig: the server, the credentials and the namespace of a context. Only this module reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import yaml
from lightkube import KubeConfig
from lightkube.config.client_adapter import ConnectionParams, ExecAuth
from lightkube.config.models import NameValue, User
from lightkube.core.exceptions import ConfigError

from lading import BadInput, Json, PluginError, StageFailed

from .failing import Unauthorized

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig
    from lightkube.config.models import UserExec

    from .options import AksCluster

_EXEC, _OLD_EXEC = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
_KNOWN = (_EXEC, _OLD_EXEC, "client.authentication.k8s.io/v1alpha1")
_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""The fields with paths. A relative path begins in the folder of its file."""

_ACT = "give its context the credentials of the account that it acts as"
_UNSUPPORTED = {
    "cluster": {
        "proxy-url": "remove it, and set HTTPS_PROXY to this address",
        "tls-server-name": "remove it, and let `server` be a name that the certificate has",
    },
    "user": {"as": _ACT, "as-uid": _ACT, "as-groups": _ACT, "as-user-extra": _ACT},
}
"""The fields that lightkube ignores, and the next step. Without them, a request has other rights or another way."""

_BROKEN = (ConfigError, KeyError, TypeError, ValueError, OSError, msgspec.MsgspecError, yaml.YAMLError)
"""The errors of a kubeconfig that cannot be used."""


def kubeconfigs() -> tuple[str, ...]:
    """The files of the kubeconfig. Like kubectl, it is preferred to the service account of a pod."""
    paths = (Path(each).expanduser() for each in _place().split(os.pathsep) if each)
    return tuple(str(path) for path in paths if path.is_file())


@cache
def connection(context: str | None, files: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """The settings of the HTTP client and the namespace of a context. A token is kept for the whole command.

    Raises BadInput if the files cannot be used.
    """
    try:
        config = _config(context, files)
        if config.user and config.user.exec:
            _prepare(config.user.exec)
        settings = ConnectionParams().httpx_params(config)
    except _BROKEN as error:
        raise unusable(error) from error
    if isinstance(settings["auth"], ExecAuth):
        assert config.user is not None, "a user with a program"
        assert config.user.exec is not None, "a user with a program"
        settings["auth"] = _ProgramAuth(settings["auth"], config.user.exec.command)
    return settings, config.namespace


@cache
def aks_connection(cluster: AksCluster) -> tuple[dict[str, Any], str]:
    """Like `connection`, for a cluster of AKS. Azure is asked once in a command.

    Raises PluginError without the extra `aks`.
    """
    try:
        from . import aks
    except ImportError as error:
        raise PluginError("`aks_cluster` needs azure-identity", hint="pip install 'lading[aks]'") from error
    try:
        config = _single(aks.kubeconfig(cluster), None)
        needs_token = config.user is not None and (config.user.exec or config.user.auth_provider)
        settings = ConnectionParams().httpx_params(config._replace(user=User()) if needs_token else config)
    except _BROKEN as error:
        raise StageFailed(f"Azure's kubeconfig of the cluster {cluster.name} cannot be used: {error}") from error
    if needs_token:
        settings["auth"] = _TokenAuth(lambda: aks.token(cluster))
    return settings, config.namespace


def unusable(error: Exception) -> BadInput:
    """The failure of a connection because of the kubeconfig. The message names the files."""
    hint = "correct the file, or name another context with `context:`"
    return BadInput(f"the kubeconfig {_place()} cannot be used: {error}", hint=hint, option="context")


class _TokenAuth(httpx2.Auth):
    """A token for each request."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token()}"
        yield request


class _ProgramAuth(httpx2.Auth):
    """A token from a program.

    Raises Unauthorized if the program ends with an error, as it does after its session has expired. Each other failure
    of the program is a ConfigError.
    """

    def __init__(self, auth: ExecAuth, command: str) -> None:
        self._auth, self._command = auth, command

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        try:
            yield from self._auth.sync_auth_flow(request)
        except ConfigError as error:
            message = f"the kubeconfig {_place()} gives no token: {error}"
            raise Unauthorized(message, hint=f"sign in again as '{self._command}' needs it") from error
        except OSError as error:
            raise ConfigError(
                f"its program '{self._command}' cannot be started: install it, or add its folder to PATH"
                f" ({error.strerror})"
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            reason = f"its program '{self._command}' gives no token; a certificate from a program is not supported"
            raise ConfigError(reason) from error


def _prepare(program: UserExec) -> None:
    """Describe the call to a program that gives tokens. lightkube knows only older versions with the same answers.

    Raises ConfigError for an unknown version.
    """
    if program.apiVersion not in _KNOWN:
        raise ConfigError(f"its program '{program.command}' has version {program.apiVersion}, which is not supported")
    call = {"apiVersion": program.apiVersion, "kind": "ExecCredential", "spec": {"interactive": False}}
    program.env = [*(program.env or ()), NameValue("KUBERNETES_EXEC_INFO", json.dumps(call))]
    if program.apiVersion == _EXEC:
        program.apiVersion = _OLD_EXEC


def _place() -> str:
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


def _config(context: str | None, files: tuple[str, ...]) -> SingleConfig:
    """A context with its cluster and its user."""
    if not files and context is None:
        found: SingleConfig | None = KubeConfig.from_service_account().get()
        assert found is not None, "a service account has one context"
        return found
    return _single(_merged(files), context)


def _single(merged: Mapping[str, Any], context: str | None) -> SingleConfig:
    """A context of a kubeconfig, by default its current one."""
    chosen = context or merged["current-context"]
    contexts = {each["name"]: each["context"] or {} for each in merged["contexts"]}
    if chosen not in contexts:
        names = f"; it has {', '.join(sorted(contexts))}" if contexts else ""
        raise ConfigError(f"it has no context '{chosen}'{names}" if chosen else f"it has no current context{names}")
    for part in ("cluster", "user"):
        _check_part(merged[f"{part}s"], chosen, part, contexts[chosen].get(part))
    kept = {**merged, "contexts": [{"name": chosen, "context": contexts[chosen]}]}
    single = KubeConfig.from_dict(kept).get(chosen)
    assert single is not None, "lightkube raises ConfigError instead"
    return single


def _check_part(known: Iterable[Json], context: str, part: str, name: object) -> None:
    """Raise ConfigError if a context names no cluster or user, or one that the files do not have, or with a field that
    is not supported.
    """
    if not name:
        raise ConfigError(
            f"its context '{context}' names no {part}: `kubectl config set-context {context} --{part}=NAME` adds it"
        )
    fields = next((each[part] or {} for each in known if each["name"] == name), None)
    if fields is None:
        raise ConfigError(f"its context '{context}' names the {part} '{name}', which it does not have")
    for field, step in _UNSUPPORTED[part].items():
        if fields.get(field):
            raise ConfigError(f"its {part} '{name}' has `{field}`, which is not supported: {step}")


def _merged(files: Iterable[str]) -> dict[str, Any]:
    """The content of all files. As for kubectl, the first value of a name counts."""
    merged: dict[str, Any] = {"current-context": "", **{part: [] for part in _LISTS}}
    for file in files:
        content = _content(Path(file))
        merged["current-context"] = merged["current-context"] or content.get("current-context")
        for part, field in _LISTS.items():
            names = {each["name"] for each in merged[part]}
            for each in content.get(part) or ():
                if each["name"] not in names:
                    merged[part].append({"name": each["name"], field: _absolute(each.get(field) or {}, Path(file))})
    return merged


def _content(file: Path) -> Mapping[str, Any]:
    """The content of a file; empty if the file is. Raises ConfigError if it is not a mapping."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:  # its text quotes the file, which may hold a token
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{file}{f':{mark.line + 1}' if mark else ''} is not YAML") from None
    if content is not None and not isinstance(content, Mapping):
        raise ConfigError(f"{file} does not hold a mapping: `kubectl config view` shows a right one")
    return content or {}


def _absolute(fields: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The fields of a cluster, a user or a context, with absolute paths."""
    paths = {name: str(file.parent / fields[name]) for name in _PATHS if fields.get(name)}
    return {**fields, **paths}
