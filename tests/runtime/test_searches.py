"""What a model is told of searches, and what becomes of them where it has no functions or is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from asstream.runtime import Runtime, open_runtime, rows, store_objects
from asstream.runtime.models.protocol import (
    ModelError,
    ModelEvent,
    ModelRequest,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.objects import Object
from asstream.runtime.rows import Listing
from asstream.runtime.runtime import DATABASE
from asstream.runtime.schema import migrate
from asstream.search import Hit, Library
from tests.runtime.opened import PlayedModel, begin, bounded, ended, says
from tests.support.cells import PlayedInterpreter, prints

SEARCH: Object = {"type": "file_search"}
CODE: Object = {"type": "code_interpreter"}
RESOURCES = {"file_search": {"vector_store_ids": ["vs_1"]}}


def a_home(home: Path, **files: str) -> Path:
    """A home whose store `vs_1` has these texts."""
    library, database = Library(home / "search"), apsw.Connection(str(home / DATABASE))
    migrate(database, home / DATABASE)
    rows.insert(database, rows.VECTOR_STORE, {**store_objects.vector_store({}), "id": "vs_1"})
    for name, text in files.items():
        path, id = home / name, f"file-{name}"
        path.write_text(text)
        library.add("vs_1", id, path, f"{name}.txt")
        file = {**store_objects.store_file("vs_1", {"file_id": id}), "status": "completed"}
        rows.insert(database, rows.STORE_FILE, file, vector_store_id="vs_1", status="completed")
    library.close()
    database.close()
    return home


async def asks(*calls: tuple[str, str]) -> AsyncIterator[ModelEvent]:
    """A turn of calls, each a name and its arguments."""
    made = []
    for place, (name, arguments) in enumerate(calls):
        yield ToolCallDelta(place, arguments, f"call_{place}", name)
        function = {"name": name, "arguments": arguments}
        made.append({"id": f"call_{place}", "type": "function", "function": function})
    yield TurnEnd("tool_calls", Usage(2, 3), {"role": "assistant", "content": None, "tool_calls": made})


async def run_on(
    runtime: Runtime, question: str, tools: Sequence[Object] = (SEARCH,), **fields: Any
) -> tuple[Object, list[Object]]:
    """A run over the store, to its end, and its steps."""
    thread = {"messages": [{"role": "user", "content": question}], "tool_resources": RESOURCES}
    run = await begin(runtime, question, thread=thread, tools=list(tools), **fields)
    run = await ended(runtime, run)
    steps = runtime.runs.steps(run["thread_id"], run["id"], Listing(20, "asc", None, None))["data"]
    return run, steps


def results(step: Object) -> list[str]:
    [call] = step["step_details"]["tool_calls"]
    return [result["file_id"] for result in call["file_search"]["results"]]


def test_the_model_gets_marks_and_places_and_what_fits_its_window(tmp_path: Path) -> None:
    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        done = request.messages[-1]["role"] == "tool"
        return says("Done.") if done else asks(("file_search", '{"queries": ["cake"]}'))

    home = a_home(tmp_path, foods="# Food\ncake is good\n", long="cake " * 300 + "x" * 2000)
    model = PlayedModel(play, context_window=2000)

    async def main() -> None:
        async with open_runtime(home, model) as runtime:
            run, [step, message] = await run_on(runtime, "Cake?")
            assert (run["status"], step["type"], message["type"]) == (
                "completed",
                "tool_calls",
                "message_creation",
            )
            assert set(results(step)) == {"file-foods", "file-long"}
            assert [step["usage"]["total_tokens"] for step in (step, message)] == [5, 3]

    bounded(main())
    [tool] = model.asked[0].tools
    assert tool["function"]["parameters"]["required"] == ["queries"]
    output = model.asked[1].messages[-1]["content"]
    assert "\n\n【0:0†" in output and "\n\n【0:1†" in output and "cake is good" in output
    assert len(output) < 4200, "as much as its window takes"


def test_other_names_and_forms_of_a_call_are_understood(tmp_path: Path) -> None:
    async def main() -> None:
        for arguments in ('{"query": "cake"}', '["cake"]', '"cake"', '{"queries": "cake"}'):
            turns = iter([asks(("file_search", arguments)), says("Done.")])
            model = PlayedModel(lambda _, turns=turns: next(turns))  # type: ignore[misc]
            async with open_runtime(home, model) as runtime:
                _, [step, _] = await run_on(runtime, "Cake?")
                assert results(step) == ["file-foods"], arguments

    home = a_home(tmp_path, foods="cake is good")
    bounded(main())


def test_without_a_store_or_with_tool_choice_none_nothing_is_offered(tmp_path: Path) -> None:
    model = PlayedModel(lambda _: says("Hi."))

    async def main() -> None:
        async with open_runtime(a_home(tmp_path, foods="cake"), model) as runtime:
            await ended(runtime, await begin(runtime, tools=[SEARCH]))
            await run_on(runtime, "Cake?", tool_choice="none")
            await run_on(runtime, "Cake?", tool_choice={"type": "file_search"})

    bounded(main())
    assert [len(request.tools) for request in model.asked] == [0, 0, 1]
    assert model.asked[2].tool_choice == {"type": "function", "function": {"name": "file_search"}}


def test_code_and_a_search_in_one_turn_have_a_step_each(tmp_path: Path) -> None:
    turns = iter([asks(("file_search", '{"queries": ["cake"]}'), ("python", '{"code": "1"}')), says("Done.")])
    model = PlayedModel(lambda _: next(turns))
    cells = PlayedInterpreter(lambda _: prints("one"))

    async def main() -> None:
        async with open_runtime(a_home(tmp_path, foods="cake"), model, cells.options) as runtime:
            run, steps = await run_on(runtime, "Cake?", [SEARCH, CODE])
            assert run["status"] == "completed"
            assert [step["step_details"]["tool_calls"][0]["type"] for step in steps[:2]] == [
                "file_search",
                "code_interpreter",
            ]
            assert run["usage"]["total_tokens"] == sum(step["usage"]["total_tokens"] for step in steps)

    bounded(main())
    told = {message["tool_call_id"]: message["content"] for message in model.asked[1].messages[-2:]}
    assert "cake" in told["call_0"] and told["call_1"] == "one"


@pytest.mark.parametrize("known", [True, False])
def test_a_model_without_functions_gets_passages_before_the_question(tmp_path: Path, known: bool) -> None:
    async def refuses() -> AsyncIterator[ModelEvent]:
        model.calls_functions = False
        raise ModelError("m does not support tools")
        yield

    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        return refuses() if request.tools else says("Cake", "【0:0†foods.txt】", ".")

    model = PlayedModel(play)
    model.calls_functions = not known

    async def main() -> None:
        async with open_runtime(a_home(tmp_path, foods="Filip likes cake"), model) as runtime:
            run, [step, _] = await run_on(runtime, "What does Filip like?")
            assert run["status"] == "completed"
            assert (step["status"], results(step)) == ("completed", ["file-foods"])
            [message] = [
                message
                for message in runtime.messages.page(run["thread_id"], Listing(20, "desc", None, None))[
                    "data"
                ]
                if message["role"] == "assistant"
            ]
            [part] = message["content"]
            assert [each["file_citation"]["file_id"] for each in part["text"]["annotations"]] == [
                "file-foods"
            ]

    bounded(main())
    question = model.asked[-1].messages[-1]["content"]
    assert question.endswith("\n\nWhat does Filip like?")
    assert "【0:0†foods.txt】\nFilip likes cake" in question


class _Slow(Library):
    """A library that searches until it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.began = threading.Event()
        self.go = threading.Event()

    def search(self, *args: Any, **options: Any) -> list[Hit]:
        self.began.set()
        self.go.wait(10)
        return super().search(*args, **options)


