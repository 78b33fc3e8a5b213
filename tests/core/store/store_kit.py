"""Helpers for tests of the store. As a program: a process that uses a store."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lading.errors import LadingError
from lading.model import Distribution, ModelVersion, Package, PackedFiles, RegisterRequest
from lading.store import Store

THIS = Path(__file__)
BEGIN, END = "/marker-begin", "/marker-end"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def request_for(file: Path, name: str = "salary", **fields: Any) -> RegisterRequest:
    known: dict[str, Any] = {
        "name": name,
        "sha256": sha256(file.read_bytes()),
        "file": file,
        "file_name": "model.joblib",
        "framework": "scikit-learn",
        "framework_version": "1.7.2",
        "python": "3.11",
        "distributions": {
            "numpy": Distribution(version="2.3.4"),
            "scikit-learn": Distribution(version="1.7.2", requires=("numpy>=1.22",)),
        },
    }
    return RegisterRequest(**(known | fields))


def packed(store: Store, model: ModelVersion, files: dict[str, bytes]) -> Package:
    with store.scratch() as folder:
        for name, content in files.items():
            written(folder / name, content)
        return store.packages.put(
            folder, PackedFiles(scoring_script="score.py", python="3.11", requirements=("numpy==2.3.4",)), model
        )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def release_file(store: Store, source: Path) -> Iterator[str]:
    """Register a file, with itself as a module, package it and release it. Yields each step when it is done."""
    model = store.models.register(request_for(source, modules=(source,)))
    yield f"model {model.version} {model.sha256}"
    package = packed(store, model, {"azureml-app/score.py": b"run = print"})
    release = store.releases.begin("salary-svc", "local", package)
    intent = store.journal.intend("salary-svc", "local", f"local/{release.number}")
    yield f"intent local/{release.number}"
    release = store.releases.finish(release, "up")
    store.journal.settle(intent, "done")
    yield f"release {release.number} {release.package_digest}"


def release_each(root: Path, sources: list[Path]) -> None:
    """Release each file, and acknowledge each step."""
    os.access(BEGIN, os.F_OK)
    store = Store.open(root)
    for source in sources:
        for line in release_file(store, source):
            say(line)
    os.access(END, os.F_OK)
    store.close()


def register_many(root: Path, own: Path, count: int) -> None:
    """Wait for stdin, then register models of this process and one model that all processes share."""
    sys.stdin.readline()
    store = Store.open(root)
    for number in range(count):
        model = store.models.register(request_for(written(own / "model", f"{own} {number}".encode())))
        say(f"{model.version} {model.sha256}")
    store.models.register(request_for(written(own / "shared", b"shared"), "shared"))
    store.close()


def hold(root: Path, what: str) -> None:
    """Hold a lock, or a scratch folder, until stdin ends."""
    store = Store.open(root)
    with store.lock(what, command="lading deploy") if what else store.scratch() as held:
        say(str(held))
        sys.stdin.read()


if __name__ == "__main__":
    role, root, *rest = sys.argv[1:]
    try:
        if role == "each":
            release_each(Path(root), [Path(source) for source in rest])
        elif role == "many":
            register_many(Path(root), Path(rest[0]), int(rest[1]))
        else:
            hold(Path(root), rest[0])
    except LadingError as error:
        sys.stderr.write(f"{type(error).__name__}: {error.message}\n")
        sys.exit(error.exit_code)
