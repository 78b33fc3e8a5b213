"""Show a failure: one line, the next step, and a traceback if it was requested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..errors import Interrupted, LadingError, ManifestError
from .plain import indented, plain

F = TypeVar("F", bound=Callable[..., Any])

VERBOSE = "lading.verbose"
JSON = "lading.json"

_settings: dict[str, bool] = {}


def remembered(name: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    """A callback that remembers an option for failures. Click's own context is gone when a failure is shown."""

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
        is_eager=True,
        callback=remembered(VERBOSE),
        help="Show the traceback of a failure.",
    )(command)


def show(error: LadingError | Interrupted, *, cause: BaseException | None = None) -> None:
    """Report a failure on stderr without secrets: as text, or as one JSON line with `--json`."""
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
        click.echo(indented(error.message), err=True)
    if error.hint:
        click.echo(f"  {indented(error.hint)}", err=True)


def as_json(error: LadingError | Interrupted) -> dict[str, object]:
    """A failure as a JSON object."""
    found: dict[str, object] = {
        "kind": "error",
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, ManifestError):
        found["problems"] = [problem._asdict() for problem in error.problems]
    return found
