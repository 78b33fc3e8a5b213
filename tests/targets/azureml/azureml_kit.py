"""A project that deploys to the offline Azure."""

from __future__ import annotations

import os
import shutil
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import certifi
from offline_azure.client import NO_INDEX, Azure
from pip._internal.models.index import PyPI
from tests.conftest import Done, Shell
from tests.targets.azureml.canaries_kit import Canaries

CREATE = r"/services$"
SERVICE = r"/services/salary-svc$"


@dataclass
class Heard(Shell):
    """A shell that keeps the output of its commands in `seen`."""

    seen: list[str] = field(default_factory=list)

    def __call__(self, *argv: str | Path, code: int | None = 0, stdin: str | None = None, **env: str) -> Done:
        done = super().__call__(*argv, code=None, stdin=stdin, **env)
        self.seen.append(done.out + done.err)
        assert code in (None, done.code), f"{argv} ended with {done.code}:\n{done.out}\n{done.err}"
        return done

    def on_a_terminal(self, *argv: str | Path, **env: str) -> Done:
        done = super().on_a_terminal(*argv, **env)
        self.seen.append(done.out + done.err)
        return done


@dataclass
class Cloud:
    """A project with the salary manifest and `lading` in it, signed in to the offline Azure."""

    shell: Heard
    azure: Azure
    canaries: Canaries

    @property
    def seen(self) -> list[str]:
        """The output of each command."""
        return self.shell.seen

    @property
    def manifest(self) -> Path:
        return self.shell.folder / "salary.yaml"

    def __call__(self, command: str, *argv: str, code: int | None = 0, target: str = "aci", **env: str) -> Done:
        where = () if target == "all" else ("--target", target)
        return self.shell(command, "salary.yaml", *where, *argv, code=code, **env)

    def edit(self, old: str, new: str) -> None:
        text = self.manifest.read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        self.manifest.write_text(text.replace(old, new), encoding="utf-8")

    def connect(self, line: str) -> None:
        """Add a line to the connection."""
        self.edit("    experiment: salexp\n", f"    experiment: salexp\n    {line}\n")

    def script(self, text: str) -> None:
        """Give the package a scoring script."""
        self.shell.write("score.py", text)
        self.shell.fails = "raise" in text
        if "scoring_script" not in self.manifest.read_text(encoding="utf-8"):
            self.edit("package:\n", "package:\n  scoring_script: score.py\n")

    def count(self, method: str, path: str) -> int:
        """The number of such calls that had an effect."""
        return len([call for call in self.azure.calls.like(method, path) if call.status and call.status < 300])

    @property
    def service(self) -> dict[str, object] | None:
        found: dict[str, object] | None = self.azure.state["services"].get("salary-svc")
        return found

    def scores(self, target: str = "aci") -> str:
        return self("score", "-d", '{"data": [[21]]}', target=target).out

    def reach_index(self) -> None:
        """Let commands reach the package index beside the emulator's proxy, with the certificates of this machine."""
        env = self.shell.env
        own = (*map(os.environ.get, ("SSL_CERT_FILE", "PIP_CERT")), ssl.get_default_verify_paths().openssl_cafile)
        files = [Path(name) for name in (env["SSL_CERT_FILE"], *own, certifi.where()) if name and Path(name).is_file()]
        bundle = str(self.shell.folder.parent / "trusted.pem")
        Path(bundle).write_text("\n".join(file.read_text("utf-8") for file in files), encoding="utf-8")
        hosts = ",".join((env["NO_PROXY"], PyPI.netloc, PyPI.file_storage_domain))
        env |= {"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle, "NO_PROXY": hosts, "no_proxy": hosts}
        env["UV_CACHE_DIR"] = str(self.shell.folder.parent / "uv")
        for name in NO_INDEX:
            del env[name]

    def forget(self) -> None:
        """Empty the store, as on a new build machine."""
        shutil.rmtree(self.shell.folder / ".lading")
