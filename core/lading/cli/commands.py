"""The commands and their summaries. A command's module is imported when the command runs, not for `--help`."""

from __future__ import annotations

import importlib
import os

import click

from .._version import __version__
from .env_file import env_file
from .failure import verbose

# name: (module, summary). The summary is the first line of the command's own help.
COMMANDS = {
    "deploy": ("deploying", "Train, register, package and deploy; print the scoring URI."),
    "plan": ("planning", "Show what a deploy would do, and why."),
    "preflight": ("platforms", "Ask the targets for problems that would make a deploy fail."),
    "train": ("stages", "Train the model, or reuse the run with the same inputs."),
    "evaluate": ("stages", "Train the model and compare its metrics with the manifest's requirements."),
    "register": ("stages", "Train and register the model."),
    "package": ("packaging", "Train, register and package the model."),
    "image": ("images", "Build a container image of the package."),
    "check": ("stages", "Check every block of a manifest."),
    "uri": ("services", "Print the scoring URI of a deployment."),
    "score": ("scoring", "Send one request to a deployment and print the answer."),
    "forward": ("forwarding", "Forward a port of this machine to a service, until Ctrl-C."),
    "status": ("services", "Show the status of a service on its targets."),
    "list": ("platforms", "List everything that Lading has deployed on the platforms of the targets."),
    "logs": ("services", "Show the log of a deployment."),
    "keys": ("services", "Show or rotate the keys of a deployment."),
    "delete": ("services", "Remove a deployment from its target."),
    "history": ("releases", "List the releases of a service, newest first."),
    "traffic": ("traffic", "Show the share of each release in the requests, or change it."),
    "promote": ("traffic", "Make the canary the stable release."),
    "abort": ("traffic", "Remove the canary."),
    "compare": ("comparing", "Compare the answers of two releases that serve."),
    "diff": ("provenance", "Show the differences between two releases."),
    "why": ("provenance", "Show the package, the model, the run and the data of a release."),
    "eject": ("ejecting", "Write a release as files of its platform, which serve it without Lading."),
    "rollback": ("releases", "Roll back to an earlier release; print the scoring URI."),
    "report": ("reporting", "Write one HTML page about everything in the store."),
    "gc": ("releases", "Remove unused data from the store."),
    "repair": ("releases", "Check the store and repair it."),
    "store": ("stores", "Inspect a store that came from elsewhere, and trust it."),
    "run": ("records", "Show training runs."),
    "model": ("records", "Show registered models."),
    "target": ("installed", "Show the installed targets."),
    "plugin": ("installed", "Show or check plugins, or create one."),
    "schema": ("installed", "Print the JSON Schema of a manifest, for editors."),
    "init": ("starter", "Create a project that is ready to deploy."),
    "completion": ("completion", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group that shows its help without importing its commands."""

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
@click.option("--no-plugins", is_flag=True, help="Load only Lading's own plugins.")
@env_file
@verbose
def lading(no_plugins: bool) -> None:
    """Take a model from a manifest to a scoring URI, on any target.

    LADING_PLUGINS=NAME,NAME names the plugins that may be loaded besides Lading's own, as a manifest names them. By
    default all plugins may be loaded.

    \b
    Example:
      lading init salary && cd salary
      lading deploy
    """
    if no_plugins:
        from ..plugin.discovery import RESTRICTION

        os.environ[RESTRICTION] = ""  # inherited by the processes that a command starts
