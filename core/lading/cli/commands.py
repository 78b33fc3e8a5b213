"""The commands and what each is for. A command's module is imported when the command runs, and not for `--help`."""

from __future__ import annotations

import importlib
import os

import click

from .._version import __version__
from .failure import verbose

# name: (module, what it is for); the second is the first line of the command's own help.
COMMANDS = {
    "deploy": ("stages", "Train, register, package and deploy; print the scoring URI."),
    "plan": ("planning", "Show what a deploy would do, and why."),
    "train": ("stages", "Train the model, or find the run that the same inputs gave."),
    "register": ("stages", "Train and register the model."),
    "package": ("packaging", "Train, register and package the model."),
    "image": ("images", "Make the package into a container image."),
    "check": ("stages", "Check a manifest, every block of it."),
    "uri": ("services", "Print the scoring URI of a deployment."),
    "score": ("services", "Send one request to a deployment and print the answer."),
    "status": ("services", "Show what the targets say of a service."),
    "logs": ("services", "Show the log of a deployment."),
    "keys": ("services", "Show the keys of a deployment, or make one anew."),
    "delete": ("services", "Remove a deployment from its target."),
    "history": ("releases", "List the releases of a service, newest first."),
    "rollback": ("releases", "Bring an earlier release up again; print the scoring URI."),
    "gc": ("releases", "Remove what nothing in the store needs."),
    "repair": ("releases", "Say what is wrong with the store, and put it right."),
    "store": ("stores", "Look at a store that came from elsewhere, and trust it."),
    "run": ("records", "Look at training runs."),
    "model": ("records", "Look at registered models."),
    "target": ("installed", "Look at the targets that are installed."),
    "plugin": ("installed", "Look at the plugins that are installed, or write one."),
    "schema": ("installed", "Print the JSON Schema of a manifest, for editors."),
    "init": ("starter", "Write a project that deploys as it is."),
    "completion": ("completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group whose help is at hand without importing any of its commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_module, purpose) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lading")
@click.option("--no-plugins", is_flag=True, help="Load no plugin but Lading's own.")
@verbose
def lading(no_plugins: bool) -> None:
    """Take a model from a manifest to a scoring URI, on any target.

    LADING_PLUGINS=NAME,NAME names the plugins that may be loaded beside
    Lading's own, by the words that a manifest uses; by default all may.

    \b
    Example:
      lading init salary && cd salary
      lading deploy
    """
    if no_plugins:
        from ..plugin.discovery import RESTRICTION

        os.environ[RESTRICTION] = ""  # for the processes that a command starts as well
