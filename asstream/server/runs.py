"""`/threads/runs`, `/threads/{thread_id}/runs` and the steps of a run."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from asstream.errors import WireError
from asstream.runtime.rows import RUN, STEP, THREAD
from asstream.server.answers import answer, polled_answer, stream_answer
from asstream.server.asked import body, listing, path_id, runtime, with_contents
from asstream.server.requests import CreateRun, CreateThreadAndRun, ModifyMetadata, SubmitToolOutputs

_LONGEST_ID: Final = 18
"""The most digits of an event's id: more than any run has, and less than the database can compare."""


def _ids(request: Request) -> tuple[str, str]:
    return path_id(request, "thread_id", THREAD), path_id(request, "run_id", RUN)


async def create(request: Request) -> Response:
    """`POST /threads/{thread_id}/runs`."""
    thread_id = path_id(request, "thread_id", THREAD)
    wanted = await body(request, CreateRun)
    runs = runtime(request).runs
    fields = {**wanted.fields(), "_with_contents": with_contents(request)}
    run = await runs.create(thread_id, fields)
    return stream_answer(runs.follow(run["id"])) if wanted.stream else polled_answer(run)


async def create_with_thread(request: Request) -> Response:
    """`POST /threads/runs`."""
    wanted = await body(request, CreateThreadAndRun)
    runs = runtime(request).runs
    run = await runs.create_with_thread({**wanted.fields(), "_with_contents": with_contents(request)})
    return stream_answer(runs.follow(run["id"])) if wanted.stream else polled_answer(run)


async def page(request: Request) -> Response:
    """`GET /threads/{thread_id}/runs`."""
    thread_id = path_id(request, "thread_id", THREAD)
    return answer(await runtime(request).runs.page(thread_id, listing(request)))


async def get(request: Request) -> Response:
    """`GET /threads/{thread_id}/runs/{run_id}`."""
    return polled_answer(await runtime(request).runs.get(*_ids(request)))


async def modify(request: Request) -> Response:
    """`POST /threads/{thread_id}/runs/{run_id}`."""
    ids = _ids(request)
    wanted = await body(request, ModifyMetadata)
    return polled_answer(await runtime(request).runs.modify(*ids, wanted.fields()))


async def cancel(request: Request) -> Response:
    """`POST /threads/{thread_id}/runs/{run_id}/cancel`."""
    return polled_answer(await runtime(request).runs.cancel(*_ids(request)))


async def submit_tool_outputs(request: Request) -> Response:
    """`POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs`."""
    ids = _ids(request)
    wanted = await body(request, SubmitToolOutputs)
    runs = runtime(request).runs
    run, seq = await runs.submit(*ids, wanted.fields()["tool_outputs"])
    return stream_answer(runs.follow(run["id"], seq)) if wanted.stream else polled_answer(run)


async def events(request: Request) -> Response:
    """`GET /threads/{thread_id}/runs/{run_id}/events`: an extension.

    The run's events to its end, from the first or after the one that the header `Last-Event-ID` names.
    """
    _, run_id = ids = _ids(request)
    runs = runtime(request).runs
    await runs.get(*ids)
    return stream_answer(runs.follow(run_id, _last_event_id(request), past_actions=True))


def _last_event_id(request: Request) -> int:
    given = request.headers.get("last-event-id") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > _LONGEST_ID:
        raise WireError(
            400,
            f"Invalid 'Last-Event-ID': {given[:40]!r}. Expected the id of an event of this run, an integer.",
        )
    return int(given)


async def steps(request: Request) -> Response:
    """`GET /threads/{thread_id}/runs/{run_id}/steps`."""
    contents = with_contents(request)
    return answer(runtime(request).runs.steps(*_ids(request), listing(request), contents=contents))


async def step(request: Request) -> Response:
    """`GET /threads/{thread_id}/runs/{run_id}/steps/{step_id}`."""
    step_id, contents = path_id(request, "step_id", STEP), with_contents(request)
    return answer(runtime(request).runs.step(*_ids(request), step_id, contents=contents))
