"""An HTTPS connection that accepts one certificate."""

from __future__ import annotations

import hashlib
import http.client
import ssl


class Pinned(http.client.HTTPSConnection):
    """Sends a request only to a service with the certificate whose SHA-256 is given."""

    def __init__(self, host: str, certificate: str, timeout: float) -> None:
        super().__init__(host, timeout=timeout, context=unverified())  # the certificate itself is compared
        self._certificate = certificate

    def connect(self) -> None:
        super().connect()
        found = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if found != self._certificate:
            self.close()
            raise ConnectionError(f"it presents the certificate {found[:16]}, not {self._certificate[:16]}")


def unverified() -> ssl.SSLContext:
    """The context of a client that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
