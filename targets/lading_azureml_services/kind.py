"""The differences between the kinds of service, and their options in the SDK's terms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lading import Capability, Context, Options
from lading_azureml.contents import account

from .options import ServiceOptions

CAPABILITIES = frozenset(
    {
        Capability.STATUS,
        Capability.LOGS,
        Capability.KEYS,
        Capability.ROTATE_KEYS,
        Capability.DELETE,
        Capability.SCORING_URI,
        Capability.BUILD_LOGS,
        Capability.LIST,
        Capability.PREFLIGHT,
        Capability.PLAN,
    }
)

KEY_OPTIONS = ("primary_key", "secondary_key")
RECREATE = (
    "give the block another service_name, or `recreate: true`: then the old service is deleted first, "
    "and nothing answers until the new one is up"
)
KEEPS_KEYS = f"set the variable back and use `lading keys --rotate`, or {RECREATE}"
_OWN = ("tags", "base_image", "base_image_registry", "dockerfile", "env", "recreate")


@dataclass(frozen=True)
class Kind:
    """A kind of service: its name in Azure ML, the options that cannot change in place, and those only for Lading."""

    name: str
    fixed: tuple[str, ...]
    own: tuple[str, ...] = ()

    def settings(self, options: Options, context: Context, *, update: bool = False) -> dict[str, Any]:
        """The options that are set, as arguments of the SDK. For an update, only those that can change in place."""
        left_out = {*_OWN, *self.own, *(self.fixed if update else ())}
        given = {name: value for name, value in _given(options).items() if name not in left_out}
        secrets = {name: context.secret(given[name]).reveal() for name in KEY_OPTIONS if name in given}
        paths = {name: str(value) for name, value in given.items() if isinstance(value, Path)}
        return {**given, **paths, **secrets, **_authentication(options)}

    def digests(self, options: Options) -> tuple[str, str]:
        """A digest of all options, and one of those that cannot change in place.

        Variables of `env` and secrets count by their names, because everybody may guess a value and compare its digest.
        """
        given = _given(options)
        return _digest(given), _digest({name: given[name] for name in self.fixed if name in given})


def secrets(options: ServiceOptions, context: Context) -> dict[str, str]:
    """The values that the digests leave out, without the keys: those of `env` and the account of the registry."""
    found = account(options, context)
    values = {f"env.{name}": value for name, value in options.env.items()}
    return values | ({"username": found.username, "password": found.password} if found else {})


def keys(options: ServiceOptions, context: Context) -> dict[str, str]:
    """The values of the keys that the options name."""
    return {name: context.secret(given).reveal() for name in KEY_OPTIONS if (given := getattr(options, name))}


def _given(options: Options) -> dict[str, Any]:
    values = {item.name: getattr(options, item.name) for item in fields(options) if item.name != "recreate"}
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _authentication(options: Options) -> dict[str, bool]:
    """Keys are requested by default. A token replaces the keys."""
    token, keys = getattr(options, "token_auth_enabled", None), getattr(options, "auth_enabled", None)
    return {"auth_enabled": not token if keys is None else keys}


def _digest(values: Mapping[str, Any]) -> str:
    content = {name: sorted(value) if name == "env" else _content(value) for name, value in values.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=vars).encode()).hexdigest()


def _content(value: Any) -> Any:
    """The value of an option for a digest. A file counts by its content."""
    return hashlib.sha256(value.read_bytes()).hexdigest() if isinstance(value, Path) else value
