"""Serve until standard input ends: `python -m offline_azure AZURITE`.

`AZURITE` is the script that starts its blob service. The first line of output is a JSON object: the addresses of the
proxy and of the control API, and the file with the certificate authority.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from .app import App
from .certificates import Authority
from .control import AzureControl
from .machines import Machines
from .proxy import Listener
from .state import World


def main(azurite: str) -> None:
    with tempfile.TemporaryDirectory(prefix="offline-azure-") as name:
        folder = Path(name)
        machines = Machines(Path(azurite), folder)
        try:
            app = machines.app = App(World(), machines)
            authority = Authority(folder)
            proxy, control = Listener(app, authority), Listener(AzureControl(app))
            ready = {"proxy": proxy.address, "control": control.address, "bundle": str(authority.bundle)}
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            sys.stdin.read()
        finally:
            machines.close()


main(*sys.argv[1:])
