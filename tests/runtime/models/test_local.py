"""The real model, in its real child process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from asstream.runtime.models import catalog, process
from asstream.runtime.models.catalog import Installed
from asstream.runtime.models.gguf import read_head
from asstream.runtime.models.local import LocalModel
from asstream.runtime.models.process import ServerProcess, plan
from asstream.runtime.models.protocol import (
    ModelError,
    ModelEvent,
    ModelRequest,
    RawRequest,
    TextDelta,
    TurnEnd,
)
from asstream.runtime.models.tokens import estimate_prompt

pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")

QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def with_model(home: Path, file: Installed, work: Callable[[LocalModel], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        model = LocalModel(home, file)
        try:
            await work(model)
        finally:
            await model.close()

    asyncio.run(run())


async def collect(events: AsyncIterator[ModelEvent]) -> tuple[str, TurnEnd]:
    said = [event async for event in events]
    assert isinstance(said[-1], TurnEnd)
    return "".join(event.text for event in said if isinstance(event, TextDelta)), said[-1]


def is_gone(pid: int) -> bool:
    """Whether a process that is not ours to wait for ended, within ten seconds."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_the_model_answers_counts_takes_what_it_has_no_words_for_and_comes_back_from_the_dead(
    model_home: Path, model_file: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(model: LocalModel) -> None:
        model.warm()
        text, end = await collect(model.stream(ModelRequest(QUESTION)))
        assert "Paris" in text and end.finish_reason == "stop"
        assert end.usage is not None and end.usage.completion_tokens > 3
        assert model.context_window == 8192 and model.counts_exactly
        # The count is the model's own, and nothing is sampled: the same words again.
        assert await model.count_tokens(QUESTION) == end.usage.prompt_tokens
        assert (await collect(model.stream(ModelRequest(QUESTION))))[0] == text

        short, end = await collect(model.stream(ModelRequest(QUESTION, max_tokens=2)))
        assert end.finish_reason == "length" and text.startswith(short)

        # Functions, and calls and answered pictures in the history, do not fail the run.
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        picture = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
        history: list[dict[str, Any]] = [
            {"role": "user", "content": picture},
            {"role": "assistant", "content": "I see."},
            *QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "Paris"},
            {"role": "user", "content": "Well?"},
        ]
        asked = ModelRequest(history, [TOOL], tool_choice="required", max_tokens=4)
        assert (await collect(model.stream(asked)))[1].finish_reason in ("stop", "length")
        assert [r.getMessage() for r in caplog.records].count(
            f"{model.name} can't call functions: none are offered to it"
        ) == 1

        with pytest.raises(ModelError, match=r"can't see images\. Name a model with vision"):
            await collect(model.stream(ModelRequest([{"role": "user", "content": picture}])))

        # A program's own chat completion, decoded as above.
        body = {"model": "gpt-4o", "messages": QUESTION}
        answer = await model.forward(RawRequest("/chat/completions", json.dumps(body).encode()))
        whole = json.loads(b"".join([piece async for piece in answer.body]))
        await answer.close()
        assert (answer.status, whole["choices"][0]["message"]["content"]) == (200, text)
        body["messages"] = [{"role": "user", "content": picture}]
        answer = await model.forward(RawRequest("/chat/completions", json.dumps(body).encode()))
        assert answer.status == 400

        with pytest.raises(ModelError) as error:
            await collect(model.stream(ModelRequest([{"role": "user", "content": "hello " * 9000}])))
        assert error.value.kind == "context_length"

        first = model.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert (await collect(model.stream(ModelRequest(QUESTION))))[0] == text
        second = model.pid
        assert second is not None and second != first
        os.kill(second, signal.SIGKILL)
        asked = json.dumps({"model": "gpt-4o", "messages": QUESTION}).encode()
        answer = await model.forward(RawRequest("/chat/completions", asked))
        await answer.close()
        assert answer.status == 200 and model.pid not in (None, second)

        # Closing the iterator in mid-reply ends the model's work: the next question does not wait for it.
        endless = model.stream(ModelRequest([{"role": "user", "content": "Write a very long story."}]))
        await anext(endless)
        await endless.aclose()
        assert "Paris" in (await collect(model.stream(ModelRequest(QUESTION))))[0]

        for sample in (
            "The quick brown fox, 1234567 times.",
            "def f(x):\n    return {'a': [x] * 3}\n",
            "Größe, naïve café, Привет мир",
            "東京は日本の首都です。你好世界",
            "🎉🧑‍🚀 emoji",
            "a" * 400,
            "\t\t\n\n   x",
        ):
            messages = [{"role": "user", "content": sample}]
            assert estimate_prompt(messages) >= await model.count_tokens(messages), sample

    with_model(model_home, model_file, work)


