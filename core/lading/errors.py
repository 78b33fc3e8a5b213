"""The expected failures: each says what went wrong, what to do next, and how the command line exits."""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class LadingError(Exception):
    """An expected failure.

    `message` names the thing; `hint`, where there is one, is the next step.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(LadingError):
    """The user asked for something that cannot be: a wrong manifest, an unknown name, an unusable request.

    Raised in a hook, it names the `option` of the plugin's block that it is about, with dots between its parts; the
    message is then told at that option's line.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, option: str = "") -> None:
        super().__init__(message, hint=hint)
        self.option = option


class Refused(LadingError):
    """A safety rule or a gate said no."""

    exit_code = 3


class Locked(LadingError):
    """Another command holds the lock that this one needs."""

    exit_code = 4


class Transient(LadingError):
    """Something outside may work later: a full disk, a service that is down, retries used up.

    With `retry_after` (seconds) a hook asks to be called again after that time, a few times at most.
    """

    exit_code = 5

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class StageFailed(LadingError):
    """A target, a plugin or a user's script failed."""

    exit_code = 6


class PluginError(StageFailed):
    """A plugin is broken, missing, or broke the contract; the message names it and its distribution."""


class OutcomeUnknown(LadingError):
    """An outside effect may or may not have happened; the same command, run again, finds out."""

    exit_code = 7


class NotUp(LadingError):
    """The new release did not answer its golden requests."""

    exit_code = 8


class Interrupted(LadingError):
    """SIGINT (130) or SIGTERM (143) ended the command."""

    exit_code = 130

    def __init__(self, message: str, *, hint: str | None = None, signal_number: int = 2) -> None:
        super().__init__(message, hint=hint)
        self.signal_number = signal_number


class Problem(NamedTuple):
    """One thing wrong in a file; `line` and `column` count from 1, and are 0 for the file as a whole."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ManifestError(BadInput):
    """Everything that is wrong with a manifest, at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
