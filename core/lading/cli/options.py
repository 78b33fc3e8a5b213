"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .env_file import env_file
from .failure import JSON, F, remembered

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

MANIFEST = "lading.yaml"


_CENTURY = 36_525 * 86_400.0  # seconds; a later time than Python's calendar has would be an error of our own


class Seconds(click.FloatRange):
    """A number of seconds, with an optional unit: `60`, `60s`, `1.5m`, `2h`, `7d`."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not isinstance(value, str):  # a default
            return super().convert(value, param, ctx)
        from ..model.constraints import in_seconds  # most commands get no time

        seconds = in_seconds(value)
        if seconds is None:
            self.fail(f"{value!r} is not a number of seconds, nor a time such as 90s, 10m, 2h or 7d", param, ctx)
        if seconds > _CENTURY:
            self.fail(f"{value!r} is longer than a century", param, ctx)
        return super().convert(seconds, param, ctx)


def words(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completes the words of a kind, a name of the module `completing`. Only a completion loads it."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from . import completing

        found: list[CompletionItem] = getattr(completing, kind)(context, parameter, incomplete)
        return found

    return complete


def model(meaning: str) -> Callable[[F], F]:
    """`--model NAME:VERSION`."""
    return click.option("--model", metavar="NAME:VERSION", shell_complete=words("models"), help=meaning)


def as_json(command: F) -> F:
    """`--json`: the result as one JSON document on stdout, progress as JSON lines on stderr."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,  # a wrong value of another option is a failure too
        callback=remembered(JSON),
        help="Print the result as JSON, and progress as JSON lines on stderr.",
    )(command)


def manifest(command: F) -> F:
    """`MANIFEST`: the path of the manifest, or of the folder with it. `--env-file`: variables for it."""
    return click.argument("manifest", type=click.Path(path_type=Path), default=MANIFEST)(env_file(command))


def store(command: F) -> F:
    """`--store`: another folder for the store."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the store.  [default: .lading in the project]",
    )(command)


def target(command: F) -> F:
    """`--target`: one target of the manifest."""
    return click.option(
        "-t",
        "--target",
        metavar="NAME",
        shell_complete=words("targets"),
        help="Target of the manifest.  [default: the manifest's]",
    )(command)


def targets(command: F) -> F:
    """`--target`, which can be repeated."""
    return click.option(
        "-t",
        "--target",
        "targets",
        metavar="NAME",
        multiple=True,
        shell_complete=words("targets"),
        help="Target of the manifest; may be repeated.  [default: the manifest's]",
    )(command)


def timeout(command: F) -> F:
    """`--timeout`: the time limit of a stage."""
    return click.option(
        "--timeout",
        type=Seconds(min=0, min_open=True),
        metavar="SECONDS",
        help="How long a stage may take, such as 90 or 5m.",
    )(command)


def lock_wait(command: F) -> F:
    """`--lock-wait`: wait if another command is deploying the same service."""
    return click.option(
        "--lock-wait",
        type=Seconds(min=0),
        default=0.0,
        metavar="SECONDS",
        help="How long to wait while another command holds the service, such as 60s.",
    )(command)
