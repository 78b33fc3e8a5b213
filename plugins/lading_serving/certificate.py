"""The certificate of a scoring server and its private key: two files in PEM form."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import ssl
from pathlib import Path
from typing import NoReturn

from .logs import log
from .secured import Secured

_FIRST = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_NOT_A_PAIR = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"})

Stamp = tuple[int, ...]


class Certificate:
    """The certificate of a server. Its files are read again when they change, so it can be renewed without a restart.

    Raises ValueError if the files cannot be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = cert, key
        self._stamp = self._look()
        self._context = load(cert, key)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next connection. While the files are being replaced, the known certificate stays."""
        if (stamp := self._look()) != self._stamp:
            self._stamp = stamp
            try:
                self._context = load(*self._files)
            except ValueError as error:
                log(f"the certificate is not renewed: {error}")
        return self._context

    def secured(self, sock: socket.socket) -> Secured:
        """Begin TLS on an accepted socket that does not block. Raises OSError if its client has left."""
        return Secured(sock, self.context)

    def _look(self) -> Stamp:
        found: list[int] = []
        for file in self._files:
            try:
                facts = file.stat()
            except OSError:  # it is being replaced; loading it reports the reason
                return ()
            found += facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
        return tuple(found)


def load(cert: Path, key: Path) -> ssl.SSLContext:
    """The context of a server with this certificate, for TLS 1.2 and later.

    Raises ValueError if the files cannot be used. Its message begins with `cert: ` or `key: `.
    """
    _check_form(cert, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=lambda: _refuse_password(key))
    except ssl.SSLError as error:
        if error.reason in _NOT_A_PAIR:
            raise ValueError(f"key: does not belong to the certificate {cert}: {key}") from error
        if error.reason is None:
            raise ValueError(f"key: is damaged: {key}") from error
        raise ValueError(f"cert: is refused: {error.reason.replace('_', ' ').lower()}: {cert}") from error
    return context


def _check_form(cert: Path, key: Path) -> None:
    """Raise ValueError unless the files have a certificate and a key, as far as it can be seen without the other."""
    content, secret = _read("cert", cert), _read("key", key)
    if not _FIRST.search(content):
        raise ValueError(f"cert: has no certificate in PEM form: {cert}")
    if not _KEY.search(secret):
        raise ValueError(f"key: has no private key in PEM form: {key}")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert)
    except ssl.SSLError as error:
        raise ValueError(f"cert: is damaged: {cert}") from error


def fingerprint(content: bytes) -> str:
    """The SHA-256 of the certificate that a server with this file presents, in hexadecimal digits.

    Raises ValueError if the file has no certificate.
    """
    found = _FIRST.search(content)
    if not found:
        raise ValueError("it has no certificate in PEM form")
    return hashlib.sha256(base64.b64decode(found[1])).hexdigest()


def _read(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"{name}: {os.strerror(error.errno or 0).lower()}: {file}") from error


def _refuse_password(key: Path) -> NoReturn:
    """Without this, OpenSSL would ask for a password on the terminal."""
    raise ValueError(f"key: is protected by a password: {key}")
