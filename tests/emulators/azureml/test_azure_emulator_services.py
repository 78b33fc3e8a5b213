"""The flow of the tutorial with plain calls of the unmodified SDK: from a fitted model to a prediction for 21 years."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from azure_sdk import Sdk
from tests.waiting import LIMIT

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SALARY = 141760.56910569107

REGISTER = """
    import joblib, numpy
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import train_test_split
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice, AksWebservice, Webservice
    from azureml.core.compute import AksCompute, ComputeTarget
    rows = numpy.genfromtxt("sal.csv", delimiter=",", skip_header=1)
    x, _, y, _ = train_test_split(rows[:, :1], rows[:, 1], test_size=0.25, random_state=10)
    joblib.dump(LinearRegression().fit(x, y), "sal_model.pkl")
    model = Model.register(
        workspace, "sal_model.pkl", "sal_model", tags={"key": "1"}, properties={"sha256": "abc"},
        description="Salary prediction", model_framework="ScikitLearn", model_framework_version="1.0",
    )
    config = InferenceConfig("score.py", source_directory="src", environment=Environment("salary"))
    request = json.dumps({"data": [[21]]})
"""
ACI = """
    service = Model.deploy(
        workspace, "salary-svc", [model], config,
        AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, auth_enabled=True, tags={"data": "Salary"}),
    )
    service.wait_for_deployment()
"""
AKS = """
    ComputeTarget.create(workspace, "port", AksCompute.provisioning_configuration()).wait_for_completion()
    service = Model.deploy(
        workspace, "salary-svc", [model], config,
        AksWebservice.deploy_configuration(
            autoscale_enabled=False, num_replicas=2, token_auth_enabled=TOKEN, auth_enabled=not TOKEN,
        ),
        deployment_target=AksCompute(workspace, "port"),
    )
    service.wait_for_deployment()
"""
SCORE = """
import json, os
import joblib
from azureml.core.model import Model


def init():
    global model
    path = Model.get_model_path("sal_model")
    assert os.path.samefile(os.path.dirname(path), os.environ["AZUREML_MODEL_DIR"])
    model = joblib.load(path)

def run(raw_data):
    return model.predict(json.loads(raw_data)["data"]).tolist()
"""
CRASH = "def init():\n    raise ValueError('no such model')\n\ndef run(raw_data):\n    pass\n"


@pytest.fixture
def salary(sdk: Sdk) -> Sdk:
    """A folder with the tutorial's data and its scoring script."""
    shutil.copy(ROOT / "data" / "sal.csv", sdk.folder)
    (sdk.folder / "src").mkdir()
    (sdk.folder / "src" / "score.py").write_text(SCORE)
    return sdk


def score(uri: str, key: str | None) -> tuple[int, object]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    asked = urllib.request.Request(uri, json.dumps({"data": [[21]]}).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=LIMIT) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None


def test_a_model_is_registered_listed_and_downloaded(salary: Sdk) -> None:
    said = salary(
        REGISTER
        + """
    again = Model.register(workspace, "sal_model.pkl", "sal_model")
    model.add_tags({"seen": "yes"})
    back = Path(model.download("back")).read_bytes()
    say(
        ids=[model.id, again.id], same=back == Path("sal_model.pkl").read_bytes(),
        listed=[item.id for item in Model.list(workspace, "sal_model")],
        tagged=[item.id for item in Model.list(workspace, tags=[["key", "1"], "seen"])],
        digest=[item.id for item in Model.list(workspace, properties=[["sha256", "abc"]])],
        latest=[item.id for item in Model.list(workspace, latest=True)],
    )
    """
    )
    assert said == {
        "ids": ["sal_model:1", "sal_model:2"],
        "same": True,
        "listed": ["sal_model:2", "sal_model:1"],
        "tagged": ["sal_model:1"],
        "digest": ["sal_model:1"],
        "latest": ["sal_model:2"],
    }
    record = salary.azure.state["models"]["sal_model:1"]
    assert (record["kvTags"], record["framework"]) == ({"key": "1", "seen": "yes"}, "ScikitLearn")


def test_the_tutorial_on_aci(salary: Sdk) -> None:
    said = salary(
        REGISTER
        + ACI
        + """
    uri, keys = service.scoring_uri, service.get_keys()
    answer = service.run(request)
    service.regen_key("Primary")
    rotated = service.get_keys()
    service.update(tags={"data": "Salary", "release": "2"})
    Path("src/score.py").write_text(Path("src/score.py").read_text().replace(".tolist()", ".tolist() + [2]"))
    service.update(inference_config=config)
    service.wait_for_deployment()
    say(
        answer=answer, keys=keys, rotated=rotated, uri=uri,
        same=[service.scoring_uri == uri, service.get_keys() == rotated],
        after=service.run(request), logs=service.get_logs(), state=service.state, tags=service.tags,
        listed=[item.name for item in Webservice.list(workspace, compute_type="ACI", tags=[["release", "2"]])],
    )
    """
    )
    assert said["answer"] == [pytest.approx(SALARY)]
    assert said["after"] == [pytest.approx(SALARY), 2]
    assert said["same"] == [True, True]
    assert said["keys"][0] not in said["rotated"]
    assert said["keys"][1] == said["rotated"][1]
    assert "Users's init has completed successfully" in said["logs"]
    assert (said["state"], said["tags"]["release"], said["listed"]) == ("Healthy", "2", ["salary-svc"])
    assert [score(said["uri"], key)[0] for key in (*said["rotated"], said["keys"][0], None)] == [200, 200, 401, 401]
    salary("""
        from azureml.core.webservice import Webservice
        Webservice(workspace, "salary-svc").delete()
        say()
    """)
    assert salary.azure.state["services"] == {}
    assert {*said["keys"], *said["rotated"]} <= {*salary.azure.secrets}
    with pytest.raises(urllib.error.URLError):
        score(said["uri"], None)


