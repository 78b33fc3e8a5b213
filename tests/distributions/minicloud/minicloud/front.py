"""The program of a front: `front.py RECORD ROUTE`. It forwards each request to the server that ROUTE names at that
time.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RECORD, ROUTE = Path(sys.argv[1]), Path(sys.argv[2])
_TRIES = 100  # for one request: a server that stops refuses it, and the next one answers


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        status, answer = passed_on(self.path, self.rfile.read(int(self.headers["content-length"])))
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def passed_on(path: str, body: bytes) -> tuple[int, bytes]:
    for _ in range(_TRIES):
        port = json.loads(ROUTE.read_text())["port"]
        if not port:
            break
        server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            server.request("POST", path, body)
            answer = server.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        finally:
            server.close()
    return 503, b"nobody serves"


front = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
draft = RECORD.with_suffix(".draft")
draft.write_text(json.dumps({"pid": os.getpid(), "port": front.server_port}))
draft.replace(RECORD)
front.serve_forever()
