"""Commands and supervisors under strace: their system calls as boundaries, and a fault at one of them."""

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
_HIT = r"\(INJECTED\)|\) += \?\n"  # a failed call is marked; a call that killed has no result
_FAILED = re.compile(r"\) += -1 E(?!INPROGRESS)")
_QUIET = ("-I", "2", "-qq", "-y", "-s", "200")


@dataclass(frozen=True)
class Boundary:
    """The nth call with a name by one process or thread, among those that touch `path` if there is one.

    `line` is the line of strace.
    """

    call: str
    path: str
    nth: int
    line: str

    @property
    def is_of_store(self) -> bool:
        """Whether only the store makes this call. The gates of the store already cover these calls."""
        return _STORE.match(self.line) is not None

    @property
    def is_effect(self) -> bool:
        """Whether the call leaves something for the next command: written data, a message or a process.

        The kernel keeps written data that is not synced, and releases locks and threads. A scratch folder does not
        count until a file is moved out of it. Of a transaction, only its line in the ledger and its end count.
        """
        return not _PASSING.match(self.line) and not _WITHIN.match(self.line)

    def fault(self, project: Project, fault: str) -> list[str]:
        """The arguments that make strace act at this boundary."""
        within = ["-P", str(project.folder / self.path)] if self.path else []
        return [*within, "-e", f"trace={self.call}", "-e", f"inject={self.call}:{fault}:when={self.nth}"]


@dataclass(frozen=True)
class Ended:
    """A command that ran under strace. `was_hit` means that the fault was injected."""

    code: int
    out: str
    err: str
    was_hit: bool


def boundaries(project: Project, *argv: str, leaves: bool) -> list[Boundary]:
    """The calls of a command and its children on files, locks, sockets and processes that can be hit.

    `leaves` means that a child continues to run. Only such a child is followed. strace counts the calls of each thread
    separately, so a fault hits the thread that reaches the number first.
    """
    _traced(project, argv, "-e", f"trace={FILES},{OUTSIDE}", *_means(leaves))
    _, *lines = _log(project).read_text(errors="replace").splitlines()  # the first line is the start of the command
    return _parse(project, lines)


def run_to(project: Project, boundary: Boundary, fault: str, *argv: str, leaves: bool) -> Ended:
    """Run a command with a fault. Processes that it leaves running are not traced afterwards."""
    return _traced(project, argv, *boundary.fault(project, fault), *_means(leaves))


@contextmanager
def attached(project: Project, pid: int, *options: str) -> Iterator[None]:
    """Trace one process, without its children, for a while."""
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
    """The calls of the process that was `attached`."""
    return _parse(
        project, [f"0 {line}" for line in _log(project).read_text(errors="replace").splitlines()], paths=False
    )


def was_killed(project: Project) -> bool:
    return "+++ killed by SIGKILL" in _log(project).read_text(errors="replace")


def _means(leaves: bool) -> tuple[str, ...]:
    """Children that end with the command only write to scratch folders, and tracing makes them much slower."""
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
        if not call.isidentifier():  # a signal, an exit, or the second half of a call
            continue
        keys = []
        for path in (*(_paths(project, text) if paths else ()), ""):
            counts[thread, call, path] += 1
            keys.append((call, path, counts[thread, call, path]))
        first = [key for key in keys if key not in seen]  # if another thread is first, the fault hits that one
        seen.update(keys)
        if first and _is_boundary(project, call, text):
            found.append(Boundary(*first[0], text[:400]))
    return found


def _paths(project: Project, text: str) -> list[str]:
    """The paths of a call that identify it: in the project, and with the same name in every run."""
    known = text.partition(", ")[0] if re.match("execve|p?write|sendto|rename", text) else text.partition(") = ")[0]
    found = re.findall(rf"{re.escape(str(project.folder))}/([^\">]+)", known)
    return [path for path in dict.fromkeys(found) if not re.search(r"/tmp/|\.\d+$|-[0-9a-f]{16}\b", path)]


def _is_boundary(project: Project, call: str, text: str) -> bool:
    is_ours = f"{project.folder}/" in text or call in _OUTSIDE
    return is_ours and not READS.search(text) and not _FAILED.search(text)
