"""`context.py MANIFEST FILE BASE WHEELS`: write what `lading image build` gives its engine, and print its arguments."""

import json
import sys
from pathlib import Path

import lading
from lading_docker.archive import write
from lading_docker.options import DockerOptions
from lading_docker.recipe import recipe

manifest, file, base, wheels = sys.argv[1:]
package = lading.package(manifest)
request = lading.ImageRequest(package, DockerOptions(), package.model.name, {})
made = recipe(request, DockerOptions(base=base, wheels=Path(wheels)))
with Path(file).open("w+b") as stream:
    write(made.files, stream)
json.dump(dict(made.arguments), sys.stdout)
