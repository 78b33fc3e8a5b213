"""The option `--env-file`. It is also an option of `lading` itself, so this module imports as little as possible."""

from __future__ import annotations

import os

import click

from .failure import F


def env_file(command: F) -> F:
    """`--env-file`: a file of environment variables for the command and the processes that it starts."""
    return click.option(
        "--env-file",
        type=click.Path(),
        metavar="FILE",
        multiple=True,
        expose_value=False,
        callback=_set_variables,
        help="File of environment variables, as lines NAME=VALUE. Variables that are set already win.",
    )(command)


def _set_variables(_context: click.Context, _parameter: click.Parameter, files: tuple[str, ...]) -> None:
    if not files:
        return
    from pathlib import Path

    from .variables import read

    for file in files:
        for name, value in read(Path(file)).items():
            os.environ.setdefault(name, value)
