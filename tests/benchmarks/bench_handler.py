"""What a handler costs a delta: ours, the SDK's own class, and the SDK's raw stream with no handler.

Run: python tests/benchmarks/bench_handler.py. A real HTTP server on loopback serves the bytes; CPU time of
the reading thread is measured, best of seven, and printed as ratios to the raw stream in the same run.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import openai
from openai import AssistantEventHandler
from openai.lib.streaming import AssistantStreamManager

from asstream.chat.stream import RunStream
from asstream.handlers import EventHandler

RUN = {
    "id": "run_1",
    "object": "thread.run",
    "created_at": 1,
    "assistant_id": "asst_1",
    "thread_id": "thread_1",
    "status": "in_progress",
    "model": "m",
    "instructions": "",
    "tools": [],
    "metadata": {},
}
MESSAGE = {
    "id": "msg_1",
    "object": "thread.message",
    "created_at": 1,
    "thread_id": "thread_1",
    "run_id": "run_1",
    "assistant_id": "asst_1",
    "role": "assistant",
    "status": "in_progress",
    "content": [],
    "metadata": {},
}


CASES = [(2000, 0), (2000, 100), (2000, 400), (8000, 0), (32000, 0)]
"""Deltas in the message, citations in it."""
ROUNDS = 7


def delta(value: str, annotations: Iterable[dict[str, object]] = ()) -> dict[str, object]:
    text: dict[str, object] = {"value": value}
    if annotations := list(annotations):
        text["annotations"] = annotations
    content = [{"index": 0, "type": "text", "text": text}]
    return {"id": "msg_1", "object": "thread.message.delta", "delta": {"content": content}}


def citation(index: int) -> dict[str, object]:
    return {
        "index": index,
        "type": "file_citation",
        "text": f"【{index}:0†notes.txt】",
        "start_index": index,
        "end_index": index + 1,
        "file_citation": {"file_id": "file-1", "quote": "q"},
    }


def body(deltas: int, annotations: int) -> bytes:
    events: list[tuple[str, object]] = [("thread.run.created", RUN), ("thread.message.created", MESSAGE)]
    if annotations:
        events.append(("thread.message.delta", delta("", map(citation, range(annotations)))))
    events += [("thread.message.delta", delta(f" w{n % 100:02}")) for n in range(deltas)]
    events.append(("thread.run.completed", RUN | {"status": "completed"}))
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return (text + "event: done\ndata: [DONE]\n\n").encode()


class Server(http.server.ThreadingHTTPServer):
    payload = b""


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(self.server.payload)))
        self.end_headers()
        self.wfile.write(self.server.payload)

    def log_message(self, *args: object) -> None:
        pass


def cpu(works: Mapping[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The least CPU seconds of each piece of work; they take turns, so that all meet the same machine."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            start = time.thread_time()
            work()
            best[name] = min(best[name], time.thread_time() - start)
    return best


def main() -> None:
    server = Server(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = openai.OpenAI(
        base_url=f"http://127.0.0.1:{server.server_address[1]}/v1",
        api_key="k",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )

    def opened() -> openai.Stream[openai.types.beta.AssistantStreamEvent]:
        return client.beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True)

    def raw() -> None:
        for _ in opened():
            pass

    def handled(make: type[AssistantEventHandler], ours: bool = False) -> Callable[[], None]:
        def run() -> None:
            source = (lambda: RunStream(client, opened, thread_id="thread_1")) if ours else opened
            with AssistantStreamManager(source, event_handler=make()) as stream:
                stream.until_done()

        return run

    print(f"{'deltas':>7} {'citations':>9} {'raw µs':>7} {'handler':>8} {'+RunStream':>11} {'SDK':>7}")
    for deltas, citations in CASES:
        server.payload = body(deltas, citations)
        works = {"raw": raw, "handler": handled(EventHandler), "session": handled(EventHandler, ours=True)}
        seconds = cpu(works, ROUNDS) | cpu({"sdk": handled(AssistantEventHandler)}, 1)
        ratios = {name: value / seconds["raw"] for name, value in seconds.items()}
        print(
            f"{deltas:>7} {citations:>9} {seconds['raw'] / deltas * 1e6:>7.0f} {ratios['handler']:>8.2f} "
            f"{ratios['session']:>11.2f} {ratios['sdk']:>7.2f}"
        )
    server.shutdown()
    client.close()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", DeprecationWarning)
    main()
