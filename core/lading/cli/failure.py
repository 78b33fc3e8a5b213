"""How a failure is shown: one line, the next step, and a traceback only where it was asked for."""

from __future__ import annotations

import json
import sys
import traceback

import click

from ..errors import Interrupted, LadingError, ManifestError

VERBOSE = "lading.verbose"
JSON = "lading.json"

_settings: dict[str, bool] = {}


def remember(name: str, value: bool) -> None:
    """Keep how this command wants its failures shown; click's own context is gone by then."""
    _settings[name] = _settings.get(name, False) or value


def show(error: LadingError, *, cause: BaseException | None = None) -> None:
    """Tell a failure on stderr: in words, or as one JSON line with `--json`."""
    if _settings.get(VERBOSE):
        traceback.print_exception(cause or error.__cause__ or error, file=sys.stderr)
    if _settings.get(JSON):
        click.echo(json.dumps(as_json(error)), err=True)
        return
    if isinstance(error, ManifestError):
        click.echo(error.message, err=True)
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(error.message, err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)


def as_json(error: LadingError) -> dict[str, object]:
    """A failure as a JSON object."""
    found: dict[str, object] = {
        "kind": "error",
        "message": error.message,
        "hint": error.hint,
        "exit_code": exit_code(error),
    }
    if isinstance(error, ManifestError):
        found["problems"] = [vars(problem) for problem in error.problems]
    return found


def exit_code(error: LadingError) -> int:
    """The exit code that a failure ends a command with."""
    return 128 + error.signal_number if isinstance(error, Interrupted) else error.exit_code
