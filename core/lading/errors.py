"""The expected failures, and the interrupt: each says what went wrong, what to do next, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class LadingError(Exception):
    """An expected failure.

    `message` names the thing; `hint` is the next step, if there is one.

    Raise a subclass, which has an exit code. A hook that raises this class itself, or a subclass with an exit code that
    no class here has, ends the command with 6 like any other exception: it is reported as a fault of the plugin.
    Raised by Lading itself, it ends the command with 1, like a bug.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(LadingError):
    """The user asked for something impossible: a wrong manifest, an unknown name, an unusable request.

    Raised in a hook, it names the `option` of the plugin's block that it is about, with dots between its parts:
    `routes.0.to` is a key of the first item. The message is reported at its line and column. An option that the
    manifest does not have is reported at the nearest block or item around it.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None, option: str = "") -> None:
        super().__init__(message, hint=hint)
        self.option = option


class Refused(LadingError):
    """A safety rule or a gate stopped the command."""

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
    """A target, a plugin or a user's script failed.

    An image maker gives the `log` of a failed build as a whole. The message has only the end of it.
    """

    exit_code = 6

    def __init__(self, message: str, *, hint: str | None = None, log: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.log = log


class KeyNotReadable(StageFailed):
    """The key of a service may not be read, although the service runs.

    A deploy then ends well if the target's own status shows the release, and says that it was not asked.
    """


class NotSignedIn(StageFailed):
    """A platform does not accept the credentials, such as a token that has expired.

    A deploy or a rollout that has begun then ends with OutcomeUnknown, and the same command continues it.
    """


class PluginError(StageFailed):
    """A plugin is broken, missing, or broke the contract; the message names it and its distribution."""


class OutcomeUnknown(LadingError):
    """An outside effect may or may not have happened; the same command, run again, finds out."""

    exit_code = 7


class NotUp(LadingError):
    """A release does not answer its golden requests, or could not answer any."""

    exit_code = 8


FAILURES = (BadInput, Refused, Locked, Transient, StageFailed, OutcomeUnknown, NotUp)
"""The failures that a hook may raise. Any other exit code is a fault of the plugin."""


class Interrupted(BaseException):
    """SIGINT (130) or SIGTERM (143) ended the command.

    It is not a failure: like KeyboardInterrupt, it passes every `except LadingError` and `except Exception`.
    `unfinished` names other work that is not done, in addition to the unfinished stages of the command.
    """

    def __init__(self, message: str, *, hint: str | None = None, signal_number: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.signal_number = signal_number
        self.unfinished: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of a command that the signal ended."""
        return 128 + self.signal_number


class Problem(NamedTuple):
    """One problem in a file; `line` and `column` count from 1, and are 0 for the file as a whole."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ManifestError(BadInput):
    """All problems of a manifest together."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
