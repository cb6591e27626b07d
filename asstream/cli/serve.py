"""`asstream serve`: the same server as the embedded one, on its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from asstream.cli import options as o
from asstream.cli.output import say, warn
from asstream.cli.serving_keys import serving_keys
from asstream.cli.target import noun
from asstream.config import EMBEDDED, ensure_home, load, server_keys
from asstream.endpoints import KEYLESS, code_options, model_source, search_options
from asstream.errors import ConfigError, UsageError

HOST = "127.0.0.1"
PORT = 8765
MAX_BODY_MB = 64
MAX_FILE_MB = 512

app = noun("Serve the Assistants API on this machine, for any program.")


@app.command()
def command(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = HOST,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = PORT,
    uds: Annotated[
        str | None,
        typer.Option("--uds", metavar="PATH", help="A Unix socket to listen at, in place of host and port."),
    ] = None,
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Print a line on stderr for each request, without keys.")
    ] = False,
    max_body: Annotated[
        int, typer.Option("--max-body", metavar="MB", min=1, help="The largest JSON body of a request.")
    ] = MAX_BODY_MB,
    max_file: Annotated[
        int, typer.Option("--max-file", metavar="MB", min=1, help="The largest file of an upload.")
    ] = MAX_FILE_MB,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key",
            metavar="KEY|@FILE",
            help="A key that clients need, or a file with one a line; repeat it for more. "
            "Default: ASSTREAM_SERVER_KEYS, else none is needed.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="M", help="The model where an assistant's own is not there."),
    ] = None,
    profile: o.Profile = None,
    sandbox: Annotated[
        str | None,
        typer.Option(
            "--sandbox",
            metavar="auto|none",
            help="What holds the code that models write; none: nothing does.",
        ),
    ] = None,
) -> None:
    """Serve the Assistants API until Ctrl-C.

    Prints its URL once it answers, then the exports that point a program at it.
    """
    keys = serving_keys(api_key or [], server_keys())
    if uds is not None:
        if (host, port) != (HOST, PORT):
            raise UsageError("--uds takes the place of --host and --port", "leave these away, or --uds")
        if not uds.strip():
            raise UsageError("--uds is empty", "give it a path, or leave it away")
    _check_host(host)
    if not keys and not _is_local(host):
        raise ConfigError(
            f"{host} can be reached from other machines, and no key is set",
            "give --api-key KEY or @FILE, or leave --host away to serve this machine alone",
        )
    settings = load({"profile": profile, "model": model, "base_url": EMBEDDED, "sandbox": sandbox})
    home = ensure_home(settings)

    from asstream.cli.notices import show_notices
    from asstream.server.limits import Limits
    from asstream.server.serving import listen, listen_at, serve, url_of

    show_notices(serving=True)
    with ExitStack() as stack:
        if uds is None:
            listener = listen(host, port)
            url = base_url = url_of(listener)
        else:
            path = Path(uds).expanduser().absolute()
            listener = stack.enter_context(listen_at(path))
            url, base_url = f"unix:{path}", "http://localhost/v1"

        def ready() -> None:
            say(
                url,
                f"export OPENAI_BASE_URL={base_url}",
                f"export OPENAI_API_KEY={keys[0].in_shell if keys else KEYLESS}",
            )
            warn("Ctrl-C stops it.")

        # The server stops gracefully on either signal and then raises it again: by then it has been heeded.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        code = code_options(settings)
        source = model_source(settings)
        serving = serve(
            home,
            lambda: source,
            listener,
            [key.value for key in keys],
            code=code,
            limits=Limits(max_body, max_file),
            search=search_options(settings, source),
            ready=ready,
            tell=warn,
            access=warn if access_log else None,
        )
        asyncio.run(serving)
    if sys.stderr.isatty():
        warn("")  # the terminal has put a ^C there


def _check_host(host: str) -> None:
    import socket

    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"--host {host!r} is no address of this machine: {getattr(error, 'strerror', None) or error}",
            "leave it away for 127.0.0.1, or give an address of this machine",
        ) from error


def _is_local(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
