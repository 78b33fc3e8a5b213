"""Packages that travel, what an archive may hold, and files that were altered."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import ROOT, Shell

SALARY = "manifests/salary.yaml"
ANSWER = 141760.56910569107


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The salary package as a colleague would get it: one file."""
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
    """A place with the manifest and the archive, and neither data nor a model."""
    shutil.copy(ROOT / SALARY, shell.folder / "lading.yaml")
    shutil.copy(exported, shell.folder / "salary.tar")
    return shell


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_package_is_deployed_elsewhere_exactly_as_it_is(site: Shell, exported: Path) -> None:
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


def test_package_is_still_a_stage(salary: Shell) -> None:
    folder = Path(salary("package", SALARY).out.strip())
    assert (folder / "azureml-app" / "score.py").is_file()
    assert salary("package", SALARY, "--json").json()["digest"] == folder.name
    assert "there is no folder nowhere" in salary("package", "export", "nowhere/a.tar", SALARY, code=2).err


def test_another_sha256_is_refused_before_anything_is_read(site: Shell) -> None:
    wrong = "0" * 64
    done = site("deploy", "--package", "salary.tar", "--sha256", wrong, code=3)
    assert wrong in done.err
    assert sha256(site.folder / "salary.tar") in done.err
    assert "no such file" in site("deploy", "--package", "nothing.tar", code=2).err
    assert "name its file with --package" in site("deploy", "--sha256", wrong, code=2).err
    assert "not both" in site("deploy", "--package", "salary.tar", "--model", "sal_model:1", code=2).err


Members = list[tuple[tarfile.TarInfo, bytes]]


def members(archive: Path) -> Members:
    with tarfile.open(archive) as opened:
        return [(info, (opened.extractfile(info) or io.BytesIO()).read()) for info in opened]


def rewrite(archive: Path, found: Members, format_: int = tarfile.USTAR_FORMAT) -> None:
    with tarfile.open(archive, "w", format=format_) as out:
        for info, data in found:
            info.size = len(data) if info.isreg() else info.size
            out.addfile(info, io.BytesIO(data) if info.isreg() else None)


def extra(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> Callable[[Members], Members]:
    def change(found: Members) -> Members:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = kind, link, mode
        return [*found, (info, b"it escaped" if kind == tarfile.REGTYPE else b"")]

    return change


def altered(name: str) -> Callable[[Members], Members]:
    return lambda found: [(info, data + b"\n" if re.fullmatch(name, info.name) else data) for info, data in found]


def without(name: str) -> Callable[[Members], Members]:
    return lambda found: [(info, data) for info, data in found if info.name != name]


def recorded(change: Callable[[dict], None]) -> Callable[[Members], Members]:  # type: ignore[type-arg]
    def rewritten(found: Members) -> Members:
        record = json.loads(found[0][1])
        change(record)
        return [(found[0][0], json.dumps(record).encode()), *found[1:]]

    return rewritten


HOSTILE: dict[str, Callable[[Members], Members]] = {
    "parent": extra("../escaped"),
    "parent-inside": extra("package/../../escaped"),
    "absolute": extra("/tmp/lading-escaped"),
    "dot": extra("package/./x"),
    "empty-part": extra("package//x"),
    "backslash": extra("package\\..\\x"),
    "newline": extra("package/a\nb"),
    "escape": extra("package/\x1b[2J"),
    "symlink": extra("package/link", tarfile.SYMTYPE, "/etc/passwd"),
    "symlink-folder": lambda found: extra("package/up/escaped")(extra("package/up", tarfile.SYMTYPE, "../..")(found)),
    "hard-link": extra("package/hard", tarfile.LNKTYPE, "/etc/passwd"),
    "hard-link-inside": extra("package/hard", tarfile.LNKTYPE, "lading.json"),
    "fifo": extra("package/fifo", tarfile.FIFOTYPE),
    "character-device": extra("package/null", tarfile.CHRTYPE),
    "block-device": extra("package/disk", tarfile.BLKTYPE),
    "contiguous": extra("package/contiguous", tarfile.CONTTYPE),
    "sparse": extra("package/sparse", tarfile.GNUTYPE_SPARSE),
    "long-name": extra("package/long", tarfile.GNUTYPE_LONGNAME),
    "long-link": extra("package/long", tarfile.GNUTYPE_LONGLINK),
    "pax": extra("package/pax", tarfile.XHDTYPE),
    "pax-global": extra("package/pax", tarfile.XGLTYPE),
    "unknown-type": extra("package/unknown", b"Z"),
    "twice": extra("package/conda.yml"),
    "twice-in-case": extra("package/CONDA.yml"),
    "file-as-folder": extra("package/conda.yml/x"),
    "folder-as-file": extra("package"),
    "folder-over-file": extra("package/conda.yml", tarfile.DIRTYPE),
    "too-many": lambda found: [*found, *((tarfile.TarInfo(f"package/{number}"), b"") for number in range(10_001))],
    "more-than-a-package": extra("elsewhere/x"),
    "second-model": extra("model/other.joblib"),
    "altered-script": altered("package/azureml-app/score.py"),
    "altered-model": altered("model/.*"),
    "no-record": lambda found: found[1:],
    "no-model": lambda found: found[:-1],
    "no-script": without("package/azureml-app/score.py"),
    "executable-script": lambda found: [
        (info.replace(mode=0o755, deep=False) if info.name.endswith("score.py") else info, data) for info, data in found
    ],
    "record-no-json": lambda found: [(found[0][0], b"{"), *found[1:]],
    "record-of-another-format": recorded(lambda record: record.update(format=2)),
    "record-with-another-key": recorded(lambda record: record.update(shell="true")),
    "record-leads-out": recorded(lambda record: record.update(scoring_script="../../../../etc/passwd")),
    "record-of-another-model": recorded(lambda record: record["model"].update(sha256="0" * 64)),
    "record-file-leads-out": recorded(lambda record: record["model"].update(file_name="../lading.json")),
    "record-file-is-dots": recorded(lambda record: record["model"].update(file_name="..")),
    "record-name-leads-out": recorded(lambda record: record["model"].update(name="../../x")),
    "record-digest": recorded(lambda record: record.update(digest="0" * 64)),
    "record-types": recorded(lambda record: record.update(requirements=[1])),
}
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "no-archive": lambda data: b"no archive at all" * 100,
    "cut-off": lambda data: data[:-3000],
    "cut-off-header": lambda data: data[:700],
    "wrong-checksum": lambda data: data[:148] + b"0000000\0" + data[156:],
    "negative-size": lambda data: with_size(data, b"\xff" * 12),
    "huge-size": lambda data: with_size(data, b"\x80" + b"\xff" * 11),
    "no-size": lambda data: with_size(data, b"xxxxxxxxxxx\0"),
    "gzip-damaged": lambda data: gzip.compress(data)[:200] + b"nonsense" * 20,
    "gzip-cut-off": lambda data: gzip.compress(data)[:-2000],
    "gzip-header-alone": lambda data: b"\x1f\x8b",
    "gzip-bomb": lambda data: gzip.compress(with_size(data, b"00777777777\0") + bytes(80 << 20), 9),
}


