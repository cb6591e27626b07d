"""Attempts: on what listens, near and far."""

from __future__ import annotations

from tests.interpreter.sandbox.attempt import Attempt

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
