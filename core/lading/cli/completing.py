"""The words that a shell can complete: targets, models, runs, releases and plugins. Nothing is changed or reported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from ..store import StoreToRead

Found = Iterator[tuple[str, str]]
"""Words, each with its meaning. An empty meaning is not shown."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _words(find: Callable[[click.Context], Found]) -> Complete:
    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        words: list[CompletionItem] = []
        with suppress(Exception):  # a shell shows no errors, so a wrong manifest has no words
            for word, meaning in find(context):
                if word.startswith(incomplete):
                    words.append(CompletionItem(word, help=meaning or None))
        return words

    return complete


def _manifest(context: click.Context) -> str | Path:
    """The manifest of the command line. click leaves the arguments in `args` if an option has no value yet."""
    from ..store import MANIFEST

    arguments = [param.name for param in context.command.params if isinstance(param, click.Argument)]
    if "words" in arguments:  # of a rollback
        words = [word for word in (*context.args, *(context.params.get("words") or ())) if not word.isdecimal()]
        return words[0] if words else MANIFEST
    if "paths" in arguments:  # of an eject
        paths = (*context.args, *(context.params.get("paths") or ()))
        return paths[0] if len(paths) > 1 else MANIFEST
    place = arguments.index("manifest")
    return context.args[place] if place < len(context.args) else context.params.get("manifest") or MANIFEST


def _services(context: click.Context) -> dict[str, str]:
    from ..manifest import read
    from ..store import find_manifest

    return read(find_manifest(_manifest(context)), os.environ).services()


def _store(context: click.Context) -> StoreToRead:
    from ..store import find_manifest, read_store

    return read_store(find_manifest(_manifest(context)), os.environ, context.params.get("store"))


@_words
def targets(context: click.Context) -> Found:
    """The targets of the manifest."""
    yield from ((name, f"service {service}") for name, service in _services(context).items())


@_words
def models(context: click.Context) -> Found:
    """The models of the store, each with its versions. A shell would take a meaning after the colon as text."""
    yield from ((f"{found.name}:{found.version}", "") for found in _store(context).models.list(None))


@_words
def runs(context: click.Context) -> Found:
    """The runs of the store, newest first."""
    yield from ((run.id, f"{run.name}, {run.state}") for run in _store(context).runs.list())


@_words
def releases(context: click.Context) -> Found:
    """The releases of the manifest's service, newest first."""
    chosen, services = context.params.get("target"), _services(context)
    for release in _store(context).releases.list():
        if services.get(release.target) == release.service and chosen in (None, release.target):
            meaning = f"{release.state} on {release.target}, {release.versioned_model}"
            yield str(release.number), meaning


@_words
def plugins(_context: click.Context) -> Found:
    """The installed plugins, targets included."""
    from ..plugin import discovery

    for group in discovery.GROUPS:
        yield from ((discovery.name_in_manifest(plugin), "") for plugin in discovery.installed(group))


@_words
def target_plugins(_context: click.Context) -> Found:
    """The installed targets."""
    from ..plugin import discovery

    yield from ((discovery.name_in_manifest(plugin), "") for plugin in discovery.installed(discovery.TARGETS))
