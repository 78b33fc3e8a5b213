"""The models that are registered and deployed together, and the folder of all of them."""

from __future__ import annotations

from dataclasses import dataclass

MODELS = "azureml-models"
"""The folder of all models beside `azureml-app/`, as on Azure."""


def place_of(name: str, version: int, file_name: str) -> str:
    """The path of one of several models below the folder of all of them."""
    return f"{name}/{version}/{file_name}"


@dataclass(frozen=True, kw_only=True)
class ModelPart:
    """One of the models that are registered and deployed together.

    It lies in `NAME/VERSION/FILE_NAME` below the folder of all of them. `sha256` is that of a model: of the bytes of a
    file, or of the list of a folder's files.
    """

    name: str
    version: int
    file_name: str
    sha256: str
    framework: str = ""
    framework_version: str = ""

    @property
    def place(self) -> str:
        """The path of the model below the folder of all of them."""
        return place_of(self.name, self.version, self.file_name)
