from __future__ import annotations

import pytest

from asstream.search import check_filter
from asstream.search.filters import matches

ATTRIBUTES = {"year": 2024, "kind": "note", "draft": True}


def at(type: str, key: str, value: object) -> dict[str, object]:
    return {"type": type, "key": key, "value": value}


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (at("eq", "kind", "note"), True),
        (at("eq", "year", 2024.0), True),
        (at("eq", "draft", 1), False),
        (at("eq", "year", "2024"), False),
        (at("eq", "none", "note"), False),
        (at("ne", "none", "note"), True),
        (at("ne", "kind", "note"), False),
        (at("gt", "year", 2023), True),
        (at("gt", "year", 2024), False),
        (at("gte", "year", 2024), True),
        (at("lt", "kind", "o"), True),
        (at("lte", "year", "2024"), False),
        (at("lt", "none", 5), False),
        (at("in", "kind", ["letter", "note"]), True),
        (at("nin", "kind", ["letter", "note"]), False),
        (at("nin", "none", ["letter"]), True),
        ({"type": "and", "filters": [at("gt", "year", 2000), at("eq", "draft", True)]}, True),
        ({"type": "and", "filters": [at("gt", "year", 2000), at("eq", "draft", False)]}, False),
        ({"type": "or", "filters": [at("gt", "year", 3000), at("eq", "draft", True)]}, True),
    ],
)
def test_a_filter_holds_or_does_not(wanted: dict[str, object], passes: bool) -> None:
    check_filter(wanted)
    assert matches(wanted, ATTRIBUTES) is passes


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ([], "must be an object"),
        ({"type": "like", "key": "a", "value": "b"}, "'like'"),
        ({"type": [], "key": "a", "value": "b"}, "Invalid filter type"),
        (at("eq", "a", None), "'value'"),
        (at("gt", "a", True), "a number or a string"),
        (at("in", "a", "b"), "a list"),
        ({"type": "eq", "key": 1, "value": 1}, "'key'"),
        ({"type": "and", "filters": []}, "'filters'"),
        ({"type": "or", "filters": [{"type": "x"}]}, "'x'"),
    ],
)
def test_what_is_no_filter_says_why(wanted: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_filter(wanted)


def test_a_filter_has_an_end() -> None:
    wanted: dict[str, object] = at("eq", "a", 1)
    for _ in range(2000):
        wanted = {"type": "and", "filters": [wanted]}
    with pytest.raises(ValueError, match="levels deep"):
        check_filter(wanted)