def test_the_child_answers_its_key_alone_keeps_its_log_private_and_leaves_nothing(
    model_home: Path, model_file: Installed
) -> None:
    server = ServerProcess(model_file, catalog.folder(model_home))
    try:
        endpoint = server.ready()
        pid = server.pid
        assert pid is not None
        assert endpoint.base_url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"{endpoint.base_url}/models", timeout=10
            )
        refused.value.close()
        assert endpoint.api_key and endpoint.api_key not in Path(f"/proc/{pid}/cmdline").read_text()
        assert endpoint.api_key not in repr(endpoint)
        logs = list(catalog.folder(model_home).glob(f"server-{os.getpid()}-*.log"))
        assert [stat.S_IMODE(log.stat().st_mode) for log in logs] == [0o600]
    finally:
        server.close()
    assert is_gone(pid) and not list(catalog.folder(model_home).glob(f"server-{os.getpid()}-*.log"))


@pytest.mark.parametrize("moment", ["loading", "ready"])
def test_the_child_does_not_outlive_a_parent_that_is_killed(
    model_home: Path, model_file: Installed, moment: str
) -> None:
    program = (
        "import sys, time; from pathlib import Path; from asstream.runtime.models import catalog\n"
        "from asstream.runtime.models.process import ServerProcess\n"
        f"home = Path({str(model_home)!r}); found = catalog.find(home, {model_file.name!r})\n"
        "s = ServerProcess(found, catalog.folder(home))\n"
        f"{'s.ready()' if moment == 'ready' else 's.start()'}; print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert is_gone(pid)
    for log in catalog.folder(model_home).glob(f"server-{parent.pid}-*.log"):
        log.unlink()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin like a GGUF"),
        (b"<html>not found", "does not begin like a GGUF"),
        (b"GGUF\x03\0\0\0", "bytes instead of 98,362,432"),
    ],
)
def test_a_file_that_is_no_model_is_named_before_anything_is_started(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (catalog.make_folder(tmp_path) / "SmolLM2-135M-Instruct.gguf").write_bytes(content)
    server = ServerProcess(catalog.installed(tmp_path)[0], catalog.folder(tmp_path))
    with pytest.raises(ModelError, match=said) as error:
        server.ready()
    assert (
        "SmolLM2-135M-Instruct.gguf" in error.value.message and "asstream models pull" in error.value.message
    )


def test_a_cut_off_file_of_another_name_fails_with_the_end_of_the_childs_log(
    tmp_path: Path, model_file: Installed
) -> None:
    cut = catalog.make_folder(tmp_path) / "cut.gguf"
    with model_file.path.open("rb") as whole, cut.open("wb") as part:
        part.write(whole.read(20_000_000))
    server = ServerProcess(catalog.installed(tmp_path)[0], catalog.folder(tmp_path))
    with pytest.raises(ModelError, match="did not start: it ended") as error:
        server.ready()
    assert "cut.gguf" in error.value.message and "asstream models pull" in error.value.message
    assert server.pid is None
    # Where it is known what was pulled, there is nothing to guess.
    catalog.note(tmp_path, "cut", "hf:a/b/cut.gguf", model_file.sha256, model_file.size)
    server = ServerProcess(catalog.installed(tmp_path)[0], catalog.folder(tmp_path))
    with pytest.raises(ModelError, match="is damaged: its content is not what was pulled") as error:
        server.ready()
    assert error.value.remedy == "Pull it again: asstream models pull hf:a/b/cut.gguf"


def test_a_child_that_takes_too_long_is_ended(
    tmp_path: Path, model_file: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(model_file.path, catalog.make_folder(tmp_path) / model_file.path.name)
    monkeypatch.setattr(process, "_LOAD_SECONDS", -1e6)
    server = ServerProcess(catalog.installed(tmp_path)[0], catalog.folder(tmp_path))
    with pytest.raises(ModelError, match="not ready in time"):
        server.ready()
    assert server.pid is None


def test_the_plan_follows_cores_and_memory(model_file: Installed) -> None:
    head, size, name = read_head(model_file.path), model_file.size, model_file.name
    assert (plan(head, name, size, 2, None).threads, plan(head, name, size, 1, None).threads) == (1, 1)
    assert (plan(head, name, size, 4, 10**10).window, plan(head, name, size, 4, 10**10).slots) == (8192, 2)
    tight = plan(head, name, size, 4, size + 2 * 23_040 * 4096)
    assert (tight.window, tight.slots) == (4096, 1)
    assert plan(head, name, size, 4, 0).window == 1024
