"""The unmodified SDK with the emulator: sign-in, workspaces, experiments and artifacts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azure_sdk import Sdk

pytestmark = pytest.mark.slow

RUN = """
    experiment = Experiment(workspace, "salexp")
    run = experiment.start_logging(snapshot_directory=None)
    run.log("intercept", 1.5)
    run.log("slope", 2)
    run.log("slope", 3)
    Path("outputs").mkdir(exist_ok=True)
    Path("outputs/model.pkl").write_bytes(b"a model")
    run.upload_file("outputs/named.txt", "outputs/model.pkl")
    run.tag("stage", "train")
    run.complete()
    run.download_file("outputs/model.pkl", "back.pkl")
    found = [item.id for item in experiment.get_runs(tags={"stage": "train"})]
    say(
        status=run.get_status(), metrics=run.get_metrics(), files=sorted(run.get_file_names()),
        url=run.get_portal_url(), back=Path("back.pkl").read_text(), id=run.id, found=found,
        none=len(list(experiment.get_runs(tags={"stage": "other"}))),
    )
"""


def test_a_run_is_logged_with_metrics_and_files(sdk: Sdk) -> None:
    said = sdk(RUN)
    assert said["status"] == "Completed"
    assert said["metrics"] == {"intercept": 1.5, "slope": [2, 3]}
    assert said["files"] == ["outputs/model.pkl", "outputs/named.txt"]
    assert said["back"] == "a model"
    assert (said["found"], said["none"]) == ([said["id"]], 0)
    assert said["id"] in said["url"]
    assert sdk.azure.state["runs"][said["id"]]["tags"]["stage"] == "train"


def test_a_run_fails_with_its_error(sdk: Sdk) -> None:
    said = sdk("""
        run = Experiment(workspace, "salexp").start_logging(snapshot_directory=None)
        run.fail("no data", error_code="Empty")
        say(status=run.get_status(), error=run.get_details()["error"]["error"])
    """)
    assert said == {"status": "Failed", "error": {"code": "Empty", "message": "no data"}}


def test_azure_identity_signs_in_with_the_variables(sdk: Sdk) -> None:
    said = sdk(
        """
        from azure.identity import DefaultAzureCredential
        credential = DefaultAzureCredential()
        auth = TokenAuthentication(lambda audience: credential.get_token(audience + "/.default").token, "AzureCloud")
        say(name=get_workspace(auth).name)
        """,
        sign_in=False,
    )
    assert said == {"name": sdk.azure.workspace.workspace}


METADATA = """
    from azure.identity import ManagedIdentityCredential
    say(token=ManagedIdentityCredential().get_token("https://management.azure.com/.default").token)
"""


@pytest.mark.parametrize("where", ["network", "managed_identity"])
def test_a_managed_identity_signs_in(sdk: Sdk, where: str) -> None:
    sdk.azure.settings(managed_identity=True)
    sdk.environ = getattr(sdk.azure, where)
    assert sdk(METADATA, sign_in=False)["token"] in sdk.azure.secrets


def test_without_a_managed_identity_the_metadata_address_does_not_respond(sdk: Sdk) -> None:
    sdk.environ = sdk.azure.network
    assert sdk.fails(METADATA, sign_in=False)[0] == "CredentialUnavailableError"


WRONG: dict[str, tuple[Callable[[Sdk], object], str]] = {
    "secret": (lambda sdk: sdk.environ.update(AZURE_CLIENT_SECRET="wrong"), "AADSTS7000215"),
    "client": (lambda sdk: sdk.environ.update(AZURE_CLIENT_ID="nobody"), "AADSTS700016"),
    "workspace": (lambda sdk: sdk.environ.update(WORKSPACE="nowhere"), "Workspace not found"),
    "subscription": (lambda sdk: sdk.azure.settings(subscriptions_hidden=True), "subscription"),
    "token": (lambda sdk: sdk.azure.faults.expire_tokens(path="workspaces/"), "expiry UTC time is in the past"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_problem_of_a_sign_in_is_reported(sdk: Sdk, what: str) -> None:
    spoil, words = WRONG[what]
    spoil(sdk)
    assert words in sdk.fails("say()")[1]


def test_a_workspace_is_created_from_the_sdks_template(sdk: Sdk) -> None:
    sdk("""
        made = Workspace.create(
            "fresh-one", auth=auth, subscription_id=workspace.subscription_id, resource_group="newgroup",
            location="eastus", create_resource_group=True, show_output=False,
        )
        Workspace.get("fresh-one", auth=auth, subscription_id=made.subscription_id, resource_group="newgroup")
        say()
    """)
    assert [item["name"] for item in sdk.azure.world["workspaces"].values()] == [
        sdk.azure.workspace.workspace,
        "fresh-one",
    ]


def test_an_unknown_route_fails_the_test(sdk: Sdk) -> None:
    sdk("""
        import requests
        requests.get("https://management.azure.com/unheard/of", headers=auth.get_authentication_header())
        say()
    """)
    assert sdk.azure.calls.accept_failures() == [
        "GET management.azure.com/unheard/of: the offline azure does not know this route"
    ]
    assert sdk.azure.calls.failures == []
