"""`lading plugin check`: run the conformance kit on an installed target and print its card."""

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
    from ..model import Json
    from ..testing.card import Check, Subject


@click.command("check")
@options.manifest
@options.target
@click.option("--things-of", metavar="MODULE:FUNCTION", help="A function that looks up what exists for a service.")
@click.option("--yes", is_flag=True, help="Create and delete the services that the checks need.")
@options.as_json
@verbose
def plugin_check(manifest: Path, target: str | None, things_of: str | None, yes: bool, as_json: bool) -> None:
    """Check a target against the contract of targets, and print its card.

    The options and the connection come from the manifest; its model and its service are not touched. The checks create
    services under new names and delete them: --yes allows it. The exit code is 6 if a check failed.

    --things-of names an installed function that inspects the platform without the plugin. It takes the name of a
    service and returns the things that exist for it. Without it, the card lists the checks that it needs as skipped.

    \b
    Examples:
      lading plugin check manifests/salary.yaml --target local --yes
      lading plugin check --target acme --things-of acme.testing:things_of --yes
    """
    from ..testing.card import run_kit, subject

    checked = subject(manifest, target, things_of)
    names = ", ".join(checked.services)
    does = "creates and deletes" if Capability.DELETE in checked.capabilities else "creates, and cannot delete,"
    plan = f"{does} on '{checked.target}': {names}"
    if not yes:
        raise Refused(f"this {plan}", hint="--yes allows it")
    report = _print_json_event if as_json else _print_event
    report({"kind": "progress", "detail": plan})
    try:
        checks = run_kit(checked, lambda check: report(_event(check)))
    except Interrupted as error:
        error.hint = f"these may be left on '{checked.target}': {names}"
        raise
    _print(checked, checks, as_json=as_json)
    failed = sum(check.outcome == "failed" for check in checks)
    if failed:
        raise StageFailed(f"'{checked.target}' fails {failed} of {len(checks)} checks")


def _event(check: Check) -> dict[str, object]:
    return {"kind": "progress", "detail": f"{check.check}: {check.outcome}", **vars(check)}


def _print_event(event: dict[str, object]) -> None:
    click.echo(event["detail"], err=True)


def _print_json_event(event: dict[str, object]) -> None:
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
    seen = [_saw(check, name, fact) for check in checks for name, fact in check.seen.items()]
    if seen:
        click.echo()
        output.table(seen, empty="")


def _saw(check: Check, name: str, fact: Json) -> dict[str, object]:
    """A line of the card: what a check saw on the platform, or how many requests it counted."""
    return {"check": check.check, "moment": name, "seen": "nothing" if fact == [] else fact}
