"""Three source roots, one distribution: `core/`, `plugins/` and `targets/` each hold import packages of their own."""

from setuptools import find_packages, setup

ROOTS = ("core", "plugins", "targets")
PACKAGES = {name: root for root in ROOTS for name in find_packages(root)}

setup(
    packages=list(PACKAGES),
    package_dir={name: f"{root}/{name}" for name, root in PACKAGES.items() if "." not in name},
)
