"""A small ARM board needs a minute to import scikit-learn. The default limits of each target leave time for that."""

from __future__ import annotations

import pytest

from lading.engine.release.attempt import READY_LIMIT
from lading_container.options import ContainerOptions
from lading_iotedge.options import Wait
from lading_kubernetes.options import KubernetesOptions
from lading_local.options import LocalOptions

IMPORT = 60.0  # seconds


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(LocalOptions().start_timeout, id="local"),
        pytest.param(ContainerOptions().start_timeout, id="container"),
        pytest.param(KubernetesOptions(context="c").start_timeout, id="kubernetes"),
        pytest.param(Wait().grace, id="iot-edge"),
        pytest.param(READY_LIMIT, id="a target that is asked in its place"),
    ],
)
def test_a_default_limit_is_longer_than_an_import_on_a_small_board(limit: float) -> None:
    assert limit >= 1.5 * IMPORT
