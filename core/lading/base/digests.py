"""Digests of secret values: they show that a value has changed, and the value is hard to guess from them."""

from __future__ import annotations

import hashlib

_COST = 1 << 12  # of scrypt: about 10 ms for each guess


def slow_digest(value: str, *, salt: str) -> str:
    """The digest of a secret value, which is slow to compute.

    The same value and salt have the same digest. Use another `salt` for each place where digests are kept, or one for
    each value, so that equal values do not show.
    """
    data = value.encode("utf-8", "surrogateescape")
    return hashlib.scrypt(data, salt=salt.encode(), n=_COST, r=8, p=1, dklen=16).hex()
