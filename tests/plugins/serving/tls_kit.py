"""Certificates for services under test, and clients that trust one of them."""

from __future__ import annotations

import hashlib
import http.client
import ssl
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.plugins.serving.serving_kit import Answer
from tests.waiting import LIMIT

from lading_serving import tls


class Pair(NamedTuple):
    """The files of a certificate and its key."""

    cert: Path
    key: Path

    @property
    def env(self) -> dict[str, str]:
        return {tls.CERTIFICATE: str(self.cert), tls.KEY: str(self.key)}

    @property
    def fingerprint(self) -> str:
        found = x509.load_pem_x509_certificate(self.cert.read_bytes())
        return found.fingerprint(hashes.SHA256()).hex()


def make_pair(folder: Path, name: str = "service", *, days: int = 2, password: bytes | None = None) -> Pair:
    """A self-signed certificate for 127.0.0.1 and `localhost`, valid since yesterday for a number of days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    start = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.cert.write_bytes(made.public_bytes(pem))
    pair.key.touch(0o600)
    pair.key.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, sealing))
    return pair


def trusting(pair: Pair, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """The context of a client that trusts only this certificate."""
    context = ssl.create_default_context(cafile=pair.cert)
    context.maximum_version = newest
    return context


def ask_with_tls(
    uri: str,
    pair: Pair,
    body: bytes | None = b"{}",
    method: str = "POST",
    path: str = "",
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request over HTTPS, and verify the certificate of the service."""
    parts = urlsplit(uri)
    assert parts.scheme == "https"
    connection = http.client.HTTPSConnection(parts.netloc, timeout=LIMIT, context=context or trusting(pair))
    with closing(connection):
        connection.request(method, path or parts.path, body, {"content-type": "application/json"})
        return Answer(connection.getresponse())


def presented(uri: str) -> str:
    """The fingerprint of the certificate that a service presents."""
    parts = urlsplit(uri)
    context = ssl._create_unverified_context()  # the question is which certificate it is
    connection = http.client.HTTPSConnection(parts.netloc, timeout=LIMIT, context=context)
    with closing(connection):
        connection.connect()
        return hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
