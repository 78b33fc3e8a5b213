"""The server that Azure ML adds to the pins of a package. Azure's images start it."""

from __future__ import annotations

from lading import Environment, Installs

PLATFORM = "linux/amd64"  # Azure ML builds for no other platform

# Microsoft documents `azureml-defaults`. Since 1.55 it installs the current inference server. Older versions install
# none, or a server that does not start on a current Python; yet they would fit any pins. Its bounds on numpy and
# pyarrow exclude many pins. Then the server package is added alone: it also provides `azureml.contrib.services`.
INSTALLS = Installs(platform=PLATFORM, adds=("azureml-defaults>=1.55", "azureml-inference-server-http>=1.0"))


def server(environment: Environment | None) -> str:
    """The requirement to add to the pins; empty if they already contain a server."""
    return environment.added if environment else INSTALLS.adds[-1]
