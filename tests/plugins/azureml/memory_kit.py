"""The port of Azure ML in memory, with a record of its requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.hook_kit import MemoryContext, context_in

from lading import LadingError
from lading_azureml.connection import AzureConnection
from lading_azureml.port import BuiltImage, NewModel, Operation, Place, RegisteredModel
from lading_azureml.runs import LoggedRun, Steps

PLACE = Place("s-1", "mi2", "salary")
RUNNING = LoggedRun("r1", "Running", "https://ml.example/r1", frozenset())


@dataclass
class MemoryWorkspace:
    """The port in memory: its objects, and the requests that it received."""

    registered: RegisteredModel | None = None
    image: BuiltImage | None = None
    operations: list[Operation | Exception | None] = field(default_factory=list)
    build_lines: list[str] | Exception = field(default_factory=list)
    run: LoggedRun = RUNNING
    asked: list[Any] = field(default_factory=list)
    refuses: LadingError | None = None
    kept: tuple[str, ...] = ()

    def model(self, name: str, version: int) -> RegisteredModel | None:
        return self.registered

    def find_model(self, name: str, sha256: str) -> RegisteredModel | None:
        return self.registered

    def find_unlisted_model(self, name: str, sha256: str) -> RegisteredModel | None:
        return self.registered

    def register_model(self, model: NewModel) -> RegisteredModel:
        self.asked.append(model)
        return RegisteredModel(model.name, 7, model.properties["lading.sha256"])

    def find_image(self, repository: str, label: str) -> BuiltImage | None:
        self.asked.append(("find", repository, label))
        return self.image

    def build_image(self, image: Any, repository: str, label: str) -> str:
        self.asked.append(("build", image, repository, label))
        return "o1"

    def operation(self, operation_id: str, offset: int) -> Operation | None:
        self.asked.append(("operation", operation_id, offset))
        found = self.operations.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def build_log(self, url: str) -> list[str]:
        if isinstance(self.build_lines, Exception):
            raise self.build_lines
        return self.build_lines

    def begin_run(self, experiment: str, run_id: str, name: str, tags: dict[str, str]) -> LoggedRun:
        self.asked.append(("begin", experiment, run_id, name, tags))
        return self.run

    def log(self, experiment: str, run_id: str, values: dict[str, Any], steps: Steps) -> None:
        self.asked.append(("log", experiment, run_id, values, *filter(None, [steps])))

    def attach(self, experiment: str, run_id: str, files: dict[str, Path]) -> tuple[str, ...]:
        self.asked.append(("attach", experiment, run_id, files))
        if self.refuses:
            raise self.refuses
        return self.kept

    def end_run(self, experiment: str, run_id: str, error: str | None) -> None:
        self.asked.append(("end", experiment, run_id, error))


def context_of(folder: Path, workspace: MemoryWorkspace, experiment: str | None = None) -> MemoryContext:
    return context_in(folder, AzureConnection("azureml", PLACE, experiment, workspace))  # type: ignore[arg-type]
