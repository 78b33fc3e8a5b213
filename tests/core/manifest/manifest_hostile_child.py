"""Reads and binds the manifest named in argv, and tells how that ended, the CPU seconds and the peak memory."""

import json
import resource
import sys
import time
from pathlib import Path

from lading import ManifestError, Options
from lading.manifest import read


def main(file: str) -> None:
    started = time.process_time()
    try:
        draft = read(Path(file), {})
        draft.bind({ref.path: Options for ref in draft.sections()})
        problems = []
    except ManifestError as error:
        problems = [str(problem) for problem in error.problems]
    seconds = time.process_time() - started
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    sys.stdout.write(json.dumps({"problems": problems, "seconds": seconds, "memory": memory}))


main(sys.argv[1])
