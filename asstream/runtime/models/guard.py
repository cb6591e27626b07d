"""A program that runs a command which must not outlive its caller: it kills it when standard input ends.

It is run by its path, with the command as its arguments, and exits as the command does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main() -> None:
    """Run the command of the arguments."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def watch() -> None:
        sys.stdin.buffer.read()
        child.kill()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    # Past the interpreter's end, which would wait for the thread that reads standard input.
    os._exit(code if 0 <= code < 256 else 1)


if __name__ == "__main__":
    main()
