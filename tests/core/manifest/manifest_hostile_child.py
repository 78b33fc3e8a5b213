"""Reads and binds the manifest named in argv, and tells how that ended, the CPU seconds and the peak memory."""

import json
import resource
import sys
import time
from pathlib import Path

from lading import ManifestError, Options
from lading.manifest import bind_draft, read


def main(file: str) -> None:
    started = time.process_time()
    try:
        draft = read(Path(file), {})
        bind_draft(draft, {ref.path: Options for ref in draft.sections()})
        problems = []
    except ManifestError as error:
        problems = [str(problem) for problem in error.problems]
    seconds = time.process_time() - started
    sys.stdout.write(json.dumps({"problems": problems, "seconds": seconds, "memory": peak_memory()}))


def peak_memory() -> int:
    """In bytes. On Linux `ru_maxrss` counts what the process that started this one had, too."""
    if sys.platform == "linux":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


main(sys.argv[1])
