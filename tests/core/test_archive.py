"""Exported packages, the allowed content of an archive, and altered files."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell
from tests.core.hostile_archives import BROKEN, HOSTILE, extra, members, rewrite
from tests.waiting import eventually

SALARY = "manifests/salary.yaml"
ANSWER = 141760.56910569107


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The salary package exported into one file, as for a colleague."""
    folder = tmp_path_factory.mktemp("maker")
    for name in (SALARY, "data/sal.csv"):
        (folder / name).parent.mkdir()
        shutil.copy(ROOT / name, folder / name)
    shell = Shell(folder, {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]})
    done = shell("package", "export", "salary.tar", SALARY)
    assert done.out == f"{sha256(folder / 'salary.tar')}  salary.tar\n"
    return folder / "salary.tar"


@pytest.fixture
def site(shell: Shell, exported: Path) -> Shell:
    """A folder with the manifest and the archive, without data or a model."""
    shutil.copy(ROOT / SALARY, shell.folder / "lading.yaml")
    shutil.copy(exported, shell.folder / "salary.tar")
    return shell


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_package_is_deployed_elsewhere_unchanged(site: Shell, exported: Path) -> None:
    done = site("deploy", "--package", "salary.tar", "--sha256", sha256(exported), "--json").json()
    assert done["deployments"][0]["release"] == 1
    assert site("score", "-d", '{"data": [[21]]}').json() == [pytest.approx(ANSWER)]
    made, taken = (folder / ".lading" / "packages" for folder in (exported.parent / "manifests", site.folder))
    assert [path.name for path in made.iterdir()] == [path.name for path in taken.iterdir()]
    (model,) = site("model", "list", "--json").json()
    assert (model["version"], model["run"], model["description"]) == (1, None, "Salary prediction")
    again = site("deploy", "--package", "salary.tar")
    assert "deploy to local: unchanged" in again.err
    assert len(site("model", "list", "--json").json()) == 1


@pytest.mark.slow
def test_a_manifest_without_training_deploys_an_existing_package(site: Shell) -> None:
    site.write("lading.yaml", "version: 1\nname: salary-svc\ntargets: {local: {}}\n")
    site("deploy", "--package", "salary.tar")
    assert site("score", "-d", '{"data": [[21]]}').json() == [pytest.approx(ANSWER)]
    assert site("history").out.splitlines()[1].split()[:3] == ["1", "local", "up"]
    assert "has no earlier release" in site("rollback", code=2).err
    assert "no model: give train" in site("plan", code=2).err
    assert "deleted" in site("delete").err


def test_the_same_package_gives_the_same_bytes_and_no_path_or_user(site: Shell, exported: Path) -> None:
    maker = Shell(exported.parent, site.env)
    maker("package", "export", "again.tar", SALARY)
    maker("package", "export", "one.tgz", SALARY)
    maker("package", "export", "two.tgz", "--model", "sal_model:1", SALARY)
    assert (exported.parent / "again.tar").read_bytes() == exported.read_bytes()
    packed = (exported.parent / "one.tgz").read_bytes()
    assert packed == (exported.parent / "two.tgz").read_bytes()
    assert gzip.decompress(packed) == exported.read_bytes()
    assert str(exported.parent).encode() not in exported.read_bytes()
    with tarfile.open(exported) as archive:
        assert {(member.uid, member.uname, member.mtime) for member in archive} == {(0, "", 0)}


@pytest.mark.slow
def test_package_is_still_a_stage(salary: Shell) -> None:
    folder = Path(salary("package", SALARY).out.strip())
    assert (folder / "azureml-app" / "score.py").is_file()
    assert salary("package", SALARY, "--json").json()["digest"] == folder.name
    assert "the folder nowhere does not exist" in salary("package", "export", "nowhere/a.tar", SALARY, code=2).err


