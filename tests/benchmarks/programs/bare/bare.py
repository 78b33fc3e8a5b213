"""A minimal click command."""

import click


@click.command()
@click.version_option("1.0", prog_name="bare")
def main() -> None:
    """Do nothing."""
