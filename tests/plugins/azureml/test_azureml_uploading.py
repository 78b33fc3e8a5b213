"""Upload a model to the outputs of its run: once, completely, and beside the rest of an interrupted upload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from offline_azure.fixture import require_sdk

from lading_azureml.port import SHA256, NewModel

WHOLE = {"outputs/forest/config.json": b"{}", "outputs/forest/parts/a.bin": b"a"}
BESIDE = {name.replace("outputs/", "outputs/2/"): content for name, content in WHOLE.items()}


@dataclass
class MemoryRun:
    """A run of the SDK, with its files in memory."""

    files: dict[str, bytes] = field(default_factory=dict)

    def get_file_names(self) -> list[str]:
        return list(self.files)

    def upload_file(self, name: str, path: str) -> None:
        self.files[name] = Path(path).read_bytes()

    def upload_folder(self, name: str, path: str) -> None:
        files = (file for file in Path(path).rglob("*") if file.is_file())
        self.files |= {f"{name}/{file.relative_to(path)}": file.read_bytes() for file in files}


def sha256_of(run: MemoryRun, path: str) -> str:
    return hashlib.sha256(run.files[path]).hexdigest()


def test_a_file_of_a_run_that_differs_is_left_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_sdk()
    from lading_azureml.sdk import runs

    monkeypatch.setattr(runs, "sha256_of", sha256_of)
    run = MemoryRun({"plots/same.svg": b"1", "plots/other.svg": b"1"})
    files = {f"plots/{name}.svg": tmp_path / f"{name}.svg" for name in ("same", "other", "new")}
    for name, content in {"same": b"1", "other": b"2", "new": b"3"}.items():
        (tmp_path / f"{name}.svg").write_bytes(content)
    assert runs._upload_missing(run, files) == ("plots/other.svg",)
    assert run.files == {"plots/same.svg": b"1", "plots/other.svg": b"1", "plots/new.svg": b"3"}


@pytest.mark.parametrize(
    ("known", "name", "after"),
    [
        ({}, "outputs/forest", WHOLE),
        (WHOLE, "outputs/forest", WHOLE),
        ({"outputs/forest/config.json": b"{}"}, "outputs/2/forest", {"outputs/forest/config.json": b"{}", **BESIDE}),
        ({**WHOLE, "outputs/forest/parts/a.bin": b""}, "outputs/2/forest", BESIDE),
        ({**WHOLE, "outputs/forest/more": b""}, "outputs/2/forest", BESIDE),
        ({"outputs/forest": b"a file"}, "outputs/2/forest", BESIDE),
        ({"outputs/forests/a": b""}, "outputs/forest", WHOLE),
        ({"outputs/forest/more": b"", "outputs/2/forest/config.json": b""}, "outputs/3/forest", {}),
    ],
)
def test_a_folder_is_uploaded_once_and_completely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, bytes], name: str, after: dict[str, bytes]
) -> None:
    require_sdk()
    from lading_azureml.sdk import models

    monkeypatch.setattr(models, "sha256_of", sha256_of)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.bin").write_bytes(b"a")
    (tmp_path / "config.json").write_bytes(b"{}")
    model = NewModel(
        name="rate",
        file=tmp_path,
        file_name="forest",
        framework="Custom",
        framework_version="",
        description="",
        tags={},
        properties={SHA256: "0" * 64},
    )
    run = MemoryRun(dict(known))
    assert models._upload_once(run, model) == name
    assert after.items() <= run.files.items()
    assert {path for path in run.files if path.startswith(f"{name}/")} == {
        path.replace("outputs/forest", name) for path in WHOLE
    }
