"""Microsoft Entra ID: discovery, a client with a secret, a user at a browser, and the managed identity of a machine.

Tokens are unsigned JWTs. The SDK reads fields such as `exp` and `tid` and verifies no signature, but the third part
must be base64url.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from urllib.parse import parse_qsl

from .messages import Answer, Refusal, WrongShape, as_json
from .routing import LOGIN, Asked, RoutesOf
from .state import Record, World

AUDIENCE = "https://management.core.windows.net/"
METADATA = r"169\.254\.169\.254"
IDENTITY_HEADER = "canary-identity-header"
USER = "11111111-2222-3333-4444-555555555555"
MACHINE = r"127\.0\.0\.1:\d+"
login = RoutesOf[Asked](LOGIN, signed_in=False)
metadata = RoutesOf[Asked](METADATA, signed_in=False)
machine = RoutesOf[Asked](MACHINE, signed_in=False)
ROUTES = (login, metadata, machine)


@login.on("GET", "/common/discovery/instance")
def instance(visit: Asked) -> Answer:
    host = visit.request.head.host
    endpoint = f"https://{host}/{visit.world.tenant_id}/v2.0/.well-known/openid-configuration"
    aliases = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
    return as_json({"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": aliases})


@login.on("GET", "/{tenant}/v2.0/.well-known/openid-configuration")
def configuration(visit: Asked) -> Answer:
    base = f"https://{visit.request.head.host}/{visit['tenant']}"
    return as_json(
        {
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{base}/v2.0",
        }
    )


@login.on("POST", "/{tenant}/oauth2/v2.0/token")
def token(visit: Asked) -> Answer:
    form = dict(parse_qsl(visit.request.body.decode()))
    if form.get("grant_type") == "authorization_code":
        return _user_token(visit, form)
    if form.get("grant_type") != "client_credentials":
        raise WrongShape(f"no sign-in with the grant type {form.get('grant_type')!r}")
    world = visit.world
    if visit["tenant"] != world.tenant_id:
        raise Refusal(400, "invalid_request", f"AADSTS90002: Tenant '{visit['tenant']}' not found.")
    if form.get("client_id") != world.client_id:
        message = f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found."
        raise Refusal(400, "unauthorized_client", message)
    if not hmac.compare_digest(form.get("client_secret", ""), world.client_secret):
        raise Refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    seconds = world.settings.token_seconds
    audience = form.get("scope", "").removesuffix("/.default")
    return as_json({"token_type": "Bearer", "expires_in": seconds, "access_token": issue(visit.world, audience)})


@login.on("GET", "/{tenant}/oauth2/v2.0/authorize")
def authorize(visit: Asked) -> Answer:
    """The data that a browser posts after a user has signed in: `action` and `fields` of the page's form."""
    query = visit.query
    if (query.get("response_type"), query.get("response_mode")) != ("code", "form_post"):
        raise WrongShape("a browser signs in with a code, which comes back in a form")
    code = visit.world.issue(_packed({"nonce": query["nonce"], "client_id": query["client_id"]}))
    return as_json({"action": query["redirect_uri"], "fields": {"code": code, "state": query["state"]}})


def _user_token(visit: Asked, form: dict[str, str]) -> Answer:
    world, code = visit.world, form.get("code", "")
    if code not in world.issued:
        raise Refusal(400, "invalid_grant", "AADSTS70000: The provided authorization code is invalid.")
    asked = json.loads(base64.urlsafe_b64decode(code + "=="))
    audience = next(scope for scope in form["scope"].split() if scope.endswith("/.default"))
    claims = {
        "aud": asked["client_id"],
        "iss": f"https://{visit.request.head.host}/{world.tenant_id}/v2.0",
        "iat": int(time.time()),
        "exp": int(time.time()) + world.settings.token_seconds,
        "nonce": asked["nonce"],
        "oid": USER,
        "sub": USER,
        "tid": world.tenant_id,
        "preferred_username": "somebody@offline.example",
    }
    return as_json(
        {
            "token_type": "Bearer",
            "expires_in": world.settings.token_seconds,
            "scope": form["scope"],
            "access_token": issue(world, audience.removesuffix("/.default")),
            "id_token": f"{_packed({'alg': 'RS256', 'typ': 'JWT'})}.{_packed(claims)}.{_packed({})}",
            "client_info": _packed({"uid": USER, "utid": world.tenant_id}),
        }
    )


def _packed(value: Record) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@metadata.on("GET", "/metadata/identity/oauth2/token")
def machine_token(visit: Asked) -> Answer:
    if not visit.world.settings.managed_identity:
        raise Refusal(403, "Forbidden", "the metadata address is unreachable: no managed identity here")
    if visit.request.head.headers.get("metadata") != "true":
        raise Refusal(400, "bad_request", "Required metadata header not specified")
    return as_json(machine_answer(visit))


@machine.on("GET", "/msi/token")
def app_service_token(visit: Asked) -> Answer:
    if visit.request.head.headers.get("x-identity-header") != IDENTITY_HEADER:
        raise Refusal(401, "unauthorized", "the identity header is wrong")
    return as_json(machine_answer(visit))


def machine_answer(visit: Asked) -> Record:
    """A token for the managed identity, in the format of IMDS and App Service."""
    seconds = visit.world.settings.token_seconds
    resource = visit.query.get("resource", "")
    return {
        "access_token": issue(visit.world, resource),
        "client_id": visit.world.client_id,
        "expires_in": str(seconds),
        "expires_on": str(int(time.time()) + seconds),
        "resource": resource,
        "token_type": "Bearer",
    }


def issue(world: World, audience: str) -> str:
    """A new token for the resource `audience`."""
    expiry = time.time() + world.settings.token_seconds
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{world.tenant_id}/",
        "iat": int(time.time()),
        "exp": int(expiry),
        "appid": world.client_id,
        "oid": world.client_id,
        "tid": world.tenant_id,
    }
    parts = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), secrets.token_bytes(24))
    issued = world.issue(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts))
    world.tokens[issued] = expiry
    return issued
