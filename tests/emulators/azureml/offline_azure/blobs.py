"""Blobs: a real Azurite in its own process, and signed URLs for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import secrets
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from .kept import Kept
from .messages import Answer, Request

BLOB_HOST = ".blob.core.windows.net"
EXPIRY = "2099-01-01T00:00:00Z"
VERSION = "2018-11-09"  # of the signature: the last one with a short text to sign
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection", "expect"}


class Blobs:
    """One storage account. Its content is in memory and lost with the process."""

    def __init__(self, azurite: Path, folder: Path) -> None:
        self.account = f"offline{secrets.token_hex(4)}"
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._containers: set[str] = set()
        self._lock = threading.Lock()
        self._process = self._start(azurite, folder)
        self._port = self._listening()

    @property
    def host(self) -> str:
        return self.account + BLOB_HOST

    def url(self, container: str, name: str, permissions: str) -> str:
        """A signed URL for exactly one blob."""
        self._make(container)
        resource = f"/blob/{self.account}/{container}/{name}"
        fields = (permissions, "", EXPIRY, resource, "", "", "", VERSION, "b", "", "", "", "", "", "")
        query = {"sv": VERSION, "sr": "b", "sp": permissions, "se": EXPIRY, "sig": self._sign("\n".join(fields))}
        return f"https://{self.host}/{container}/{quote(name)}?{urlencode(query)}"

    def container_url(self, container: str) -> str:
        """A signed URL to list, read and write the blobs of a container."""
        self._make(container)
        fields = ("rcwl", "", EXPIRY, f"/blob/{self.account}/{container}", *([""] * 3), VERSION, "c", *([""] * 6))
        query = {"sv": VERSION, "sr": "c", "sp": "rcwl", "se": EXPIRY, "sig": self._sign("\n".join(fields))}
        return f"https://{self.host}/{container}?{urlencode(query)}"

    def names(self, container: str, path: str) -> list[str]:
        """The blob `path`, or all blobs below it."""
        query = urlencode({"restype": "container", "comp": "list", "prefix": path})
        target = self.container_url(container).removeprefix(f"https://{self.host}")
        answer = self._ask("GET", f"{target}&{query}", b"", {"host": self.host})
        found = [item.text or "" for item in ElementTree.fromstring(answer.body).iterfind("Blobs/Blob/Name")]
        return [name for name in found if name == path or name.startswith(f"{path}/")]

    def forward(self, request: Request) -> Answer:
        """Forward a client's call to Azurite unchanged."""
        head = request.head
        headers = {name: text for name, text in head.headers.items() if name not in HOP_BY_HOP}
        return self._ask(head.method, head.target, request.body, headers)

    def get(self, container: str, name: str) -> bytes:
        """The content of a blob. Raises FileNotFoundError if nothing was uploaded with this name."""
        answer = self._ask("GET", self._target(container, name, "r"), b"", {"host": self.host})
        if answer.status != 200:
            raise FileNotFoundError(name)
        return answer.body

    def put(self, container: str, name: str, content: bytes) -> None:
        headers = {"host": self.host, "x-ms-blob-type": "BlockBlob", "x-ms-version": VERSION}
        answer = self._ask("PUT", self._target(container, name, "cw"), content, headers)
        if answer.status != 201:
            raise OSError(f"azurite answered {answer.status}: {answer.body!r}")

    def close(self) -> None:
        self._process.stop()

    def _target(self, container: str, name: str, permissions: str) -> str:
        return self.url(container, name, permissions).removeprefix(f"https://{self.host}")

    def _make(self, container: str) -> None:
        with self._lock:
            if container in self._containers:
                return
            fields = (self.account, "rwdlc", "b", "sco", "", EXPIRY, "", "", VERSION, "")
            signed = {"sv": VERSION, "ss": "b", "srt": "sco", "sp": "rwdlc", "se": EXPIRY}
            query = urlencode({"restype": "container", **signed, "sig": self._sign("\n".join(fields))})
            answer = self._ask("PUT", f"/{container}?{query}", b"", {"host": self.host})
            if answer.status != 201:
                raise OSError(f"azurite answered {answer.status}: {answer.body!r}")
            self._containers.add(container)

    def _ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            kept = {name: text for name, text in response.getheaders() if name.lower() not in HOP_BY_HOP}
            if method == "HEAD":
                kept["Content-Length"] = response.getheader("Content-Length") or "0"
            return Answer(response.status, response.read(), kept)
        finally:
            connection.close()

    def _sign(self, text: str) -> str:
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()

    def _start(self, azurite: Path, folder: Path) -> Kept:
        node = shutil.which("node")
        if node is None:
            raise FileNotFoundError("node")
        options = ["--blobPort", "0", "--blobHost", "127.0.0.1", "--inMemoryPersistence"]
        options += ["--skipApiVersionCheck", "--disableTelemetry"]
        env = {**os.environ, "AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}
        return Kept([node, azurite, *options], env, folder, subprocess.PIPE)

    def _listening(self) -> int:
        said = []
        for line in self._process.output:
            said.append(line.decode())
            if b"listen" in line and b"http://127.0.0.1:" in line:
                threading.Thread(target=self._process.output.read, daemon=True).start()
                return int(line.rsplit(b":", 1)[1])
        raise OSError(f"azurite ended: {''.join(said)}")
