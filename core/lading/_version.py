"""The version, in a separate module, so that `lading --version` imports nothing else."""

__version__ = "0.1.0"
