"""Gates that each break the rule of the conformance kit that its name suggests; `closed` breaks none."""

import time
from collections.abc import Callable

from lading import Description, GateRequest, Refused, StageFailed, hookimpl


class Gate:
    def __init__(self, answer: Callable[[GateRequest], object]) -> None:
        self.answer = answer

    @hookimpl
    def lading_describe(self) -> Description:
        return Description(summary="a gate that breaks a rule", api=1)

    @hookimpl
    def lading_gate(self, request: GateRequest) -> object:
        return self.answer(request)


def _closed(request: GateRequest) -> None:
    raise Refused(f"{request.stage} is closed")


def _presuming(request: GateRequest) -> None:
    if request.stage == "deploy":
        assert request.previous is not None
        assert request.previous.release.number > 0


def _greedy(request: GateRequest) -> None:
    if request.previous is not None and request.metrics["r2"] != request.previous.metrics["r2"]:
        raise Refused("another r2")


_ASKED: list[str] = []


def _moody(request: GateRequest) -> None:
    _ASKED.append(request.stage)
    if len(_ASKED) % 2:
        raise Refused("not today")


def _talkative(request: GateRequest) -> None:
    print(request.stage)
    time.sleep(0.01)


def _false(request: GateRequest) -> bool:
    return request.stage == ""


def _failing(request: GateRequest) -> None:
    raise StageFailed(f"{request.stage} cannot be judged")


closed, presuming, greedy, moody, talkative, false, failing = map(
    Gate, (_closed, _presuming, _greedy, _moody, _talkative, _false, _failing)
)
