"""The texts of an approval and the hook that reads them, without a command line and without a deploy."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hook_kit import NOW, MemoryContext

from lading import BadInput, GateRequest, Json, Refused, Run
from lading_approval import lading_gate
from lading_approval.options import ApprovalOptions

DIGEST = "0123456789abcdef" * 4
CONTEXT = MemoryContext(Path())
Gate = Callable[..., str]


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Ask whether the text of a file, or of a variable, approves a package. Returns the refusal, or an empty text."""

    def gate(text: str | bytes, *, variable: bool = False) -> str:
        file = tmp_path / "it's approved"
        options = ApprovalOptions(variable="APPROVED") if variable else ApprovalOptions(file=file)
        if variable:
            monkeypatch.setenv("APPROVED", text if isinstance(text, str) else text.decode())
        else:
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        return refusal(request(options))

    return gate


def request(options: ApprovalOptions) -> GateRequest[ApprovalOptions]:
    return GateRequest(service="price", stage="deploy", options=options, target="roll", package_digest=DIGEST)


def with_run(options: ApprovalOptions, **metrics: Json) -> GateRequest[ApprovalOptions]:
    run = Run(id="r", name="price", state="finished", started=NOW, metrics=metrics)
    return replace(request(options), run=run)


def refusal(asked: GateRequest[ApprovalOptions]) -> str:
    try:
        lading_gate(request=asked, context=CONTEXT)
    except Refused as refused:
        return refused.message
    return ""


@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("yes", ""),
        ("YES", ""),
        ("no\nyes", ""),
        (DIGEST, ""),
        (DIGEST.upper(), ""),
        (DIGEST[:12], ""),
        (f"{'f' * 64},{DIGEST}", ""),
        (f"{'f' * 64}\r\n  {DIGEST} # by phone\r\n", ""),
        ("", "approves nothing"),
        (" ,\n\t# yes\n", "approves nothing"),
        (f"# {DIGEST}", "approves nothing"),
        (DIGEST[:11], "approves only other packages"),
        (DIGEST[1:], "approves only other packages"),
        (DIGEST + "0", "approves only other packages"),
        ("yes!", "approves only other packages"),
        ("yes-terday", "approves only other packages"),
        ("yesterday", "approves only other packages"),
        ("ye s", "approves only other packages"),
    ],
)
def test_a_text_approves_one_package_all_or_none(gate: Gate, text: str, objection: str, variable: bool) -> None:
    found = gate(text, variable=variable)
    assert found.endswith(objection)
    assert bool(found) is bool(objection)


@settings(max_examples=30)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).filter(
        lambda text: "yes" not in text.lower()
    )
)
def test_no_other_text_approves(gate: Gate, text: str) -> None:
    assert "is not approved" in gate(text)


@settings(max_examples=30)
@given(
    length=st.integers(0, 64),
    before=st.sampled_from(["", "a ", "b\n"]),
    after=st.sampled_from(["", " a", "\n", "#x", ","]),
)
def test_twelve_digits_are_enough_and_fewer_are_not(gate: Gate, length: int, before: str, after: str) -> None:
    assert (gate(f"{before}{DIGEST[:length]}{after}") == "") is (length >= 12)


def test_a_refusal_names_the_package_the_target_and_the_next_step(tmp_path: Path) -> None:
    file = tmp_path / "it's approved"
    with pytest.raises(Refused) as caught:
        lading_gate(request=request(ApprovalOptions(file=file)), context=CONTEXT)
    what = f"the deploy of package {DIGEST[:12]} to 'roll' is not approved"
    assert caught.value.message == f"{what}: {file} approves nothing"
    assert caught.value.hint == f"to approve this package: echo {DIGEST} >> {shlex.quote(str(file))}"
    with pytest.raises(Refused) as caught:
        lading_gate(request=request(ApprovalOptions(variable="NOT_SET")), context=CONTEXT)
    assert caught.value.message == f"{what}: variable NOT_SET approves nothing"
    assert caught.value.hint == f"to approve this package: export NOT_SET={DIGEST}"


@pytest.mark.parametrize("stage", ["train", "register", "package"])
def test_other_stages_are_not_guarded(stage: str) -> None:
    assert refusal(replace(request(ApprovalOptions(variable="NOT_SET")), stage=stage)) == ""


@pytest.mark.parametrize(
    ("targets", "guarded"), [((), True), (("roll",), True), (("stop", "roll"), True), (("stop",), False)]
)
def test_the_named_targets_are_guarded(targets: tuple[str, ...], guarded: bool) -> None:
    assert bool(refusal(request(ApprovalOptions(variable="NOT_SET", targets=targets)))) is guarded


