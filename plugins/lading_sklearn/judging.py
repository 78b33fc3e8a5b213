"""Classify the import of a global by its name. Also find names in bytes without a readable pickle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from .known import is_known, libraries
from .values import UNKNOWN, Global

# Modules that run commands or code, load other pickles, reach the network or files, or reach other modules.
_MODULES = """
    _io _pickle _posixsubprocess _socket _thread _winapi aiohttp asyncio atexit bdb cProfile cffi cloudpickle
    code codeop commands compileall concurrent ctypes dill distutils doctest fileinput ftplib gc http httpx
    idlelib imp importlib inspect io jsonpickle lib2to3 linecache marshal mmap multiprocessing nt ntpath
    operator os pdb pickle pickletools pip pipes pkgutil platform popen2 poplib posix posixpath profile pty
    py_compile pydoc requests runpy setuptools shelve shutil signal site smtplib socket socketserver sqlite3 ssl
    subprocess symtable sys sysconfig telnetlib tempfile threading timeit trace types unittest urllib urllib3
    webbrowser winreg xmlrpc zipapp zipimport
"""
_DANGEROUS = frozenset(_MODULES.split())
_DANGEROUS_PATHS = (
    "joblib.load",
    "joblib.externals",
    "joblib.numpy_pickle.load",
    "joblib.numpy_pickle_utils",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.load",
    "numpy.memmap",
    "numpy.save",
    "numpy.testing",
    "pandas.core.computation",
    "pandas.eval",
    "pandas.io",
    "pandas.read_pickle",
    "scipy.weave",
    "sklearn.datasets",
    "sklearn.utils._testing",
)
_NAMES = """
    __builtins__ __dict__ __getattribute__ __globals__ __import__ __subclasses__ breakpoint compile delattr eval exec
    execfile getattr globals input locals open setattr vars
"""
_DANGEROUS_NAMES = frozenset(_NAMES.split())

# A global in the form of the old and the newer protocols, anywhere in the bytes. Between its two texts there can be a
# memo operation and the head of a frame. A line `p12` is a memo operation of protocol 0, after a text that ends like a
# name.
_MODULE = (
    rb"((?:"
    + b"|".join(sorted(name.encode() for name in _DANGEROUS | {"__builtin__", "builtins"}))
    + rb")(?:\.[\w.]{1,40})?)"
)
_BETWEEN = rb"(?:\x94|q.|r.{4})?(?:\x95.{8})?"
_TEXT = rb"(?:\x8c.|X.\0\0\0)"
_LINE_END = re.compile(rb"[ci]" + _MODULE + rb"\Z")
_LINE = re.compile(rb"(?!p\d+\Z)[A-Za-z_][\w.]{0,60}")
_TEXTS_END = re.compile(_TEXT + _MODULE + _BETWEEN + _TEXT + rb"([A-Za-z_][\w.]{0,60})" + _BETWEEN + rb"\Z", re.DOTALL)
_LONGEST = 160  # bytes of a global with all its parts


def judge(found: Global, *, called: bool = False) -> str:
    """`known` for a listed name, `dangerous` for code execution, files and addresses, else `other`.

    `called` tells that the pickle calls the name, and does not only make an object of a class or refer to it. Of the
    listed libraries, a function that is not listed is dangerous. A class that is not listed can be of another version.
    """
    top, path = found.module.partition(".")[0], f"{found.module}.{found.name}"
    if is_known(found, called=called):
        return "known"
    if (
        found == UNKNOWN
        or top in _DANGEROUS
        or not (_DANGEROUS | _DANGEROUS_NAMES).isdisjoint(found.name.split("."))
        or any(f"{path}.".startswith(f"{prefix}.") for prefix in _DANGEROUS_PATHS)
        or (top in libraries() and (called or not found.name[:1].isupper()))
    ):
        return "dangerous"
    return "other"


def named(window: bytes) -> Iterator[Global]:
    """The dangerous globals that these bytes name, in any context."""
    for module, name in (*_in_lines(window), *_in_texts(window)):
        found = Global(module.decode(), name.decode())
        if judge(found) == "dangerous":
            yield found


def _in_lines(window: bytes) -> Iterator[tuple[bytes, bytes]]:
    for before, line in pairwise(window.split(b"\n")):
        if _LINE.fullmatch(line) and (module := _LINE_END.search(before[-_LONGEST:])):
            yield module[1], line


def _in_texts(window: bytes) -> Iterator[tuple[bytes, bytes]]:
    for before in window.split(b"\x93")[:-1]:
        if texts := _TEXTS_END.search(before[-_LONGEST:]):
            yield texts[1], texts[2]
