"""What is no attack goes on working in every sandbox."""

from __future__ import annotations

import pytest

from tests.interpreter.sandbox.attempt import MODES
from tests.interpreter.sandbox.conftest import Results
from tests.interpreter.sandbox.uses import USES, Use


@pytest.mark.parametrize(
    ("mode", "use"),
    [pytest.param(mode, use, id=f"{mode}-{use.name}") for mode in MODES for use in USES if mode in use.modes],
)
def test_it_works(results: Results, mode: str, use: Use) -> None:
    programs = {each.name: each.program for each in USES if mode in each.modes}
    assert results("uses", mode, programs)[use.name] == {"code": 0, "out": "WORKS\n"}
