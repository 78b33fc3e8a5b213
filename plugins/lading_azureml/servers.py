"""What Azure ML installs beside the pins of a package: the server that its images start."""

from __future__ import annotations

from lading import Environment, Installs

PLATFORM = "linux/amd64"  # Azure ML builds for no other

# `azureml-defaults` is what Microsoft documents. From 1.55 it brings the inference server of today; older ones bring
# servers that do not start on a Python of today, or none, and would be found to fit any pins. Its bounds on numpy and
# pyarrow exclude many pins, and then the server alone serves: it puts `azureml.contrib.services` in place itself.
INSTALLS = Installs(PLATFORM, adds=("azureml-defaults>=1.55", "azureml-inference-server-http>=1.0"))


def server(environment: Environment | None) -> str:
    """The requirement that is added to the pins; empty if these have a server already."""
    return environment.added if environment else INSTALLS.adds[-1]
