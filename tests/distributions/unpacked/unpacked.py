"""An image maker without an engine: it lays out the files of the product's image in a folder.

The offline Azure runs the command of such an image as a process: see `offline_azure.v2.images`. The files are those of
`lading_docker`, except for the installed packages, which are those of this Python.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from lading import Description, Image, ImageRequest, Options, hookimpl
from lading_docker.options import DockerOptions
from lading_docker.recipe import Recipe, recipe

HOME = "/var/lading"
COMMAND = ("{python}", "-P", "-m", "lading_serving.foreground", "--port", "{port}")
REGISTRY = "registry.example"


@dataclass(frozen=True)
class UnpackedOptions(Options):
    folder: str
    """The folder of all images."""


@hookimpl
def lading_describe() -> Description:
    return Description(summary="the files of an image, in a folder", api=1, options=UnpackedOptions)


@hookimpl
def lading_image(request: ImageRequest[UnpackedOptions]) -> Image:
    made = recipe(request, DockerOptions())
    folder = Path(request.options.folder, made.digest)
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        _lay_out(made, unfinished, folder)
        unfinished.rename(folder)
    digest = f"sha256:{made.digest}"
    reference = f"{REGISTRY}/{request.service}@{digest}"
    return Image(reference=reference, digest=digest, platform="linux/amd64", registry=REGISTRY)


def _lay_out(made: Recipe, folder: Path, final: Path) -> None:
    for name, content in made.files.items():
        if name.startswith(("home/", "server/")):
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    config = {"entrypoint": COMMAND, "env": _variables(made, final)}
    (folder / "image.json").write_text(json.dumps(config), encoding="utf-8")


def _variables(made: Recipe, folder: Path) -> dict[str, str]:
    """The variables that the Dockerfile of the product sets, with places in the folder."""
    home, arguments = str(folder / "home"), made.arguments
    named = {name: text for name, text in arguments.items() if name.startswith("LADING_")}
    return {
        **named,
        "PYTHONPATH": str(folder / "server"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AML_APP_ROOT": home,
        "AZUREML_SOURCE_DIRECTORY": "azureml-app",
        "AZUREML_ENTRY_SCRIPT": arguments["SCRIPT"],
        "AZUREML_MODEL_DIR": arguments["MODEL"].replace(HOME, home),
    }
