"""What a manifest says of an approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lading import ManifestPath, Options, Range


@dataclass(frozen=True)
class ApprovalOptions(Options):
    targets: tuple[str, ...] = ()
    """The targets that are guarded; all of them by default."""
    file: ManifestPath | None = None
    """A file with the digests of the packages that are approved, one a line, or with the word `yes` for any package."""
    variable: str | None = None
    """Name of an environment variable with the same, separated by spaces or commas."""
    command: tuple[str, ...] | None = None
    """A program and its arguments, run without a shell in the manifest's folder; it approves by ending with 0."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that the command may see, beside those that say where things are."""
    timeout: Annotated[float, Range(gt=0, le=3600)] = 60.0
    """Seconds that the command may take."""

    def __post_init__(self) -> None:
        given = [name for name in ("file", "variable", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of file, variable and command; here are {' and '.join(given) or 'none'}")
        if self.command is None and self.environment:
            raise ValueError("environment: it is for a command, and there is none")
        if self.command is not None and not all((self.command, *self.command[:1])):
            raise ValueError("command: it names no program")
