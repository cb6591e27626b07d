"""The ASGI application: which path is answered by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from asstream.runtime import Runtime
from asstream.server import (
    assistants,
    file_batches,
    files,
    messages,
    models,
    old_files,
    openapi,
    passing,
    runs,
    store_files,
    stored,
    threads,
    vector_stores,
)
from asstream.server.answers import HANDLERS
from asstream.server.guard import PREFIXES, Guard, Keys
from asstream.server.limits import Limits
from asstream.server.missed import Missed

_LIMITS: Final = Limits()
_ASSISTANT = "/assistants/{assistant_id}"
_COMPLETION = "/chat/completions/{completion_id}"
_RESPONSE = "/responses/{response_id}"
_THREAD = "/threads/{thread_id}"
_MESSAGE = _THREAD + "/messages/{message_id}"
_RUN = _THREAD + "/runs/{run_id}"
_STORE = "/vector_stores/{vector_store_id}"
_STORE_FILE = _STORE + "/files/{file_id}"
_BATCH = _STORE + "/file_batches/{batch_id}"

ROUTES: Final = (
    ("GET", "/health", models.health),
    ("GET", "/models", models.page),
    ("GET", "/models/{model:path}", models.get),
    ("DELETE", "/models/{model:path}", models.delete),
    ("GET", "/assistants", assistants.page),
    ("POST", "/assistants", assistants.create),
    ("GET", _ASSISTANT, assistants.get),
    ("POST", _ASSISTANT, assistants.modify),
    ("DELETE", _ASSISTANT, assistants.delete),
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
    ("GET", "/vector_stores", vector_stores.page),
    ("POST", "/vector_stores", vector_stores.create),
    ("GET", _STORE, vector_stores.get),
    ("POST", _STORE, vector_stores.modify),
    ("DELETE", _STORE, vector_stores.delete),
    ("POST", _STORE + "/search", vector_stores.search),
    ("GET", _STORE + "/files", store_files.page),
    ("POST", _STORE + "/files", store_files.create),
    ("GET", _STORE_FILE, store_files.get),
    ("POST", _STORE_FILE, store_files.modify),
    ("DELETE", _STORE_FILE, store_files.delete),
    ("GET", _STORE_FILE + "/content", store_files.content),
    ("POST", _STORE + "/file_batches", file_batches.create),
    ("GET", _BATCH, file_batches.get),
    ("POST", _BATCH + "/cancel", file_batches.cancel),
    ("GET", _BATCH + "/files", file_batches.files),
    ("GET", _ASSISTANT + "/files", old_files.page),
    ("POST", _ASSISTANT + "/files", old_files.create),
    ("GET", _ASSISTANT + "/files/{file_id}", old_files.get),
    ("DELETE", _ASSISTANT + "/files/{file_id}", old_files.delete),
    ("GET", _MESSAGE + "/files", old_files.message_files),
    ("GET", _MESSAGE + "/files/{file_id}", old_files.message_file),
    ("POST", "/chat/completions", passing.chat_completions),
    ("GET", "/chat/completions", stored.completions),
    ("GET", _COMPLETION, stored.completion),
    ("POST", _COMPLETION, stored.modify_completion),
    ("DELETE", _COMPLETION, stored.delete_completion),
    ("GET", _COMPLETION + "/messages", stored.completion_messages),
    ("GET", _RESPONSE, stored.response),
    ("DELETE", _RESPONSE, stored.delete_response),
    ("POST", _RESPONSE + "/cancel", stored.cancel_response),
    ("GET", _RESPONSE + "/input_items", stored.input_items),
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
