"""Access control: a shared access signature of the hub's policy, or a token of Entra ID."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import parse_qsl, quote_plus

from offline_azure.messages import Head, Refusal

from .state import POLICY, Hub

AUDIENCE = "https://iothubs.azure.net"
SIGNATURE = "SharedAccessSignature "


def admit(hub: Hub, head: Head) -> None:
    """Raise Refusal if the caller has no access."""
    credential = head.headers.get("authorization", "")
    if credential.startswith(SIGNATURE):
        _check_signature(hub, head.host, credential.removeprefix(SIGNATURE))
    elif credential.startswith("Bearer "):
        _check_token(hub, credential.removeprefix("Bearer "))
    else:
        raise _unauthorized("no credential was sent")


def expire(hub: Hub, head: Head) -> None:
    """Let all tokens and signatures so far expire, including that of this call."""
    hub.tenant.expire_tokens()
    hub.expired |= hub.signatures | {head.headers.get("authorization", "").removeprefix(SIGNATURE)}
    time.sleep(1 - time.time() % 1)  # the time in a signature has whole seconds, so the next signature must differ


def _check_signature(hub: Hub, host: str, signature: str) -> None:
    sent = dict(parse_qsl(signature))
    if sent.keys() != {"sr", "sig", "se", "skn"}:
        raise _unauthorized("the signature has other parts than sr, sig, se and skn")
    hub.signatures.add(signature)
    signed = f"{quote_plus(host)}\n{sent['se']}".encode()
    expected = hmac.digest(base64.b64decode(hub.key), signed, hashlib.sha256)
    if sent["sr"].lower() != host or sent["skn"] != POLICY:
        raise _unauthorized("the signature is for another resource or policy")
    if not hmac.compare_digest(base64.b64encode(expected).decode(), sent["sig"]):
        raise _unauthorized("the signature is wrong")
    if int(sent["se"]) <= time.time() or signature in hub.expired:
        raise Refusal(401, "IotHubUnauthorized", "the signature is expired")


def _check_token(hub: Hub, token: str) -> None:
    expiry = hub.tenant.tokens.get(token)
    if expiry is None:
        raise _unauthorized("the token is unknown")
    if expiry <= time.time():
        raise Refusal(401, "IotHubUnauthorized", "the token is expired")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    if claims["aud"] != AUDIENCE:
        raise _unauthorized(f"the token is for {claims['aud']}")


def _unauthorized(reason: str) -> Refusal:
    return Refusal(401, "IotHubUnauthorizedAccess", f"Unauthorized: {reason}")
