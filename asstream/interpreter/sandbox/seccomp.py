"""Which system calls the code may not make: one table, for each architecture that we know.

Everything else is allowed: an interpreter with compiled packages needs more calls than a list could foresee.
What is denied has no use in a notebook, and either reaches out of the sandbox or has let programs out of
one before. The numbers are those of the kernel's own headers.
"""

from __future__ import annotations

import errno
import platform
from dataclasses import dataclass

from asstream.interpreter.sandbox.bpf import Condition, Rule, assemble, errno_verdict

AF_UNIX = 1
SOCK_DGRAM, SOCK_RAW = 2, 3

# sched.h: every CLONE_NEW* that clone(2) takes (time is not among them: its bit is the exit signal's), and
# CLONE_PARENT, which makes children of our own process.
_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_PARENT = 0x00008000
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_TIOCSETD = 0x5423
_PR_SET_PDEATHSIG = 1
_SO_SNDBUF = 7


@dataclass(frozen=True, slots=True)
class Architecture:
    """How an architecture is named in a filter, and from which number on its calls are another ABI's."""

    audit: int
    ceiling: int | None = None


ARCHITECTURES = {
    "x86_64": Architecture(audit=0xC000003E, ceiling=0x40000000),  # from there on: x32
    "aarch64": Architecture(audit=0xC00000B7),
}

Numbers = tuple[int | None, int | None]
"""On x86_64 and on aarch64; None where there is no such call."""

REFUSED: dict[str, Numbers] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # the kernel's own machines
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    # keyrings outlive the process and are shared by the user's sessions
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # mounts, namespaces and ways around paths
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    # memory that belongs to no process, or that no watchdog sees
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # the machine
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "personality": (135, 92),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "_sysctl": (156, None),
    "sysfs": (139, None),
    "ustat": (136, None),
}
"""Refused with EPERM, whatever the arguments."""

