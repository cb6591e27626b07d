"""A server as a process of its own, which a test can kill: `python -m tests.support.server_process HOME
SPEC`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from asstream.interpreter.kernels import KernelInterpreter
from asstream.runtime import CodeOptions
from asstream.runtime.models.sources import open_source
from asstream.server.serving import listen, serve, url_of


def main() -> None:
    """Serve a home with a scripted model; the first line of stdout is the base URL."""
    home, spec = Path(sys.argv[1]), sys.argv[2]
    listener = listen("127.0.0.1", 0)

    def ready() -> None:
        print(url_of(listener), flush=True)

    code = CodeOptions(lambda: KernelInterpreter(home / "interpreter"))
    asyncio.run(serve(home, lambda: open_source(home, None, spec), listener, code=code, ready=ready))


if __name__ == "__main__":
    main()
