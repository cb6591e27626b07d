"""Requests without any SDK: what is on the wire, byte for byte."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import openai


@contextlib.contextmanager
def asked(
    client: openai.OpenAI, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """A response of the client's server; the request carries its key unless `headers` say otherwise."""
    url = client.base_url
    connection = http.client.HTTPConnection(str(url.host), url.port, timeout=30)
    sent = {
        "Authorization": f"Bearer {client.api_key}",
        "Content-Type": "application/json",
        **(headers or {}),
    }
    text = None if body is None else json.dumps(body)
    try:
        connection.request(method, f"/v1{path}", text, sent)
        yield connection.getresponse()
    finally:
        connection.close()


def lines(response: http.client.HTTPResponse) -> Iterator[str]:
    """A response's lines, as they come."""
    while line := response.readline():
        yield line.decode().rstrip("\n")
