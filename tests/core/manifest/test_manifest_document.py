"""Parse text to values: refusals with their places, and the meaning of every scalar, anchor and merge key."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from tests.core.manifest.manifest_kit import HEAD, bound, problems

from lading import BadInput, ManifestError
from lading.manifest import parse, read
from lading.manifest.bind import bind_draft

REFUSED = {
    "empty": (b"", ["empty: a manifest starts with version and name"]),
    "comments alone": (b"# nothing\n", ["empty: a manifest starts with version and name"]),
    "a list": (b"\n- a\n", ["2:1: a manifest is a mapping: start with version and name"]),
    "text": (b"salary", ["1:1: a manifest is a mapping: start with version and name"]),
    "two documents": (HEAD.encode() + b"---\nversion: 1\n", ["4:1: a second document: a manifest holds one"]),
    "null bytes": (
        b"version: 1\nname: a\0b\0\n",
        [
            "2:8: the character U+0000 is not allowed: remove it",
            "2:10: the character U+0000 is not allowed: remove it",
        ],
    ),
    "a line separator": ("a: é\u2028b".encode(), ["1:5: the character U+2028 is not allowed: remove it"]),
    "an escape character": (b"a: \x1b[31m", ["1:4: the character U+001B is not allowed: remove it"]),
    "latin-1": (
        "a: caf\xe9\r\nb: \xfc".encode("latin-1"),
        [
            "1:7: not UTF-8 (byte 0xe9): save the text as UTF-8",
            "2:4: not UTF-8 (byte 0xfc): save the text as UTF-8",
        ],
    ),
    "a tab": (b"train:\n\tdata: x\n", ["2:1: a tab cannot indent or start a value: use spaces"]),
    "an open bracket": (
        b"a: [1,\nb: 2\n",
        ["3:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence from line 1"],
    ),
    "a variable without quotes": (
        b"a: {port: ${PORT}}\n",
        ['1:12: a variable between { } or [ ] needs quotes: "${NAME}"'],
    ),
    "an unknown alias": (b"a: *b\n", ["1:4: not YAML: found undefined alias 'b'"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unreadable_document_is_refused_at_its_place(name: str, tmp_path: Path) -> None:
    data, expected = REFUSED[name]
    assert problems(tmp_path, data) == expected


def test_utf_16_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD.encode("utf-16"))[0] == "1:1: not UTF-8 (byte 0xff): save the text as UTF-8"


def test_a_byte_order_mark_and_other_line_ends_are_read(tmp_path: Path) -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        data = codecs.BOM_UTF8 + HEAD.encode().replace(b"\n", end)
        assert problems(tmp_path, data) == []
        assert problems(tmp_path, data + b"prot: 1") == ["4:1: prot: unknown key"]


KEYS = """\
name: other
1: a
on: b
~: c
[a]: d
"x\\0": e
? {a: b}
: f
trian: {}
"""


def test_every_wrong_key_is_reported(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + KEYS) == [
        "4:1: name: duplicate key (the first is at line 2)",
        '5:1: a key must be text: quote it, "1"',
        '6:1: a key must be text: quote it, "on"',
        '7:1: a key must be text: quote it, "~"',
        "8:1: a key must be text, and not a list or a mapping",
        "9:1: a key must be text: the character U+0000 is not allowed: remove it",
        "10:3: a key must be text, and not a list or a mapping",
        "12:1: trian: unknown key (did you mean train?)",
    ]


def test_a_number_is_a_key_inside_the_value_of_an_option(tmp_path: Path) -> None:
    weights = "train: {params: {class_weight: {0: 1, -1: 2, 0.5: 3, True: 4, on: 5, ~: 6, [a]: 7, '0': 8}}}\n"
    found = [problem for problem in problems(tmp_path, HEAD + weights) if "class_weight" in problem]
    assert found == [
        '4:63: train.params.class_weight: a key must be text: quote it, "on"',
        '4:70: train.params.class_weight: a key must be text: quote it, "~"',
        "4:76: train.params.class_weight: a key must be text, and not a list or a mapping",
        "4:84: train.params.class_weight.0: duplicate key (the first is at line 4)",
    ]


VALUES = [
    ("", None),
    ("~", None),
    ("null", None),
    ("true", True),
    ("False", False),
    ("0", 0),
    ("-12", -12),
    ("+7", 7),
    ("0x1F", 31),
    (str(2**64 - 1), 2**64 - 1),
    ("1.10", 1.1),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("-2.5e-3", -0.0025),
    ("'no'", "no"),
    ('"1.10"', "1.10"),
    ("y", "y"),
    ("n", "n"),
    ("1.2.3", "1.2.3"),
    ("--", "--"),
    (".", "."),
    ("2024-02-29", "2024-02-29"),
    ("2024-02-30-model", "2024-02-30-model"),
    ("12:75", "12:75"),
    ("$(touch x)", "$(touch x)"),
    ("'{{ x }}'", "{{ x }}"),
    ("../up", "../up"),
    ("-rf", "-rf"),
    (r'"a\nb\tc"', "a\nb\tc"),
    ("!!str 1.10", "1.10"),
    ("!!int '3'", 3),
    ("!!float 3", 3.0),
    ("!!null ''", None),
    ("[1, [x]]", [1, ["x"]]),
    ("{a: {b: }}", {"a": {"b": None}}),
    ("|\n        two\n        lines", "two\nlines\n"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_value_is_read_as_yaml_1_2(text: str, value: object, tmp_path: Path) -> None:
    manifest = bound(tmp_path, f"{HEAD}package:\n  samples:\n    - response: 0\n      request: {text}\n")
    request = manifest.samples[0].request
    assert (type(request), request) == (type(value), value)


AMBIGUOUS = [
    ("no", 'no is read as a boolean by YAML 1.1: write false, or "no" for text'),
    ("On", 'On is read as a boolean by YAML 1.1: write true, or "On" for text'),
    ("010", "010 is octal or binary to some YAML readers: write it in decimal, or quote it"),
    ("0o17", "0o17 is octal or binary to some YAML readers: write it in decimal, or quote it"),
    ("0b11", "0b11 is octal or binary to some YAML readers: write it in decimal, or quote it"),
    ("22:30", "22:30 is a number in base 60 to some YAML readers: quote it"),
    ("1_000", '"1_000" is a number to some YAML readers: write it in plain decimal, or quote it'),
    ("2024-02-30", '"2024-02-30" is not a date (day is out of range for month): quote it if it is text'),
    (".inf", ".inf is not a number that JSON has: write a finite one, or quote it"),
    ("-.INF", "-.INF is not a number that JSON has: write a finite one, or quote it"),
    (".NaN", ".NaN is not a number that JSON has: write a finite one, or quote it"),
    ("1e999", '"1e999" is too large for a float'),
    (str(2**64), "an integer of more than 64 bits, 20 characters long: quote it if it is text"),
    ("!!int x", '"x" is not of the type that its tag !!int names'),
    ("!!python/name:os.system ''", 'the tag "tag:yaml.org,2002:python/name:os.system" is not allowed: remove it'),
    ("!env X", 'the tag "!env" is not allowed: remove it'),
    ("!!set {}", 'the tag "tag:yaml.org,2002:set" is not allowed: remove it'),
    (r'"\e[31m"', "the character U+001B is not allowed: remove it"),
]


@pytest.mark.parametrize(("text", "message"), AMBIGUOUS)
def test_a_value_that_readers_disagree_on_is_a_problem(text: str, message: str, tmp_path: Path) -> None:
    document = f"{HEAD}package:\n  samples:\n    - response: 0\n      request: {text}\n"
    assert problems(tmp_path, document) == [f"7:16: package.samples.0.request: {message}"]


MERGED = """\
package:
  samples:
    - &base {request: 1, response: {x: 1, y: 2}}
    - {<<: *base, request: 2}
    - {request: 3, <<: [{response: 3, tolerance: 0.5}, *base]}
    - *base