def test_a_file_that_is_not_text_is_bad_input(gate: Gate) -> None:
    with pytest.raises(BadInput, match="cannot be read: it is not text in UTF-8"):
        gate(b"\xff\xfe")


def test_a_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: is a directory"):
        lading_gate(request=request(ApprovalOptions(file=tmp_path)), context=CONTEXT)


def test_the_end_of_a_large_file_is_not_read(gate: Gate) -> None:
    assert gate("#" * (1 << 20) + "\nyes")
    assert gate("yes\n" + "#" * (1 << 20)) == ""


def test_a_command_approves_by_its_exit_code_and_receives_the_package(tmp_path: Path) -> None:
    script = 'printf "%s " "$1" $LADING_SERVICE $LADING_TARGET $LADING_PACKAGE_DIGEST; pwd; exit "$1"'
    for code in (0, 4):
        options = ApprovalOptions(command=("/bin/sh", "-c", script, "sh", str(code)))
        said = refusal(replace(request(options), folder=tmp_path))
        if code:
            assert said.endswith(f"/bin/sh ended with 4: 4 price roll {DIGEST} {tmp_path.resolve()}")
        else:
            assert said == ""


def test_a_missing_command_is_bad_input(tmp_path: Path) -> None:
    options = ApprovalOptions(command=("./nothing",))
    with pytest.raises(BadInput, match=r"the approval command \./nothing cannot be run: no such file or directory"):
        lading_gate(request=replace(request(options), folder=tmp_path), context=CONTEXT)


@settings(max_examples=60)
@given(
    value=st.floats(allow_nan=False, allow_infinity=False, width=32),
    bound=st.integers(-3, 3),
    sign=st.sampled_from([">=", ">", "<=", "<", "=="]),
)
def test_a_requirement_has_the_meaning_of_python(value: float, bound: int, sign: str) -> None:
    asked = with_run(ApprovalOptions(require={"r2": f"{sign} {bound}"}), r2=value)
    assert (refusal(asked) == "") is eval(f"value {sign} bound", {"value": value, "bound": bound})


@pytest.mark.parametrize(
    ("metrics", "refused"),
    [
        ({"r2": 0.5, "evaluation.r2": 0.95}, ""),
        ({"r2": 0.95, "evaluation.r2": 0.5}, "r2 0.5 (required >= 0.9)"),
        ({"r2": 0.95, "evaluation.r2": None}, "r2 is not finite (required >= 0.9)"),
        ({"r2": 0.95, "evaluation.compared.r2": 0.1, "evaluation.verdict": "passed"}, ""),
    ],
)
def test_results_of_the_evaluation_come_before_those_of_the_training(metrics: dict[str, Json], refused: str) -> None:
    asked = with_run(ApprovalOptions(require={"r2": ">= 0.9"}), **metrics)
    assert refused in refusal(asked)
    assert bool(refusal(asked)) is bool(refused)


def test_a_metric_that_is_not_a_number_does_not_exist() -> None:
    asked = with_run(ApprovalOptions(require={"note": ">= 0.9"}), note="0.95", passed=True, r2=1)
    with pytest.raises(BadInput, match="the model has no metric note; it has r2") as caught:
        refusal(asked)
    assert caught.value.option == "require.note"


def test_an_approver_is_asked_only_about_a_model_that_is_good_enough() -> None:
    options = ApprovalOptions(require={"r2": ">= 0.9"}, variable="NOT_SET")
    assert "is refused: r2 0.5" in refusal(with_run(options, r2=0.5))
    assert "variable NOT_SET approves nothing" in refusal(with_run(options, r2=0.9))
    assert refusal(replace(with_run(options, r2=0.5), stage="register")) == ""
    assert refusal(with_run(replace(options, targets=("stop",)), r2=0.5)) == ""


def test_a_metric_that_is_not_finite_is_refused() -> None:
    asked = with_run(ApprovalOptions(variable="APPROVED", require={"loss": "< 1"}), loss=None)
    assert "loss is not finite (required < 1)" in refusal(asked)


def test_a_command_gets_a_question_of_printable_text_alone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    options = ApprovalOptions(command=("sh", "-c", f'printf %s "$LADING_QUESTION" > {shlex.quote(str(seen))}'))
    asked = replace(with_run(options, **{"a\0b\x1b[2J\udc80": 1.0, "é": 2.0}), folder=tmp_path)
    assert refusal(asked) == ""
    assert "a b [2J  " in seen.read_text()
    assert "\n  é" in seen.read_text()
