"""What goes wrong on the way to Azure, and what must hold."""

from __future__ import annotations

import time

import pytest
from azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"


def test_a_reply_that_is_lost_after_the_create_is_found_again(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=CREATE)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", CREATE)) == 1
    assert cloud.scores() == ANSWER


def test_a_service_that_is_not_visible_at_once_is_not_created_twice(cloud: Cloud) -> None:
    cloud.azure.faults.answer(404, {"code": "NotFound", "statusCode": 404}, method="GET", path=SERVICE, skip=1, times=3)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", CREATE)) == 1
    assert cloud.scores() == ANSWER


def test_azure_is_given_the_time_that_it_asks_for(cloud: Cloud) -> None:
    cloud.azure.faults.answer(429, {"code": "TooMany"}, {"Retry-After": "4"}, method="POST", path=CREATE)
    start = time.monotonic()
    done = cloud("deploy")
    assert time.monotonic() - start > 4
    assert "4 s: creating service salary-svc: Azure answers 429" in done.err
    assert cloud.count("POST", CREATE) == 1


def test_a_model_whose_upload_is_cut_off_is_registered_once(cloud: Cloud) -> None:
    cloud.azure.faults.cut_upload(method="PUT", path=r"blob\.core")
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1
    assert cloud.scores() == ANSWER


def test_a_reply_that_is_lost_after_registering_leaves_one_version(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=r"/models$")
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1
    assert len(cloud.azure.calls.like("POST", r"/models$")) == 1


def test_a_black_hole_ends_with_an_unknown_outcome_and_the_next_run_goes_on(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.black_hole(method="POST", path=CREATE)
    start = time.monotonic()
    done = cloud("deploy", "--timeout", "25", code=7)
    assert time.monotonic() - start < 90
    assert "run the same command again" in done.err
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_service_that_never_gets_ready_is_taken_up_again(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.stick(method="POST", path=CREATE)
    for _ in range(2):
        done = cloud("deploy", "--timeout", "20", code=7)
        assert "is not done: " in done.err
    assert cloud.count("POST", CREATE) == 1


def test_an_expired_token_means_one_new_sign_in(cloud: Cloud) -> None:
    cloud.azure.faults.expire_tokens(skip=20)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", "oauth2/v2.0/token")) <= 3
    assert cloud.scores() == ANSWER


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, {"code": "Forbidden", "message": "no write action"}, "AzureML Data Scientist"),
        (400, {"code": "QuotaExceeded", "message": "ContainerGroupQuotaReached"}, "a quota is used up"),
        (400, {"code": "Bad", "message": "so \x1b[31mred\x07"}, "so red"),
        (400, "{}", "creating service salary-svc failed"),
    ],
)
def test_what_azure_refuses_is_said_in_plain_words(cloud: Cloud, status: int, body: object, expected: str) -> None:
    cloud.azure.faults.answer(status, body, method="POST", path=CREATE)
    done = cloud("deploy", code=6)
    assert expected in done.err
    assert "\x1b" not in done.err
    assert "\x07" not in done.err
    assert cloud.service is None
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1


def test_an_image_that_cannot_be_built_shows_the_end_of_its_log(cloud: Cloud) -> None:
    error = {"code": "ImageBuildFailed", "statusCode": 400, "message": "conda could not solve it"}
    cloud.azure.faults.fail_operation(
        error, "BuildImage", "step 1\nno such package: tide\n", method="POST", path=CREATE
    )
    done = cloud("deploy", code=8)
    assert "building the image failed: conda could not solve it" in done.err
    assert "no such package: tide" in done.err


def test_a_run_that_cannot_be_logged_is_told_without_details(cloud: Cloud) -> None:
    cloud.azure.faults.answer(400, {}, method="PATCH", path="/runs/", times=None)
    assert "logging run" in cloud("deploy", code=6).err


def test_no_list_of_clouds_is_fetched(cloud: Cloud) -> None:
    cloud("status")
    assert cloud.azure.calls.like("GET", "metadata/endpoints") == []
