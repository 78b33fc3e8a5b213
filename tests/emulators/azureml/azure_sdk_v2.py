"""Run a few lines of the unmodified SDK v2 in a separate process: see `azure_sdk`."""

from __future__ import annotations

from typing import ClassVar

from azure_sdk import Sdk

SAY = """
import json, os, sys
from pathlib import Path
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    CodeConfiguration, Environment, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model,
)
from azure.identity import EnvironmentCredential

def say(**words):
    Path("said.json").write_text(json.dumps(words))

def main():
"""
SIGN_IN = """
    client = MLClient(
        EnvironmentCredential(), os.environ["SUBSCRIPTION_ID"], os.environ["RESOURCE_GROUP"], os.environ["WORKSPACE"],
        enable_telemetry=False,
    )
"""


class SdkV2(Sdk):
    """Call it with the body of a function. `client` is an MLClient, and `say(...)` sets the result."""

    prologue: ClassVar[str] = SAY
    sign_in_lines: ClassVar[str] = SIGN_IN