def test_a_run_that_is_cancelled_in_a_search_closes_its_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(functions: bool) -> None:
        model = PlayedModel(lambda _: asks(("file_search", '{"queries": ["cake"]}')))
        model.calls_functions = functions
        slow = _Slow(home / "search")
        async with open_runtime(home, model) as runtime:
            monkeypatch.setattr(runtime.core.library, "_made", slow)
            thread = {"messages": [{"role": "user", "content": "Cake?"}], "tool_resources": RESOURCES}
            run = await begin(runtime, thread=thread, tools=[SEARCH])
            await asyncio.to_thread(slow.began.wait)
            await runtime.runs.cancel(run["thread_id"], run["id"])
            slow.go.set()
            assert (await ended(runtime, run))["status"] == "cancelled"
            [step] = runtime.runs.steps(run["thread_id"], run["id"], Listing(20, "asc", None, None))["data"]
            assert (step["status"], results(step)) == ("cancelled", [])

    home = a_home(tmp_path, foods="cake")
    for functions in (True, False):
        bounded(main(functions))


def test_a_library_that_fails_is_told_to_the_model_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter([asks(("file_search", '{"queries": ["cake"]}')), says("Done.")])
    model = PlayedModel(lambda _: next(turns))
    home = a_home(tmp_path, foods="cake")
    (home / "search" / "vs_1" / "text.db").write_bytes(b"no database" * 1000)

    async def main() -> None:
        async with open_runtime(home, model) as runtime:
            run, [step, _] = await run_on(runtime, "Cake?")
            assert (run["status"], results(step)) == ("completed", [])

    bounded(main())
    assert "failed" in model.asked[1].messages[-1]["content"]
    assert "text.db" in caplog.text
