"""The keys of an endpoint, or a token for it."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lading import BadInput, KeyNotReadable, Keys, OutcomeUnknown, Secret, StageFailed, Transient
from lading_azureml.port import NotAllowed
from lading_azureml.text import reason

from .operations import ACTION, wait_of
from .owning import our_endpoint, workspace_of

if TYPE_CHECKING:
    from lading import Context, Deployment
    from lading_azureml_v2.resources import Endpoint, EndpointKeys, Started

_SHOW = "`lading keys` shows the valid key"
_BYTES = 24  # of a new key; 32 characters


def keys(deployment: Deployment, context: Context, rotate: str | None) -> Keys:
    """Raises BadInput for the rotation of a key of an endpoint that takes tokens."""
    endpoint = our_endpoint(deployment, context)
    if endpoint is None:
        raise StageFailed(f"{deployment.service} is not deployed", hint="run `lading deploy` to start it")
    if rotate is not None:
        _rotate(endpoint, context, rotate)
    found = _read(endpoint, context)
    second = Secret(found.secondary) if found.secondary else None
    return Keys(primary=Secret(found.primary), secondary=second, expires=found.expires)


def _read(endpoint: Endpoint, context: Context) -> EndpointKeys:
    try:
        return workspace_of(context).keys(endpoint)
    except NotAllowed as error:
        raise KeyNotReadable(error.message, hint=error.hint) from error


def _rotate(endpoint: Endpoint, context: Context, which: str) -> None:
    """Replace a key by a fresh one. Raises StageFailed if Azure keeps the old key."""
    if endpoint.auth != "key":
        hint = "write `auth: key` under the target and deploy it"
        raise BadInput(f"requests to {endpoint.name} carry a token and no key, so none can be rotated", hint=hint)
    before = _read(endpoint, context)
    context.intend(f"endpoint/{endpoint.name}/key/{which}/{secrets.token_hex(4)}")
    fresh = secrets.token_urlsafe(_BYTES)
    is_shown = _await(workspace_of(context).replace_key(endpoint.name, which, fresh), endpoint.name, context)
    try:
        after = _read(endpoint, context)
    except Transient as error:  # the framework would repeat the whole rotation
        raise OutcomeUnknown(f"the new key cannot be read yet: {error.message}", hint=_SHOW) from error
    if getattr(after, which) == getattr(before, which) and not is_shown:
        message = f"cannot see whether the {which} key is rotated: the sign-in may lack the action {ACTION}"
        raise OutcomeUnknown(message, hint=_SHOW)
    if getattr(after, which) == getattr(before, which):
        raise StageFailed(
            f"Azure has kept the {which} key of {endpoint.name}", hint="rotate it again, or in the studio"
        )


def _await(started: Started, name: str, context: Context) -> bool:
    """Wait for a new key. Return whether Azure has shown the end of the rotation. If not, the endpoint has ended it.

    A rotation must not be requested again just to find out whether it is done.
    """
    wait = max(1.0, wait_of(started.wait))
    while started.url and not context.cancelled:
        try:
            found = workspace_of(context).operation(started.url)
        except Transient:
            time.sleep(wait)
            continue
        if found is None:
            _await_endpoint(name, wait, context)
            return False
        if found.error:
            raise StageFailed(f"Azure could not rotate the key: {reason(found.error)}")
        if not found.is_running:
            return True
        time.sleep(wait)
    if started.url:
        raise OutcomeUnknown("the new key is not ready yet", hint=_SHOW)
    return True


def _await_endpoint(name: str, wait: float, context: Context) -> None:
    """Wait until Azure has changed an endpoint. Raises OutcomeUnknown if the command is interrupted before."""
    while not context.cancelled:
        with suppress(Transient):
            found = workspace_of(context).endpoint(name)
            if found is None or not found.is_busy:
                return
        time.sleep(wait)
    raise OutcomeUnknown("the new key is not ready yet", hint=_SHOW)
