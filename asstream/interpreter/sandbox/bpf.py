"""A small assembler for seccomp filters: from rules with numbers to the bytes that the kernel loads.

Knows classic BPF and `struct seccomp_data`; nothing of which call is dangerous.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

# linux/bpf_common.h: class | size or operation | source
_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS: a word of struct seccomp_data
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

# linux/seccomp.h: offsets in struct seccomp_data, and verdicts
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16
ALLOW = 0x7FFF0000
KILL = 0x80000000  # the whole process, not the thread


def errno_verdict(number: int) -> int:
    """The verdict: the call is not made and fails with this errno; with 0 it seems to succeed."""
    return 0x00050000 | number


@dataclass(frozen=True, slots=True)
class Instruction:
    """A `struct sock_filter`. The jumps count instructions from the next one."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0

    def encoded(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.value)


@dataclass(frozen=True, slots=True)
class Condition:
    """What an argument of a call must be for its rule to apply.

    The kernel takes these arguments as 32-bit integers, so only their low words are compared: a high word
    would otherwise be a way around the rule.

    Attributes:
        argument: its position, from 0.
        values: it holds if the argument is one of these …
        among: … or, where this is False, none of these.
        mask: taken of the argument first.
    """

    argument: int
    values: tuple[int, ...]
    among: bool = True
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rule:
    """A verdict on a call, by its number: always, or if one of the conditions holds."""

    number: int
    verdict: int
    conditions: tuple[Condition, ...] = ()


def assemble(architecture: int, rules: Sequence[Rule], ceiling: int | None = None) -> bytes:
    """The filter: calls that no rule speaks of are allowed.

    Args:
        architecture: an AUDIT_ARCH_* number; a call in another one (int 0x80 on x86_64) kills the process.
        rules: what is denied. One rule for a number, with as many conditions as it needs.
        ceiling: call numbers from here on fail with ENOSYS (x32 on x86_64).
    """
    numbers = [rule.number for rule in rules]
    assert len(set(numbers)) == len(numbers), "a number with two rules: the second would never be seen"
    program = [
        Instruction(_LOAD, _ARCHITECTURE),
        Instruction(_EQUAL, architecture, if_true=1),
        Instruction(_RETURN, KILL),
        Instruction(_LOAD, _NUMBER),
    ]
    if ceiling is not None:
        program += [Instruction(_AT_LEAST, ceiling, if_false=1), Instruction(_RETURN, errno_verdict(38))]
    program += chain.from_iterable(map(_block, rules))
    program.append(Instruction(_RETURN, ALLOW))
    return b"".join(instruction.encoded() for instruction in program)


def _block(rule: Rule) -> list[Instruction]:
    """A rule: skipped whole if the number is another; else it ends in a verdict."""
    if rule.conditions:
        body = [*chain.from_iterable(_compared(condition, rule.verdict) for condition in rule.conditions)]
        body.append(Instruction(_RETURN, ALLOW))
    else:
        body = [Instruction(_RETURN, rule.verdict)]
    return [Instruction(_EQUAL, rule.number, if_false=len(body)), *body]


def _compared(condition: Condition, verdict: int) -> list[Instruction]:
    """Return the verdict if the condition holds, else fall through."""
    load = [Instruction(_LOAD, _ARGUMENTS + 8 * condition.argument)]
    if condition.mask != 0xFFFFFFFF:
        load.append(Instruction(_AND, condition.mask))
    count = len(condition.values)
    compares = [
        # From comparison i, the verdict is the instruction after the last comparison.
        Instruction(_EQUAL, value, if_true=count - 1 - i + (0 if condition.among else 1))
        for i, value in enumerate(condition.values)
    ]
    if condition.among:
        compares[-1] = Instruction(_EQUAL, condition.values[-1], if_false=1)
    return [*load, *compares, Instruction(_RETURN, verdict)]
