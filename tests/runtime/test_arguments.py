"""The code in a call's arguments, however they are cut."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.runtime.arguments import NAMES, CodeArguments

CODE = 'print("hi\\n")\n# ✓ 😀 \\d \t"\'\nx = {"code": 1}\r\n'


def read(pieces: Iterable[str]) -> str:
    reader = CodeArguments()
    return "".join(reader.feed(piece) for piece in pieces) + reader.end()


def every_cut(text: str) -> Iterable[list[str]]:
    """The text in one piece, in two (every way), and in pieces of every length."""
    yield from ([text[:at], text[at:]] for at in range(len(text)))
    for size in range(1, len(text) + 1):
        yield [text[at : at + size] for at in range(0, len(text), size)]


ARGUMENTS = [
    (json.dumps({"code": CODE}), CODE),
    (json.dumps({"code": CODE}, ensure_ascii=False), CODE),
    (json.dumps({"language": "python", "x": [1, {"a": '}"'}], "code": CODE, "z": None}), CODE),
    (' \n{ "Code" : "x = 1" }\n', "x = 1"),
    ('{"input": "x", "code": "y"}', "x"),
    ('{"code": ["x = 1", "y = 2\\n", "x"], "language": "py"}', "x = 1\ny = 2\nx"),
    ('{"code": ["\\ud83d", "\\ud83d\\ude00!"]}', "\ufffd\n😀!"),
    ('"\\ud83d! \\ud83d\\ude00"', "\ufffd! 😀"),
    ('{"code": [1], "packages": ["a"]}', ""),
    ('{"query": "SELECT 1", "lang": "sql"}', "SELECT 1"),
    ('"print(1)\\n"', "print(1)\n"),
    ('"a".upper()', '"a".upper()'),
    ('"""A docstring."""\nx = 1', '"""A docstring."""\nx = 1'),
    ("print(1)", "print(1)"),
    ("\n\nimport os\n", "\n\nimport os\n"),
    ("{1: 2}", "{1: 2}"),
    ("{x for x in y}", "{x for x in y}"),
    ('{"code": "x = 1\ny = 2"}', "x = 1\ny = 2"),
    ('{"code": "re.match(r\'\\d+\')"}', "re.match(r'\\d+')"),
    ('{"code": "cut of', "cut of"),
    ('{"code": "cut \\u00e', "cut \\u00e"),
    ('{"code": "\\ud83d\\ude00 \\ud83d! \\ude00 \\ud83d"}', "😀 \ufffd! \ufffd \ufffd"),
    ('{"code": "x"} and more', "x"),
    ('{"code": ""}', ""),
    ("{}", ""),
    ("", ""),
]


@pytest.mark.parametrize(("arguments", "code"), ARGUMENTS)
def test_the_code_is_the_same_wherever_its_arguments_are_cut(arguments: str, code: str) -> None:
    for pieces in every_cut(arguments):
        assert read(pieces) == code, pieces


def test_halves_of_a_pair_that_come_apart_are_one_character() -> None:
    assert read(['{"code": "\ud83d', '\ude00"}']) == "😀"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(NAMES), st.booleans(), st.data())
def test_any_code_is_read_as_json_reads_it(code: str, name: str, ascii: bool, data: st.DataObject) -> None:
    arguments = json.dumps({"title": "t", name: code}, ensure_ascii=ascii)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(arguments)))))
    ends = [*cuts, len(arguments)]
    pieces = [arguments[start:end] for start, end in zip([0, *cuts], ends, strict=True)]
    assert read(pieces) == (code or "t")


@given(st.lists(st.text('{}[]":,\\ \nabcu0d8 code')))
def test_nothing_breaks_the_reader(pieces: list[str]) -> None:
    read(pieces)


def test_code_is_given_out_as_it_comes() -> None:
    reader = CodeArguments()
    assert [reader.feed(piece) for piece in ('{"co', 'de": "pri', "nt(1", ")\\", 'n"', "}")] == [
        "",
        "pri",
        "nt(1",
        ")",
        "\n",
        "",
    ]