"""


def test_anchors_and_merge_keys_have_their_yaml_meaning(tmp_path: Path) -> None:
    samples = bound(tmp_path, HEAD + MERGED).samples
    values = [(sample.request, sample.response, sample.tolerance) for sample in samples]
    shared = {"x": 1, "y": 2}
    assert values == [(1, shared, 1e-6), (2, shared, 1e-6), (3, 3, 0.5), (1, shared, 1e-6)]


def test_a_problem_in_a_merged_block_is_at_the_line_it_comes_from(tmp_path: Path) -> None:
    text = "targets:\n  local: &local\n    prot: 1\n  other: {plugin: local, service_name: other, <<: *local}\n"
    assert problems(tmp_path, HEAD + text) == [
        "6:5: targets.local.prot: unknown key (did you mean port?)",
        "6:5: targets.other.prot: unknown key (did you mean port?)",
    ]


def test_a_merge_of_something_else_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD + "package: {<<: [1]}\nregister: {}\n") == [
        "4:15: package.<<: << merges a mapping, or a list of mappings",
        "5:1: register: duplicate key (the first is at line 3)",
    ]


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such manifest: .*absent\.yaml"):
        read(tmp_path / "absent.yaml", {})
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        read(tmp_path, {})


def test_a_known_document_is_parsed_again_only_for_the_place_of_a_problem(tmp_path: Path) -> None:
    class Memory(dict[str, Any]):
        def put(self, key: str, stage: str, output: Any) -> None:
            self[key] = output

    file, memory = tmp_path / "lading.yaml", Memory()
    text = b"version: 1\nname: shop\nregister: {file: nowhere.bin}\n"
    first = parse(file, text, {}, memory)
    (known,) = memory.values()
    assert known == {"version": 1, "name": "shop", "register": {"file": "nowhere.bin"}}
    again = parse(file, text, {}, memory)
    assert (again.value, again.sections()) == (first.value, first.sections())
    with pytest.raises(ManifestError, match=r"lading\.yaml:3:18: register\.file: no such file"):
        bind_draft(again, {}, known_valid=True)
    with pytest.raises(ManifestError, match="name: duplicate key"):
        bind_draft(parse(file, text + b"name: shop\n", {}, memory), {})
    assert len(memory) == 1
