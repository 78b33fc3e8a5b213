"""The finished models that a manifest names: one, or several that are registered and deployed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...model import FileContents, ModelPart, TrainedModel
from ...model.parts import MODELS, place_of
from ...plugin.layout import copy_model
from ...store.tree import check_part, digest_of_files, gathered

if TYPE_CHECKING:
    from pathlib import Path

    from ...manifest import FinishedModel, Manifest
    from ...store.files import Files
    from ...store.store import Store


@dataclass(frozen=True)
class Finished:
    """The files and folders that `register:` names, and what several of them are called."""

    files: tuple[Path, ...]
    several: Mapping[str, FinishedModel]

    @classmethod
    def of(cls, manifest: Manifest) -> Finished | None:
        """The finished models of a manifest. None if it trains one. Raises Refused for a name that cannot be kept."""
        file, several = manifest.register.file, manifest.register.models or {}
        files = tuple(each.file for each in several.values()) if file is None else (file,)
        for path in files:
            check_part(str(path), path.name)
        return cls(files, several) if files else None

    @property
    def name(self) -> str:
        """The file name under which the store keeps them."""
        return MODELS if self.several else self.files[0].name

    def digest(self, files: Files) -> str:
        """The digest of the only model, or of the folder of all."""
        if not self.several:
            return files.digest(self.files[0])
        sources = {_place(name, each): each.file for name, each in self.several.items()}
        return digest_of_files(gathered(sources, files.root), files.digest)

    def described(self, found: Mapping[Path, TrainedModel]) -> TrainedModel:
        """The description of the only model, or of all together."""
        return found[self.files[0]] if not self.several else _merged(self.several, found)

    def parts(self, files: Files, found: Mapping[Path, TrainedModel]) -> tuple[ModelPart, ...]:
        """The parts of the folder of all models. Empty for one model."""
        return tuple(
            ModelPart(
                name=name,
                version=each.version,
                file_name=each.file.name,
                sha256=files.digest(each.file),
                framework=found[each.file].framework,
                framework_version=found[each.file].framework_version,
            )
            for name, each in self.several.items()
        )

    @contextmanager
    def whole(self, store: Store) -> Iterator[Path]:
        """The only model, or a folder of all models in the layout of Azure. It exists only for a time."""
        if not self.several:
            yield self.files[0]
            return
        with store.scratch() as scratch:
            for name, each in self.several.items():
                folder = scratch / MODELS / name / str(each.version)
                copy_model(each.file.resolve(), each.file.name, folder)
            yield scratch / MODELS


def _place(name: str, each: FinishedModel) -> str:
    return place_of(name, each.version, each.file.name)


def _merged(several: Mapping[str, FinishedModel], found: Mapping[Path, TrainedModel]) -> TrainedModel:
    """The description of all models together. Its framework is the first one that is known."""
    described = [found[each.file] for each in several.values()]
    known = next((made for made in described if made.framework), described[0])
    contents = [made.contents for made in described if made.contents is not None]
    return replace(
        known,
        columns=(),
        label=None,
        schema=None,
        contents=FileContents(
            format="folder",
            protocol=None,
            size=sum(each.size for each in contents),
            classes=tuple(dict.fromkeys(name for each in contents for name in each.classes)),
            imports=tuple(dict.fromkeys(one for each in contents for one in each.imports)),
            complete=all(each.complete for each in contents),
            files={
                _place(name, each): inside for name, each in several.items() if (inside := found[each.file].contents)
            },
        ),
    )
