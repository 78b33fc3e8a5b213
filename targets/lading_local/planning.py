"""Plan the effect of a change on a local service."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lading import PlanEffect, PlanFinding, PlanFindings

from .folder import opened, own_ports
from .options import LocalOptions

if TYPE_CHECKING:
    from lading import Context, PlanRequest


def findings(request: PlanRequest[LocalOptions], context: Context) -> PlanFindings:
    """The addresses that the new release cannot use while the old release, or a renamed service, uses them."""
    options = request.deployment.options
    return PlanFindings(findings=(*_same_port(request, options, context), *_kept_port(request, options)))


def _same_port(request: PlanRequest, options: LocalOptions, context: Context) -> Iterator[PlanFinding]:
    """Refuse a new host for the same port, because only equal texts for the host let two releases share a socket."""
    before = request.up.written.get("host", LocalOptions.host) if request.up else options.host
    if options.port == 0 or before == options.host or not _overlap(before, options.host):
        return
    with opened(context) as folder:
        if folder.is_supervised() and options.port in own_ports(folder):
            yield PlanFinding(
                message=f"port {options.port} cannot move from {before} to {options.host}: the old release uses it",
                effect=PlanEffect.REFUSED,
                option="host",
                hint="name another port too, or delete the service first",
            )


def _overlap(one: str, other: str) -> bool:
    """Whether the two hosts exclude each other on one port. A name counts as the loopback address."""
    addresses = [_address(host) for host in (one, other)]
    return any(each.is_unspecified for each in addresses) or addresses[0] == addresses[1]


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return ipaddress.ip_address("127.0.0.1")


def _kept_port(request: PlanRequest, options: LocalOptions) -> Iterator[PlanFinding]:
    for left in request.left:
        if options.port and left.written.get("port") == options.port:
            yield PlanFinding(
                message=f"{left.service} stays up under its old name and keeps port {options.port}",
                effect=PlanEffect.REFUSED,
                option="port",
                hint=f"delete {left.service} first, or name another port",
            )
