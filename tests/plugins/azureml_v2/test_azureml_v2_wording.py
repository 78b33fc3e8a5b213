"""Messages of Azure ML that hold JSON."""

from __future__ import annotations

import pytest

from lading_azureml.text import clean
from lading_azureml_v2.wording import plain


@pytest.mark.parametrize(
    "escaped", ["?a=1\\u0026sig=s3cr3t", "?a=1&amp;sig=s3cr3t", "\\u003fsig=s3cr3t", "?a=1&s\\u0069g=s3cr3t"]
)
def test_a_signature_in_json_is_redacted(escaped: str) -> None:
    said = plain(clean(f'failed: {{"errors": {{"log": ["https://x/{escaped} \\u001b[1mred"]}}}}'))
    assert "s3cr3t" not in said
    assert "\x1b" not in said
    assert said.endswith("red")
