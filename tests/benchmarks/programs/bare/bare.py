"""The least that a click command can be."""

import click


@click.command()
@click.version_option("1.0", prog_name="bare")
def main() -> None:
    """Do nothing."""
