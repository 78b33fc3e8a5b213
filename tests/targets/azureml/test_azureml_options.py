"""Options of the connection and the targets: the SDK's names, its rules, told at the manifest's line."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

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
from lading_azureml_services.options import AciOptions, AksOptions

HEAD = """\
version: 1
name: salary-svc
register: {model: m, file: m.joblib}
connections:
  azureml: {subscription_id: s, resource_group: g, workspace: w}
targets:
"""


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
        ("AciWebservice", ACI, AciOptions, {"base_image", "dockerfile"}),
        ("AksWebservice", AKS, AksOptions, {"base_image", "dockerfile", "attach", "provision"}),
    ],
)
def test_every_option_of_the_sdk_is_there_under_its_own_name(service: str, kind: Any, options: Any, ours: Any) -> None:
    require_sdk()
    webservices = pytest.importorskip("azureml.core.webservice")  # the SDK warns of itself
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
def test_a_wrong_block_is_told_at_its_line(tmp_path: Path, block: str, message: str) -> None:
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
            "connections.azureml.workspace: a new one has a name of",
        ),
        ("{config: c.json, create: true, location: l}", "connections.azureml.create: a new workspace is named by"),
        ("{subscription_id: s, resource_group: g, workspace: w, auth: browser}", "connections.azureml.auth: must be"),
        ("{subscription_id: s, resource_group: g, workspace: w, cloud: Mars}", "connections.azureml.cloud: must be"),
    ],
)
def test_a_wrong_connection_is_told_at_its_line(tmp_path: Path, block: str, message: str) -> None:
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
def test_a_wrong_image_is_told_at_its_line(tmp_path: Path, options: str, message: str) -> None:
    (tmp_path / "c.json").touch()
    problem = problem_of(tmp_path, f"{HEAD}  aci: {{}}\nimage: {{plugin: azureml-image, {options}}}\n")
    assert f"{problem.path}: {problem.message}".startswith(message)
    assert problem.line == 8


def test_a_token_takes_the_place_of_keys(tmp_path: Path) -> None:
    settings = AKS.settings(AksOptions(token_auth_enabled=True), None)  # type: ignore[arg-type]
    assert (settings["token_auth_enabled"], settings["auth_enabled"]) == (True, False)
    assert ACI.settings(AciOptions(), None)["auth_enabled"] is True  # type: ignore[arg-type]


def test_digests_tell_what_changed() -> None:
    all_, fixed = ACI.digests(AciOptions(cpu_cores=1, description="a"))
    assert ACI.digests(AciOptions(cpu_cores=1, description="b"))[0] != all_
    assert ACI.digests(AciOptions(cpu_cores=1, description="b"))[1] == fixed
    assert ACI.digests(AciOptions(cpu_cores=2, description="a"))[1] != fixed


def test_a_registered_model_says_how_it_is_asked_where_that_is_short(tmp_path: Path) -> None:
    known = {"framework": "onnx", "framework_version": "1", "python": "3.11", "columns": (lading.Column("x", "int64"),)}
    plain = lading.RegisterRequest("m", "0" * 64, tmp_path / "m.onnx", "m.onnx", **known)  # type: ignore[arg-type]
    assert described(plain) == {"lading.columns": '{"x": "int64"}'}
    short, long = (lading.GoldenRequest({"data": [[21] * many]}, [1.0]) for many in (1, 500))
    asked = described(replace(plain, samples=(short, long)))
    assert asked == {"lading.columns": '{"x": "int64"}', "lading.sample_input": '{"data": [[21]]}'}
    assert described(replace(plain, samples=(long, short))) == {"lading.columns": '{"x": "int64"}'}


@given(st.text())
def test_what_comes_from_outside_has_no_control_characters(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in clean(text))
    assert clean(clean(text)) == clean(text)


def test_escapes_and_signatures_are_taken_out_of_every_text() -> None:
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
                '  File "/var/azureml-app/azureml-app/lib/tide.py", line 2, in ebb',
                "tide.TideError: out",
            ],
            "lib/tide.py:2: tide.TideError: out",
        ),
        (['2026 E | File "/var/azureml-app/score.py", line 1', "cut off"], "score.py:1"),
    ],
)
def test_the_place_in_the_users_own_file(log: list[str], place: str) -> None:
    assert culprit(log) == place
