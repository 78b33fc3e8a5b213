"""The clusters of a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml.core.compute import AksCompute, ComputeTarget
from azureml.exceptions import ComputeTargetException

from ..port import Compute
from ..text import clean
from .calls import Part


class Computes(Part):
    def find_compute(self, name: str) -> Compute | None:
        found = self._call(f"looking for compute {name}", lambda: self._compute(name))
        if found is None:
            return None
        errors = "; ".join(clean(str(error)) for error in found.provisioning_errors or ())
        return Compute(name, str(found.type), str(found.provisioning_state).lower(), errors)

    def create_compute(self, name: str, settings: Mapping[str, Any]) -> None:
        configuration = AksCompute.provisioning_configuration(**settings)
        self._call(f"creating {name}", lambda: ComputeTarget.create(self._workspace, name, configuration))

    def attach_compute(self, name: str, resource_id: str) -> None:
        configuration = AksCompute.attach_configuration(resource_id=resource_id)
        self._call(f"attaching {name}", lambda: ComputeTarget.attach(self._workspace, name, configuration))

    def _compute(self, name: str) -> Any:
        try:
            return ComputeTarget(workspace=self._workspace, name=name)
        except ComputeTargetException as error:
            if "ComputeTargetNotFound" in str(error.message):
                return None
            raise
