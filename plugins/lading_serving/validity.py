"""Problems of a certificate and its key that a deploy should show, although a server could use them."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from .certificate import load

_NOT_TODAY = (9, 10)  # OpenSSL's codes: not yet valid, and expired


def invalid_today(cert: Path, key: Path) -> str:
    """Why every client would refuse the certificate today. Empty if it is valid, or if only its issuer is unknown."""
    try:
        _shake_hands(load(cert, key), _client(cert))
    except ssl.SSLCertVerificationError as error:
        return f"the {error.verify_message}: {cert}" if error.verify_code in _NOT_TODAY else ""
    except ssl.SSLError:
        pass  # only a client can know whether it accepts it
    return ""


def is_exposed(key: Path) -> bool:
    """Whether other users may read a key. Raises OSError."""
    return bool(key.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _client(cert: Path) -> ssl.SSLContext:
    """A client that trusts only this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cert)
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory. Raises SSLError."""
    requests, answers = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = client.wrap_bio(answers, requests), server.wrap_bio(requests, answers, server_side=True)
    for side in sides * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
