"""`lading plugin check`: the conformance kit over an installed target, and the card that it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Interrupted, Refused, StageFailed
from ..model import Capability
from . import options, output
from .failure import verbose

if TYPE_CHECKING:
    from ..testing.card import Check, Subject


@click.command("check")
@options.manifest
@options.target
@click.option("--yes", is_flag=True, help="Create and delete the services that the checks need.")
@options.as_json
@verbose
def plugin_check(manifest: Path, target: str | None, yes: bool, as_json: bool) -> None:
    """Check that a target does what every target must, and print its card.

    The options and the connection are the manifest's; its model and its service are left alone. The checks create
    services under names of their own and delete them: --yes allows it. Ends with 6 where a check failed.

    \b
    Example:
      lading plugin check manifests/salary.yaml --target local --yes
    """
    from ..testing.card import run_kit, subject

    checked = subject(manifest, target)
    names = ", ".join(checked.services)
    does = "creates and deletes" if Capability.DELETE in checked.capabilities else "creates, and cannot delete,"
    plan = f"{does} on '{checked.target}': {names}"
    if not yes:
        raise Refused(f"this {plan}", hint="--yes allows it")
    tell = _tell_json if as_json else _tell
    tell({"kind": "progress", "detail": plan})
    try:
        checks = run_kit(checked, lambda check: tell(_event(check)))
    except Interrupted as error:
        error.hint = f"these may be left on '{checked.target}': {names}"
        raise
    _print(checked, checks, as_json=as_json)
    failed = sum(check.outcome == "failed" for check in checks)
    if failed:
        raise StageFailed(f"'{checked.target}' fails {failed} of {len(checks)} checks")


def _event(check: Check) -> dict[str, object]:
    return {"kind": "progress", "detail": f"{check.check}: {check.outcome}", **vars(check)}


def _tell(event: dict[str, object]) -> None:
    click.echo(event["detail"], err=True)


def _tell_json(event: dict[str, object]) -> None:
    click.echo(json.dumps(event), err=True)


def _print(checked: Subject, checks: tuple[Check, ...], *, as_json: bool) -> None:
    facts = {
        "target": checked.target,
        "distribution": f"{checked.distribution} {checked.version}",
        "api": checked.api,
        "capabilities": checked.capabilities,
        "services": checked.services,
    }
    if as_json:
        output.document({**facts, "checks": [vars(check) for check in checks]})
        return
    output.facts(facts)
    click.echo()
    rows = [{"outcome": check.outcome, "check": check.check, "why": check.reason or check.rule} for check in checks]
    output.table(rows, empty="nothing was checked")
