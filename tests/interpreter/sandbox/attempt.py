"""What code may try, each a small program. It runs in the sandbox, and without one where it must succeed.

A program defines `attempt()`: evidence that it got out, or nothing, or an OSError. `facts` tells it where the
host's things are (`host.py`), which a real attacker would have to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

BUBBLEWRAP = ("bubblewrap-user", "bubblewrap-root", "bubblewrap-contained")
LANDLOCK = ("landlock-user", "landlock-root", "landlock-contained")
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
        control: `user` or `root`: whose try it is without a sandbox, where it must succeed; `bare`: a user's,
            in a process that was started without care. None where it can't succeed anywhere.
        needs: what a machine has in its /proc or /sys where the control can succeed; not every kernel does.
    """

    name: str
    body: str
    promised: tuple[str, ...] = MODES
    control: str | None = "user"
    needs: str = "/proc"

    @property
    def program(self) -> str:
        body = dedent(self.body).strip()
        lines = [*body.splitlines()[:-1], "return " + body.splitlines()[-1]]
        return PRELUDE + "def attempt():\n    " + "\n    ".join(lines) + "\n" + EPILOGUE
