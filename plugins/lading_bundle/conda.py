"""Read Conda's names and version syntax as requirements of Python distributions."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
    "perl poppler postgresql proj pytorch-cuda pytorch-mutex r-base snappy tbb tesseract unixodbc zeromq zstd "
    "autoconf automake binutils bison boost boost-cpp c-ares cairo eigen expat flex gettext ghostscript giflib gmp "
    "gnutls git-lfs go gzip harfbuzz imagemagick java jq krb5 lame lcms2 lerc lz4-c m4 maven mpc mpfr nasm "
    "nettle openh264 pango pcre pcre2 pixman pkg-config rsync rust sox swig tar ucx unzip vim wget"
)
# PyPI has distributions with these names.
_ON_PYPI = (
    "autoconf binutils bison expat ghostscript gmp krb5 lerc m4 maven mpc pcre2 poppler-utils proj tesseract-ocr "
    "boost clang cmake compilers eigen ffmpeg flex fontconfig freetype geos git-lfs glib glpk go graphviz gsl icu "
    "imagemagick intel-openmp jq make mkl mpi mpich nasm nodejs nomkl pandoc perl readline rsync rust snappy sox swig "
    "tar tbb tesseract tk tzdata unzip wget zstd"
)
# Packages of Debian, and libraries of conda, that are not on PyPI. Some distributions of PyPI begin with `lib`, too.
_DEBIAN = (
    "build-essential default-jdk default-jre freetds-dev openmpi-bin python3-dev python3-distutils "
    "python3-pip python3-venv unixodbc-dev zlib1g-dev libblas libboost libcblas libcublas libcurl libffi "
    "libgcc libgcc-ng libgfortran libgfortran-ng libgl libglib libgomp libjpeg-turbo liblapack libopenblas libpng "
    "libquadmath libstdcxx libstdcxx-ng libtiff libuuid libwebp libxcrypt libxslt libzlib"
)
_DEBIAN_LIBRARY = re.compile(
    r"lib(gl1|glib2\.0|sm6|xext6|xrender1|gomp1|stdc\+\+6|gcc1|c6|tesseract\d|pq5|aio1|tiff\d)(-[\w.]+)*|"
    r"lib[a-z0-9.-]+-dev|openjdk-\d+-j(dk|re)(-headless)?|msodbcsql\d+"
)
_ONLY_EXPORTED = ("_libgcc_mutex", "_openmp_mutex", "ld_impl_linux-64")
_EXPORTED_TOGETHER = ("ca-certificates", "openssl")  # on every system
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


def is_export(names: Iterable[str]) -> bool:
    """Whether a file with these packages is one that `conda env export` wrote."""
    found = set(names)
    return not found.isdisjoint(_ONLY_EXPORTED) or found.issuperset(_EXPORTED_TOGETHER)


def is_foreign_to_pip(name: str) -> bool:
    """Whether a name is that of a package of conda or Debian that is not on PyPI."""
    if name in (*_ON_PYPI.split(), *_PYTHON_LIBS.split()):
        return False
    listed = (*_FOREIGN.split(), *_OF_PYTHON.split(), *_DEBIAN.split())
    return name in listed or bool(_DEBIAN_LIBRARY.fullmatch(name))


def is_foreign(name: str) -> bool:
    """Whether a package of conda is not a Python distribution."""
    is_library = name.startswith(_FOREIGN_PREFIXES) and name not in _PYTHON_LIBS.split()
    return is_library or name in (*_FOREIGN.split(), *_OF_PYTHON.split()) or is_foreign_to_pip(name)
