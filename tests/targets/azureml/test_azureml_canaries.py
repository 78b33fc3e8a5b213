"""The search for credentials that every test here ends with finds them, and what a machine lacks is not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from azureml_kit import Cloud
from canaries_kit import Canaries
from offline_azure.client import Emulator
from offline_azure.fixture import go_without

pytestmark = pytest.mark.slow


def test_a_credential_that_gets_out_is_seen(cloud: Cloud, azure_emulator: Emulator, tmp_path: Path) -> None:
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


def test_where_all_is_required_a_missing_part_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LADING_TEST_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="it is missing"):
        go_without("it is missing")
    monkeypatch.setenv("LADING_TEST_REQUIRE", "all")
    with pytest.raises(pytest.fail.Exception, match="it is missing"):
        go_without("it is missing")
