"""The program of a server: `server.py RECORD SCRIPT`. At SIGTERM it answers its pending requests and exits."""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RECORD, SCRIPT = Path(sys.argv[1]), sys.argv[2]


def tell(**facts: Any) -> None:
    draft = RECORD.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": os.getpid(), **facts}))
    draft.replace(RECORD)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = json.dumps(script["run"](body.decode())).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False


try:
    script = runpy.run_path(SCRIPT)
    script["init"]()
except Exception:
    tell(error=traceback.format_exc())
    sys.exit(1)
server = Server(("127.0.0.1", 0), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
tell(port=server.server_port)
server.serve_forever(poll_interval=0.05)
server.server_close()