ABSENT: dict[str, Numbers] = {
    "clone3": (435, 435),  # its flags lie in memory, where no filter sees them; callers fall back to clone
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # A pipe or a socket keeps the whole of a large page for one byte of it, which counts nowhere.
    "splice": (275, 76),
    "tee": (276, 77),
    "vmsplice": (278, 75),
    "sendfile": (40, 71),
    # Rules are memory of the system, and there may be millions.
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
"""As if the kernel did not know them: callers have another way then."""

_FOREIGN_FAMILY = Condition(0, (AF_UNIX,), among=False)

WEIGHED: dict[str, tuple[Numbers, tuple[Condition, ...]]] = {
    "clone": ((56, 220), (Condition(0, (0,), among=False, mask=_NAMESPACES | _PARENT),)),
    "socket": ((41, 198), (_FOREIGN_FAMILY,)),
    "socketpair": ((53, 199), (_FOREIGN_FAMILY,)),
    "ioctl": (
        (16, 29),
        (Condition(1, (_TIOCSTI, _TIOCLINUX, _TIOCSETD)),),
    ),  # typing into a terminal, changing its discipline
}
"""Refused with EPERM where one of the conditions holds."""

PRETENDED: dict[str, tuple[Numbers, tuple[Condition, ...]]] = {
    # What waits in a socket is memory that counts by the number of sockets. None but Unix's are there, and
    # no other level than their own has an option.
    "setsockopt": ((54, 208), (Condition(2, (_SO_SNDBUF,)),)),
}
"""Not done, but said to be done, where one of the conditions holds."""

_DATAGRAM = Condition(1, (SOCK_DGRAM, SOCK_RAW), mask=0xF)  # of Unix, the raw ones are of datagrams too
_OTHER_PROCESS = Condition(0, (0,), among=False)

LANDLOCK_WEIGHED: dict[str, tuple[Numbers, tuple[Condition, ...]]] = {
    # A socket has an address in the file system, which Landlock (ABI 6) does not look at. Whoever can't
    # connect still could send to an address, but only by datagram.
    "connect": ((42, 203), ()),
    "socket": ((41, 198), (_FOREIGN_FAMILY, _DATAGRAM)),
    "socketpair": ((53, 199), (_FOREIGN_FAMILY, _DATAGRAM)),
    # The signal that ends it when we do.
    "prctl": ((157, 167), (Condition(0, (_PR_SET_PDEATHSIG,)),)),
    # Watching is reading names.
    "inotify_add_watch": ((254, 27), ()),
    # Limits of another process of the same user: a limit of CPU time kills it.
    "prlimit64": ((302, 261), (_OTHER_PROCESS,)),
    "setpriority": ((141, 140), (Condition(0, (0,), among=False), Condition(1, (0,), among=False))),
    "ioprio_set": ((251, 30), (Condition(0, (1,), among=False), Condition(1, (0,), among=False))),
}
"""Beyond `WEIGHED`, and instead of it for the same call: what Landlock leaves open."""

LANDLOCK_PRETENDED: dict[str, tuple[Numbers, tuple[Condition, ...]]] = {
    # Landlock lets a user change mode, owner and times of every file that is theirs.
    "chmod": ((90, None), ()),
    "fchmod": ((91, 52), ()),
    "fchmodat": ((268, 53), ()),
    "fchmodat2": ((452, 452), ()),
    "chown": ((92, None), ()),
    "lchown": ((94, None), ()),
    "fchown": ((93, 55), ()),
    "fchownat": ((260, 54), ()),
    "utime": ((132, None), ()),
    "utimes": ((235, None), ()),
    "futimesat": ((261, None), ()),
    "utimensat": ((280, 88), ()),
    "setxattr": ((188, 5), ()),
    "lsetxattr": ((189, 6), ()),
    "fsetxattr": ((190, 7), ()),
    "setxattrat": ((463, 463), ()),
    "removexattr": ((197, 14), ()),
    "lremovexattr": ((198, 15), ()),
    "fremovexattr": ((199, 16), ()),
    "removexattrat": ((466, 466), ()),
    "file_setattr": ((469, 469), ()),
    # Whatever the kernel starts stays in its group of processes, and ends with it.
    "setsid": ((112, 157), ()),
    "setpgid": ((109, 154), ()),
    # Schedules of other processes of the same user; a thread's own number is not zero either, and libzmq
    # aborts where this fails.
    "sched_setaffinity": ((203, 122), (_OTHER_PROCESS,)),
    "sched_setscheduler": ((144, 119), (_OTHER_PROCESS,)),
    "sched_setparam": ((142, 118), (_OTHER_PROCESS,)),
    "sched_setattr": ((314, 274), (_OTHER_PROCESS,)),
}
"""Not done, but said to be done, under Landlock: `shutil.copy` would fail otherwise."""

_EPERM = errno_verdict(errno.EPERM)
_ENOSYS = errno_verdict(errno.ENOSYS)
_PRETEND = errno_verdict(0)


def filter_program(*, landlock: bool = False, machine: str = "") -> bytes:
    """The filter of an architecture, by the name that `uname -m` gives it: this machine's, if none is named.

    Raises KeyError for an architecture whose numbers we do not know.
    """
    name = machine or platform.machine()
    architecture = ARCHITECTURES[name]
    column = list(ARCHITECTURES).index(name)
    denials: dict[str, tuple[Numbers, int, tuple[Condition, ...]]] = {
        **{call: (numbers, _EPERM, ()) for call, numbers in REFUSED.items()},
        **{call: (numbers, _ENOSYS, ()) for call, numbers in ABSENT.items()},
        **{call: (numbers, _EPERM, conditions) for call, (numbers, conditions) in WEIGHED.items()},
        **{call: (numbers, _PRETEND, conditions) for call, (numbers, conditions) in PRETENDED.items()},
    }
    if landlock:
        denials |= {
            call: (numbers, _EPERM, conditions) for call, (numbers, conditions) in LANDLOCK_WEIGHED.items()
        }
        denials |= {
            call: (numbers, _PRETEND, conditions)
            for call, (numbers, conditions) in LANDLOCK_PRETENDED.items()
        }
    rules = [
        Rule(number, verdict, conditions)
        for numbers, verdict, conditions in denials.values()
        if (number := numbers[column]) is not None
    ]
    return assemble(architecture.audit, rules, architecture.ceiling)
