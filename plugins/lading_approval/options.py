"""The options of an approval in a manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from lading import Duration, ManifestPath, Options, Range, Requirements


@dataclass(frozen=True)
class ApprovalOptions(Options):
    targets: tuple[str, ...] = ()
    """The targets that are guarded; all of them by default."""
    require: Requirements = field(default_factory=dict)
    """The requirement on each metric of the model's run, such as `r2: ">= 0.9"`, as under `evaluate`. A model that
    does not meet them is refused without a question."""
    file: ManifestPath | None = None
    """A file with the digests of the packages that are approved, one a line, or with the word `yes` for any package."""
    variable: str | None = None
    """Name of an environment variable with the same content, separated by spaces or commas."""
    command: tuple[str, ...] | None = None
    """A program and its arguments, run without a shell in the manifest's folder; exit code 0 approves the deploy."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that the command may see, besides `PATH`, `HOME` and their like."""
    timeout: Annotated[float, Range(gt=0, le=3600), Duration()] = 60.0
    """Seconds that the command may take."""

    @property
    def asks(self) -> bool:
        """Whether an approval is required."""
        return any(each is not None for each in (self.file, self.variable, self.command))

    def __post_init__(self) -> None:
        given = [name for name in ("file", "variable", "command") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"set only one of file, variable and command, not {' and '.join(given)}")
        if not given and not self.require:
            raise ValueError("set file, variable, command or require: none of them is set")
        if self.command is None and self.environment:
            raise ValueError("environment: it needs a command")
        if self.command is not None and not all((self.command, *self.command[:1])):
            raise ValueError("command: name a program")
