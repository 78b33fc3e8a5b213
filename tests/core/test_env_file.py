"""`--env-file`: variables from a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Shell

from lading import BadInput
from lading.cli.variables import read

RIGHT = {
    b"": {},
    b"# a comment\n\n  \nA=1": {"A": "1"},
    b"\xef\xbb\xbfA=1\r\nexport B = two words \t # a comment\r\n": {"A": "1", "B": "two words"},
    b"A='a # b\n${C} \\n'  # a comment\nB=2": {"A": "a # b\n${C} \\n", "B": "2"},
    b'A="x\\n\\"y\\" \\$ \\\\ #\nz"\nB=': {"A": 'x\n"y" $ \\ #\nz', "B": ""},
    b"A=a#b\nB=#x\nC=d'e\nD=\\n": {"A": "a#b", "B": "#x", "C": "d'e", "D": "\\n"},
    b"A =\nA=1\nA=2": {"A": "2"},
}


@pytest.mark.parametrize("data", RIGHT)
def test_a_file_has_names_values_quotes_and_comments(data: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(data)
    assert read(tmp_path / ".env") == RIGHT[data]


WRONG = {
    b"A=1\nSECRET\n": "2: not NAME=VALUE",
    b"1A=SECRET": "1: not NAME=VALUE",
    b"\nA='SECRET\n\n": "2: the value begins with ' and does not end with it",
    b'B="1\n2"\nA="1" SECRET': "3: text after the closing quote",
    b"A=1\nB=${SECRET}": "2: ${…} is not replaced in this file",
    b'A=1\nB="${SECRET}"': "2: ${…} is not replaced in this file",
    b"A=1\nB=SECRET\xff": "2: not UTF-8",
    b"A=SECRET\0": "1: A has a NUL character",
}


@pytest.mark.parametrize("data", WRONG)
def test_a_wrong_line_is_reported_without_its_value(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        read(file)
    assert caught.value.message == f"{file}:{WRONG[data]}"
    assert caught.value.hint
    assert "SECRET" not in caught.value.hint


MANIFEST = """\
version: 1
name: salary-svc
train: {data: sal.csv, features: [x], label: y, estimator: "${ESTIMATOR}", test_size: "${TEST_SIZE}"}
targets: {local: {port: "${PORT}", env: {TOKEN: "${TOKEN}"}}}
"""


@pytest.fixture
def project(shell: Shell) -> Iterator[Shell]:
    shell.write("shop/lading.yaml", MANIFEST)
    shell.write("shop/sal.csv", "x,y\n" + "".join(f"{x},{x}\n" for x in range(20)))
    estimator = "ESTIMATOR=sklearn.linear_model.LinearRegression"
    shell.write(".env", f"{estimator}\nTEST_SIZE=0.25\nPORT=0\nTOKEN='c4n4ry-token'\n")
    yield shell
    shell("delete", "shop", "--env-file", ".env", code=None)


@pytest.mark.parametrize("first", [True, False])
def test_the_variables_of_a_file_are_those_of_the_command(project: Shell, first: bool) -> None:
    option = ("--env-file", ".env")
    argv = (*option, "check", "shop") if first else ("check", "shop", *option)
    assert "is valid" in project(*argv).out
    assert "the environment variable PORT is not set" in project("check", "shop", code=2).err


def test_the_real_environment_wins(project: Shell) -> None:
    project.env["PORT"] = "many"
    failed = project("check", "shop", "--env-file", ".env", code=2)
    assert '4:25: targets.local.port: expected a whole number, found another value in "${PORT}"' in failed.err
    assert "many" not in failed.err


@pytest.mark.slow
def test_a_deploy_takes_numbers_and_secrets_from_a_file(project: Shell) -> None:
    done = project("deploy", "shop", "--env-file", ".env", "--json", "-v")
    (deployed,) = done.json()["deployments"]
    again = project("deploy", "shop", "--env-file", ".env", "--json").json()["deployments"]
    assert [(row["release"], row["reused"]) for row in again] == [(deployed["release"], True)]
    planned = project("plan", "shop", "--env-file", ".env", "--json").json()
    assert {stage["action"] for stage in planned["stages"]} == {"reuse"}
    stored = [file for file in (project.folder / "shop").rglob("*") if file.is_file()]
    assert [str(file) for file in stored if b"c4n4ry" in file.read_bytes()] == []
    assert "c4n4ry" not in done.out + done.err
    changed = project("plan", "shop", "--env-file", ".env", TEST_SIZE="0.5").out
    assert "train.test_size" in changed


def test_a_missing_file_is_named(project: Shell) -> None:
    failed = project("check", "shop", "--env-file", "none.env", "--json", code=2)
    assert json.loads(failed.err)["message"] == "none.env cannot be read: no such file or directory"
