"""The time of a cluster is that of its replies."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest

from lading_kubernetes.rest import Cluster

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DATES = {
    "Mon, 30 Nov 2026 12:00:00 GMT": True,
    "Mon, 30 Nov 2026 13:00:00 +0100": True,
    "Mon, 30 Nov 2026 12:00:00 -0000": True,  # parsed without a time zone
    "today": False,
    "Mon, 30 Nov 99999 12:00:00 GMT": False,
    "": False,
}


@pytest.mark.parametrize("date", DATES)
def test_the_time_of_a_reply_is_compared_in_one_zone(date: str) -> None:
    reply = httpx2.Response(200, json={}, headers={"Date": date})
    with httpx2.Client(transport=httpx2.MockTransport(lambda _: reply), base_url="https://api.example") as http:
        cluster = Cluster(http, "models")
        cluster.get("Pod", "price")
        assert (cluster.now == NOON) is DATES[date]
        assert cluster.now.tzinfo is not None
