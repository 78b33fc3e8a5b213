"""Distributions with an address: wheels of this machine, URLs and git repositories."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sklearn
import yaml
from tests.conftest import Shell
from tests.plugins.bundle.conftest import SCRIPT, Packed
from tests.plugins.bundle.test_bundle_judging import LINEAR, MANIFEST, found

import lading
from lading import ModelVersion
from lading.manifest import parse
from lading.manifest.bind import bind_draft
from lading_bundle.environment import Environment
from lading_bundle.options import BundleOptions

Pack = Callable[..., Packed]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "ab" * 32
FILE = "thing-1.0-py3-none-any.whl"


def write_wheel(folder: Path, name: str = "thing", version: str = "1.0", *, requires: str = "", text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-{version}-py3-none-any.whl"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(file, "w") as wheel:
        info = f"{name}-{version}.dist-info"
        wheel.writestr(f"{name}.py", text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def packed(pack: Pack, salary: ModelVersion, tmp_path: Path) -> Callable[..., Packed]:
    """Package a model with a scoring script and these requirements of pip."""

    def run(*pip: str, **files: Any) -> Packed:
        (tmp_path / "score.py").write_text(SCRIPT)
        environment = Environment(pip=pip, **files)
        return pack(salary, scoring_script=tmp_path / "score.py", environment=environment)

    return run


def of(packed: Packed, name: str) -> str:
    (line,) = (line for line in packed.files.requirements if line.startswith((f"{name} ", f"{name}[", f"{name}==")))
    return line


def test_a_wheel_travels_in_the_package_and_pip_installs_it_from_there(
    packed: Callable[..., Packed], tmp_path: Path
) -> None:
    wheel = write_wheel(tmp_path / "dist", requires="numpy")
    done = packed(f"{wheel}[fast]")
    assert of(done, "thing") == f"thing[fast] @ file:wheels/{FILE}#sha256={digest(wheel)}"
    assert of(done, "numpy").startswith("numpy==")  # the wheel requires it
    assert (done.folder / "wheels" / FILE).read_bytes() == wheel.read_bytes()
    assert digest(wheel) in done.read("package.json")
    assert f"./wheels/{FILE}[fast]" in done.read("requirements.txt").splitlines()
    assert f"./wheels/{FILE}[fast]" in yaml.safe_load(done.read("conda.yml"))["dependencies"][-1]["pip"]

    other = packed(str(write_wheel(tmp_path / "dist", "other")))
    lines = [f"./wheels/{FILE}[fast]", *lading.install_lines([of(other, "other")], other.folder)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--dry-run"]
    subprocess.run([*pip, "--", *lines], cwd=done.folder, check=True)


@pytest.mark.slow
def test_a_changed_file_that_an_environment_names_gives_another_package(shell: Shell) -> None:
    shell.write("d.csv", "x,y\n1,2\n2,4\n3,6\n")
    (shell.folder / "env").mkdir()
    shell.write("env/all.txt", "-r more.txt  # ours\n")
    shell.write("env/more.txt", f"numpy\n../dist/{FILE}  # ours\n")
    package = "environment: {requirements: env/all.txt}"
    shell.write("lading.yaml", MANIFEST.format(estimator=LINEAR, package=package))
    write_wheel(shell.folder / "dist", text="x = 1")
    shell("package")
    changed = write_wheel(shell.folder / "dist", text="x = 2")
    shell.write("env/more.txt", f"numpy\n../dist/{FILE}\npyyaml\n")
    plan = shell("plan").out
    assert f"~ package.environment.requirements.../dist/{FILE}: " in plan
    assert "~ package.environment.requirements.more.txt: " in plan
    made = Path(shell("package").out.strip())
    assert (made / "wheels" / FILE).read_bytes() == changed.read_bytes()
    assert "pyyaml==" in (made / "requirements.txt").read_text().lower()


@pytest.mark.parametrize(
    ("environment", "option"),
    [
        (f"pip: [./dist/{FILE}]", "pip.0"),
        (f"pip: [numpy, 'thing[x] @ file:dist/{FILE} ; python_version > \"3\"']", "pip.1"),
        (f"pip: ['thing @ file://{{folder}}/dist/{FILE}']", "pip.0"),
        (f"pip: ['dist/{FILE}[x]']", "pip.0"),
        ("conda_file: env/conda.yml", f"conda_file.../dist/{FILE}"),
        ("lock: env/pylock.toml", f"lock.../dist/{FILE}"),
    ],
)
def test_a_wheel_is_an_input_of_the_package_stage(tmp_path: Path, environment: str, option: str) -> None:
    wheel = write_wheel(tmp_path / "dist")
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "conda.yml").write_text(f"dependencies: [numpy, {{pip: ['../dist/{FILE}']}}]\n")
    (tmp_path / "env" / "pylock.toml").write_text(
        f'lock-version = "1.0"\n[[packages]]\narchive.path = "../dist/{FILE}"\n'
    )
    package = f"package: {{environment: {{{environment.replace('{folder}', str(tmp_path))}}}}}"
    draft = parse(tmp_path / "lading.yaml", f"version: 1\nname: svc\ntrain: {{}}\n{package}\n".encode(), {})
    section = bind_draft(draft, {("package",): BundleOptions}).package
    assert section is not None
    assert section.inputs[f"environment.{option}"] == wheel
    (entry,) = section.options.environment.pip[-1:] or (str(wheel),)  # type: ignore[attr-defined]
    assert str(wheel) in entry


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (f"https://a.example/{FILE}#sha256={SHA}", f"thing @ https://a.example/{FILE}#sha256={SHA}"),
        (f"thing[x] @ https://a.example/t.zip#sha256={SHA}", f"thing[x] @ https://a.example/t.zip#sha256={SHA}"),
        (f"git+https://a.example/t@{COMMIT}#egg=thing", f"thing @ git+https://a.example/t@{COMMIT}"),
        (
            f"git+ssh://git@a.example/t@{COMMIT}#subdirectory=a&egg=thing[x]",
            f"thing[x] @ git+ssh://git@a.example/t@{COMMIT}#subdirectory=a",
        ),
        (f"thing @ https://a.example/{FILE}#sha256={SHA} ; python_version > '3'", f"thing @ https://a.example/{FILE}#sha256={SHA}"),
    ],
)  # fmt: skip
def test_an_address_with_a_hash_or_a_commit(packed: Callable[..., Packed], entry: str, line: str) -> None:
    done = packed(entry)
    assert of(done, "thing") == line
    assert line in done.read("requirements.txt").splitlines()
    assert done.warnings == []


def test_a_url_without_a_hash_is_reported_once(packed: Callable[..., Packed], tmp_path: Path) -> None:
    line = f"thing @ https://a.example/{FILE}"
    assert packed(f"https://a.example/{FILE}", line).warnings == [
        f"{line} has no hash, so the installed file cannot be verified: add #sha256=HASH"
    ]
    (tmp_path / "r.txt").write_text(f"{line} \\\n  --hash=sha256:{SHA}\n")
    assert of(packed(requirements=tmp_path / "r.txt"), "thing") == f"{line}#sha256={SHA}"


@pytest.fixture
def repository(tmp_path: Path) -> tuple[str, str, str]:
    """A repository with the branch `main`, and the annotated tag `v1` at its first commit: its URL and two commits."""
    folder = tmp_path / "repository"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@a.example"}

    def git(*argv: str) -> str:
        done = subprocess.run(["git", *argv], cwd=tmp_path, env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main", str(folder))
    commits = []
    for text in "ab":
        git("-C", str(folder), "commit", "-q", "--allow-empty", "-m", text)
        commits.append(git("-C", str(folder), "rev-parse", "HEAD"))
    first, second = commits
    git("-C", str(folder), "tag", "-a", "v1", "-m", "v1", first)
    return f"git+file://{folder}", first, second


def test_a_git_revision_becomes_a_commit(
    packed: Callable[..., Packed], repository: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, first, second = repository
    for revision, commit in (("", second), ("@main", second), ("@v1", first)):
        done = packed(f"thing @ {url}{revision}")
        assert (of(done, "thing"), done.warnings) == (f"thing @ {url}@{commit}", [])
    unfixed = "is not fixed at a commit, so a later installation may differ: "
    done = packed(f"thing @ {url}@v2")
    assert done.warnings == [f"thing @ {url}@v2 {unfixed}git ls-remote does not find v2"]
    assert of(done, "thing") == f"thing @ {url}@v2"
    assert packed(f"thing @ {url}-none").warnings == [
        f"thing @ {url}-none {unfixed}git ls-remote cannot read the repository"
    ]
    monkeypatch.setenv("PATH", "/nowhere")
    assert packed(f"thing @ {url}@v1").warnings == [f"thing @ {url}@v1 {unfixed}git is not installed here"]


def test_the_addresses_of_a_lock_are_kept_with_their_hashes(packed: Callable[..., Packed], tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    locks = {
        "pylock.toml": _pylock(
            repo=f'vcs = {{type = "git", url = "https://a.example/t", commit-id = "{COMMIT}", subdirectory = "a"}}',
            archive=f'archive = {{url = "https://a.example/t.zip", hashes = {{sha256 = "{SHA}"}}}}',
            thing=f'archive = {{path = "{FILE}", hashes = {{sha256 = "{digest(wheel)}"}}}}',
        ),
        "uv.lock": _uv_lock(
            repo=f'{{ git = "https://a.example/t?subdirectory=a&rev=v1#{COMMIT}" }}',
            archive=f'{{ url = "https://a.example/t.zip" }}\nsdist = {{ hash = "sha256:{SHA}" }}',
            thing=f'{{ path = "{FILE}" }}',
        ),
    }
    for name, text in locks.items():
        (tmp_path / name).write_text(text)
        done = packed(lock=tmp_path / name)
        assert of(done, "repo") == f"repo @ git+https://a.example/t@{COMMIT}#subdirectory=a"
        assert of(done, "archive") == f"archive @ https://a.example/t.zip#sha256={SHA}"
        assert of(done, "thing") == f"thing @ file:wheels/{FILE}#sha256={digest(wheel)}"
        assert done.warnings == []


def _pylock(**packages: str) -> str:
    released = dict.fromkeys(("numpy", "joblib", "scikit-learn"), f'version = "{sklearn.__version__}"')
    parts = {**packages, **released}.items()
    return 'lock-version = "1.0"\n' + "".join(f'[[packages]]\nname = "{name}"\n{text}\n' for name, text in parts)


def _uv_lock(**sources: str) -> str:
    released = dict.fromkeys(("numpy", "joblib", "scikit-learn"), '{ registry = "https://a.example" }')
    needs = ", ".join(f'{{ name = "{name}" }}' for name in (*sources, *released))
    root = f'[[package]]\nname = "service"\nsource = {{ virtual = "." }}\ndependencies = [{needs}]\n'
    head = f'[[package]]\nversion = "{sklearn.__version__}"\n'
    parts = {**sources, **released}.items()
    return f"version = 1\n{root}" + "".join(f'{head}name = "{name}"\nsource = {text}\n' for name, text in parts)


@pytest.mark.parametrize(
    ("entries", "place", "message"),
    [
        (["./{}#sha256=12"], 0, "'{path}#sha256=12' has the sha256 {digest}, and not 12; correct the hash, or restore"),
        (["other @ ./{}"], 0, "'other @ {path}' is an address of thing, and not of other; correct the name"),
        (["thing==2.0", "./{}"], 1, "thing==2.0 excludes 1.0, which comes from the address; remove one of the two"),
        (["./{}", f"https://a.example/{FILE}"], 1, "thing has another address in another entry; remove one of them"),
        (["./bad-1-py3-none-any.whl"], 0, "'{folder}/bad-1-py3-none-any.whl' is not a wheel: it cannot be read (File"),
        (["./empty-1-py3-none-any.whl"], 0, "'{folder}/empty-1-py3-none-any.whl' is not a wheel: it has no metadata"),
        (["./none-1-py3-none-any.whl"], 0, "no such file or directory: {folder}/none-1-py3-none-any.whl"),
    ],
)
def test_a_wheel_that_cannot_be_packaged(tmp_path: Path, entries: list[str], place: int, message: str) -> None:
    wheel = write_wheel(tmp_path)
    (tmp_path / "bad-1-py3-none-any.whl").write_text("no archive")
    zipfile.ZipFile(tmp_path / "empty-1-py3-none-any.whl", "w").close()
    (problem,) = found(tmp_path, f"environment: {{pip: {[entry.format(FILE) for entry in entries]}}}")
    expected = message.format(path=wheel, folder=tmp_path, digest=digest(wheel))
    assert f": package.environment.pip.{place}: {expected}" in problem


def test_the_modules_of_a_wheel_count_as_installed(tmp_path: Path) -> None:
    write_wheel(tmp_path)
    package = "scoring_script: score.py\n  environment: {{pip: [{}]}}"
    script = "import thing, nothing\n"
    (problem,) = found(tmp_path, package.format(f"./{FILE}"), score_py=script)
    assert "score.py:1 imports nothing, which package.environment does not have" in problem
