"""Time to the first text of a streamed run, against a bare Starlette pass-through of the same model.

Both servers run in this process, each in a thread of its own, and ask one model: the one on this machine, in
its own process (pulled if it is not there). Both clients are the stock SDK. Requests take turns, each with
the same instructions and a prompt of its own, so that no cache of the model favours one, and each reply is
read to its end, so that none waits for the one before.

A process's first run has no warm imports but those that a chat's start warms: it is measured on fresh chats
at a terminal, from Enter to the reply's first text on the screen, the message's own request included.

    python tests/benchmarks/bench_first_event.py [ROUNDS [CHATS]]

Prints medians in milliseconds and their ratios; the goal is 1.5 at most. Exits with 1 where one is over it.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

import openai
import uvicorn
from openai.types.chat import ChatCompletionMessageParam
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from asstream.chat.find import DEFAULT_INSTRUCTIONS
from asstream.config import load
from asstream.runtime.models import catalog
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.process import ServerProcess
from asstream.runtime.models.pull import pull
from asstream.runtime.models.sources import open_source
from asstream.server.embedded import EmbeddedServer
from asstream.server.serving import listen, url_of

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.cli.terminal import terminal

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
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": DEFAULT_INSTRUCTIONS},
        {"role": "user", "content": prompt},
    ]
    started = time.perf_counter()
    with client.chat.completions.create(
        model=model, messages=messages, stream=True, temperature=0, max_tokens=8
    ) as stream:
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                return _drained(started, stream)
    raise RuntimeError("no text came")


def _drained(started: float, stream: Iterable[object]) -> float:
    """The milliseconds until now; reads on to the end, or the model would still be busy with it."""
    elapsed = (time.perf_counter() - started) * 1000
    for _ in stream:
        pass
    return elapsed


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
                return _drained(started, stream)
    raise RuntimeError("no text came")


def first_of_a_chat(environ: Mapping[str, str], prompt: str) -> float:
    """Milliseconds to the first text that a fresh chat's first message brings to the screen."""
    with terminal(["chat", "--model", environ["ASSTREAM_MODEL"]], environ) as chat:
        chat.wait_for("/help helps")
        started = time.perf_counter()
        chat.type(f"{prompt}\r")
        chat.wait_for(lambda text: text.partition(f"{prompt}\n")[2].strip() != "")
        elapsed = (time.perf_counter() - started) * 1000
        chat.wait_for(" tokens · ")
    return elapsed


def environment(home: Path, upstream: ModelEndpoint, model: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "ASSTREAM_HOME": str(home / "chats"),
        "ASSTREAM_CONFIG": str(home / "none.toml"),
        "ASSTREAM_MODEL_BASE_URL": upstream.base_url,
        "ASSTREAM_MODEL_API_KEY": upstream.api_key or "",
        "ASSTREAM_MODEL": model,
    }


def in_turns(asks: Mapping[str, Callable[[str], float]], rounds: int, skipped: int = 0) -> dict[str, float]:
    """The median of each; who asks first changes with the rounds, of which the first may not count."""
    times: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(rounds + skipped):
        for name in sorted(asks, reverse=bool(number % 2)):
            took = asks[name](f"In case {number} of {name}, name a colour.")
            if number >= skipped:
                times[name].append(took)
    return {name: statistics.median(took) for name, took in times.items()}


def report(what: str, ours: float, bare: float, rounds: int) -> bool:
    """Print a ratio; whether it keeps within the goal."""
    ratio = ours / bare
    print(f"{what}: {ours:.1f} ms, bare {bare:.1f} ms, {rounds} rounds: {ratio:.2f} (goal {GOAL} at most)")
    return ratio <= GOAL


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    chats = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    home = load({}).home
    installed = catalog.current(home) or pull(home, "default")
    process = ServerProcess(installed, catalog.folder(home))
    upstream, model = process.ready(), installed.name
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = EmbeddedServer(folder, lambda: open_source(folder, upstream, model))
        server.start()
        bare = client_of(pass_through(upstream.base_url, upstream.api_key or ""), "none")
        ours = client_of(server.base_url, server.api_key)
        assistant = ours.beta.assistants.create(model=model, instructions=DEFAULT_INSTRUCTIONS).id
        environ = environment(folder, upstream, model)
        passed: Callable[[str], float] = lambda prompt: first_completion(bare, model, prompt)  # noqa: E731
        # The first requests of this process pay for imports.
        runs = in_turns(
            {"bare": passed, "ours": lambda prompt: first_event(ours, assistant, prompt)}, rounds, skipped=2
        )
        fresh = in_turns({"bare": passed, "ours": lambda prompt: first_of_a_chat(environ, prompt)}, chats)
        server.close()
        process.close()
    kept = report("first text of a run", runs["ours"], runs["bare"], rounds)
    kept &= report("first text of a process's first run", fresh["ours"], fresh["bare"], chats)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
