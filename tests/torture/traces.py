"""Commands and supervisors under strace: the boundaries they cross, and a fault at one of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .project import LIMIT, Project, eventually

FILES = (
    "openat,?mkdir,?mkdirat,?chmod,?fchmodat,write,pwrite64,ftruncate,fsync,fdatasync,?rename,?renameat,?renameat2,"
    "?link,?linkat,?unlink,?unlinkat,?rmdir,flock,fcntl,?mknod,?mknodat"
)
OUTSIDE = "socket,bind,listen,?accept4,connect,sendto,execve,?fork,?vfork,clone,?clone3,setsid,kill"
READS = re.compile(r"O_RDONLY|F_(GETFL|GETFD|SETFD|DUPFD|RDLCK|UNLCK)")
_OUTSIDE = OUTSIDE.replace("?", "").split(",")
_PASSING = re.compile(r"(fsync|fdatasync|flock|fcntl|chmod|fchmodat)\(|clone3?\(.*CLONE_THREAD|openat\((?!.*O_CREAT)")
_WITHIN = re.compile(r"(?!rename|link)\w+\(.*/\.lading/tmp/|(?!ftruncate)\w+\(.*/\.lading/store\.db")
_STORE = re.compile(r"\w+\(.*/\.lading(>|/(store\.|files/|packages/|modules/|tmp/))")
_HIT = r"\(INJECTED\)|\) += \?\n"  # a refused call is marked; one that killed has no result
_FAILED = re.compile(r"\) += -1 E(?!INPROGRESS)")
_QUIET = ("-I", "2", "-qq", "-y", "-s", "200")


@dataclass(frozen=True)
class Boundary:
    """The nth call of a name by one process or thread, of those that touch `path`, where there is one.

    `line` is how strace wrote it down.
    """

    call: str
    path: str
    nth: int
    line: str

    @property
    def is_of_store(self) -> bool:
        """Whether it concerns what the store alone writes, and at each of whose calls its own gates strike."""
        return _STORE.match(self.line) is not None

    @property
    def is_effect(self) -> bool:
        """Whether it leaves something behind that the next command could come upon: what it wrote, sent or started.

        The kernel keeps what was written and not synced, and takes back locks and threads. A scratch folder is nothing
        until something is moved out of it, and of a transaction there are its line in the ledger and its end alone.
        """
        return not _PASSING.match(self.line) and not _WITHIN.match(self.line)

    def fault(self, project: Project, fault: str) -> list[str]:
        """What makes strace do something at this boundary."""
        within = ["-P", str(project.folder / self.path)] if self.path else []
        return [*within, "-e", f"trace={self.call}", "-e", f"inject={self.call}:{fault}:when={self.nth}"]


@dataclass(frozen=True)
class Ended:
    """A command that ran under strace; `was_hit` where the fault was injected."""

    code: int
    out: str
    err: str
    was_hit: bool


def boundaries(project: Project, *argv: str, leaves: bool) -> list[Boundary]:
    """What a command and what it starts do to files, locks, sockets and processes, as often as it can be hit.

    `leaves` says whether something that it starts lives on; nothing else that it starts is followed. strace counts the
    calls of each thread apart, so that a fault strikes whoever gets there first.
    """
    _traced(project, argv, "-e", f"trace={FILES},{OUTSIDE}", *_means(leaves))
    _, *lines = _log(project).read_text(errors="replace").splitlines()  # the first is the command's own beginning
    return _parse(project, lines)


def run_to(project: Project, boundary: Boundary, fault: str, *argv: str, leaves: bool) -> Ended:
    """Run a command into a fault; what it leaves running is not traced any more when this returns."""
    return _traced(project, argv, *boundary.fault(project, fault), *_means(leaves))


@contextmanager
def attached(project: Project, pid: int, *options: str) -> Iterator[None]:
    """Trace one process, and none that it starts, for a while."""
    log = _log(project)
    log.unlink(missing_ok=True)
    argv = ["strace", *_QUIET, "-o", str(log), *(options or ("-e", f"trace={FILES},{OUTSIDE}")), "-p", str(pid)]
    with subprocess.Popen(argv, cwd=project.folder, stderr=subprocess.DEVNULL) as strace:
        assert eventually(lambda: _tracer(pid) == strace.pid), "strace did not attach"
        try:
            yield
        finally:
            strace.terminate()


def attached_boundaries(project: Project) -> list[Boundary]:
    """What the process did that was `attached`."""
    return _parse(
        project, [f"0 {line}" for line in _log(project).read_text(errors="replace").splitlines()], paths=False
    )


def was_killed(project: Project) -> bool:
    return "+++ killed by SIGKILL" in _log(project).read_text(errors="replace")


def _means(leaves: bool) -> tuple[str, ...]:
    """Children that end with the command write into scratch folders alone, and are many times as slow when traced."""
    return () if leaves else ("-b", "execve")


def _traced(project: Project, argv: tuple[str, ...], *options: str) -> Ended:
    log = _log(project)
    out, err = log.with_suffix(".out"), log.with_suffix(".err")
    command = ["strace", "-D", "-f", *_QUIET, "-o", str(log), *options, *project.command(*argv)]
    with out.open("w") as stdout, err.open("w") as stderr:
        code = subprocess.run(
            command,
            cwd=project.folder,
            env=project.environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            timeout=LIMIT,
            check=False,
        ).returncode
    _detach(project)
    text = log.read_text(errors="replace")
    return Ended(code, out.read_text(), err.read_text(), re.search(_HIT, text) is not None)


def _detach(project: Project) -> None:
    tracers = [pid for pid in project.processes() if _name(pid) == "strace"]
    for pid in tracers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    assert eventually(lambda: not any(_name(pid) == "strace" for pid in tracers)), "strace did not detach"


def _log(project: Project) -> Path:
    return project.folder.with_suffix(".strace")


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _tracer(pid: int) -> int:
    return int(re.findall(r"TracerPid:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0])


def _parse(project: Project, lines: list[str], *, paths: bool = True) -> list[Boundary]:
    counts: Counter[tuple[str, str, str]] = Counter()
    seen: set[tuple[str, str, int]] = set()
    found = []
    for line in lines:
        thread, text = re.sub("AT_FDCWD<[^>]*>", "AT_FDCWD", line).split(maxsplit=1)
        call = text.partition("(")[0]
        if not call.isidentifier():  # a signal, an exit, the second half of a call
            continue
        keys = []
        for path in (*(_paths(project, text) if paths else ()), ""):
            counts[thread, call, path] += 1
            keys.append((call, path, counts[thread, call, path]))
        first = [key for key in keys if key not in seen]  # where another thread is first, the fault strikes that one
        seen.update(keys)
        if first and _is_boundary(project, call, text):
            found.append(Boundary(*first[0], text[:400]))
    return found


def _paths(project: Project, text: str) -> list[str]:
    """The paths of a call by which strace knows it, if they are in the project and have the same name in every run."""
    known = text.partition(", ")[0] if re.match("execve|p?write|sendto|rename", text) else text.partition(") = ")[0]
    found = re.findall(rf"{re.escape(str(project.folder))}/([^\">]+)", known)
    return [path for path in dict.fromkeys(found) if not re.search(r"/tmp/|\.\d+$|-[0-9a-f]{16}\b", path)]


def _is_boundary(project: Project, call: str, text: str) -> bool:
    is_ours = f"{project.folder}/" in text or call in _OUTSIDE
    return is_ours and not READS.search(text) and not _FAILED.search(text)
