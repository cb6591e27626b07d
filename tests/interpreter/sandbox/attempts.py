"""What code may try, each a small program. It runs in the sandbox, and without one where it must succeed.

A program defines `attempt()`: evidence that it got out, or nothing, or an OSError. `facts` tells it where the
host's things are (`host.py`), which a real attacker would have to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

BUBBLEWRAP = ("bubblewrap-user", "bubblewrap-root")
LANDLOCK = ("landlock-user", "landlock-root")
MODES = (*BUBBLEWRAP, *LANDLOCK)

PRELUDE = '''
import ctypes, errno, json, os, resource, signal, socket, stat, struct, subprocess, sys
facts = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    """A system call, past the C library: its result; raises OSError."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(facts["numbers"][name]), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)
    return result

def asked(name, *arguments):
    """Evidence that the kernel looked at a call: anything but the two answers of the filter."""
    try:
        return f"{name} gave {call(name, *arguments)}"
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise
        return f"{name} was looked at: {error}"
'''

EPILOGUE = """
try:
    evidence = attempt()
except OSError as error:
    print("CONTAINED", repr(error))
else:
    print("ESCAPED" if evidence else "CONTAINED", evidence)
"""


@dataclass(frozen=True)
class Attempt:
    """A try to get out.

    Attributes:
        promised: the modes in which it must be contained.
        control: whose try it is without a sandbox, where it must succeed; None where that would do harm, or
            where not every kernel has what it tries.
    """

    name: str
    body: str
    promised: tuple[str, ...] = MODES
    control: Literal["user", "root"] | None = "user"

    @property
    def program(self) -> str:
        body = dedent(self.body).strip()
        lines = [*body.splitlines()[:-1], "return " + body.splitlines()[-1]]
        return PRELUDE + "def attempt():\n    " + "\n    ".join(lines) + "\n" + EPILOGUE


FILES = [
    Attempt("read a key in a home", 'open(facts["secret"]).read()'),
    Attempt("list a home", 'os.listdir(os.path.dirname(facts["secret"]))'),
    Attempt(
        "read a key through a link in the data folder",
        """
        os.symlink(facts["secret"], "link")
        open("link").read()
        """,
    ),
    Attempt(
        "read a key under a second name",
        """
        os.link(facts["target"], "second")
        os.stat("second").st_nlink
        """,
    ),
    Attempt("write a file of the host", 'open(facts["target"], "r+").write("x")'),
    Attempt(
        "cut a file of the host",
        """
        os.truncate(facts["target"], 0)
        "cut"
        """,
    ),
    Attempt(
        "remove a file of the host",
        """
        os.unlink(facts["target"])
        "removed"
        """,
    ),
    Attempt(
        "move a file of the host into the data folder",
        """
        os.rename(facts["target"], "moved")
        "moved"
        """,
    ),
    *(
        Attempt(
            f"create a file in {name}",
            f"""
            path = os.path.join({folder}, f"attempt-{{os.getpid()}}")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.unlink(path)
            path
            """,
            control="root",
        )
        for name, folder in {
            "the root": '"/"',
            "/etc": '"/etc"',
            "/usr": '"/usr"',
            "/dev": '"/dev"',
            "/run": '"/run"',
            "the standard library": "os.path.dirname(os.__file__)",
            "site-packages": 'facts["site"]',
        }.items()
    ),
    Attempt("write the script that it was started from", 'open(facts["script"], "r+").write("x")'),
    Attempt("open the interpreter for writing", "os.open(os.__file__, os.O_WRONLY)", control="root"),
    Attempt(
        "change the mode of a file of the host",
        """
        before = os.stat(facts["target"]).st_mode
        os.chmod(facts["target"], 0o604)
        os.stat(facts["target"]).st_mode != before
        """,
    ),
    Attempt(
        "change the times of a file of the host",
        """
        os.utime(facts["target"], (1, 1))
        os.stat(facts["target"]).st_mtime == 1
        """,
    ),
    Attempt(
        "watch the names in a home",
        """
        watch = libc.inotify_add_watch(libc.inotify_init(), os.path.dirname(facts["secret"]).encode(), 0x100)
        watch >= 0
        """,
    ),
    Attempt(
        "make the disk's device",
        """
        os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
        os.stat("disk").st_rdev
        """,
        control="root",
    ),
    Attempt(
        "gain by a setuid program", 'int(open("/proc/self/status").read().split("NoNewPrivs:")[1][:3]) == 0'
    ),
    Attempt(
        "open a folder by its handle", 'asked("name_to_handle_at", -100, b".", b"\\0" * 8, b"\\0" * 8, 0)'
    ),
    *(
        Attempt(f"open {path} for writing", f'os.open("{path}", os.O_WRONLY) > 0', control=control)
        for path, control in (
            ("/proc/sys/kernel/core_pattern", "root"),
            ("/proc/sys/kernel/modprobe", None),
            ("/proc/sysrq-trigger", None),
        )
    ),
]

OTHERS = [
    Attempt("be root", "0 in (*os.getresuid(), *os.getresgid(), *os.getgroups())", control="root"),
    Attempt(
        "hold a capability",
        """
        status = open("/proc/self/status").read()
        [name for name in ("Inh", "Prm", "Eff", "Amb") if int(status.split(f"Cap{name}:")[1].split()[0], 16)]
        """,
        promised=BUBBLEWRAP,
        control="root",
    ),
    Attempt(
        "find a secret in an environment",
        """
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                found += [name] * (facts["token"].encode() in open(f"/proc/{name}/environ", "rb").read())
            except OSError:
                pass
        found
        """,
    ),
    Attempt(
        "read the environment of a process",
        'facts["token"] in open(f"/proc/{facts[\'victim\']}/environ").read()',
    ),
    Attempt(
        "read the arguments of a process",
        'facts["token"] in open(f"/proc/{facts[\'victim\']}/cmdline").read()',
    ),
    Attempt("find a secret in its own environment", 'facts["token"] in str(os.environ)', control=None),
    Attempt(
        "keep a descriptor of the host",
        '[fd for fd in os.listdir("/proc/self/fd") if int(fd) > 3]',
        control=None,
    ),
    Attempt(
        "open the sandbox's own program for writing", 'os.open("/proc/1/exe", os.O_WRONLY) > 0', control=None
    ),
    Attempt("open the memory of a process", "os.open(f\"/proc/{facts['victim']}/mem\", os.O_RDWR) > 0"),
    Attempt(
        "signal a process",
        """
        os.kill(facts["victim"], 0)
        "signalled"
        """,
    ),
    Attempt(
        "signal its parent",
        """
        os.kill(facts["host"], 0)
        "signalled"
        """,
    ),
    Attempt(
        "signal by a descriptor",
        """
        signal.pidfd_send_signal(os.pidfd_open(facts["victim"]), 0)
        "signalled"
        """,
    ),
    Attempt("trace a process", 'call("ptrace", 0x4206, facts["victim"], 0, 0) == 0'),
    Attempt(
        "read the memory of a process",
        """
        buffer = ctypes.create_string_buffer(8)
        local = struct.pack("@PN", ctypes.addressof(buffer), 8)
        remote = struct.pack("@PN", facts["address"], 8)
        call("process_vm_readv", facts["victim"], local, 1, remote, 1, 0) == 8
        """,
    ),
    Attempt(
        "take a descriptor of a process", 'call("pidfd_getfd", os.pidfd_open(facts["victim"]), 0, 0) > 0'
    ),
    Attempt("limit a process", 'resource.prlimit(facts["victim"], resource.RLIMIT_CORE)'),
    Attempt(
        "slow a process down",
        """
        os.setpriority(os.PRIO_PROCESS, facts["victim"], 5)
        os.getpriority(os.PRIO_PROCESS, facts["victim"]) == 5
        """,
    ),
    Attempt(
        "schedule a process",
        """
        os.sched_setscheduler(facts["victim"], os.SCHED_BATCH, os.sched_param(0))
        os.sched_getscheduler(facts["victim"]) == os.SCHED_BATCH
        """,
    ),
    Attempt(
        "become a process without the filter",
        'int(open("/proc/1/status").read().split("Seccomp:")[1].split()[0]) != 2',
        promised=("bubblewrap-user",),
    ),
    Attempt(
        "give its children to the host",
        """
        child = call("clone", 0x8000 | signal.SIGCHLD, 0, 0, 0, 0)
        if not child: os._exit(0)
        child
        """,
    ),
    Attempt(
        "outlive the host",
        """
        libc.prctl(1, ctypes.c_ulong(0), 0, 0, 0) == 0
        """,
        promised=LANDLOCK,
    ),
    Attempt(
        "leave its group of processes",
        """
        reader, writer = os.pipe()
        if not os.fork():
            os.setsid()
            os.write(writer, str(os.getpgrp()).encode())
            os._exit(0)
        os.wait()
        int(os.read(reader, 20)) != os.getpgrp()
        """,
        promised=LANDLOCK,
    ),
    Attempt(
        "fork three hundred times",
        """
        resource.setrlimit(resource.RLIMIT_NPROC, (64, 64))
        reader, writer = os.pipe()
        children = []
        try:
            for _ in range(300):
                child = os.fork()
                if not child:
                    os.close(writer)
                    os.read(reader, 1)
                    os._exit(0)
                children.append(child)
        finally:
            os.close(writer)
            for child in children:
                os.waitpid(child, 0)
        len(children)
        """,
        control="root",
    ),
]

NETWORK = [
    Attempt("connect by TCP", 'socket.create_connection(("127.0.0.1", facts["tcp"]), 5).getpeername()'),
    Attempt("connect by TCP over IPv6", 'asked("socket", socket.AF_INET6, socket.SOCK_STREAM, 0)'),
    Attempt(
        "listen by TCP",
        """
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.getsockname()
        """,
    ),
    Attempt("send by UDP", 'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", facts["udp"]))'),
    Attempt("open a socket of the kernel", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).fileno()"),
    Attempt("open a socket of the hypervisor", 'asked("socket", socket.AF_VSOCK, socket.SOCK_STREAM, 0)'),
    Attempt(
        "open a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).fileno()", control="root"
    ),
    Attempt(
        "open a socket with a high word", 'asked("socket", (1 << 32) | socket.AF_INET, socket.SOCK_STREAM, 0)'
    ),
    *(
        Attempt(
            f"connect to {name}",
            f"""
            client = socket.socket(socket.AF_UNIX, {kind})
            client.connect({address})
            client.send(b"x")
            """,
        )
        for name, kind, address in (
            ("an abstract socket", "socket.SOCK_STREAM", '"\\0" + facts["abstract"]'),
            ("a socket in a folder", "socket.SOCK_STREAM", 'facts["path"]'),
            ("a datagram socket in a folder", "socket.SOCK_DGRAM", 'facts["datagram"]'),
        )
    ),
    Attempt(
        "send to a datagram socket in a folder",
        'socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", facts["datagram"])',
    ),
    Attempt(
        "send to a datagram socket from one of a pair",
        'socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", facts["datagram"])',
    ),
]

KERNEL = [
    *(
        Attempt(f"call {name}", f'asked("{name}", {arguments})', control=control)
        for name, arguments, control in (
            ("keyctl", "0, -3, 0, 0, 0", "user"),
            ("add_key", 'b"user", b"x", b"y", 1, -3', "user"),
            ("userfaultfd", "1", "user"),
            ("io_uring_setup", '1, b"\\0" * 120', "user"),
            ("memfd_create", 'b"x", 0', "user"),
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
            ("init_module", "None, 0, None", None),
            ("kexec_load", "0, 9999, None, 0", None),
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
    Attempt(
        "call in the way of 32 bits",
        r"""
        import mmap
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid by int 0x80
        code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        code() == os.getpid()
        """,
    ),
]

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

ATTEMPTS = [*FILES, *OTHERS, *NETWORK, *KERNEL, *SIZES]
