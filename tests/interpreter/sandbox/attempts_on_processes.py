"""Attempts: on the processes of the host, and on the rights of its own."""

from __future__ import annotations

from tests.interpreter.sandbox.attempt import BUBBLEWRAP, LANDLOCK, MODES, Attempt

PROCESSES = [
    Attempt(
        "be root",
        "0 in (*os.getresuid(), *os.getresgid(), *os.getgroups())",
        promised=tuple(mode for mode in MODES if mode != "landlock-contained"),  # by name it stays root
        control="root",
    ),
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
    Attempt("find a secret in its own environment", 'facts["token"] in str(os.environ)', control="bare"),
    Attempt(
        "keep a descriptor of the host",
        '[fd for fd in os.listdir("/proc/self/fd") if int(fd) > 3]',
        control="bare",
    ),
    Attempt(  # outside it is the machine's first process; and nobody can write a program that runs
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
        slower = min(19, os.getpriority(os.PRIO_PROCESS, facts["victim"]) + 5)
        os.setpriority(os.PRIO_PROCESS, facts["victim"], slower)
        os.getpriority(os.PRIO_PROCESS, facts["victim"]) == slower
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
        promised=("bubblewrap-user", "bubblewrap-contained"),
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
