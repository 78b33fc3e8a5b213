"""What goes wrong on the way to Azure, and what must hold."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from pathlib import Path

import pytest
from azureml_kit import CREATE, SERVICE, Cloud

pytestmark = pytest.mark.slow

ANSWER = "[141760.56910569107]\n"
PLAIN = "def init():\n    pass\n\n\ndef run(raw_data):\n    return [141760.56910569107]\n"
SLOW = PLAIN.replace("    pass", "    import time\n\n    print('tide is low', flush=True)\n    time.sleep(600)")


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
    done = cloud("deploy", "--timeout", "60", code=7)
    assert "run the same command again" in done.err
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_service_that_never_gets_ready_is_taken_up_again(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.stick(method="POST", path=CREATE)
    for _ in range(2):
        done = cloud("deploy", "--timeout", "40", code=7)
        assert "the deploy of salary-svc on 'aci' is not done: " in done.err
    assert cloud.azure.release() == 1
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


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


def test_no_time_that_azure_asks_for_is_cut_short(cloud: Cloud) -> None:
    busy = {"code": "ServerBusy", "message": "too many deployments"}
    cloud.azure.faults.answer(503, busy, {"Retry-After": "2"}, method="POST", path=CREATE, times=2)
    assert "2 s: creating service salary-svc: Azure answers 503, too many deployments" in cloud("deploy").err
    asked = cloud.azure.calls.like("POST", CREATE)
    assert [call.status for call in asked] == [503, 503, 202]
    assert all(later.at - call.at >= 2 for call, later in itertools.pairwise(asked))


def test_a_service_that_is_created_and_not_visible_for_long_is_adopted(cloud: Cloud) -> None:
    cloud.azure.faults.drop_after(method="POST", path=CREATE)
    cloud.azure.faults.answer(404, {"code": "NotFound", "statusCode": 404}, method="GET", path=SERVICE, skip=1, times=6)
    cloud("deploy")
    assert len(cloud.azure.calls.like("POST", "/services/validate/name/")) == 2  # it was to be created again
    assert [call.status for call in cloud.azure.calls.like("POST", CREATE)] == [None]
    assert cloud.count("PATCH", SERVICE) == 0
    assert cloud.scores() == ANSWER


def test_a_name_that_is_taken_meanwhile_is_left_to_its_owner(cloud: Cloud) -> None:
    cloud.azure.faults.answer(409, {"code": "Conflict", "message": "it exists"}, method="POST", path=CREATE)
    assert "creating service salary-svc failed, it is in conflict" in cloud("deploy", code=6).err
    assert cloud.service is None
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1


def test_a_sign_in_that_never_lasts_is_told_after_one_new_one(cloud: Cloud) -> None:
    cloud.azure.faults.expire_tokens(path="modelmanagement", times=None)
    done = cloud("deploy", code=6)
    assert "Azure does not accept the sign-in" in done.err
    assert "az login" in done.err
    assert len(cloud.azure.calls.like("POST", "oauth2/v2.0/token")) == 2
    assert cloud.service is None


def test_a_deploy_that_azure_gives_up_waiting_for_is_taken_up_again(cloud: Cloud) -> None:
    cloud.shell("package", "salary.yaml")
    cloud.azure.faults.time_out(method="POST", path=CREATE)
    done = cloud("deploy", "--timeout", "40", code=7)
    assert "the deploy of salary-svc on 'aci' is not done: health" in done.err
    assert cloud.azure.release() == 1
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_model_that_loads_too_slowly_does_not_come_up(cloud: Cloud) -> None:
    cloud.azure.settings(start_seconds=15.0)
    cloud.script(SLOW)
    done = cloud("deploy", code=8)
    assert "Your container did not answer within 15.0 s" in done.err
    assert "tide is low" in done.err
    cloud.azure.settings(start_seconds=120.0)
    cloud.script(PLAIN)
    cloud("deploy")
    assert cloud.count("POST", CREATE) == 1
    assert cloud.scores() == ANSWER


def test_a_replacement_that_is_not_allowed_leaves_the_old_release_serving(cloud: Cloud) -> None:
    cloud("deploy")
    cloud.script(PLAIN)
    cloud.azure.faults.answer(403, {"code": "Forbidden", "message": "no write action"}, method="PATCH", path=SERVICE)
    done = cloud("deploy", code=6)
    assert "updating service salary-svc is not allowed: no write action" in done.err
    assert "back" not in done.err  # nothing was taken away
    assert cloud.count("PATCH", SERVICE) == 0
    assert cloud.scores() == ANSWER
    cloud("deploy")
    assert cloud.count("PATCH", SERVICE) == 1


def test_a_quota_that_is_used_up_later_is_named_and_the_service_can_be_repaired(cloud: Cloud) -> None:
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


def test_addresses_that_the_sdk_kept_and_that_are_dead_are_asked_for_by_the_next_command(cloud: Cloud) -> None:
    cloud("status")
    kept = Path(cloud.azure.environ["HOME"]) / ".azureml" / ".discovery"
    dead, count = re.subn(r"https://[^/\"]*modelmanagement[^/\"]*", "https://127.0.0.1:9", kept.read_text())
    assert count
    kept.write_text(dead)
    assert "nobody answers" in cloud("status", code=5).err
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
