"""Malicious model files, archives and manifests, and altered models, with the commands that read them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.core.hostile_archives import BROKEN, HOSTILE, members, rewrite
from tests.core.manifest.hostile_manifests import DOCUMENTS
from tests.plugins.sklearn import hostile_families
from tests.plugins.sklearn.hostile_models import broken, corpus

from lading.store import Store

from .gate import Figures, Found, Gate, Harm, Trial
from .live import reason_of, workers_of
from .project import LIMIT, ROOT, Project, eventually

FINISHED_MODEL = """\
version: 1
name: hostile
register: {file: model.joblib}
package: {scoring_script: score.py, environment: {pip: []}}
"""
SCRIPT = "def init(): pass\ndef run(raw_data): return 1\n"
DONE, BAD_INPUT, REFUSED = 0, 2, 3
OUTSIDE = Path("/tmp/lading-escaped")  # the absolute name in an archive


@dataclass(frozen=True)
class Site:
    """A folder alone in another one, with a malicious file for commands. `mark` is the file that its code creates."""

    trial: Trial
    outer: Path

    @property
    def folder(self) -> Path:
        return self.outer / "site"

    @property
    def mark(self) -> Path:
        return self.outer / "it-ran"

    @property
    def store(self) -> Path:
        return self.folder / ".lading"

    def found(self) -> set[Path]:
        """Everything there, except for the store."""
        return {path for path in self.outer.rglob("*") if not path.is_relative_to(self.store)}

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.trial.build.lading, *argv],
            cwd=self.folder,
            env=self.trial.build.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * LIMIT,
            check=False,
        )


@dataclass(frozen=True)
class Attack:
    """A malicious file: a function that creates it at a site, and the commands that read it, with their exit codes."""

    name: str
    lay_out: Callable[[Site], None]
    commands: tuple[tuple[tuple[str, ...], set[int]], ...]
    leaves_nothing: bool = False  # in the store


def _models() -> Iterator[Attack]:
    inspect = (("model", "inspect", "model.joblib"), {BAD_INPUT, REFUSED})
    deploy = (("deploy",), {BAD_INPUT, REFUSED})
    with tempfile.TemporaryDirectory() as folder:  # some files are read by others
        names = list(_files(Path(folder, "mark")))
    for name in names:
        yield Attack(f"model {name}", _model(name), (inspect, deploy), leaves_nothing=True)


def _files(mark: Path) -> dict[str, bytes]:
    return {**corpus(mark), **dict(broken(mark)), **hostile_families.members(mark)}


def _model(name: str) -> Callable[[Site], None]:
    def lay_out(site: Site) -> None:
        (site.folder / "model.joblib").write_bytes(_files(site.mark)[name])
        (site.folder / "lading.yaml").write_text(FINISHED_MODEL)
        (site.folder / "score.py").write_text(SCRIPT)

    return lay_out


def _archives(good: Path) -> Iterator[Attack]:
    commands = ((("deploy", "--package", "hostile.tar"), {REFUSED}),)
    for name in (*HOSTILE, *BROKEN):
        yield Attack(f"archive {name}", _archive(good, name), commands, leaves_nothing=True)


def _archive(good: Path, name: str) -> Callable[[Site], None]:
    def lay_out(site: Site) -> None:
        archive = site.folder / "hostile.tar"
        if name in HOSTILE:
            rewrite(archive, HOSTILE[name](members(good)))
        else:
            archive.write_bytes(BROKEN[name](good.read_bytes()))
        shutil.copy(ROOT / "manifests" / "salary.yaml", site.folder / "lading.yaml")

    return lay_out


def _manifests() -> Iterator[Attack]:
    commands = ((("check",), {BAD_INPUT}), (("deploy",), {BAD_INPUT}))
    for name in DOCUMENTS:
        yield Attack(f"manifest {name}", _manifest(name), commands, leaves_nothing=True)


def _manifest(name: str) -> Callable[[Site], None]:
    def lay_out(site: Site) -> None:
        text, _ = DOCUMENTS[name]
        (site.folder / "lading.yaml").write_text(text.replace("'false'", f"'mkdir {site.mark}'"))
        (site.folder / "m.joblib").touch()

    return lay_out


def _alterations(maker: Project) -> Iterator[Attack]:
    """Models that were altered after their registration. A model that only serves is restored from the store."""
    manifest = "manifests/salary.yaml"
    deploy = ("deploy", manifest)
    yield Attack("altered in the store", _altered_in_store(maker), ((deploy, {REFUSED}),))
    yield Attack(
        "altered where it runs", _altered_where_it_runs(maker), ((deploy, {DONE}), (("delete", manifest), {DONE}))
    )


def _altered_in_store(maker: Project) -> Callable[[Site], None]:
    def lay_out(site: Site) -> None:
        project = _copied(maker, site)
        with closing(Store.open(project.store)) as store:
            (model,) = store.models.list()
        _alter(model.file, site)

    return lay_out


def _altered_where_it_runs(maker: Project) -> Callable[[Site], None]:
    """Alter a model where it runs. Raises RuntimeError if the next worker does not load the altered file."""

    def lay_out(site: Site) -> None:
        project = _copied(maker, site)
        deployed = project.run("deploy")
        assert deployed.returncode == 0, deployed.stderr
        (file,) = project.work.glob("releases/1-*/**/*.joblib")
        _alter(file, site)
        for pid in workers_of(project):
            os.kill(pid, signal.SIGKILL)
        if not eventually(lambda: site.mark.exists() or "sha256" in reason_of(project)):
            raise RuntimeError(f"no worker met the altered model: {reason_of(project)}")

    return lay_out


def _copied(maker: Project, site: Site) -> Project:
    shutil.copytree(maker.folder, site.folder, dirs_exist_ok=True)
    return Project(site.trial.build, site.folder).trusted()


def _alter(file: Path, site: Site) -> None:
    """Replace a file by another model. Loading that model creates the mark."""
    file.unlink()
    file.write_bytes(corpus(site.mark)["os-mkdir-4"])


def attacks(trial: Trial) -> list[Attack]:
    """All attacks. The archives and the altered models are made from a valid package."""
    maker = Project.make(trial.build, trial.folder / "maker")
    exported = maker.run("package", "export", "salary.tar")
    assert exported.returncode == 0, exported.stderr
    return [*_models(), *_archives(maker.folder / "salary.tar"), *_manifests(), *_alterations(maker)]


def withstood(trial: Trial, tried: Sequence[Attack]) -> tuple[Found, ...]:
    """The findings of these attacks."""

    def attempt(numbered: tuple[int, Attack]) -> Iterator[Found]:
        number, attack = numbered
        site = Site(trial, trial.folder / f"attack-{number:04}")
        site.folder.mkdir(parents=True)
        yield from _attempt(site, attack)

    return trial.each(attempt, list(enumerate(tried)))


def _attempt(site: Site, attack: Attack) -> Iterator[Found]:
    attack.lay_out(site)
    before = site.found()
    for argv, codes in attack.commands:
        try:
            ended = site.run(*argv)
        except subprocess.TimeoutExpired as endless:
            yield Found(Harm.UNTRUE, f"{attack.name}: {endless}")
            continue
        if ended.returncode not in codes or "Traceback" in ended.stdout + ended.stderr:
            yield Found(Harm.UNTRUE, f"{attack.name}: {argv}: exit {ended.returncode}: {ended.stderr[-600:]}")
    if site.mark.exists():
        yield Found(Harm.EXECUTED, attack.name)
    escaped = site.found() - before - {site.mark} | {path for path in (OUTSIDE,) if path.exists()}
    if attack.leaves_nothing:
        escaped |= {
            path for kept in ("files", "trees", "packages", "tmp", "modules") for path in (site.store / kept).glob("*")
        }
    if escaped:
        yield Found(Harm.ESCAPED, f"{attack.name}: {sorted(map(str, escaped))}")


def _withstood(trial: Trial) -> Figures:
    every = attacks(trial)
    tried = trial.sample(every)
    return Figures(len(every), len(tried), withstood(trial, tried))


GATES = (
    Gate(
        "hostile-files",
        "hostile and altered model files, archives and manifests: none runs, none escapes, none crashes a command",
        _withstood,
    ),
)