def test_the_tutorial_on_aks(salary: Sdk) -> None:
    said = salary(
        "    TOKEN = False"
        + REGISTER
        + AKS
        + """
    target = ComputeTarget(workspace, "port")
    say(
        answer=service.run(request), uri=service.scoring_uri, replicas=service.num_replicas,
        auto=service.autoscaler.autoscale_enabled, compute=[target.provisioning_state, service.compute_name],
    )
    service.delete()
    target.delete()
    """
    )
    assert said["answer"] == [pytest.approx(SALARY)]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/v1/service/salary-svc/score", said["uri"])
    assert (said["replicas"], said["auto"], said["compute"]) == (2, False, ["Succeeded", "port"])
    assert (salary.azure.state["services"], salary.azure.state["computes"]) == ({}, {})


def test_a_service_on_aks_requires_a_token(salary: Sdk) -> None:
    said = salary(
        "    TOKEN = True"
        + REGISTER
        + AKS
        + """
    say(answer=service.run(request), uri=service.scoring_uri, token=service.get_access_token().access_token)
    """
    )
    assert said["answer"] == [pytest.approx(SALARY)]
    assert [score(said["uri"], key)[0] for key in (said["token"], "another", None)] == [200, 401, 401]


def test_a_crash_in_init_fails_the_deployment_and_its_log_is_kept(salary: Sdk) -> None:
    (salary.folder / "src" / "score.py").write_text(CRASH)
    said = salary(
        REGISTER
        + """
    from azureml.exceptions import WebserviceException
    service = Model.deploy(workspace, "salary-svc", [model], config, AciWebservice.deploy_configuration())
    try:
        service.wait_for_deployment()
    except WebserviceException as error:
        say(state=service.state, error=service.error, logs=service.get_logs(), message=str(error))
    """
    )
    assert (said["state"], said["error"]["details"][0]["code"]) == ("Failed", "CrashLoopBackOff")
    assert "ValueError: no such model" in said["logs"]
    assert ".get_logs()" in said["message"]


@pytest.mark.parametrize(("kind", "serves"), [(ACI, False), (AKS, True)])
def test_on_aks_a_failed_replacement_does_not_affect_the_old_container(salary: Sdk, kind: str, serves: bool) -> None:
    said = salary(
        "    TOKEN = False"
        + REGISTER
        + kind
        + f"""
    Path("src/score.py").write_text({CRASH!r})
    service.update(inference_config=config)
    try:
        service.wait_for_deployment()
    except Exception:
        say(state=service.state, uri=service.scoring_uri, key=service.get_keys()[0])
    """
    )
    assert said["state"] == "Failed"
    assert score(said["uri"], said["key"])[0] == (200 if serves else 503)


def test_an_image_is_built_or_its_log_shows_the_reason(salary: Sdk) -> None:
    error = {"code": "ImageBuildFailed", "statusCode": 400, "message": "pip ended with 1", "details": []}
    salary.azure.faults.fail_operation(error, "BuildImage", "no matching distribution", path="/packages$", skip=1)
    said = salary(
        REGISTER
        + """
    package = Model.package(workspace, [model], config, image_name="salary", image_label="v1")
    package.wait_for_creation()
    broken = Model.package(workspace, [model], config)
    try:
        broken.wait_for_creation()
    except Exception as error:
        say(
            location=package.location, registry=package.get_container_registry().address, error=str(error),
            log=broken.get_logs(),
        )
    """
    )
    assert said["location"] == f"{said['registry']}/salary:v1"
    assert list(salary.azure.state["images"]) == [said["location"]]
    assert "pip ended with 1" in said["error"]
    assert said["log"] == "no matching distribution"


@pytest.mark.parametrize(("phase", "status"), [("BuildImage", 200), ("DeployService", 503)])
def test_a_forced_failure_has_the_effect_of_its_phase(salary: Sdk, phase: str, status: int) -> None:
    error = {"code": "Forced", "statusCode": 400, "message": "as the rule says", "details": []}
    salary.azure.faults.fail_operation(error, phase, method="PATCH", path="/services/salary-svc$")
    said = salary(
        REGISTER
        + ACI
        + """
    service.update(inference_config=config)
    try:
        service.wait_for_deployment()
    except Exception as error:
        say(state=service.state, uri=service.scoring_uri, key=service.get_keys()[0], error=str(error))
    """
    )
    assert said["state"] == ("Healthy" if phase == "BuildImage" else "Failed")
    assert "as the rule says" in said["error"]
    assert score(said["uri"], said["key"])[0] == status
