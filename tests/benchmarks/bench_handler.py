"""What a handler costs a delta: ours, the SDK's own class, and the SDK's raw stream with no handler.

    python tests/benchmarks/bench_handler.py

A real HTTP server on loopback serves the bytes, the finished message at their end as on the wire; CPU time of
the reading thread is measured, best of seven, and printed as ratios to the raw stream in the same run. The
handlers override `on_text_delta`, as whoever shows a reply does. `+RunStream` is what a chat reads: its own
decoder in place of the SDK's, and a state to go on from where a connection breaks. Exits with 1 where a ratio
is over the goal of 1.3, or 400 citations cost over 1.3 times what none do.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import openai
from openai import AssistantEventHandler
from openai.lib.streaming import AssistantStreamManager
from openai.types.beta.threads import Text, TextDelta

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
GOAL = 1.3
FLAT = 1.3


class Ours(EventHandler):
    """Does with each piece of text what the least of handlers does."""

    length = 0

    def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        self.length += len(delta.value or "")


class Theirs(AssistantEventHandler):
    """The same on the SDK's own class."""

    length = 0

    def on_text_delta(self, delta: TextDelta, snapshot: Text) -> None:
        self.length += len(delta.value or "")


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
    pieces = [f" w{n % 100:02}" for n in range(deltas)]
    events += [("thread.message.delta", delta(piece)) for piece in pieces]
    cited = [{k: v for k, v in citation(n).items() if k != "index"} for n in range(annotations)]
    text = {"value": "".join(pieces), "annotations": cited}
    whole = MESSAGE | {"status": "completed", "content": [{"type": "text", "text": text}]}
    events.append(("thread.message.completed", whole))
    events.append(("thread.run.completed", RUN | {"status": "completed"}))
    wire = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return (wire + "event: done\ndata: [DONE]\n\n").encode()


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


def main() -> int:
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
    measured: dict[tuple[int, int], dict[str, float]] = {}
    for deltas, citations in CASES:
        server.payload = body(deltas, citations)
        works = {"raw": raw, "handler": handled(Ours), "session": handled(Ours, ours=True)}
        seconds = cpu(works, ROUNDS) | cpu({"sdk": handled(Theirs)}, 1)
        ratios = {name: value / seconds["raw"] for name, value in seconds.items()}
        measured[deltas, citations] = ratios
        print(
            f"{deltas:>7} {citations:>9} {seconds['raw'] / deltas * 1e6:>7.0f} {ratios['handler']:>8.2f} "
            f"{ratios['session']:>11.2f} {ratios['sdk']:>7.2f}"
        )
    server.shutdown()
    client.close()
    worst = max(ratios[way] for ratios in measured.values() for way in ("handler", "session"))
    flat = max(measured[2000, 400][way] / measured[2000, 0][way] for way in ("handler", "session"))
    print(f"ours / raw, at most {worst:.2f} (goal {GOAL} at most)")
    print(f"ours with 400 citations / with none {flat:.2f} (goal {FLAT} at most)")
    return 0 if worst <= GOAL and flat <= FLAT else 1


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", DeprecationWarning)
    sys.exit(main())
