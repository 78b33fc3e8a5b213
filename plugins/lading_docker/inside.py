"""Runs in the image during its build: installs the pinned requirements from `install.json`.

It reads a file and takes no arguments, so that text of a manifest never reaches a shell or an instruction.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Install into the folder that `install.json` names. Exits with a message if that fails."""
    said = json.loads((HERE / "install.json").read_text(encoding="utf-8"))
    found = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if found != said["python"]:
        sys.exit(f"the base image has Python {found}, and the package needs {said['python']}")
    target = ("install", "--no-cache-dir", "--disable-pip-version-check", "--root-user-action=ignore")
    argv = [*_pip(), *target, *said["arguments"], "--target", said["target"], "-r", str(HERE / "requirements.txt")]
    sys.exit(subprocess.run(argv, check=False).returncode)


def _pip() -> list[str]:
    """The command of pip: the pip of the base image, otherwise a wheel of pip, run without installation."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [sys.executable, "-m", "pip"]
    for wheel in sorted((HERE / "wheels").glob("pip-*.whl"), reverse=True):
        return [sys.executable, f"{wheel}/pip"]
    sys.exit("the base image has no pip: name one that has, or put a wheel of pip into the folder of wheels")


if __name__ == "__main__":
    main()
