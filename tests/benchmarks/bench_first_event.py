"""Time to the first text of a streamed run, against a bare Starlette pass-through of the same model.

Both servers run in this process, each in a thread of its own, and ask one model: the one on this machine, in
its own process (it must have been pulled: `asstream models pull`). Both clients are the stock SDK. Requests
alternate, each with a prompt of its own, so that no cache of the model favours one.

    python tests/benchmarks/bench_first_event.py [ROUNDS]

Prints the medians in milliseconds and their ratio; the goal is 1.5 at most.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import openai
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asstream.config import load
from asstream.runtime.models import catalog
from asstream.runtime.models.process import ServerProcess
from asstream.runtime.models.pull import pull
from asstream.runtime.models.sources import open_source
from asstream.server.embedded import EmbeddedServer
from asstream.server.serving import listen, url_of

GOAL = 1.5
warnings.simplefilter("ignore", DeprecationWarning)


def pass_through(upstream: str, key: str) -> str:
    """Start a server that only passes Chat Completions streams through; its base URL."""
    client = openai.AsyncOpenAI(
        base_url=upstream, api_key=key, http_client=openai.DefaultAsyncHttpxClient(trust_env=False)
    )

    async def complete(request: Request) -> StreamingResponse:
        body = await request.json()

        async def chunks() -> AsyncIterator[bytes]:
            call = client.chat.completions.with_streaming_response.create(**body)
            async with call as response:
                async for chunk in response.iter_bytes():
                    yield chunk

        return StreamingResponse(chunks(), media_type="text/event-stream")

    listener = listen("127.0.0.1", 0)
    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True).start()
    return url_of(listener)


def client_of(base_url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=base_url, api_key=key, http_client=openai.DefaultHttpxClient(trust_env=False)
    )


def first_completion(client: openai.OpenAI, model: str, prompt: str) -> float:
    """Milliseconds to the first text of a plain completion."""
    started = time.perf_counter()
    with client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": prompt}], stream=True, temperature=0, max_tokens=8
    ) as stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                return (time.perf_counter() - started) * 1000
    raise RuntimeError("no text came")


def first_event(client: openai.OpenAI, assistant: str, prompt: str) -> float:
    """Milliseconds to the first text of a run."""
    thread = client.beta.threads.create(messages=[{"role": "user", "content": prompt}]).id
    started = time.perf_counter()
    stream = client.beta.threads.runs.create(
        thread, assistant_id=assistant, stream=True, max_completion_tokens=8
    )
    with stream:
        for event in stream:
            if event.event == "thread.message.delta":
                elapsed = (time.perf_counter() - started) * 1000
                for _ in stream:  # to its end, or the model would still be busy with it
                    pass
                return elapsed
    raise RuntimeError("no text came")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    home = load({}).home
    process = ServerProcess(catalog.current(home) or pull(home, "default"), catalog.folder(home))
    upstream = process.ready()
    model, key = upstream.model or "", upstream.api_key or ""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder), lambda: open_source(Path(folder), upstream, model))
        server.start()
        bare = client_of(pass_through(upstream.base_url, key), "none")
        ours = client_of(server.base_url, server.api_key)
        assistant = ours.beta.assistants.create(model=model).id
        asks: dict[str, Callable[[str], float]] = {
            "bare": lambda prompt: first_completion(bare, model, prompt),
            "asstream": lambda prompt: first_event(ours, assistant, prompt),
        }
        times: dict[str, list[float]] = {name: [] for name in asks}
        for number in range(rounds + 2):
            for name, ask in asks.items():
                took = ask(f"{name} question {number}: name a colour.")
                if number >= 2:  # the first requests of a process pay for imports
                    times[name].append(took)
        server.close()
        process.close()
    medians = {name: statistics.median(took) for name, took in times.items()}
    ratio = medians["asstream"] / medians["bare"]
    print(
        f"first text: bare {medians['bare']:.1f} ms, asstream {medians['asstream']:.1f} ms, {rounds} rounds"
    )
    print(f"ratio {ratio:.2f} (goal {GOAL} at most)")


if __name__ == "__main__":
    main()
