"""A seal shows whether secret values have changed, whatever somebody has written into its tag."""

from __future__ import annotations

from lading_azureml.sealing import fits, seal


def test_a_seal_fits_only_the_values_that_it_was_made_of() -> None:
    values = {"env.TOKEN": "s3cr3t"}
    assert fits(seal(values), values)
    assert not fits(seal(values), {"env.TOKEN": "r0tated"})
    assert fits(None, values)
    for edited in ("", ":", "ä:ö", "0" * 50):
        assert not fits(edited, values)
