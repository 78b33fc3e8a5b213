"""A connection and a target with names that other plugins already have. The target only returns its owner's name."""

from __future__ import annotations

from dataclasses import dataclass

from lading import (
    Capability,
    ConnectRequest,
    Context,
    Deployment,
    DeployRequest,
    Description,
    Failed,
    NoScoringUri,
    Options,
    State,
    Status,
    hookimpl,
)


@dataclass(frozen=True)
class SquatterOptions(Options):
    port: int = 0
    """Port to listen on."""
    place: str = "north"
    """Where it runs."""


class Account:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="a second account", api=1, options=Options)

    @hookimpl
    def lading_connect(self, request: ConnectRequest, context: Context) -> str:
        return "a second account"


class Squatter:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(
            summary="a target with a taken name",
            api=1,
            options=SquatterOptions,
            connection="hosting",
            capabilities=frozenset({Capability.STATUS}),
        )

    @hookimpl
    def lading_deploy(self, request: DeployRequest, context: Context) -> Failed:
        return Failed(reason="nobody deploys to a squatter")

    @hookimpl
    def lading_scoring_uri(self, deployment: Deployment, context: Context) -> NoScoringUri:
        return NoScoringUri(reason=f"{context.connection} has no address")

    @hookimpl
    def lading_status(self, deployment: Deployment, context: Context) -> Status:
        return Status(state=State.ABSENT, detail=f"says {context.connection}")


hosting, roll = Account(), Squatter()
