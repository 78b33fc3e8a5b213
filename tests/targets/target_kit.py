"""Helpers for the unit tests of all targets: a package, and options that were bound from a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from tests.hook_kit import a_version

from lading import ManifestError, Options, Package
from lading.manifest import Manifest, read
from lading.manifest.bind import bind_draft

O = TypeVar("O", bound=Options)  # noqa: E741

BLOCK_LINE = 5  # of a target's block in the manifest of `bound` and `problem`


def package_in(folder: Path, digest: str = "d" * 64, python: str = "3.11", *requirements: str) -> Package:
    """A package as the store keeps it: a script, requirements, and a model."""
    app = folder / "package" / "azureml-app"
    if not app.exists():
        app.mkdir(parents=True)
        (app / "score.py").write_text("def init(): pass\ndef run(raw_data): return 1\n", encoding="utf-8")
        (folder / "model.joblib").write_bytes(b"a model")
    model = a_version(folder / "model.joblib", name="sal_model", sha256="a" * 64, python=python)
    return Package(
        digest=digest,
        folder=folder / "package",
        scoring_script="score.py",
        model=model,
        python=python,
        requirements=requirements,
    )


def id_of(release: int) -> str:
    """The id of a release for its number."""
    return f"{release:016x}"


def tags_of(package: Package, target: str = "t", service: str = "salary", release: int = 1) -> dict[str, str]:
    """The tags that the framework puts on everything a target creates."""
    return {
        "lading.service": service,
        "lading.target": target,
        "lading.package": package.digest,
        "lading.model": package.model.sha256,
        "lading.release": str(release),
        "lading.release-id": id_of(release),
    }


def bound(folder: Path, kind: type[O], block: str) -> O:
    """The options of a target's block, bound from a manifest."""
    options = _manifest(folder, kind, block).targets["t"].options
    assert isinstance(options, kind)
    return options


def problem(folder: Path, kind: type[Options], block: str) -> str:
    """The only problem of a target's block: `LINE:COLUMN: PATH: MESSAGE`. The target's name is `t`."""
    with pytest.raises(ManifestError) as caught:
        _manifest(folder, kind, block)
    (found,) = caught.value.problems
    assert found.file.endswith("lading.yaml")
    return f"{found.line}:{found.column}: {found.path}: {found.message}"


def _manifest(folder: Path, kind: type[Options], block: str) -> Manifest:
    file = folder / "lading.yaml"
    head = "version: 1\nname: salary\nregister: {model: m, file: lading.yaml}\ntargets:\n"
    file.write_text(f"{head}  t: {{plugin: p, {block}}}\n", encoding="utf-8")
    return bind_draft(read(file, {}), {("targets", "t"): kind})