def test_another_sha256_is_refused_before_anything_is_read(site: Shell) -> None:
    wrong = "0" * 64
    done = site("deploy", "--package", "salary.tar", "--sha256", wrong, code=3)
    assert wrong in done.err
    assert sha256(site.folder / "salary.tar") in done.err
    assert "no such file" in site("deploy", "--package", "nothing.tar", code=2).err
    assert "--sha256 needs --package FILE" in site("deploy", "--sha256", wrong, code=2).err
    assert (
        "--package cannot be combined with --model"
        in site("deploy", "--package", "salary.tar", "--model", "sal_model:1", code=2).err
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(
    import_archive: Callable[[Path], str], exported: Path, tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "hostile.tar"
    rewrite(archive, HOSTILE[name](members(exported)))
    assert import_archive(archive)
    assert not list(tmp_path.parent.rglob("*escaped*"))
    assert not Path("/tmp/lading-escaped").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused(
    import_archive: Callable[[Path], str], exported: Path, tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "broken.tar"
    archive.write_bytes(BROKEN[name](exported.read_bytes()))
    assert import_archive(archive)


@pytest.fixture
def import_archive(tmp_path: Path) -> Callable[[Path], str]:
    """Deploys an archive that must be refused and must leave no file. Returns the reason."""
    import lading

    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(ROOT / SALARY, folder / "lading.yaml")

    def refused(archive: Path) -> str:
        with pytest.raises(lading.Refused) as caught:
            lading.deploy(folder / "lading.yaml", package=archive, store=folder / ".lading")
        assert lading.list_models(folder / "lading.yaml", store=folder / ".lading") == []
        for kept in ("files", "trees", "packages", "tmp", "modules"):
            assert not list((folder / ".lading" / kept).glob("*")), kept
        return caught.value.message

    return refused


def test_a_refusal_names_the_member_and_ends_with_3(site: Shell) -> None:
    rewrite(site.folder / "salary.tar", extra("../escaped")(members(site.folder / "salary.tar")))
    assert "'../escaped' in the archive" in site("deploy", "--package", "salary.tar", code=3).err


@pytest.mark.slow  # test_engine.py tests it on a target without processes
def test_an_altered_model_is_refused_and_the_old_release_serves(salary: Shell) -> None:
    salary("deploy", SALARY)
    (model,) = salary("model", "list", SALARY, "--json").json()
    stored = Path(model["file"])
    data = stored.read_bytes()
    stored.unlink()
    stored.write_bytes(data + b"altered")
    for argv in (
        ["deploy", SALARY],
        ["deploy", SALARY, "--model", "sal_model:1"],
        ["package", "export", "a.tar", SALARY],
    ):
        done = salary(*argv, code=3)
        assert model["sha256"] in done.err
        assert sha256(stored) in done.err
    assert salary("score", SALARY, "-d", '{"data": [[21]]}').json() == [pytest.approx(ANSWER)]
    assert not (salary.folder / "a.tar").exists()


@pytest.mark.slow  # a request waits for its answer until its time limit
def test_a_file_altered_under_a_release_never_reaches_its_script(salary: Shell) -> None:
    salary("deploy", SALARY)
    (laid_out,) = (salary.folder / "manifests" / ".lading" / "work").rglob("azureml-models/sal_model/1/model.joblib")
    laid_out.chmod(0o600)
    laid_out.write_bytes(laid_out.read_bytes() + b"altered")
    log = salary("logs", SALARY).out
    worker = re.findall(r"\[(\d+)\] release 1 is ready", log)[-1]
    os.kill(int(worker), signal.SIGKILL)

    def refused() -> str | None:
        shown = salary("logs", SALARY).out
        return shown if "as registered" in shown else None

    log = eventually(refused)
    assert f"has sha256 {sha256(laid_out)}, not " in log
    assert salary("score", SALARY, "-d", '{"data": [[21]]}', code=None).code != 0
    salary("deploy", SALARY, code=3)  # the stored file is the same one, through a hard link
