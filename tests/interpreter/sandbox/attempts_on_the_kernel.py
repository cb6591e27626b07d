"""Attempts: on the kernel, and on the memory of the machine."""

from __future__ import annotations

import platform
import sys

from asstream.interpreter.sandbox.confine import landlock_abi
from tests.interpreter.sandbox.attempt import Attempt

_NEEDS = {
    "landlock_create_ruleset": "/proc" if sys.platform == "linux" and landlock_abi() > 0 else "Landlock",
    "init_module": "/proc/modules",
    "kexec_load": "/sys/kernel/kexec_loaded",
}

KERNEL = [
    *(
        Attempt(
            f"call {name}",
            f'asked("{name}", {arguments})',
            control=control,
            needs=_NEEDS.get(name, "/proc"),
        )
        for name, arguments, control in (
            ("keyctl", "0, -3, 0, 0, 0", "user"),
            ("add_key", 'b"user", b"x", b"y", 1, -3', "user"),
            ("userfaultfd", "1", "user"),
            ("io_uring_setup", '1, b"\\0" * 120', "user"),
            ("memfd_create", 'b"x", 0', "user"),
            ("splice", "-1, None, -1, None, 1, 0", "user"),
            ("tee", "-1, -1, 1, 0", "user"),
            ("vmsplice", "-1, None, 0, 0", "user"),
            ("sendfile", "-1, -1, None, 1", "user"),
            ("landlock_create_ruleset", "None, 0, 1", "user"),
            ("shmget", "0, 4096, 0o600", "user"),
            ("msgget", "-2, 0", "user"),
            ("semget", "-2, 1, 0", "user"),
            ("mq_open", "None, 0", "user"),
            ("move_pages", 'facts["victim"], 0, None, None, None, 0', "user"),
            ("kcmp", 'facts["victim"], facts["victim"], 0, 0, 0', "user"),
            ("personality", "0xFFFFFFFF", "user"),
            ("setns", "0, 0", "user"),
            ("bpf", "0, None, 0", "root"),
            ("perf_event_open", "None, 0, -1, -1, 0", "user"),
            ("mount", 'b"x", b"/nowhere", b"tmpfs", 0, None', "root"),
            ("umount2", 'b"/nowhere", 0', "root"),
            ("pivot_root", 'b"/nowhere", b"/nowhere"', "root"),
            ("chroot", 'b"/nowhere"', "user"),
            ("open_tree", '-100, b"/nowhere", 0', "user"),
            ("fsopen", 'b"nothing", 0', "root"),
            ("move_mount", '-1, b"", -1, b"", 4', "root"),
            ("open_by_handle_at", "-1, None, 0", "root"),
            ("init_module", "None, 0, None", "root"),
            ("kexec_load", "0, 9999, None, 0", "root"),
            ("swapon", 'b"/nowhere", 0', "root"),
            ("syslog", "10, None, 0", "root"),
            ("sethostname", "None, -1", "root"),
            ("quotactl", "0, None, 0, None", "user"),
            ("fanotify_init", "0x200, 0", "user"),
        )
    ),
    Attempt("change the discipline of a terminal", 'asked("ioctl", 0, 0x5423, b"x")'),
    Attempt("type into a terminal", 'asked("ioctl", 0, 0x5412, b"x")'),
    Attempt("type into a terminal with a high word", 'asked("ioctl", 0, (1 << 32) | 0x5412, b"x")'),
    Attempt("make a namespace of users", 'asked("unshare", 0x10000000)'),
    Attempt(
        "make a namespace of users by clone",
        """
        child = call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
        if not child: os._exit(0)
        os.waitpid(child, 0)
        """,
    ),
    Attempt(
        "make a namespace of users by clone3",
        """
        child = call("clone3", struct.pack("=11Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, *[0] * 6), 88)
        if not child: os._exit(0)
        os.waitpid(child, 0)
        """,
    ),
]

if platform.machine() == "x86_64":
    KERNEL.append(
        Attempt(
            "call in the way of 32 bits",
            r"""
            import mmap
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid by int 0x80
            code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
            code() == os.getpid()
            """,
        )
    )


SIZES = [
    Attempt(
        f"fill {folder}",
        f"""
        path = f"{folder}/attempt-{{os.getpid()}}"
        try:
            with open(path, "wb") as file:
                for _ in range(80):
                    file.write(bytes(1 << 20))
            size = os.path.getsize(path)
        finally:
            if os.path.exists(path): os.unlink(path)
        size
        """,
    )
    for folder in ("/tmp", "/dev/shm")
]
