"""`context.py MANIFEST FOLDER BASE WHEELS`: write the build context of `lading image build`; print its arguments."""

import io
import json
import sys
import tarfile
from pathlib import Path

import lading
from lading_docker.archive import write
from lading_docker.options import DockerOptions
from lading_docker.recipe import recipe

manifest, folder, base, wheels = sys.argv[1:]
package = lading.package(manifest)
request = lading.ImageRequest(package=package, options=DockerOptions(), service=package.model.name, tags={})
made = recipe(request, DockerOptions(base=base, wheels=Path(wheels)))
packed = io.BytesIO()
write(made.files, packed)
with tarfile.open(fileobj=packed) as archive:
    archive.extractall(folder, filter="data")
json.dump(dict(made.arguments), sys.stdout)
