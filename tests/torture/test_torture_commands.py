"""The gate with malicious stores covers all commands."""

from __future__ import annotations

from collections.abc import Iterator

import click
from tests.torture.hostile_store import COMMANDS

from lading.cli.commands import lading

WITHOUT_STORE = {("init",), ("completion",), ("plugin", "new"), ("plugin", "check")}  # they write projects or texts


def test_every_command_runs_with_a_malicious_store() -> None:
    met = {words[:length] for words in COMMANDS for length in (1, 2)}
    assert {words for words in _leaves(lading, ()) if words not in met} == WITHOUT_STORE


def _leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _leaves(found, (*words, name))
