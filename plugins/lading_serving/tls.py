"""Whether a scoring server answers HTTPS. Two environment variables name the files of its certificate and its key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a server without TLS does not load `ssl`
    from .certificate import Certificate

CERTIFICATE = "LADING_TLS_CERT"
"""The variable with the path of the certificate. Without it, a service answers HTTP."""

KEY = "LADING_TLS_KEY"
"""The variable with the path of the private key."""


def tls_of(env: Mapping[str, str]) -> Certificate | None:
    """The certificate that an environment names. None for a service without TLS.

    Raises ValueError if its files cannot be used: a service that should use TLS must not answer HTTP.
    """
    if not (cert := env.get(CERTIFICATE)):
        return None
    from .certificate import Certificate

    return Certificate(Path(cert), Path(env.get(KEY, "")))


def scheme_of(env: Mapping[str, str]) -> str:
    """The scheme of the addresses of a service with this environment."""
    return "https" if env.get(CERTIFICATE) else "http"
