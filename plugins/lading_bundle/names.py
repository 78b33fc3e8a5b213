"""Names that people write for a distribution, but that pip cannot install."""

from __future__ import annotations

import sys

_MEANT = {
    "attr": "attrs",
    "beautifulsoup": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv": "opencv-python",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "google-cloud": "google-cloud-storage",
    "imblearn": "imbalanced-learn",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "mysqldb": "mysqlclient",
    "opencv": "opencv-python",
    "pil": "pillow",
    "pkg-resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2cffi": "psycopg2-binary",
    "pytables": "tables",
    "pytorch": "torch",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "tensorflow-gpu": "tensorflow",
    "usb": "pyusb",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Retired names, and names of modules, with the distribution that is meant."""


def meant(name: str) -> str | None:
    """The distribution that is meant by a name which pip cannot install, or which is another project's."""
    return _MEANT.get(name.lower().replace("_", "-"))


def wrong_name(name: str) -> str | None:
    """The fault of a canonical name and the way out, with `; ` between them. None if it may be a distribution."""
    if better := meant(name):
        return f"{name} cannot be installed under this name; did you mean {better}?"
    if name == "python":
        return f"{name} is part of every package; remove the entry"
    if name.replace("-", "_") in sys.stdlib_module_names:
        return f"{name} is part of Python; remove the entry"
    return None