def with_size(data: bytes, size: bytes) -> bytes:
    """The archive with another size in its first header, under a right checksum."""
    header = bytearray(data[:512])
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(
    take_in: Callable[[Path], str], exported: Path, tmp_path: Path, name: str
) -> None:
    archive = tmp_path / "hostile.tar"
    rewrite(archive, HOSTILE[name](members(exported)))
    assert take_in(archive)
    assert not list(tmp_path.parent.rglob("*escaped*"))
    assert not Path("/tmp/lading-escaped").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_refused(take_in: Callable[[Path], str], exported: Path, tmp_path: Path, name: str) -> None:
    archive = tmp_path / "broken.tar"
    archive.write_bytes(BROKEN[name](exported.read_bytes()))
    assert take_in(archive)


@pytest.fixture
def take_in(tmp_path: Path) -> Callable[[Path], str]:
    """Deploys an archive that must be refused, and leaves nothing of it behind; returns why."""
    import lading

    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copy(ROOT / SALARY, folder / "lading.yaml")

    def refused(archive: Path) -> str:
        with pytest.raises(lading.Refused) as caught:
            lading.deploy(folder / "lading.yaml", package=archive, store=folder / ".lading")
        assert lading.list_models(folder / "lading.yaml", store=folder / ".lading") == []
        for kept in ("files", "packages", "tmp", "modules"):
            assert not list((folder / ".lading" / kept).glob("*")), kept
        return caught.value.message

    return refused


def test_a_refusal_names_the_member_and_ends_with_3(site: Shell) -> None:
    rewrite(site.folder / "salary.tar", extra("../escaped")(members(site.folder / "salary.tar")))
    assert "'../escaped' in the archive" in site("deploy", "--package", "salary.tar", code=3).err


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


def test_a_file_altered_under_a_release_never_reaches_its_script(salary: Shell) -> None:
    salary("deploy", SALARY)
    (laid_out,) = (salary.folder / "manifests" / ".lading" / "work").rglob("azureml-models/sal_model/1/model.joblib")
    laid_out.chmod(0o600)
    laid_out.write_bytes(laid_out.read_bytes() + b"altered")
    log = salary("logs", SALARY).out
    worker = re.findall(r"\[(\d+)\] release 1 is ready", log)[-1]
    os.kill(int(worker), signal.SIGKILL)
    end = time.monotonic() + 20
    while "as registered" not in (log := salary("logs", SALARY).out):
        assert time.monotonic() < end, log
    assert f"has sha256 {sha256(laid_out)}, not " in log
    assert salary("score", SALARY, "-d", '{"data": [[21]]}', code=None).code != 0
    salary("deploy", SALARY, code=3)  # the stored file is the same one, by a hard link
