"""A context and a way to train, like the host's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from lading import Context, Secret, TrainedModel, TrainRequest
from lading_sklearn import lading_train
from lading_sklearn.options import SklearnOptions


@dataclass
class FakeContext:
    work: Path
    cancelled: bool = False
    lines: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] = lambda _line: None

    def progress(self, phase: str, detail: str = "") -> None:
        assert phase == "training"
        self.lines.append(detail)
        self.on_line(detail)

    def secret(self, name: str) -> Secret:
        return Secret(os.environ[name])


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Fresh folders, one after another."""

    def fresh() -> Iterator[Path]:
        for number in range(1000):
            folder = tmp_path / f"train-{number}"
            folder.mkdir()
            yield folder

    return fresh()


@pytest.fixture
def train(context: FakeContext, folders: Iterator[Path]) -> Callable[..., TrainedModel]:
    def run(*, project: Path = Path(), **options: Any) -> TrainedModel:
        folder = next(folders)
        request = TrainRequest(name="a-service", options=SklearnOptions(**options), folder=folder, project=project)
        return lading_train(request=request, context=cast("Context", context))

    return run
