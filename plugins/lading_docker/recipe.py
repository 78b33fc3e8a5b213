"""The inputs of an image build: a constant Dockerfile, its arguments, and the files."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lading import StageFailed, install_lines, laid_out_files

from .sources import EXPOSITION, PARSER

if TYPE_CHECKING:
    from lading import ImageRequest, Package

    from .options import DockerOptions

INPUTS = "lading.inputs"
"""The label with the digest of an image's inputs."""

PORT = 5001

_LABELS = (
    INPUTS,
    "lading.service",
    "lading.package",
    "lading.model",
    "lading.model.name",
    "lading.model.version",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "org.opencontainers.image.revision",
)

_HOME = "/var/lading"
_PACKAGES = "/opt/lading/packages"
_SERVER = "/opt/lading/server"
_HEALTH_CHECK = ["python3", "-P", "-m", "lading_serving.alive", str(PORT)]


def _argument(label: str) -> str:
    """The build argument for the value of a label."""
    return label.replace(".", "_").upper()


# This text contains no value of a manifest. Variable parts are files or build arguments, which the engine expands once
# and never reads as instructions. The wheels stay in a separate stage, not in the final image. The engine creates a
# container for each uncached instruction, so few instructions follow the new files.
DOCKERFILE = f"""\
ARG BASE
FROM ${{BASE}} AS packages
COPY install /install
RUN ["python3", "/install/inside.py"]
FROM ${{BASE}}
COPY --from=packages {_PACKAGES} {_PACKAGES}
COPY server {_SERVER}
ENV PYTHONPATH={_SERVER}:{_PACKAGES} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
EXPOSE {PORT}
USER 10001:10001
WORKDIR /tmp
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD {json.dumps(_HEALTH_CHECK)}
ENTRYPOINT ["python3", "-P", "-m", "lading_serving.foreground", "--host", "0.0.0.0", "--port", "{PORT}"]
ARG SCRIPT
ARG MODEL
{"".join(f"ARG {_argument(name)}{chr(10)}" for name in _LABELS)}COPY home {_HOME}
ENV AML_APP_ROOT={_HOME} AZUREML_SOURCE_DIRECTORY=azureml-app \\
    AZUREML_ENTRY_SCRIPT=${{SCRIPT}} AZUREML_MODEL_DIR=${{MODEL}} \\
    LADING_SERVICE=${{LADING_SERVICE}} LADING_PACKAGE=${{LADING_PACKAGE}} \\
    LADING_MODEL_NAME=${{LADING_MODEL_NAME}} LADING_MODEL_VERSION=${{LADING_MODEL_VERSION}}
LABEL {" ".join(f"{name}=${{{_argument(name)}}}" for name in _LABELS)}
"""


@dataclass(frozen=True)
class Recipe:
    """All inputs of an image.

    `files` maps paths in the build context to bytes, or to a file with the content. `arguments` are those of the
    Dockerfile. `digest` covers everything, except for the content of a base image whose tag can move.
    """

    files: Mapping[str, bytes | Path]
    arguments: Mapping[str, str]
    platform: str | None
    digest: str


def recipe(request: ImageRequest, options: DockerOptions) -> Recipe:
    """The recipe of a package's image. Raises StageFailed if the scoring server is not installed."""
    package = request.package
    arguments = {
        "BASE": options.base or f"python:{minor(package.python)}-slim",
        "SCRIPT": f"azureml-app/{package.scoring_script}",
        "MODEL": f"{_HOME}/{package.model.directory}",
    }
    labels = {**request.tags, **_annotations(request)}
    arguments |= {_argument(name): value for name, value in labels.items()}
    files = dict(sorted(_files(package, options)))
    content = {name: _digest(content) for name, content in files.items()}
    inputs = json.dumps([DOCKERFILE, arguments, content, options.platform], sort_keys=True)
    digest = hashlib.sha256(inputs.encode()).hexdigest()
    # The cache of Podman's builder ignores the values of arguments. So a file also changes when an argument does.
    files[f"home/{INPUTS}"] = digest.encode()
    return Recipe(files, {**arguments, _argument(INPUTS): digest}, options.platform, digest)


def minor(python: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def _annotations(request: ImageRequest) -> dict[str, str]:
    """Standard labels (OCI annotations), and the name and version of the model."""
    model = request.package.model
    return {
        "org.opencontainers.image.title": request.service,
        "org.opencontainers.image.version": str(model.version),
        "org.opencontainers.image.revision": request.package.digest,
        "lading.model.name": model.name,
        "lading.model.version": str(model.version),
    }


def _files(package: Package, options: DockerOptions) -> Iterator[tuple[str, bytes | Path]]:
    yield "Dockerfile", DOCKERFILE.encode()
    yield "install/inside.py", Path(__file__).with_name("inside.py")
    yield "install/install.json", json.dumps(_install(package, options), sort_keys=True).encode()
    lines = install_lines(_requirements(package), "/install/package")
    yield "install/requirements.txt", "".join(f"{line}\n" for line in lines).encode()
    if options.wheels is not None:
        yield from ((f"install/wheels/{wheel.name}", wheel) for wheel in options.wheels.glob("*.whl"))
    for pattern in ("*.py", "*.html"):
        yield from _tree(_serving(), "server/lading_serving", pattern)
    for name, file in _tree(package.folder, "", "*"):
        yield f"{'install/package' if name.startswith('/wheels/') else 'home'}{name}", file
    yield from ((f"home/{name}", file) for name, file in laid_out_files(package.model).items())


def _tree(folder: Path, name: str, pattern: str) -> Iterator[tuple[str, Path]]:
    yield from ((f"{name}/{path.relative_to(folder)}", path) for path in folder.rglob(pattern) if path.is_file())


def _install(package: Package, options: DockerOptions) -> dict[str, object]:
    arguments = [f"--extra-index-url={address}" for address in options.extra_index_urls]
    arguments += [f"--trusted-host={host}" for host in options.trusted_hosts]
    if options.index_url is not None:
        arguments.append(f"--index-url={options.index_url}")
    if options.wheels is not None:
        arguments.append("--find-links=/install/wheels")
        arguments += [] if options.index_url or options.extra_index_urls else ["--no-index"]
    return {"python": minor(package.python), "arguments": arguments, "target": _PACKAGES}


def _requirements(package: Package) -> tuple[str, ...]:
    """The package's requirements, and those of the scoring server that are not already among them."""
    known = {_name(line) for line in package.requirements}
    return (*package.requirements, *(line for line in (PARSER, EXPOSITION) if _name(line) not in known))


def _name(line: str) -> str:
    """The canonical name of the distribution in a requirement, which can also be a file or an address."""
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def _serving() -> Path:
    spec = importlib.util.find_spec("lading_serving")
    if spec is None or spec.origin is None:
        raise StageFailed("the scoring server is not installed", hint="pip install --force-reinstall lading")
    return Path(spec.origin).parent


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
