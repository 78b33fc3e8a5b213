"""Targets that break the contract, each in one way."""

from lading import Capability, Description, NoScoringUri, Ready, hookimpl


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


class Partial:
    @hookimpl
    def lading_describe(self):
        return Description(summary="half a target")


class Boastful(Whole):
    @hookimpl
    def lading_describe(self):
        return Description(summary="says more than it does", capabilities=frozenset({Capability.LOGS}))


misspelt, greedy, modern, silent, partial, boastful = Misspelt(), Greedy(), Modern(), Silent(), Partial(), Boastful()
