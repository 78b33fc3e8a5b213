"""Failures on the way to Azure, and the guarantees that must hold."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from pathlib import Path

import pytest
from tests.targets.azureml.azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"
PLAIN = "def init():\n    pass\n\n\ndef run(raw_data):\n    return [141760.56910569107]\n"
SLOW = PLAIN.replace("    pass", "    import time\n\n    print('still loading', flush=True)\n    time.sleep(600)")


def test_a_create_whose_response_is_lost_is_found_again(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=CREATE)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", CREATE)) == 1
    assert cloud.scores() == ANSWER


def test_a_service_that_is_not_visible_at_once_is_not_created_twice(cloud: Cloud) -> None:
    cloud.azure.faults.answer(404, {"code": "NotFound", "statusCode": 404}, method="GET", path=SERVICE, skip=1, times=3)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", CREATE)) == 1
    assert cloud.scores() == ANSWER


def test_the_command_waits_as_long_as_azure_requests(cloud: Cloud) -> None:
    cloud.azure.faults.answer(429, {"code": "TooMany"}, {"Retry-After": "4"}, method="POST", path=CREATE)
    start = time.monotonic()
    done = cloud("deploy")
    assert time.monotonic() - start > 4
    assert "4 s: creating service salary-svc: Azure answers 429" in done.err
    assert cloud.count("POST", CREATE) == 1


def test_a_model_whose_upload_is_interrupted_is_registered_once(cloud: Cloud) -> None:
    cloud.azure.faults.cut_upload(method="PUT", path=r"blob\.core")
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1
    assert cloud.scores() == ANSWER


def test_a_registration_whose_response_is_lost_leaves_one_version(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=r"/models$")
    cloud("deploy")
    assert len(cloud.azure.state["models"]) == 1
    assert len(cloud.azure.calls.like("POST", r"/models$")) == 1


def test_without_any_response_the_outcome_is_unknown_and_the_next_run_continues(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.black_hole(method="POST", path=CREATE)
    done = cloud("deploy", "--timeout", "60", code=7)
    assert "run the same command again" in done.err
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_service_that_never_gets_ready_is_continued_by_the_next_run(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.stick(method="POST", path=CREATE)
    for _ in range(2):
        done = cloud("deploy", "--timeout", "40", code=7)
        assert "the deploy of salary-svc on 'aci' is not done: " in done.err
    assert cloud.azure.release() == 1
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_an_expired_token_causes_one_new_sign_in(cloud: Cloud) -> None:
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
def test_errors_of_azure_are_reported_in_plain_words(cloud: Cloud, status: int, body: object, expected: str) -> None:
    cloud.azure.faults.answer(status, body, method="POST", path=CREATE)
    done = cloud("deploy", code=6)
    assert expected in done.err
    assert "\x1b" not in done.err
    assert "\x07" not in done.err
    assert cloud.service is None
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1


def test_a_failed_image_build_shows_the_end_of_its_log(cloud: Cloud) -> None:
    error = {"code": "ImageBuildFailed", "statusCode": 400, "message": "conda could not solve it"}
    cloud.azure.faults.fail_operation(
        error, "BuildImage", "step 1\nno such package: absent\n", method="POST", path=CREATE
    )
    done = cloud("deploy", code=8)
    assert "building the image failed: conda could not solve it" in done.err
    assert "no such package: absent" in done.err
    assert cloud("logs", "--build").out == "step 1\nno such package: absent\n"
    assert "leave out --follow, --tail" in cloud("logs", "--build", "-n", "5", code=2).err
    assert "builds no image itself" in cloud("logs", "--build", target="local", code=2).err


def test_a_run_that_cannot_be_logged_is_reported_without_details(cloud: Cloud) -> None:
    cloud.azure.faults.answer(400, {}, method="PATCH", path="/runs/", times=None)
    assert "logging run" in cloud("deploy", code=6).err


def test_the_list_of_clouds_is_not_fetched(cloud: Cloud) -> None:
    cloud("status")
    assert cloud.azure.calls.like("GET", "metadata/endpoints") == []


def test_a_requested_waiting_time_is_not_shortened(cloud: Cloud) -> None:
    busy = {"code": "ServerBusy", "message": "too many deployments"}
    cloud.azure.faults.answer(503, busy, {"Retry-After": "2"}, method="POST", path=CREATE, times=2)
    assert "2 s: creating service salary-svc: Azure answers 503, too many deployments" in cloud("deploy").err
    asked = cloud.azure.calls.like("POST", CREATE)
    assert [call.status for call in asked] == [503, 503, 202]
    assert all(later.at - call.at >= 2 for call, later in itertools.pairwise(asked))


def test_a_created_service_that_stays_invisible_for_long_is_adopted(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=CREATE)
    cloud.azure.faults.answer(404, {"code": "NotFound", "statusCode": 404}, method="GET", path=SERVICE, skip=2, times=6)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", "/services/validate/name/")) == 2  # the create was repeated
    assert [call.status for call in cloud.azure.calls.like("POST", CREATE)] == [None]
    assert cloud.count("PATCH", SERVICE) == 0
    assert cloud.scores() == ANSWER


def test_a_name_that_another_user_takes_meanwhile_is_not_changed(cloud: Cloud) -> None:
    cloud.azure.faults.answer(409, {"code": "Conflict", "message": "it exists"}, method="POST", path=CREATE)
    assert "creating service salary-svc failed, it conflicts" in cloud("deploy", code=6).err
    assert cloud.service is None
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1


def test_a_sign_in_that_always_expires_is_reported_after_one_new_sign_in(cloud: Cloud) -> None:
    cloud.azure.faults.expire_tokens(path="modelmanagement", times=None)
    done = cloud("deploy", code=6)
    assert "Azure does not accept the sign-in" in done.err
    assert "az login" in done.err
    assert (
        len(cloud.azure.calls.like("POST", "oauth2/v2.0/token")) == 3
    )  # the check before the deploy signs in again too
    assert cloud.service is None


def test_a_deploy_that_times_out_in_azure_is_continued(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.time_out(method="POST", path=CREATE)
    done = cloud("deploy", "--timeout", "40", code=7)
    assert "the deploy of salary-svc on 'aci' is not done: health" in done.err
    assert cloud.azure.release() == 1
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_model_that_loads_too_slowly_fails_the_release(cloud: Cloud) -> None:
    cloud.azure.settings(start_seconds=15.0)
    cloud.script(SLOW)
    done = cloud("deploy", code=8)
    assert "Your container did not answer within 15.0 s" in done.err
    assert "still loading" in done.err
    cloud.azure.settings(start_seconds=120.0)
    cloud.script(PLAIN)
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_forbidden_replacement_leaves_the_old_release_serving(cloud: Cloud) -> None:
    cloud("deploy")
    cloud.script(PLAIN)
    cloud.azure.faults.answer(403, {"code": "Forbidden", "message": "no write action"}, method="PATCH", path=SERVICE)
    done = cloud("deploy", code=6)
    assert "updating service salary-svc is not allowed: no write action" in done.err
    assert "back" not in done.err  # nothing was removed
    assert cloud.count("PATCH", SERVICE) == 0
    assert cloud.scores() == ANSWER
    cloud("deploy")
    assert cloud.count("PATCH", SERVICE) == 1


def test_a_quota_exceeded_later_is_named_and_the_service_can_be_repaired(cloud: Cloud) -> None:
    error = {"code": "QuotaExceeded", "statusCode": 400, "message": "ContainerGroupQuotaReached: 0 of 4 cores are left"}
    cloud.azure.faults.fail_operation(error, "DeployService", method="POST", path=CREATE)
    done = cloud("deploy", code=6)
    assert "creating the service failed, a quota is used up: ContainerGroupQuotaReached: 0 of 4 cores" in done.err
    assert "under Quotas in the Azure portal" in done.err
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER
    cloud.script(PLAIN.replace("141760", "7"))
    cloud.azure.faults.fail_operation(error, "DeployService", method="PATCH", path=SERVICE)
    done = cloud("deploy", code=6)
    assert "a quota is used up" in done.err
    assert "release 2 serves again" in done.err
    assert cloud.scores() == ANSWER


def test_cached_addresses_of_the_sdk_that_are_dead_are_replaced_by_the_next_command(cloud: Cloud) -> None:
    cloud("status")
    kept = Path(cloud.azure.environ["HOME"]) / ".azureml" / ".discovery"
    dead, count = re.subn(r"https://[^/\"]*modelmanagement[^/\"]*", "https://127.0.0.1:9", kept.read_text())
    assert count
    kept.write_text(dead)
    assert "no answer" in cloud("status", code=6).err
    assert "absent" in cloud("status").out
    kept.write_text('{"cut off": {')
    assert "absent" in cloud("status").out


def test_a_deploy_works_from_any_folder(cloud: Cloud, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    argv = ("deploy", cloud.manifest, "--target", "aci")
    dataclasses.replace(cloud.shell, folder=elsewhere)(*argv)
    assert len(cloud.azure.state["models"]) == 1
    assert cloud.scores() == ANSWER
    assert list(elsewhere.iterdir()) == []
