"""Run one command from its arguments to its exit code. Signals and all failures are handled here."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType

import click

from ..errors import Interrupted, LadingError
from .commands import lading
from .failure import show

_BUG = "this is a bug in Lading, not in your input; please report it with the traceback that -v shows"


def run(argv: list[str]) -> int:
    """Run a command line and return its exit code."""
    _on_signals(_interrupter(argv))
    code = _run(argv)
    _on_signals(signal.SIG_IGN)  # the outcome is decided, so an interrupt has no more effect
    return code


def _run(argv: list[str]) -> int:
    try:
        code = lading.main(argv, prog_name="lading", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (LadingError, Interrupted) as error:
        show(error)
        return error.exit_code
    except BrokenPipeError:  # `lading … | head`: the reader has closed the pipe
        sys.stderr.close()
        return 0
    except Exception as error:
        from ..plugin.faults import full_disk  # loaded only for a failure

        failure = full_disk(error) or LadingError(f"{type(error).__name__}: {error}", hint=_BUG)
        show(failure, cause=error)
        return failure.exit_code
    return code if isinstance(code, int) else 0


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _interrupter(argv: list[str]) -> Callable[[int, FrameType | None], None]:
    hint = f"to go on, run the same command again: {shlex.join(['lading', *argv])}"

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted("interrupted", hint=hint, signal_number=number)

    return interrupt
