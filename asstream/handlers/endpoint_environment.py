"""The session's endpoint for handlers that make an `OpenAI()` of their own.

The one place that writes the process's environment: the SDK reads OPENAI_BASE_URL and OPENAI_API_KEY when a
client is made, and a handler written for the old service makes it in its file or in its callbacks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reachable(base_url: str, api_key: str) -> Iterator[None]:
    """While this is open, `OpenAI()` reaches `base_url` with `api_key`; the environment is put back after.

    Open it while a handler's file loads and while its runs go on. May be nested; not for several sessions
    at a time in one process.

    Args:
        base_url: as the SDK takes it (`http://127.0.0.1:8765/v1`).
        api_key: may be empty for an endpoint that wants none; the SDK insists on some.
    """
    wanted = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": api_key or "none"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
