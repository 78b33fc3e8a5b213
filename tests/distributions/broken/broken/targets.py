"""Targets that break the contract, each in one way."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from lading import (
    Capability,
    DeployRequest,
    DeployStep,
    Description,
    NoScoringUri,
    Options,
    Pending,
    Ready,
    State,
    Status,
    hookimpl,
)


class Whole:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="whole", api=1)

    @hookimpl
    def lading_deploy(self, request: DeployRequest[Any]) -> DeployStep:
        return Ready()

    @hookimpl
    def lading_scoring_uri(self) -> NoScoringUri:
        return NoScoringUri(reason="nothing is served")


class Misspelt(Whole):
    @hookimpl
    def lading_delpoy(self) -> Ready:
        return Ready()


class Greedy(Whole):
    @hookimpl
    def lading_deploy(  # type: ignore[override]  # the breach
        self, request: DeployRequest, weather: object
    ) -> DeployStep:
        return Ready()


class Modern(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="from the future", api=99)


@dataclass
class Heavy(Whole):
    """A dataclass has no hash unless it is frozen."""

    size: int = 7


class Silent(Whole):
    @hookimpl
    def lading_describe(self) -> None:  # type: ignore[override]  # the breach
        return None


class Unmarked:
    def lading_describe(self) -> Description:
        return Description(summary="forgot the marker", api=1)


class Partial:
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="half a target", api=1)


class Half:
    """A target with an address and a status, but without a way to deploy."""

    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="the other half", api=1, capabilities=frozenset({Capability.STATUS}))

    @hookimpl
    def lading_scoring_uri(self) -> NoScoringUri:
        return NoScoringUri(reason="nothing is served")

    @hookimpl
    def lading_status(self) -> Status:
        return Status(state=State.ABSENT)


class Watchful:
    """The query hooks of a target, but not its required ones."""

    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="looks on", api=1, capabilities=frozenset({Capability.STATUS}))

    @hookimpl
    def lading_status(self) -> Status:
        return Status(state=State.ABSENT)


class Promising(Whole):
    @hookimpl
    async def lading_deploy(self, request: DeployRequest) -> DeployStep:  # type: ignore[override]  # the breach
        return Ready()


class Promised(Whole):
    @hookimpl
    async def lading_describe(self) -> Description:  # type: ignore[override]  # the breach
        return Description(summary="says later what it is", api=1)


class Streaming(Whole):
    @hookimpl
    async def lading_deploy(self, request: DeployRequest) -> AsyncIterator[DeployStep]:  # type: ignore[override]  # the breach
        yield Pending(phase="streaming")
        yield Ready()


class Yielding(Whole):
    @hookimpl
    def lading_deploy(self, request: DeployRequest) -> Iterator[DeployStep]:  # type: ignore[override]  # the breach
        yield Pending(phase="yielding")
        yield Ready()


class Wrapping(Whole):
    @hookimpl(wrapper=True)
    def lading_deploy(self, request: DeployRequest) -> Generator[None, DeployStep, DeployStep]:  # type: ignore[override]  # the breach
        step = yield
        return step


class Boastful(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="says more than it does", api=1, capabilities=frozenset({Capability.LOGS}))


class Undated(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="says its api in words", api="one")  # type: ignore[arg-type]  # the breach


class Ancient(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="from before the contract", api=0)


class Unversioned(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="does not name its api")  # type: ignore[call-arg]  # the breach


class Unchecked(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="takes anything", api=1, options=dict)  # type: ignore[arg-type]  # the breach


@dataclass(frozen=True)
class UndefinedOptions(Options):
    unit: "Unit" = None  # type: ignore[name-defined]  # noqa: F821  # the breach


class Undefined(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="has an option of an unknown type", api=1, options=UndefinedOptions)


@dataclass(frozen=True)
class CallableOptions(Options):
    action: Callable[[], int] | None = None


class Calling(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="has an option that JSON cannot hold", api=1, options=CallableOptions)


class Endless(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="from the far future", api=10**5000)


class Beginningless(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="from the far past", api=-(10**400))


class Foreign(Whole):
    """A plugin for a future contract, with hooks and arguments that do not exist yet."""

    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="from the future as well", api=2)

    @hookimpl
    def lading_forecast(self, weather: object) -> str:
        return "storm"


@dataclass(frozen=True)
class LateOptions(Options):
    step: str = "1"
    """How long to wait, in words."""


class Late(Whole):
    @hookimpl
    def lading_describe(self) -> Description:
        return Description(
            summary="answers with records that hold the wrong things",
            api=1,
            options=LateOptions,
            capabilities=frozenset({Capability.STATUS}),
        )

    @hookimpl
    def lading_deploy(self, request: DeployRequest[LateOptions]) -> DeployStep:
        step = request.deployment.options.step
        return Pending(phase="waiting", retry_after=step)  # type: ignore[arg-type]  # the breach

    @hookimpl
    def lading_status(self) -> Status:
        return Status(state="running")  # type: ignore[arg-type]  # the breach


misspelt, greedy, modern, silent, partial, boastful = Misspelt(), Greedy(), Modern(), Silent(), Partial(), Boastful()
undated, unchecked, foreign, late, unmarked = Undated(), Unchecked(), Foreign(), Late(), Unmarked()
half, watchful, heavy = Half(), Watchful(), Heavy()
promising, promised, streaming, yielding, wrapping = Promising(), Promised(), Streaming(), Yielding(), Wrapping()
ancient, unversioned = Ancient(), Unversioned()
undefined, calling, endless, beginningless = Undefined(), Calling(), Endless(), Beginningless()
