"""The machine that a filter runs on: for what can't be called here, and for other architectures."""

from __future__ import annotations

import struct
from collections.abc import Sequence

# linux/seccomp.h: struct seccomp_data
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
# linux/bpf_common.h
_LOAD, _AND, _RETURN, _EQUAL, _AT_LEAST = 0x20, 0x54, 0x06, 0x15, 0x35


def verdict(program: bytes, *, architecture: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What a filter answers to a call."""
    words = {_NUMBER: number, _ARCHITECTURE: architecture}
    for position, value in enumerate((*arguments, *[0] * 6)[:6]):
        words[_ARGUMENTS + 8 * position] = value & 0xFFFFFFFF
        words[_ARGUMENTS + 8 * position + 4] = value >> 32
    steps = list(struct.iter_unpack("=HBBI", program))
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == _LOAD:
            accumulator = words[value]
        elif code == _AND:
            accumulator &= value
        elif code == _RETURN:
            return int(value)
        else:
            assert code in (_EQUAL, _AT_LEAST), hex(code)
            holds = accumulator == value if code == _EQUAL else accumulator >= value
            at += if_true if holds else if_false
