"""Targets that break the contract, each in one way."""

from dataclasses import dataclass

from lading import Capability, Description, NoScoringUri, Options, Pending, Ready, Status, hookimpl


class Whole:
    @hookimpl
    def lading_describe(self):
        return Description(summary="whole")

    @hookimpl
    def lading_deploy(self):
        return Ready()

    @hookimpl
    def lading_scoring_uri(self):
        return NoScoringUri("nothing is served")


class Misspelt(Whole):
    @hookimpl
    def lading_delpoy(self):
        return Ready()


class Greedy(Whole):
    @hookimpl
    def lading_deploy(self, request, weather):
        return Ready()


class Modern(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(summary="from the future", api=99)


class Silent(Whole):
    @hookimpl
    def lading_describe(self):
        return None


class Unmarked:
    def lading_describe(self):
        return Description(summary="forgot the marker")


class Partial:
    @hookimpl
    def lading_describe(self):
        return Description(summary="half a target")


class Boastful(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(summary="says more than it does", capabilities=frozenset({Capability.LOGS}))


class Undated(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(summary="says its api in words", api="one")


class Unchecked(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(summary="takes anything", options=dict)


class Foreign(Whole):
    """Written against a contract to come, with hooks and arguments that are not here yet."""

    @hookimpl
    def lading_describe(self):
        return Description(summary="from the future as well", api=2)

    @hookimpl
    def lading_forecast(self, weather):
        return "storm"


@dataclass(frozen=True)
class LateOptions(Options):
    step: str = "1"
    """How long to wait, in words."""


class Late(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(
            summary="answers with records that hold the wrong things",
            options=LateOptions,
            capabilities=frozenset({Capability.STATUS}),
        )

    @hookimpl
    def lading_deploy(self, request):
        return Pending("waiting", retry_after=request.deployment.options.step)

    @hookimpl
    def lading_status(self):
        return Status("running")


misspelt, greedy, modern, silent, partial, boastful = Misspelt(), Greedy(), Modern(), Silent(), Partial(), Boastful()
undated, unchecked, foreign, late, unmarked = Undated(), Unchecked(), Foreign(), Late(), Unmarked()
