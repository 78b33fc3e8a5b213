"""The search for credentials, which runs after every test, finds them. Missing parts of the machine are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from offline_azure.client import Emulator
from tests.missing import skip_without
from tests.targets.azureml.azureml_kit import Cloud
from tests.targets.azureml.canaries_kit import Canaries

pytestmark = pytest.mark.slow


def test_a_leaked_credential_is_found(cloud: Cloud, azure_emulator: Emulator, tmp_path: Path) -> None:
    secret, folder = cloud.azure.client_secret, tmp_path / "elsewhere"
    folder.mkdir()
    assert Canaries(azure_emulator, folder, {"lading deploy"}, ["fine"]).leaks() == []
    assert Canaries(azure_emulator, folder, {f"lading --secret {secret}"}).leaks() == ["a command line"]
    assert Canaries(azure_emulator, folder, set(), [f"with {secret}"]).leaks() == ["output"]
    assert Canaries(azure_emulator, folder, set(), [f"with {secret}"], {secret}).leaks() == []
    assert Canaries(azure_emulator, folder, set(), ["https://a.blob/b?sv=1&sig=s3cret%3D"]).leaks() == ["output"]
    file = folder / "log.txt"
    file.write_text(f"GET {secret}", encoding="utf-8")
    assert Canaries(azure_emulator, folder, set()).leaks() == [str(file)]
    file.unlink()


def test_a_missing_part_fails_if_all_parts_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LADING_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="it is missing"):
        skip_without("it is missing")
    monkeypatch.setenv("LADING_TEST_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="it is missing"):
        skip_without("it is missing")
