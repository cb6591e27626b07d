"""The ASGI application: which path is answered by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from asstream.runtime import Runtime
from asstream.server import assistants, files, messages, models, openapi, passing, runs, threads
from asstream.server.answers import HANDLERS
from asstream.server.guard import PREFIXES, Guard, Keys
from asstream.server.limits import Limits
from asstream.server.missed import Missed

_LIMITS: Final = Limits()
_THREAD = "/threads/{thread_id}"
_MESSAGE = _THREAD + "/messages/{message_id}"
_RUN = _THREAD + "/runs/{run_id}"

ROUTES: Final = (
    ("GET", "/health", models.health),
    ("GET", "/models", models.page),
    ("GET", "/models/{model:path}", models.get),
    ("DELETE", "/models/{model:path}", models.delete),
    ("GET", "/assistants", assistants.page),
    ("POST", "/assistants", assistants.create),
    ("GET", "/assistants/{assistant_id}", assistants.get),
    ("POST", "/assistants/{assistant_id}", assistants.modify),
    ("DELETE", "/assistants/{assistant_id}", assistants.delete),
    ("GET", "/threads", threads.page),
    ("POST", "/threads", threads.create),
    ("POST", "/threads/runs", runs.create_with_thread),
    ("GET", _THREAD, threads.get),
    ("POST", _THREAD, threads.modify),
    ("DELETE", _THREAD, threads.delete),
    ("GET", _THREAD + "/messages", messages.page),
    ("POST", _THREAD + "/messages", messages.create),
    ("GET", _MESSAGE, messages.get),
    ("POST", _MESSAGE, messages.modify),
    ("DELETE", _MESSAGE, messages.delete),
    ("GET", _THREAD + "/runs", runs.page),
    ("POST", _THREAD + "/runs", runs.create),
    ("GET", _RUN, runs.get),
    ("POST", _RUN, runs.modify),
    ("POST", _RUN + "/cancel", runs.cancel),
    ("POST", _RUN + "/submit_tool_outputs", runs.submit_tool_outputs),
    ("GET", _RUN + "/events", runs.events),
    ("GET", _RUN + "/steps", runs.steps),
    ("GET", _RUN + "/steps/{step_id}", runs.step),
    ("GET", "/files", files.page),
    ("POST", "/files", files.create),
    ("GET", "/files/{file_id}", files.get),
    ("GET", "/files/{file_id}/content", files.content),
    ("DELETE", "/files/{file_id}", files.delete),
    ("POST", "/chat/completions", passing.chat_completions),
    ("POST", "/embeddings", passing.embeddings),
    ("POST", "/responses", passing.responses),
    ("POST", "/moderations", passing.moderations),
    ("POST", "/deployments/{deployment}/chat/completions", passing.deployed_chat_completions),
    ("POST", "/deployments/{deployment}/embeddings", passing.deployed_embeddings),
)
"""Method, path and what answers. The paths stand behind each of the guard's prefixes."""


def create_app(
    runtime: Runtime,
    keys: Iterable[str] = (),
    *,
    loopback_only: bool = True,
    limits: Limits = _LIMITS,
    tell: Callable[[str], None] = lambda _: None,
    access: Callable[[str], None] | None = None,
) -> ASGIApp:
    """The whole API over a runtime. Without keys everybody who reaches it may use it.

    `tell` is told in a line what the person who serves should know, `access` of each request
    when it has been answered.
    """
    table = (*ROUTES, openapi.route_of(ROUTES))
    routes: list[BaseRoute] = [Route(path, handler, methods=[method]) for method, path, handler in table]
    mounts = [Mount(prefix, routes=routes) for prefix in PREFIXES]
    app = Starlette(routes=mounts, exception_handlers=HANDLERS)
    app.state.runtime = runtime
    app.state.limits = limits
    app.state.missed = Missed(tell)
    return Guard(app, Keys(keys), loopback_only=loopback_only, access=access)
