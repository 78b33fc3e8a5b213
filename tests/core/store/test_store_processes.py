"""Many processes and threads at once: versions are distinct and none is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any

import pytest
from tests.core.store.store_kit import THIS, packed, request_for, written
from tests.waiting import LIMIT

from lading.store import Store, durable
from lading.store.files import Files
from lading.store.packages import Packages

PROCESSES, EACH = 16, 25


def stream(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


@pytest.mark.slow
def test_sixteen_processes_register_twenty_five_models_each(root: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(THIS), "many", str(root), str(tmp_path / f"process-{number}"), str(EACH)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(PROCESSES)
        ]
        for process in processes:  # all at once, including the creation of the store
            stream(process.stdin).write("go\n")
            stream(process.stdin).flush()
        lines = [line.split() for process in processes for line in stream(process.stdout)]
        assert [process.wait(timeout=LIMIT) for process in processes] == [0] * PROCESSES
    acknowledged = {int(version): sha256 for version, sha256 in lines}
    assert len(lines) == PROCESSES * EACH
    assert sorted(acknowledged) == list(range(1, PROCESSES * EACH + 1))
    with closing(Store.open(root)) as store:
        assert {model.version: model.sha256 for model in store.models.list("salary")} == acknowledged
        assert [model.version for model in store.models.list("shared")] == [1]
        for sha256 in acknowledged.values():
            store.files.check(sha256)
    assert list((root / "tmp").iterdir()) == []


def test_threads_share_an_open_store(store: Store, tmp_path: Path) -> None:
    written(tmp_path / "data" / "sal.csv", b"x,y")

    def register(number: int) -> int:
        for step in range(10):
            file = written(tmp_path / f"thread-{number}", f"{number} {step}".encode())
            model = store.models.register(request_for(file))
            assert store.models.get("salary", model.version) == model
            store.digests.tree(tmp_path / "data")
        return len(store.models.list())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(register, range(8))) == 80
    assert [model.version for model in store.models.list()] == list(range(80, 0, -1))


@pytest.mark.parametrize("kind", [Files, Packages])
def test_threads_keep_the_same_folder_at_once(
    store: Store, tmp_path: Path, kind: type[Files | Packages], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = store.models.register(request_for(written(tmp_path / "model", b"model")))
    files = {f"{number}.bin": b"%d" % number for number in range(5)}
    for name, content in files.items():
        written(tmp_path / "folder" / name, content)
    check = kind.is_intact

    def slow_check(*arguments: Any) -> bool:
        found = check(*arguments)
        time.sleep(0.1)  # so that the others check before one has moved its copy
        return found

    moved: list[Path] = []

    def move(source: Path, destination: Path) -> None:
        moved.append(destination)
        durable.move(source, destination)

    def keep(_thread: int) -> str:
        return packed(store, model, files).digest if kind is Packages else store.files.put(tmp_path / "folder")[0]

    monkeypatch.setattr(kind, "is_intact", slow_check)
    monkeypatch.setattr(sys.modules[kind.__module__], "move", move)
    with ThreadPoolExecutor(4) as pool:
        (digest,) = set(pool.map(keep, range(4)))
    assert [path.name for path in moved] == [digest], "an intact folder was replaced"
