"""A live salary service as the object of torture, and its processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lading_serving.control import ControlFolder

from .gate import Trial
from .project import Project, children


@contextmanager
def live(trial: Trial, workers: int = 1, script: str = "", options: str = "") -> Iterator[tuple[Project, str]]:
    """The service and its scoring URI. All its processes are ended afterwards.

    It may have a scoring script, and `options` are more options of its target.
    """
    project = Project.make(trial.build, trial.folder / "project")
    text = project.manifest.read_text(encoding="utf-8")
    wanted = text.replace("local: {port: 0}", f"local: {{port: 0, workers: {workers}{options}}}")
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
    """The pids of the scoring processes."""
    return children(ControlFolder(project.work).state()["pid"])


def reason_of(project: Project) -> str:
    """The problem that the supervisor reports for its releases."""
    return "; ".join(release["reason"] for release in ControlFolder(project.work).state()["releases"].values())
