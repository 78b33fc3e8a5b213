"""Run the conformance kit of registries on the store's own registry."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import ClassVar

import pytest

from lading.store import StoreToRead
from lading.testing import KeptVersion, RegistryConformance
from lading.testing.project import Project

pytestmark = pytest.mark.slow


class TestStore(RegistryConformance):
    plugin = "store"
    connection: ClassVar = None

    @pytest.fixture(scope="class")
    @classmethod
    def versions_of(cls, account_project: Project) -> Callable[[str], list[KeptVersion]]:
        def versions_of(model: str) -> list[KeptVersion]:
            with closing(StoreToRead.read(account_project.folder / ".lading")) as store:
                found = store.models.list(model)
            return [KeptVersion(str(each.version), each.description, each.tags, each.run) for each in found]

        return versions_of
