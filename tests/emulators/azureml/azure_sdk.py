"""Run a few lines of the unmodified SDK in a separate process. Only its environment variables point to the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, ClassVar

from offline_azure.client import Azure

SAY = """
import json, os, sys
from pathlib import Path
from azureml.core import Environment, Experiment, Model, Workspace
from azureml.core.authentication import ServicePrincipalAuthentication, TokenAuthentication

def say(**words):
    Path("said.json").write_text(json.dumps(words))

def get_workspace(auth):
    return Workspace.get(
        os.environ["WORKSPACE"], auth=auth,
        subscription_id=os.environ["SUBSCRIPTION_ID"], resource_group=os.environ["RESOURCE_GROUP"],
    )

def main():
"""
SIGN_IN = """
    auth = ServicePrincipalAuthentication(
        os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"],
    )
    workspace = get_workspace(auth)
"""
RUN = """
try:
    main()
except Exception as error:
    Path("failed.json").write_text(json.dumps([type(error).__name__, str(error)]))
    raise
"""


class Sdk:
    """Call it with the body of a function. `workspace` is the test's own, and `say(...)` sets the result."""

    prologue: ClassVar[str] = SAY
    sign_in_lines: ClassVar[str] = SIGN_IN

    def __init__(self, azure: Azure, folder: Path) -> None:
        self.azure = azure
        self.folder = folder
        self.environ = {**azure.environ}

    def __call__(self, lines: str, *, sign_in: bool = True) -> Any:
        done = self._run(lines, sign_in)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((self.folder / "said.json").read_text())

    def fails(self, lines: str, *, sign_in: bool = True) -> tuple[str, str]:
        """The name and the text of the exception that ends the lines."""
        done = self._run(lines, sign_in)
        assert done.returncode != 0, done.stdout + done.stderr
        name, text = json.loads((self.folder / "failed.json").read_text())
        return name, text

    def _run(self, lines: str, sign_in: bool) -> subprocess.CompletedProcess[str]:
        body = (self.sign_in_lines if sign_in else "") + textwrap.indent(textwrap.dedent(lines), "    ")
        place = self.azure.workspace
        where = {
            "SUBSCRIPTION_ID": place.subscription_id,
            "RESOURCE_GROUP": place.resource_group,
            "WORKSPACE": place.workspace,
        }
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", self.prologue + body + RUN],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **where, **self.environ},
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
