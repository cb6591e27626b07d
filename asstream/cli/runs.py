"""`asstream runs`: list, show, steps, cancel."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Annotated

import typer

from asstream.chat.find import find_run, find_thread
from asstream.chat.past import image_in_words
from asstream.cli import options as o
from asstream.cli.output import details, emit, say, warn, when
from asstream.cli.steps import show_steps
from asstream.cli.target import noun, opened
from asstream.render.columns import columns

app = noun("List, show, cancel runs; their steps.")

ThreadId = Annotated[
    str, typer.Argument(metavar="THREAD_ID", help="A thread's id, or a unique start of one.")
]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="A run's id, or a unique start of one.")]


@app.command("list")
def list_(
    thread_id: ThreadId,
    limit: o.Limit = None,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """List a thread's runs, newest first."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, thread_id)
        found = list(islice(target.client.beta.threads.runs.list(thread.id, limit=100), limit))
    if as_json:
        for run in found:
            emit(run)
        return
    if not found:
        warn("no run on this thread yet")
        return
    rows = [
        (r.id, r.status, r.model, r.usage.total_tokens if r.usage else "", when(r.created_at)) for r in found
    ]
    heading, *lines = columns([("ID", "STATUS", "MODEL", "TOKENS", "CREATED"), *rows])
    say(heading)
    for line, run in zip(lines, found, strict=True):
        say(line, *([f"  {reason}"] if (reason := _reason(run)) else []))


@app.command()
def show(
    thread_id: ThreadId,
    run_id: RunId,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Show a run."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, thread_id)
        run = find_run(target.client, thread.id, run_id)
    if as_json:
        emit(run)
        return
    details(run)


@app.command()
def steps(
    thread_id: ThreadId,
    run_id: RunId,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Show what a run did, oldest first: the code and its outputs, the functions with theirs."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, thread_id)
        run = find_run(target.client, thread.id, run_id)
        found = list(target.client.beta.threads.runs.steps.list(run.id, thread_id=thread.id, order="asc"))
        if as_json:
            for step in found:
                emit(step)
            return
        show_steps(found, partial(image_in_words, target.client))


@app.command()
def cancel(
    thread_id: ThreadId,
    run_id: RunId,
    profile: o.Profile = None,
    base_url: o.BaseUrl = None,
    api_key: o.ApiKey = None,
    as_json: o.Json = False,
) -> None:
    """Cancel a run that is going on."""
    with opened(profile, base_url, api_key) as target:
        thread = find_thread(target.client, target.index, thread_id)
        run = find_run(target.client, thread.id, run_id)
        cancelled = target.once.beta.threads.runs.cancel(run.id, thread_id=thread.id)
    emit(cancelled) if as_json else say(f"{cancelled.id} {cancelled.status}")


def _reason(run: object) -> str:
    error = getattr(run, "last_error", None)
    details = getattr(run, "incomplete_details", None)
    if error is not None:
        return f"{error.code}: {error.message}"
    return str(details.reason) if details is not None else ""
