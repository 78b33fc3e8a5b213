"""Options of the connection and the targets: the SDK's names and rules, with problems at lines of the manifest."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offline_azure.fixture import require_sdk

import lading
from lading_azureml.registering import described
from lading_azureml.text import clean, clean_json
from lading_azureml_services.aci import ACI
from lading_azureml_services.aks import AKS
from lading_azureml_services.failing import culprit
from lading_azureml_services.kind import Kind
from lading_azureml_services.options import AciOptions, AksOptions

HEAD = """\
version: 1
name: salary-svc
register: {model: m, file: m.joblib}
connections:
  azureml: {subscription_id: s, resource_group: g, workspace: w}
targets:
"""


OURS = {
    "base_image",
    "dockerfile",
    "base_image_registry",
    "env",
    "recreate",
}  # options that the SDK's classes do not have


def problem_of(folder: Path, text: str) -> lading.Problem:
    (folder / "m.joblib").touch()
    manifest = folder / "lading.yaml"
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(lading.ManifestError) as caught:
        lading.check(manifest)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("service", "kind", "options", "ours"),
    [
        ("AciWebservice", ACI, AciOptions, OURS),
        ("AksWebservice", AKS, AksOptions, OURS | {"attach", "provision"}),
    ],
)
def test_every_option_of_the_sdk_exists_with_the_same_name(
    service: str, kind: Kind, options: type[lading.Options], ours: set[str]
) -> None:
    require_sdk()
    webservices = pytest.importorskip("azureml.core.webservice")  # the SDK emits warnings
    sdk = getattr(webservices, service)
    names = {field.name for field in fields(options)} - ours
    assert names == set(inspect.signature(sdk.deploy_configuration).parameters)
    changeable = set(inspect.signature(sdk.update).parameters)
    assert set(kind.fixed) == names - changeable


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("aci: {cpu_cores: 0}", "targets.aci.cpu_cores: must be more than 0"),
        ("aci: {ssl_enabled: true}", "targets.aci.ssl_enabled: it needs ssl_cert_pem_file"),
        ("aci: {ssl_cname: a.b}", "targets.aci.ssl_enabled: it must be true"),
        ("aci: {vnet_name: v}", "targets.aci: vnet_name and subnet_name go together"),
        ("aci: {cmk_key_name: k}", "targets.aci: a customer-managed key needs"),
        ("aci: {secondary_key: K}", "targets.aci.secondary_key: it needs primary_key"),
        ("aci: {primary_key: K, auth_enabled: false}", "targets.aci.primary_key: it needs auth_enabled"),
        ("aci: {primary_key: a secret!}", "targets.aci.primary_key: must be"),
        ("aci: {base_image: u, dockerfile: m.joblib}", "targets.aci.dockerfile: base_image and dockerfile exclude"),
        ("aci: {tags: {lading.service: x}}", "targets.aci.tags: names that begin with `lading.`"),
        ("aci: {num_replicas: 1}", "targets.aci.num_replicas: unknown key"),
        ("aks: {autoscale_enabled: true, num_replicas: 2}", "targets.aks.num_replicas: the autoscaler decides"),
        ("aks: {autoscale_enabled: false}", "targets.aks.num_replicas: it is needed"),
        ("aks: {autoscale_min_replicas: 2}", "targets.aks.autoscale_enabled: it must be true"),
        (
            "aks: {autoscale_enabled: true, autoscale_min_replicas: 3, autoscale_max_replicas: 2}",
            "targets.aks.autoscale_min_replicas: it is more than",
        ),
        ("aks: {cpu_cores: 2, cpu_cores_limit: 1}", "targets.aks.cpu_cores_limit: it is less than"),
        ("aks: {auth_enabled: true, token_auth_enabled: true}", "targets.aks.token_auth_enabled: "),
        ("aks: {namespace: Up}", "targets.aks.namespace: must be"),
        ("aks: {attach: cluster}", "targets.aks.attach: must be"),
        ("aci: {}\n  b: {plugin: aci, connection: azureml}", "targets.b.plugin: the same service as targets.aci"),
    ],
)
def test_an_invalid_block_is_reported_at_its_line(tmp_path: Path, block: str, message: str) -> None:
    problem = problem_of(tmp_path, f"{HEAD}  {block}\n")
    assert f"{problem.path}: {problem.message}".startswith(message)
    assert problem.line >= 7


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("{subscription_id: s, workspace: w}", "connections.azureml: a workspace needs resource_group"),
        ("{config: c.json, workspace: w}", "connections.azureml.workspace: config names the workspace"),
        (
            "{subscription_id: s, resource_group: g, workspace: w, create: true}",
            "connections.azureml.create: a new workspace needs",
        ),
        (
            "{subscription_id: s, resource_group: g, workspace: w, create: true, location: l}",
            "connections.azureml.workspace: the name of a new one has",
        ),
        (
            "{config: c.json, create: true, location: l}",
            "connections.azureml.create: a new workspace needs the three names",
        ),
        ("{subscription_id: s, resource_group: g, workspace: w, auth: browser}", "connections.azureml.auth: must be"),
        ("{subscription_id: s, resource_group: g, workspace: w, cloud: Mars}", "connections.azureml.cloud: must be"),
    ],
)
def test_an_invalid_connection_is_reported_at_its_line(tmp_path: Path, block: str, message: str) -> None:
    (tmp_path / "c.json").touch()
    text = HEAD.replace("{subscription_id: s, resource_group: g, workspace: w}", block)
    problem = problem_of(tmp_path, f"{text}  aci: {{}}\n")
    assert f"{problem.path}: {problem.message}".startswith(message)
    assert problem.line == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("repository: Up", "image.repository: must be"),
        ("base_image: ubuntu, dockerfile: c.json", "image.dockerfile: base_image and dockerfile exclude each other"),
    ],
)
def test_an_invalid_image_is_reported_at_its_line(tmp_path: Path, options: str, message: str) -> None:
    (tmp_path / "c.json").touch()
    problem = problem_of(tmp_path, f"{HEAD}  aci: {{}}\nimage: {{plugin: azureml-image, {options}}}\n")
    assert f"{problem.path}: {problem.message}".startswith(message)
    assert problem.line == 8


def test_a_token_replaces_keys(tmp_path: Path) -> None:
    settings = AKS.settings(AksOptions(token_auth_enabled=True), None)  # type: ignore[arg-type]  # no context is used
    assert (settings["token_auth_enabled"], settings["auth_enabled"]) == (True, False)
    assert ACI.settings(AciOptions(), None)["auth_enabled"] is True  # type: ignore[arg-type]  # as above


def test_digests_show_which_options_changed() -> None:
    all_, fixed = ACI.digests(AciOptions(cpu_cores=1, description="a"))
    assert ACI.digests(AciOptions(cpu_cores=1, description="b"))[0] != all_
    assert ACI.digests(AciOptions(cpu_cores=1, description="b"))[1] == fixed
    assert ACI.digests(AciOptions(cpu_cores=2, description="a"))[1] != fixed


def test_the_example_request_of_a_registered_model_has_a_size_limit(tmp_path: Path) -> None:
    plain = lading.RegisterRequest(
        name="m",
        sha256="0" * 64,
        file=tmp_path / "m.onnx",
        file_name="m.onnx",
        framework="onnx",
        framework_version="1",
        python="3.11",
        columns=(lading.Column(name="x", dtype="int64"),),
    )
    assert described(plain) == {"lading.columns": '{"x": "int64"}'}
    short, long = (lading.GoldenRequest(request={"data": [[21] * many]}, response=[1.0]) for many in (1, 500))
    asked = described(replace(plain, samples=(short, long)))
    assert asked == {"lading.columns": '{"x": "int64"}', "lading.sample_input": '{"data": [[21]]}'}
    assert described(replace(plain, samples=(long, short))) == {"lading.columns": '{"x": "int64"}'}


@given(st.text())
def test_external_text_has_no_control_characters(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in clean(text))
    assert clean(clean(text)) == clean(text)


def test_escapes_and_signatures_are_removed_from_every_text() -> None:
    found = clean_json({"a": ["\x1b[31mred\x1b[0m\x07"], "b": "https://x/y?sv=1&sig=s3cret%3D&x=1"})
    assert found == {"a": ["red"], "b": "https://x/y?sv=***&sig=***&x=1"}


@pytest.mark.parametrize(
    ("log", "place"),
    [
        ([], ""),
        (['  File "/usr/lib/python3/x.py", line 3, in f', "ValueError: no"], ""),
        (
            [
                '  File "/var/azureml-app/azureml-app/score.py", line 7, in init',
                '  File "/var/azureml-app/azureml-app/lib/parts.py", line 2, in load',
                "parts.PartsError: out",
            ],
            "lib/parts.py:2: parts.PartsError: out",
        ),
        (['2026 E | File "/var/azureml-app/score.py", line 1', "cut off"], "score.py:1"),
    ],
)
def test_the_position_in_the_users_own_file_is_found(log: list[str], place: str) -> None:
    assert culprit(log) == place
