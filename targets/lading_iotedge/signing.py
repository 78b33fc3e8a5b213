"""A connection string of an IoT hub, and signatures with its key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from lading import BadInput, Context

_LIFETIME = 3600  # seconds that a signature is valid
_PARTS = ("HostName", "SharedAccessKeyName", "SharedAccessKey")


@dataclass(frozen=True)
class SharedKey:
    """A shared access policy of a hub. `key` is never shown."""

    host: str
    policy: str
    key: bytes = field(repr=False)

    def sign(self) -> str:
        """The value of an Authorization header."""
        resource, expiry = quote_plus(self.host), int(time.time()) + _LIFETIME
        digest = hmac.new(self.key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        signature = quote_plus(base64.b64encode(digest))
        return f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={quote_plus(self.policy)}"


def value_of(variable: str, option: str, context: Context) -> str:
    """The value of a variable. Raises BadInput, at the option that names it, if it is not set."""
    try:
        return context.secret(variable).reveal()
    except BadInput as error:
        raise BadInput(error.message, hint=error.hint, option=option) from error


def parse(variable: str, text: str) -> SharedKey:
    """The connection string in a variable. Raises BadInput with the wrong part's name, never with its value."""
    parts = dict(part.partition("=")[::2] for part in text.strip().split(";") if part)
    for name in _PARTS:
        if not parts.get(name):
            raise BadInput(
                f"the connection string in {variable} has no {name}",
                hint="the hub's Shared access policies show it: HostName=…;SharedAccessKeyName=…;SharedAccessKey=…",
                option="hub",
            )
    try:
        key = base64.b64decode(parts["SharedAccessKey"], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(
            f"the SharedAccessKey of the connection string in {variable} is not base64",
            hint="copy the whole connection string again, with the = at its end",
            option="hub",
        ) from None
    return SharedKey(parts["HostName"], parts["SharedAccessKeyName"], key)
