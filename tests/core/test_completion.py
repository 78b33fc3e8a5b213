"""Shell completion, as bash asks for it: the script is sourced in a real bash."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import Shell
from tests.waiting import LIMIT

MANIFEST = """\
version: 1
name: shop-svc
train: {data: shop.csv, features: [x], label: y, estimator: sklearn.linear_model.LinearRegression}
register: {model: shop}
targets: {local: {port: 0}, live: {plugin: local, service_name: shop-live}}
"""
COMPLETE = """\
eval "$($1 completion bash)"
COMP_LINE=$2 COMP_POINT=${#2}
_lading_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(shell: Shell, line: str) -> list[str]:
    """The words that bash offers at the end of a line. It prints nothing else."""
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", shell.lading, line],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def shop(shell: Shell) -> Shell:
    shell.write("shop/lading.yaml", MANIFEST)
    shell.write("shop/shop.csv", "x,y\n" + "".join(f"{x},{x}\n" for x in range(20)))
    shell.write("other/lading.yaml", "version: 1\nname: other-svc\nregister: {file: x}\ntargets: {elsewhere: }\n")
    return shell


def test_commands_targets_and_plugins_are_completed(shop: Shell) -> None:
    assert completed(shop, "lading dep") == ["deploy"]
    assert completed(shop, "lading deploy --target ") == []  # no manifest here
    assert completed(shop, "lading deploy shop -t ") == ["local", "live"]
    assert completed(shop, "lading deploy other/lading.yaml --target ") == ["elsewhere"]
    assert completed(shop, "lading plan shop --from li") == ["live"]
    assert completed(shop, "lading plugin show skl") == ["sklearn"]
    assert "aci" in completed(shop, "lading target show ")


@pytest.mark.slow
def test_runs_models_and_releases_are_completed(shop: Shell) -> None:
    shop("deploy", "shop", "-t", "live")
    (run,) = shop("run", "list", "shop", "--json").json()
    shop.folder /= "shop"
    before = files(shop.folder)
    assert completed(shop, "lading run show ") == [run["id"]]
    assert completed(shop, "lading run compare x 2") == [run["id"]]
    assert completed(shop, "lading deploy --model ") == ["shop:1"]
    assert completed(shop, "lading model show shop:") == ["1"]  # bash replaces what follows the colon
    assert completed(shop, "lading rollback ") == ["1"]
    assert completed(shop, "lading rollback -t local ") == []
    assert files(shop.folder) == before


def test_a_wrong_manifest_completes_nothing(shop: Shell) -> None:
    shop.write("lading.yaml", "targets: [")
    assert completed(shop, "lading deploy -t ") == []
    assert completed(shop, "lading rollback ") == []


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
