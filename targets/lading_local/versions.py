"""`python: current` scores with the Python that runs lading, so it must be the model's own version."""

from __future__ import annotations

import sys

from lading import Package, Refused

_HINT = "`python: isolated` under the target serves the package with the versions that it is pinned to"


def refuse_other_versions(package: Package) -> None:
    """Raise Refused if this Python, or its scikit-learn, differs from the package's pins."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if package.python != here:
        raise Refused(f"the package is for Python {package.python}, and this is Python {here}", hint=_HINT)
    pinned = next((line for line in package.requirements if line.startswith("scikit-learn==")), None)
    if pinned is None:
        return
    wanted, found = pinned.partition("==")[2], _installed_scikit_learn()
    if wanted != found:
        raise Refused(
            f"the package is pinned to scikit-learn {wanted}, and this Python has {found or 'none'}", hint=_HINT
        )


def _installed_scikit_learn() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("scikit-learn")
    except PackageNotFoundError:
        return None
