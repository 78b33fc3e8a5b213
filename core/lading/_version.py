"""The version, alone, so that `lading --version` reads nothing else."""

__version__ = "0.1.0"
