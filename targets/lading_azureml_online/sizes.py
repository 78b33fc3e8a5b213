"""The sizes of the instances of managed online endpoints."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """The cores and the memory of an instance, in GiB."""

    cores: float
    memory: float
    name: str

    def holds(self, cores: float, memory: float) -> bool:
        return self.cores >= cores and self.memory >= memory

    def __str__(self) -> str:
        return f"{self.name} has {self.cores:g} core{'' if self.cores == 1 else 's'} and {self.memory:g} GiB"


# Microsoft's list of instance types for managed online endpoints (learn.microsoft.com/azure/machine-learning,
# reference-managed-online-endpoints-vm-sku-list), those without GPUs and local disks. The memory is that of
# learn.microsoft.com/azure/virtual-machines/sizes.
_SERIES: dict[str, tuple[tuple[int, float], ...]] = {
    "Standard_DS{}_v2": ((1, 3.5), (2, 7), (4, 14), (8, 28), (16, 56)),
    "Standard_F{}s_v2": ((2, 4), (4, 8), (8, 16), (16, 32), (32, 64), (48, 96), (64, 128), (72, 144)),
    "Standard_D{}as_v4": ((2, 8), (4, 16), (8, 32), (16, 64), (32, 128), (48, 192), (64, 256), (96, 384)),
    "Standard_E{}s_v3": ((2, 16), (4, 32), (8, 64), (16, 128), (32, 256), (48, 384), (64, 432)),
}


def _sizes() -> list[Size]:
    """All sizes, the smallest first. In the oldest series, a name has a number instead of the cores."""
    found = []
    for series, sizes in _SERIES.items():
        for number, (cores, memory) in enumerate(sizes, 1):
            found.append(Size(cores, memory, series.format(number if "DS" in series else cores)))
    return sorted(found)


SIZES = _sizes()


def smallest(cores: float, memory: float) -> Size | None:
    """The smallest size with so many cores and so much memory; None if no size has them."""
    return next((size for size in SIZES if size.holds(cores, memory)), None)


def size_of(instance_type: str) -> Size | None:
    """The size with that name, whose case Azure ignores; None if it is not in the list."""
    return next((size for size in SIZES if size.name.lower() == instance_type.lower()), None)
