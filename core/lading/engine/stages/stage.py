"""A stage: its inputs, how its output is found again, and how it is produced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ...errors import LadingError
from . import cache_keys as keys

if TYPE_CHECKING:
    from ...model import Json
    from ...model.planning import PlannedStage
    from ..session.events import Emitter
    from ..session.session import Session

Upstream = TypeVar("Upstream")
Output = TypeVar("Output")


class Stage:
    """A stage of a deploy. Events, plans and interrupts use its `name`."""

    name: ClassVar[str]

    def subjects(self, targets: Sequence[str]) -> tuple[str, ...]:
        """The names of the stage in the reports of a command that deploys to `targets`."""
        return (self.name,)


class Making(Stage, ABC, Generic[Upstream, Output]):
    """A stage before the deploy, run once per command. `Upstream` is the output of the previous stage."""

    elsewhere: ClassVar[str] = ""
    """A plan's text for a connection that does not have the output yet."""

    optional: ClassVar[bool] = False
    """Whether a manifest can omit the stage."""

    def applies(self, session: Session) -> bool:
        """Whether the manifest has the stage. Otherwise it is skipped."""
        return True

    @abstractmethod
    def inputs(self, session: Session, upstream: Upstream | None) -> keys.Inputs:
        """The inputs of the stage. Inputs from upstream are left out if they are not known yet."""

    @abstractmethod
    def find(self, session: Session, stage_inputs: keys.Inputs, upstream: Upstream) -> Output | None:
        """The earlier output with the same inputs."""

    def judge(self, session: Session, upstream: Upstream | None) -> None:
        """Raise BadInput or Refused if it is known that the stage will fail. `upstream` may be unknown."""

    @abstractmethod
    def run(self, session: Session, upstream: Upstream) -> Output:
        """Produce the output."""

    @abstractmethod
    def record(self, output: Output) -> Json:
        """The stored record of an output, so that `find` finds it."""

    @abstractmethod
    def describe(self, output: Output) -> dict[str, Json]:
        """The `detail` and the other fields of events about an output."""

    @abstractmethod
    def planned(self, output: Output | None) -> Mapping[str, str | None]:
        """The planned output for a plan. Its values are None if it is not known yet."""

    def left(self, session: Session) -> tuple[PlannedStage, Output | None] | None:
        """The planned stage and its output if the stage has nothing to do; else None."""
        return None

    def lacking(self, session: Session, output: Output | None) -> list[str]:
        """The connections in use that have not received the output yet."""
        return []

    def reach(self, session: Session, upstream: Upstream, *, force: bool = False) -> Output:
        """The output for the current inputs: the earlier one with the same inputs, or a new one."""
        stage_inputs = self.inputs(session, upstream)
        output = None if force else self.find(session, stage_inputs, upstream)
        if output is None:
            self.judge(session, upstream)
            output = self.make(session, lambda: self.run(session, upstream), upstream)
            session.store.reuse.put(stage_inputs.key, self.name, self.record(output))
            keys.remember(session, stage_inputs)
        else:
            self.reuse(session, stage_inputs, output)
        return output

    def reuse(self, session: Session, stage_inputs: keys.Inputs, output: Output) -> None:
        """Report that an earlier output has the same inputs, and store these as the current inputs."""
        self.emitter(session)("stage.reused", **self.describe(output))
        keys.remember(session, stage_inputs)

    def make(self, session: Session, work: Callable[[], Output], upstream: Any = None) -> Output:
        """Do the work of the stage, unless a gate refuses it, and report its result."""
        from ..session.gates import pass_gates  # loaded only if there is something to do

        pass_gates(session, self.name, made=upstream)
        emit = self.emitter(session)
        emit("stage.started")
        try:
            output = work()
        except LadingError as error:
            emit("stage.failed", detail=error.message)
            raise
        emit("stage.finished", **self.describe(output))
        return output

    def emitter(self, session: Session) -> Emitter:
        """Emits the events of the stage."""
        return session.events.of(self.name)


class _Deploy(Stage):
    """Deploys a package, once for each target."""

    name = "deploy"

    def subjects(self, targets: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{self.name} to {target}" for target in targets) or super().subjects(targets)


DEPLOY = _Deploy()
