"""Quantities of Kubernetes: `500m`, `2Gi`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_UNITS = {"": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001")}
_UNITS |= {unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)}
_UNITS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}


def amount(quantity: object) -> Decimal:
    """A quantity of Kubernetes such as `500m` or `2Gi` as a number; 0 for other text, which the cluster refuses."""
    text = str(quantity)
    unit = text.lstrip("+-.0123456789")
    try:
        return Decimal(text.removesuffix(unit)) * _UNITS[unit] if unit in _UNITS else Decimal(text)
    except InvalidOperation:
        return Decimal()
