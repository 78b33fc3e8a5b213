"""Translate exceptions of the SDK into expected failures."""

from __future__ import annotations

from azureml.exceptions import WebserviceException

from lading import LadingError

from .. import explaining
from ..port import Place
from .failures import read


def explain(error: Exception, what: str, place: Place) -> LadingError:
    """The expected failure of `what`. Our own bugs are returned with their message and type."""
    if isinstance(error, LadingError):
        return error
    failure = read(error)
    kind = "" if isinstance(error, WebserviceException) or failure.status else f"{type(error).__name__}: "
    return explaining.explain(failure, what, place, kind)
