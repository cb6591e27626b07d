"""Attempts: on the files of the host."""

from __future__ import annotations

from tests.interpreter.sandbox.attempt import Attempt

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
        Attempt(f"open {path} for writing", f'os.open("{path}", os.O_WRONLY) > 0', control="root", needs=path)
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger")
    ),
]
