"""How a failure is shown: one line, the next step, and a traceback only where it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..errors import Interrupted, LadingError, ManifestError
from .plain import plain

F = TypeVar("F", bound=Callable[..., Any])

VERBOSE = "lading.verbose"
JSON = "lading.json"

_settings: dict[str, bool] = {}


def remembered(name: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """The callback of an option that says how failures are shown; click's own context is gone by then."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
        _settings[name] = _settings.get(name, False) or value
        return value

    return callback


def verbose(command: F) -> F:
    """`-v`: show tracebacks."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        expose_value=False,
        callback=remembered(VERBOSE),
        help="Show the traceback of a failure.",
    )(command)


def show(error: LadingError, *, cause: BaseException | None = None) -> None:
    """Tell a failure on stderr, without secrets: in words, or as one JSON line with `--json`."""
    if _settings.get(VERBOSE):
        import traceback

        click.echo(plain("".join(traceback.format_exception(cause or error.__cause__ or error))), err=True, nl=False)
    if _settings.get(JSON):
        import json

        click.echo(json.dumps(as_json(error)), err=True)
        return
    if isinstance(error, ManifestError):
        click.echo(plain(error.message), err=True)
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(plain(error.message), err=True)
    if error.hint:
        click.echo(f"  {plain(error.hint)}", err=True)


def as_json(error: LadingError) -> dict[str, object]:
    """A failure as a JSON object."""
    found: dict[str, object] = {
        "kind": "error",
        "message": error.message,
        "hint": error.hint,
        "exit_code": exit_code(error),
    }
    if isinstance(error, ManifestError):
        found["problems"] = [problem._asdict() for problem in error.problems]
    return found


def exit_code(error: LadingError) -> int:
    """The exit code that a failure ends a command with."""
    return 128 + error.signal_number if isinstance(error, Interrupted) else error.exit_code
