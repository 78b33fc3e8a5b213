"""Send a request to a service with TLS, whose certificate is the one in the file of its block."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lading import InvokeAnswer, StageFailed, Transient
from lading_serving.certificate import fingerprint
from lading_serving.control import NOTHING, ControlFolder
from lading_serving.owned import read_own
from lading_serving.pinned import send
from lading_serving.spec import ReleaseSpec
from lading_serving.tls import CERTIFICATE

from .releases import recorded_sha256

if TYPE_CHECKING:
    from lading import Context, InvokeRequest


def answer(folder: ControlFolder, request: InvokeRequest, context: Context) -> InvokeAnswer:
    """The answer of the serving release. Raises Transient if there is none, and StageFailed without a certificate."""
    known, key = certificate(folder, context), request.key.reveal() if request.key else ""
    try:
        found = send(request.uri, request.body, request.headers, key=key, certificate=known, timeout=request.timeout)
    except OSError as error:
        raise Transient(f"{request.uri} does not answer: {error}") from error
    return InvokeAnswer(status=found.status, body=found.body, headers=found.headers)


def certificate(folder: ControlFolder, context: Context) -> str:
    """The SHA-256 of the certificate that the serving release presents: that of the file, which it reads again."""
    number = (folder.desired() or NOTHING)["serving"]
    if number is None:
        raise StageFailed("nothing serves", hint="`lading deploy` brings it up")
    recorded_sha256(folder, number, context)
    file = Path(ReleaseSpec.from_bytes(read_own(folder.spec(number))).env.get(CERTIFICATE, ""))
    try:
        return fingerprint(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StageFailed(f"the certificate {file} cannot be read: {error}") from error
