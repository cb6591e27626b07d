"""Rules become programs that answer as the rules say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asstream.interpreter.sandbox.bpf import ALLOW, KILL, Condition, Rule, assemble, errno_verdict
from tests.interpreter.sandbox.machine import verdict

ARCHITECTURE = 7
DENIED = errno_verdict(1)


def answer(
    *rules: Rule, number: int, arguments: tuple[int, ...] = (), architecture: int = ARCHITECTURE
) -> int:
    program = assemble(ARCHITECTURE, rules, ceiling=1000)
    return verdict(program, architecture=architecture, number=number, arguments=arguments)


@pytest.mark.parametrize(
    ("number", "architecture", "expected"),
    [
        (1, ARCHITECTURE, ALLOW),
        (2, ARCHITECTURE, DENIED),
        (3, ARCHITECTURE, ALLOW),
        (2, 8, KILL),
        (1, 8, KILL),
        (999, ARCHITECTURE, ALLOW),
        (1000, ARCHITECTURE, errno_verdict(38)),
        (0xFFFFFFFF, ARCHITECTURE, errno_verdict(38)),
    ],
)
def test_a_call_is_judged_by_its_number_and_architecture(
    number: int, architecture: int, expected: int
) -> None:
    assert answer(Rule(2, DENIED), number=number, architecture=architecture) == expected


@pytest.mark.parametrize(
    ("test", "argument", "denied"),
    [
        (Condition(1, (5, 6)), 5, True),
        (Condition(1, (5, 6)), 6, True),
        (Condition(1, (5, 6)), 7, False),
        (Condition(1, (5, 6), among=False), 5, False),
        (Condition(1, (5, 6), among=False), 6, False),
        (Condition(1, (5, 6), among=False), 7, True),
        (Condition(1, (5,)), (1 << 32) | 5, True),  # a high word changes nothing
        (Condition(1, (0,), among=False, mask=0b1100), 0b0011, False),
        (Condition(1, (0,), among=False, mask=0b1100), 0b0111, True),
        (Condition(1, (0b0100,), mask=0b1100), 0b0111, True),
    ],
)
def test_a_call_is_judged_by_an_argument(test: Condition, argument: int, denied: bool) -> None:
    found = answer(Rule(2, DENIED, (test,)), number=2, arguments=(99, argument))
    assert found == (DENIED if denied else ALLOW)


@pytest.mark.parametrize(("arguments", "denied"), [((1, 9), True), ((0, 2), True), ((0, 9), False)])
def test_one_of_several_tests_is_enough(arguments: tuple[int, ...], denied: bool) -> None:
    rule = Rule(2, DENIED, (Condition(0, (1,)), Condition(1, (2,))))
    assert answer(rule, number=2, arguments=arguments) == (DENIED if denied else ALLOW)


@given(st.sets(st.integers(0, 500), min_size=1, max_size=200), st.integers(0, 500))
def test_only_the_numbers_with_a_rule_are_denied(numbers: set[int], number: int) -> None:
    found = answer(*(Rule(each, DENIED) for each in numbers), number=number)
    assert found == (DENIED if number in numbers else ALLOW)


def test_a_number_has_one_rule() -> None:
    with pytest.raises(AssertionError, match="two rules"):
        assemble(ARCHITECTURE, [Rule(2, DENIED), Rule(2, ALLOW)])
