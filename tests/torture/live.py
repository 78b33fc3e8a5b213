"""A live salary service to torture, and its processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lading_serving.control import ControlFolder

from .gate import Trial
from .project import Project, children


@contextmanager
def live(trial: Trial, workers: int = 1, script: str = "") -> Iterator[tuple[Project, str]]:
    """The service, with a scoring script if one is given, and its scoring URI; nothing of it runs afterwards."""
    project = Project.make(trial.build, trial.folder / "project")
    text = project.manifest.read_text(encoding="utf-8")
    wanted = text.replace("local: {port: 0}", f"local: {{port: 0, workers: {workers}}}")
    if script:
        (project.manifest.parent / "score.py").write_text(script, encoding="utf-8")
        wanted = wanted.replace("package:\n", "package:\n  scoring_script: score.py\n")
    project.manifest.write_text(wanted, encoding="utf-8")
    try:
        ended = project.run("deploy")
        assert ended.returncode == 0, ended.stderr
        yield project, ended.stdout.strip()
    finally:
        project.end()


def workers_of(project: Project) -> list[int]:
    """The processes that score, by their pids."""
    return children(ControlFolder(project.work).state()["pid"])


def reason_of(project: Project) -> str:
    """What the supervisor says is wrong with its releases."""
    return "; ".join(release["reason"] for release in ControlFolder(project.work).state()["releases"].values())
