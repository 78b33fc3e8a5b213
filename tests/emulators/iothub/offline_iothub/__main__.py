"""Serve until standard input ends: `python -m offline_iothub`.

The first line of output is a JSON object: the addresses of the proxy and of the control API, and the file with the
certificate authority.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from offline_azure.certificates import Authority
from offline_azure.proxy import Listener

from .app import App
from .control import HubControl
from .state import Hub


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="offline-iothub-") as folder:
        app = App(Hub("none"))
        authority = Authority(Path(folder))
        proxy, control = Listener(app, authority), Listener(HubControl(app))
        ready = {"proxy": proxy.address, "control": control.address, "bundle": str(authority.bundle)}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        try:
            sys.stdin.read()
        finally:
            app.hub.close()


main()
