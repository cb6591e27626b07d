"""The program of the child process that runs this machine's model: xllamacpp's server, no asstream.

It is run by its path. The first line of standard input is JSON: `model` (path), `alias`, `api_key`,
`n_ctx`, `slots`, `threads`, `small_cache`, `load_seconds`. It answers one line on standard output, the
server's address, when it is ready; everything else goes to standard error. It ends when standard input
does: so it never outlives the process that started it, however that one ended.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from typing import Any


def main() -> None:
    """Serve until standard input ends."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    # llama.cpp writes to file descriptor 1 as it likes; a pipe that nobody reads would stop it.
    answer = os.dup(1)
    os.dup2(2, 1)
    # Loading holds the interpreter's lock, so that no thread could see the parent go: a timer in C can.
    faulthandler.dump_traceback_later(settings["load_seconds"], exit=True)
    server = serve(settings)
    faulthandler.cancel_dump_traceback_later()
    try:
        os.write(answer, f"{server.listening_address}\n".encode())
        os.close(answer)
        while sys.stdin.readline():
            pass
    finally:
        # Also where nobody reads the address any more: the parent went while the model was loaded. Not
        # through the server's own end, which waits for requests in progress, and for ever where none came.
        os._exit(0)


def serve(settings: dict[str, Any]) -> Any:
    """Load the model and start the server on a free port of 127.0.0.1."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.model_alias = {settings["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # Without a key the server is open to every process and web page of this machine.
    params.api_keys = [settings["api_key"]]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.n_ctx = settings["n_ctx"]
    params.n_parallel = settings["slots"]
    # Its default keeps up to 8 GB of old prompts.
    params.cache_ram_mib = 0
    if settings["threads"]:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    if settings["small_cache"]:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.sampling.temp = 0.0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
