"""The certificate of a service in a container. A label has its digest, by which Lading knows it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lading import StageFailed
from lading_serving import tls
from lading_serving.certificate import fingerprint

from .copying import archive_of

if TYPE_CHECKING:
    from .options import Tls

CERTIFICATE = "/etc/lading/tls.crt"
KEY = "/etc/lading/tls.key"


def variables(block: Tls | None) -> dict[str, str]:
    """The variables that let the server answer HTTPS."""
    return {} if block is None else {tls.CERTIFICATE: CERTIFICATE, tls.KEY: KEY}


def digest_of(block: Tls | None) -> str:
    """The SHA-256 of the certificate; empty for a service without TLS. Raises StageFailed if it cannot be read."""
    try:
        return "" if block is None else fingerprint(block.cert.read_bytes())
    except (OSError, ValueError) as error:
        raise _unread(error) from error


def files(block: Tls) -> bytes:
    """The files for a container, as an archive. Only its server can read the key. Raises StageFailed."""
    try:
        found = {CERTIFICATE: (block.cert.read_bytes(), 0o444), KEY: (block.key.read_bytes(), 0o400)}
    except OSError as error:
        raise _unread(error) from error
    return archive_of(found)


def _unread(error: Exception) -> StageFailed:
    return StageFailed(f"the certificate or its key cannot be read: {error}", hint="see `tls` under the target")
