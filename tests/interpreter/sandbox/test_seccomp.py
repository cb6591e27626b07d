"""The filter denies by the right numbers, on every architecture that we know."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from asstream.interpreter.sandbox.bpf import ALLOW, KILL, errno_verdict
from asstream.interpreter.sandbox.seccomp import (
    ABSENT,
    ARCHITECTURES,
    LANDLOCK_PRETENDED,
    LANDLOCK_WEIGHED,
    PRETENDED,
    REFUSED,
    WEIGHED,
    Numbers,
    filter_program,
)
from tests.interpreter.sandbox.machine import verdict

MACHINES = list(ARCHITECTURES)
EPERM, ENOSYS, DONE = errno_verdict(errno.EPERM), errno_verdict(errno.ENOSYS), errno_verdict(0)

NUMBERS: dict[str, Numbers] = {
    **REFUSED,
    **ABSENT,
    **{
        name: numbers
        for table in (WEIGHED, PRETENDED, LANDLOCK_WEIGHED, LANDLOCK_PRETENDED)
        for name, (numbers, _) in table.items()
    },
}

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+)\s+(\d+)"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+)\s+(\d+)"),
}


def answer(machine: str, name: str, *arguments: int, landlock: bool = False) -> int:
    number = NUMBERS[name][MACHINES.index(machine)]
    assert number is not None
    program = filter_program(landlock=landlock, machine=machine)
    return verdict(program, architecture=ARCHITECTURES[machine].audit, number=number, arguments=arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    header, pattern = HEADERS[machine]
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    known = {name: int(number) for name, number in re.findall(pattern, header.read_text())}
    column = MACHINES.index(machine)
    ours = {name: numbers[column] for name, numbers in NUMBERS.items() if name in known}
    assert ours == {name: known[name] for name in ours}
    assert len(ours) > 80
    absent = {name for name, numbers in NUMBERS.items() if numbers[column] is None}
    assert not absent & known.keys()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("landlock", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("ptrace", (), EPERM),
        ("unshare", (), EPERM),
        ("init_module", (), EPERM),  # few kernels that tests run on have these
        ("kexec_load", (), EPERM),
        ("clone3", (), ENOSYS),
        ("io_uring_setup", (), ENOSYS),
        ("memfd_create", (), ENOSYS),
        *((name, (), ENOSYS) for name in ("splice", "tee", "vmsplice", "sendfile", "landlock_add_rule")),
        ("setsockopt", (0, 1, 7), DONE),  # SO_SNDBUF
        ("setsockopt", (0, 1, 2), ALLOW),
        ("socket", (1, 1), ALLOW),
        ("socket", (2, 1), EPERM),
        ("socket", (10, 2), EPERM),
        ("socket", (38, 5), EPERM),  # AF_ALG
        ("socket", (40, 1), EPERM),  # AF_VSOCK
        ("socketpair", (1, 1), ALLOW),
        ("clone", (0x3D0F00,), ALLOW),  # a thread
        ("clone", (17,), ALLOW),  # a fork
        *(("clone", (17 | 1 << bit,), EPERM) for bit in (15, 17, 25, 26, 27, 28, 29, 30)),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),
        ("ioctl", (0, 0x541C), EPERM),
        ("ioctl", (0, 1 << 32 | 0x5412), EPERM),
    ],
)
def test_a_call_is_answered(
    machine: str, landlock: bool, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert answer(machine, name, *arguments, landlock=landlock) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "alone", "with_landlock"),
    [
        ("connect", (), ALLOW, EPERM),
        ("socket", (1, 2), ALLOW, EPERM),
        ("socket", (1, 2 | 0o2000000), ALLOW, EPERM),  # SOCK_CLOEXEC
        ("fchmod", (), ALLOW, DONE),
        ("prlimit64", (0,), ALLOW, ALLOW),
        ("prlimit64", (1,), ALLOW, EPERM),
        ("setpriority", (0, 0), ALLOW, ALLOW),
        ("setpriority", (2, 0), ALLOW, EPERM),
        ("sched_setscheduler", (0,), ALLOW, ALLOW),
        ("sched_setscheduler", (5,), ALLOW, DONE),
        ("prctl", (1,), ALLOW, EPERM),
        ("prctl", (15,), ALLOW, ALLOW),
    ],
)
def test_landlock_needs_more(
    machine: str, name: str, arguments: tuple[int, ...], alone: int, with_landlock: int
) -> None:
    assert answer(machine, name, *arguments) == alone
    assert answer(machine, name, *arguments, landlock=True) == with_landlock


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_is_the_end(machine: str) -> None:
    for audit in (0x40000003, 0x40000028):  # i386, arm: what runs on these machines too
        assert verdict(filter_program(machine=machine), architecture=audit, number=20) == KILL


def test_x32_is_not_there() -> None:
    x86 = ARCHITECTURES["x86_64"].audit
    for number in (0x40000000, 0x40000000 | 41, 0xFFFFFFFF):
        assert verdict(filter_program(machine="x86_64"), architecture=x86, number=number) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("landlock", [False, True])
def test_the_kernel_takes_a_program_of_this_length(machine: str, landlock: bool) -> None:
    program = filter_program(landlock=landlock, machine=machine)
    assert len(program) % 8 == 0 and len(program) // 8 < 4096


def test_an_architecture_that_we_do_not_know_has_no_filter() -> None:
    with pytest.raises(KeyError):
        filter_program(machine="riscv64")
