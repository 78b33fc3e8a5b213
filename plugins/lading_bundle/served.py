"""Whether the default scoring script can serve a model."""

from __future__ import annotations

from typing import NamedTuple

SCRIPT_NEEDED = "name a scoring_script under package"


class Servable(NamedTuple):
    """A model by its file name. It is a folder, or it was made with a framework, which is empty if it is not known."""

    file_name: str
    framework: str
    is_folder: bool

    @property
    def obstacle(self) -> str:
        """The reason why the default scoring script cannot serve the model. Empty if it can."""
        if self.is_folder:
            return f"{self.file_name} is a folder, and the default scoring script loads one file"
        if self.framework == "scikit-learn":
            return ""
        what = f"of {self.framework}" if self.framework else "not a scikit-learn model"
        return f"{self.file_name} is {what}, so the default scoring script cannot serve it"
