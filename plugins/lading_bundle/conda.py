"""Read Conda's names and version syntax as requirements of Python distributions."""

from __future__ import annotations

import re

# Distributions whose name in conda differs from the name on PyPI.
_DISTRIBUTIONS = {
    "dask-core": "dask",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "numpy-base": "numpy",
    "opencv": "opencv-python",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pytables": "tables",
    "python-duckdb": "duckdb",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
}
# Packages of conda that are not Python distributions. The first group belongs to conda's own Python: `conda env export`
# lists it, and another Python has its own copies.
_OF_PYTHON = (
    "bzip2 ca-certificates ld_impl_linux-64 libexpat libffi libgcc libgcc-ng libnsl libsqlite libstdcxx libstdcxx-ng "
    "libuuid libxcrypt libzlib ncurses openssl python_abi readline sqlite tk tzdata xz xz-tools zlib"
)
_FOREIGN = (
    "blas c-compiler clang compilers cmake cuda cudatoolkit cudnn curl cxx-compiler ffmpeg fontconfig "
    "fortran-compiler freetds freetype gcc gdk-pixbuf geos gfortran git glib glpk graphviz gsl gxx hdf5 icu "
    "intel-openmp jpeg llvm-openmp make mkl mpi mpich msmpi nccl nodejs nomkl openblas openjdk openmp openmpi pandoc "
    "perl poppler postgresql proj pytorch-cuda pytorch-mutex r-base snappy tbb tesseract unixodbc zeromq zstd"
)
_FOREIGN_PREFIXES = ("_", "cuda-", "gcc_", "gxx_", "gfortran_", "lib", "r-", "vs20")
_PYTHON_LIBS = "libarchive-c libclang libcst libpysal librosa librt libsass libtmux libusb1 libvirt-python"
_ENTRY = re.compile(
    r"(?:(?P<channel>[\w.\-/]+)::)?(?P<name>[A-Za-z0-9_][\w.\-]*)(?P<extras>\[[\w.,\- ]*\])? *(?P<version>[^\s].*)?"
)
_VERSION = re.compile(r"(?P<fuzzy>=?) *(?P<version>\w[\w.!+]*?)(?P<wild>\.?\*)? *(?P<build>= *[\w.*]+)?")


def requirement(entry: str) -> str | None:
    """A conda entry as a requirement (PEP 508), including `python` itself; None if it is not a valid entry.

    Conda's match specifications apply: `x=1.2` means any 1.2. Both `x 1.2` and `x=1.2.3=build` mean exactly that
    version.
    """
    found = _ENTRY.fullmatch(entry.strip(" "))
    if found is None or found["extras"]:
        return None
    name = _DISTRIBUTIONS.get(found["name"].lower(), found["name"])
    version = _VERSION.fullmatch(found["version"] or "")
    if version is None:
        return f"{name} {found['version'] or ''}"
    any_of_these = version["wild"] or (version["fuzzy"] and not version["build"])
    return f"{name}=={version['version']}{'.*' if any_of_these else ''}"


def parts(entry: str) -> tuple[str, str]:
    """The channel of an entry, without a platform, and the package's name. Each is empty if the entry has none."""
    found = _ENTRY.match(entry.strip(" "))
    return ((found["channel"] or "").partition("/")[0], found["name"].lower()) if found else ("", "")


def is_exported(entry: str, name: str) -> bool:
    """Whether only `conda env export` writes an entry: it has a build, or it belongs to conda's own Python."""
    return name in _OF_PYTHON.split() or name.startswith("_") or entry.count("=") - 2 * entry.count("==") == 2


def is_built_without_python(entry: str, name: str) -> bool:
    """Whether an entry has a build such as `h6a678d5_0`. That of a distribution names Python: `py311_0`.

    A pattern for builds, such as `*cuda*`, does not show it.
    """
    build = _build(entry)
    is_exact = bool(build) and "*" not in build
    return is_exact and "py" not in build and name != "python" and name not in _DISTRIBUTIONS


def _build(entry: str) -> str:
    """The build of an entry, such as `py311_0`. Empty if it has none."""
    found = _ENTRY.fullmatch(entry.strip(" "))
    version = _VERSION.fullmatch(found["version"] or "") if found else None
    return (version["build"] or "").strip("= ") if version else ""


def is_foreign(name: str) -> bool:
    """Whether a package of conda is not a Python distribution."""
    is_library = name.startswith(_FOREIGN_PREFIXES) and name not in _PYTHON_LIBS.split()
    return is_library or name in (*_FOREIGN.split(), *_OF_PYTHON.split())
