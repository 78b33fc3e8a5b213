"""A plain HTTPS client of the hub, with the usual sign-in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote_plus, urlencode

from offline_iothub.client import IotHub, content
from tests.waiting import LIMIT

SALARY = "registry.example/salary@sha256:" + "0" * 64


class HubClient:
    def __init__(self, iothub: IotHub) -> None:
        self.iothub = iothub
        self.authorization = self.signature()
        proxy = urllib.request.ProxyHandler({"https": iothub.network["HTTPS_PROXY"]})
        trusted = ssl.create_default_context(cafile=iothub.network["SSL_CERT_FILE"])
        self._opener = urllib.request.build_opener(proxy, urllib.request.HTTPSHandler(context=trusted))

    def signature(self, key: str = "", seconds: int = 3600) -> str:
        parts = dict(part.split("=", 1) for part in self.iothub.connection_string.split(";"))
        resource, expiry = quote_plus(parts["HostName"]), int(time.time()) + seconds
        secret = base64.b64decode(key or parts["SharedAccessKey"])
        digest = hmac.digest(secret, f"{resource}\n{expiry}".encode(), hashlib.sha256)
        signed = {"sig": base64.b64encode(digest), "se": expiry, "skn": parts["SharedAccessKeyName"]}
        return f"SharedAccessSignature sr={resource}&{urlencode(signed)}"

    def token(self, scope: str = "https://iothubs.azure.net/.default") -> str:
        hub = self.iothub
        form = {"grant_type": "client_credentials", "client_id": hub.client_id, "client_secret": hub.client_secret}
        url = f"https://login.microsoftonline.com/{hub.tenant_id}/oauth2/v2.0/token"
        sent = urllib.request.Request(url, urlencode({**form, "scope": scope}).encode())
        return "Bearer " + str(self._send(sent)[1]["access_token"])

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, JSON and headers of the response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Type": "application/json", "Authorization": self.authorization, **named}
        url = f"https://{self.iothub.host}{path}?api-version=2021-04-12"
        data = None if body is None else json.dumps(body).encode()
        return self._send(urllib.request.Request(url, data, named, method=method))

    def query(self, text: str) -> list[Any]:
        """All pages of the result."""
        found: list[Any] = []
        headers: dict[str, str] = {}
        while True:
            status, page, answered = self("POST", "/devices/query", {"query": text}, **headers)
            assert status == 200, page
            found += page
            if "x-ms-continuation" not in answered:
                return found
            headers = {"x_ms_continuation": answered["x-ms-continuation"]}

    def _send(self, sent: urllib.request.Request) -> tuple[int, Any, Any]:
        try:
            with self._opener.open(sent, timeout=LIMIT) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None, answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null"), error.headers


def configuration(**fields: Any) -> dict[str, Any]:
    plain = {"schemaVersion": "2.0", "content": content(salary=SALARY), "targetCondition": "*", "priority": 10}
    return {"id": "salary-1", **plain, **fields}
