"""What a client and a server said to each other, kept while the client believes that it is alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import openai


class Exchange(NamedTuple):
    """A request and its whole response; `path` is without `/v1` and without the query."""

    method: str
    path: str
    status: int
    kind: str
    text: str


@contextlib.contextmanager
def tapped(client: openai.OpenAI) -> Iterator[tuple[openai.OpenAI, list[Exchange]]]:
    """Another client of the same server, and the list that its exchanges come to stand in.

    Streams are read to their end before the client sees their first event.
    """
    exchanges: list[Exchange] = []

    def keep(response: Any) -> None:
        response.read()
        kind = response.headers.get("content-type", "").partition(";")[0]
        request = response.request
        path = request.url.path.removeprefix("/v1")
        text = response.text if kind.startswith(("application/json", "text/")) else ""
        exchanges.append(Exchange(request.method, path, response.status_code, kind, text))

    http_client = openai.DefaultHttpxClient(trust_env=False, event_hooks={"response": [keep]})
    with http_client:
        yield client.copy(http_client=http_client), exchanges
