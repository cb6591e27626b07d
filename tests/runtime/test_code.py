"""Runs that execute code: what the model is asked and told, what is kept, and how they end."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asstream.interpreter.protocol import (
    CellEnd,
    CellEvent,
    CellStart,
    Image,
    InterpreterUnavailableError,
    Logs,
    ProducedFile,
)
from asstream.runtime import Runtime, open_runtime, recovery
from asstream.runtime import cells as cells_module
from asstream.runtime.cells import FRESH
from asstream.runtime.fenced import MOST_CALLS, NOT_RUN
from asstream.runtime.models.protocol import (
    Message,
    ModelError,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCallDelta,
    TurnEnd,
    Usage,
)
from asstream.runtime.objects import Object
from asstream.runtime.records import MOST_SHOWN, UNRUN
from asstream.runtime.rows import Listing
from asstream.runtime.scribe import Scribe
from asstream.runtime.wire_events import Event
from tests.runtime.opened import FUNCTION, PlayedModel, bounded, ended, outputs, says, told, until
from tests.support.cells import PlayedInterpreter, prints

TOOL: Object = {"type": "code_interpreter"}


async def wants(
    *calls: tuple[str, str], text: str = "", finish: Any = "tool_calls"
) -> AsyncIterator[ModelEvent]:
    """A turn with calls: (name, arguments) each."""
    if text:
        yield TextDelta(text)
    made = []
    for index, (name, arguments) in enumerate(calls):
        yield ToolCallDelta(index, arguments, f"call_{index}", name)
        function = {"name": name, "arguments": arguments}
        made.append({"id": f"call_{index}", "type": "function", "function": function})
    message: Message = {"role": "assistant", "content": text or None, "tool_calls": made}
    yield TurnEnd(finish, Usage(2, 3), message)


def python(code: str, name: str = "python") -> tuple[str, str]:
    return name, json.dumps({"code": code})


def then_says(*calls: tuple[str, str], text: str = "Done.", before: str = "") -> PlayedModel:
    """A model that makes calls, and once the last has its output says a text."""

    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        done = request.messages[-1]["role"] == "tool"
        return says(text) if done else wants(*calls, text=before)

    return PlayedModel(play)


async def begin(runtime: Runtime, tools: list[Object] | None = None, **fields: Any) -> Object:
    made = {"model": "m", "tools": [TOOL] if tools is None else tools, **fields.pop("assistant", {})}
    assistant = await runtime.assistants.create(made)
    if "thread_id" in fields:
        thread_id = fields.pop("thread_id")
        return await runtime.runs.create(thread_id, {"assistant_id": assistant["id"], **fields})
    thread = fields.pop("thread", {"messages": [{"role": "user", "content": "Hello"}]})
    return await runtime.runs.create_with_thread(
        {"assistant_id": assistant["id"], "thread": thread, **fields}
    )


def run_once(
    path: Path, model: PlayedModel, cells: PlayedInterpreter, **fields: Any
) -> tuple[Object, list[Object]]:
    """One run to its end or pause: it and its steps, oldest first."""

    async def main() -> tuple[Object, list[Object]]:
        async with open_runtime(path, model, cells.options) as runtime:
            run = await ended(runtime, await begin(runtime, **fields))
            steps = runtime.runs.steps(run["thread_id"], run["id"], Listing(order="asc"))["data"]
            return run, steps

    found: tuple[Object, list[Object]] = bounded(main())
    return found


def code_of(step: Object) -> Object:
    [call] = step["step_details"]["tool_calls"]
    found: Object = call["code_interpreter"]
    return found


def test_the_model_is_offered_a_function_and_given_what_its_code_printed(tmp_path: Path) -> None:
    model, cells = then_says(python("print(1)")), PlayedInterpreter(lambda _: prints("1", "2\n"))
    run, [step, message] = run_once(tmp_path, model, cells)
    assert run["status"] == "completed"
    assert cells.asked[0][:2] == (run["thread_id"], "print(1)")
    assert code_of(step) == {"input": "print(1)", "outputs": [{"type": "logs", "logs": "12\n"}]}
    assert (step["status"], step["usage"]["total_tokens"]) == ("completed", 5)
    assert run["usage"]["total_tokens"] == 5 + message["usage"]["total_tokens"]
    [tool] = model.asked[0].tools
    assert (tool["function"]["name"], model.asked[0].tool_choice) == ("python", None)
    assert "/mnt/data" in tool["function"]["description"]
    assert model.asked[1].messages[-1] == {"role": "tool", "tool_call_id": "call_0", "content": "12"}
    assert (cells.warmed, cells.closed) == (1, True)


def test_of_a_progress_bar_the_model_is_told_the_end_and_all_is_kept(tmp_path: Path) -> None:
    bar = ("a\n\r 10%", "\r 20%", "\r100%\nb\r")
    model = then_says(python("bar()"))
    _, [step, _] = run_once(tmp_path, model, PlayedInterpreter(lambda _: prints(*bar)))
    assert code_of(step)["outputs"] == [{"type": "logs", "logs": "".join(bar)}]
    assert model.asked[1].messages[-1]["content"] == "a\n100%\nb"


def test_a_users_function_keeps_its_name_and_code_gets_another(tmp_path: Path) -> None:
    mine = {"type": "function", "function": {"name": "python"}}
    model, cells = then_says(python("1", "code_interpreter")), PlayedInterpreter(lambda _: prints("1"))
    run, _ = run_once(tmp_path, model, cells, tools=[mine, TOOL], tool_choice={"type": "code_interpreter"})
    assert [tool["function"]["name"] for tool in model.asked[0].tools] == ["python", "code_interpreter"]
    assert model.asked[0].tool_choice == {"type": "function", "function": {"name": "code_interpreter"}}
    assert model.asked[1].tool_choice is None
    assert (run["status"], len(cells.asked)) == ("completed", 1)


def test_the_default_assistant_can_be_told_to_run_code(tmp_path: Path) -> None:
    async def main() -> None:
        model, cells = then_says(python("1")), PlayedInterpreter(lambda _: prints("1"))
        async with open_runtime(tmp_path, model, cells.options) as runtime:
            assistant = await runtime.assistants.create({"name": "asstream", "model": "default"})
            choice = {"type": "code_interpreter"}
            asked = {"assistant_id": assistant["id"], "tool_choice": choice}
            thread = {"messages": [{"role": "user", "content": "Count."}]}
            run = await runtime.runs.create_with_thread({**asked, "thread": thread})
            assert (await ended(runtime, run))["status"] == "completed"
            assert model.asked[0].tool_choice == {"type": "function", "function": {"name": "python"}}

    bounded(main())


def test_no_code_is_offered_where_no_tool_is_to_be_called(tmp_path: Path) -> None:
    model = PlayedModel(lambda _: says("Hi."))
    run_once(tmp_path, model, PlayedInterpreter(lambda _: prints()), tool_choice="none")
    assert model.asked[0].tools == []


def test_code_runs_before_functions_are_asked_for_and_all_outputs_reach_the_model(tmp_path: Path) -> None:
    """Also when another process goes on."""
    model = then_says(python("a"), ("add", "{}"), python("b"))

    async def main() -> None:
        cells = PlayedInterpreter(lambda code: shows(b"png") if code == "a" else prints(code))
        async with (
            open_runtime(tmp_path, model, cells.options) as first,
            open_runtime(tmp_path, model, cells.options) as second,
        ):
            run = await ended(first, await begin(first, [TOOL, FUNCTION]))
            assert [code for _, code, _ in cells.asked] == ["a", "b"]
            assert [call["id"] for call in outputs_wanted(run)] == ["call_1"]
            again, seq = await second.runs.submit(run["thread_id"], run["id"], outputs(run, "7"))
            done = await ended(second, again, seq)
            assert done["status"] == "completed"
            said = [
                (m["tool_call_id"], m["content"]) for m in model.asked[-1].messages if m["role"] == "tool"
            ]
            [figure] = second.files.page(Listing())["data"]
            assert said == [
                ("call_0", f"[A figure was shown to the user: {figure['id']}]"),
                ("call_2", "b"),
                ("call_1", "7"),
            ]
            [reply] = second.messages.page(run["thread_id"], Listing(limit=1))["data"]
            assert [part["type"] for part in reply["content"]] == ["image_file", "text"]
            steps = second.runs.steps(run["thread_id"], run["id"], Listing())["data"]
            tokens = sum(step["usage"]["total_tokens"] for step in steps)
            assert done["usage"]["total_tokens"] == tokens == 5 + 3

    bounded(main())


def outputs_wanted(run: Object) -> list[Object]:
    found: list[Object] = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return found


async def shows(data: bytes) -> AsyncIterator[CellEvent]:
    yield CellStart(False)
    yield Image(data, "png")
    yield CellEnd("ok")


def test_figures_split_the_logs_and_are_kept_as_files(tmp_path: Path) -> None:
    async def play(_: str) -> AsyncIterator[CellEvent]:
        yield CellStart(True)
        yield Logs("before")
        yield Image(b"figure", "png")
        yield Logs("after\n")
        yield CellEnd("ok")

    async def main() -> None:
        model = then_says(python("plot"))
        async with open_runtime(tmp_path, model, PlayedInterpreter(play).options) as runtime:
            run = await begin(runtime)
            entries = [(e.event, json.loads(e.data)) for e in await told(runtime, run)]
            pieces = [
                output
                for name, data in entries
                if name == "thread.run.step.delta"
                for call in data["delta"]["step_details"]["tool_calls"]
                for output in call["code_interpreter"].get("outputs", [])
            ]
            [file] = runtime.files.page(Listing())["data"]
            assert pieces == [
                {"index": 0, "type": "logs", "logs": "before"},
                {"index": 1, "type": "image", "image": {"file_id": file["id"]}},
                {"index": 2, "type": "logs", "logs": "after\n"},
            ]
            assert (file["purpose"], file["bytes"]) == ("assistants_output", 6)
            assert runtime.files.content(file["id"])[1].read_bytes() == b"figure"
            told_model = model.asked[1].messages[-1]["content"].split("\n")
            assert told_model == ["before", f"[A figure was shown to the user: {file['id']}]", "after"]

    bounded(main())


def test_files_that_code_made_are_linked_and_there_for_the_next_run(tmp_path: Path) -> None:
    made = tmp_path / "copy"
    made.write_bytes(b"1,2")

    async def play(_: str) -> AsyncIterator[CellEvent]:
        yield CellStart(True)
        yield ProducedFile("sub/my out.csv", made, 3)
        yield CellEnd("ok")

    async def main() -> None:
        model = then_says(python("save"), text="See [it](sandbox:/mnt/data/sub/my out.csv).")
        cells = PlayedInterpreter(play)
        async with open_runtime(tmp_path / "home", model, cells.options) as runtime:
            run = await ended(runtime, await begin(runtime))
            thread_id = run["thread_id"]
            [file] = runtime.files.page(Listing(), "assistants_output")["data"]
            assert (file["filename"], file["bytes"]) == ("sub/my out.csv", 3)
            assert "sandbox:/mnt/data/sub/my out.csv" in model.asked[1].messages[-1]["content"]
            [reply] = runtime.messages.page(thread_id, Listing(limit=1))["data"]
            assert reply["attachments"] == [{"file_id": file["id"], "tools": [TOOL]}]
            text = reply["content"][0]["text"]
            [annotation] = text["annotations"]
            start, end = annotation["start_index"], annotation["end_index"]
            assert text["value"][start:end] == annotation["text"] == "sandbox:/mnt/data/sub/my out.csv"
            assert annotation["file_path"] == {"file_id": file["id"]}
            await runtime.messages.create(thread_id, {"role": "user", "content": "Again."})
            await ended(runtime, await begin(runtime, thread_id=thread_id))
            newest = runtime.files.page(Listing(limit=1))["data"][0]
            assert newest["id"] != file["id"]
            _, _, files = cells.asked[1]
            assert [(each.id, each.name, each.made) for each in files] == [
                (file["id"], "sub/my out.csv", True)
            ]
            await runtime.messages.create(thread_id, {"role": "user", "content": "And again."})
            await ended(runtime, await begin(runtime, thread_id=thread_id))
            assert [each.id for each in cells.asked[2][2]] == [newest["id"]]
            await runtime.threads.delete(thread_id)
            assert cells.ended == [thread_id]

    bounded(main())


def test_files_of_assistant_thread_and_messages_are_there_under_their_names(tmp_path: Path) -> None:
    async def main() -> None:
        model, cells = then_says(python("ls")), PlayedInterpreter(lambda _: prints())
        async with open_runtime(tmp_path, model, cells.options) as runtime:

            async def upload(name: str) -> str:
                file = await runtime.files.create("assistants", name, io.BytesIO(name.encode()))
                return str(file["id"])

            ids = [await upload(name) for name in ("a.csv", "b.csv", "x/c.csv", "other.csv", "a.csv")]

            def resources(id: str) -> Object:
                return {"tool_resources": {"code_interpreter": {"file_ids": [id]}}}

            message = {
                "role": "user",
                "content": "Look.",
                "attachments": [
                    {"file_id": ids[2], "tools": [TOOL]},
                    {"file_id": ids[3], "tools": [{"type": "file_search"}]},
                    {"file_id": ids[4], "tools": [TOOL, {"type": "file_search"}]},
                ],
            }
            thread = {"messages": [message], **resources(ids[1])}
            await ended(runtime, await begin(runtime, assistant=resources(ids[0]), thread=thread))
            _, _, files = cells.asked[0]
            names = [(file.id, file.name, file.path.read_text()) for file in files]
            assert names == [
                (ids[0], ids[0], "a.csv"),
                (ids[1], "b.csv", "b.csv"),
                (ids[2], "c.csv", "x/c.csv"),
                (ids[4], "a.csv", "a.csv"),
            ]
            description = model.asked[0].tools[0]["function"]["description"]
            assert "b.csv, c.csv, a.csv" in description

    bounded(main())


def test_lost_variables_are_told_once_where_another_process_had_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        model, ids = then_says(python("x")), []
        for fresh in (True, True, False):
            cells = PlayedInterpreter(lambda _, fresh=fresh: prints("1\n", fresh=fresh))  # type: ignore[misc]
            async with open_runtime(tmp_path, model, cells.options) as runtime:
                fields = {"thread_id": ids[0]} if ids else {}
                if ids:
                    await runtime.messages.create(ids[0], {"role": "user", "content": "Again."})
                run = await ended(runtime, await begin(runtime, **fields))
                ids.append(run["thread_id"])
        said = [r.messages[-1]["content"] for r in model.asked if r.messages[-1]["role"] == "tool"]
        assert said == ["1", f"{FRESH}1", "1"]

    bounded(main())


def test_a_session_ends_where_another_process_went_on_with_its_thread(tmp_path: Path) -> None:
    model = then_says(python("x"))
    ones, twos = iter((True, False, True)), iter((True, False))
    one = PlayedInterpreter(lambda _: prints("1", fresh=next(ones)))
    two = PlayedInterpreter(lambda _: prints("2", fresh=next(twos)))

    async def main() -> None:
        async with (
            open_runtime(tmp_path, model, one.options) as first,
            open_runtime(tmp_path, model, two.options) as second,
        ):
            thread_id = (await ended(first, await begin(first)))["thread_id"]
            for runtime in (first, second, second, first):
                await runtime.messages.create(thread_id, {"role": "user", "content": "Again."})
                await ended(runtime, await begin(runtime, thread_id=thread_id))
            assert (one.ended, two.ended) == ([thread_id], [])

    bounded(main())
    said = [r.messages[-1]["content"] for r in model.asked if r.messages[-1]["role"] == "tool"]
    assert said == ["1", "1", f"{FRESH}2", "2", f"{FRESH}1"]


def test_variables_are_not_said_to_be_gone_where_no_code_made_any(tmp_path: Path) -> None:
    turns = iter((wants(("python", "{}")), wants(python("x")), says("Done.")))
    cells = PlayedInterpreter(lambda _: prints("1", fresh=True))
    _, [_, step, _] = run_once(tmp_path, PlayedModel(lambda _: next(turns)), cells)
    assert code_of(step)["outputs"] == [{"type": "logs", "logs": "1"}]


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (InterpreterUnavailableError("bubblewrap is missing", "install it"), "install it"),
        (RuntimeError("a fault"), "the log of the server"),
    ],
)
def test_an_interpreter_that_fails_is_told_of_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failure: Exception, word: str
) -> None:
    async def play(_: str) -> AsyncIterator[CellEvent]:
        if isinstance(failure, RuntimeError):
            yield CellStart(True)
            yield Logs("half a line")
        raise failure

    model = then_says(python("a"), python("b"))
    run, steps = run_once(tmp_path, model, PlayedInterpreter(play))
    assert run["status"] == "completed"
    for call in steps[0]["step_details"]["tool_calls"]:
        [logs] = call["code_interpreter"]["outputs"]
        assert word in logs["logs"]
    assert word in model.asked[1].messages[-1]["content"]
    if isinstance(failure, InterpreterUnavailableError):
        assert sum("bubblewrap" in record.getMessage() for record in caplog.records) == 1


def test_a_runtime_without_an_interpreter_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_runtime(tmp_path, then_says(python("a"))) as runtime:
            run = await ended(runtime, await begin(runtime))
            [_, step] = runtime.runs.steps(run["thread_id"], run["id"], Listing())["data"]
            assert "without a code interpreter" in code_of(step)["outputs"][0]["logs"]

    bounded(main())


def test_a_call_without_code_runs_none(tmp_path: Path) -> None:
    cells = PlayedInterpreter(lambda _: prints())
    run, [step, _] = run_once(tmp_path, then_says(("python", "{}")), cells)
    assert (run["status"], cells.asked) == ("completed", [])
    assert "no code" in code_of(step)["outputs"][0]["logs"]


def test_code_that_was_cut_off_is_not_run(tmp_path: Path) -> None:
    model = PlayedModel(lambda _: wants(("python", '{"code": "print('), finish="length"))
    cells = PlayedInterpreter(lambda _: prints())
    run, [step] = run_once(tmp_path, model, cells)
    assert (run["status"], step["status"], cells.asked) == ("incomplete", "cancelled", [])
    assert code_of(step) == {"input": "print(", "outputs": []}


def test_a_long_output_is_cut_in_its_middle_for_the_model_alone(tmp_path: Path) -> None:
    text = "start" + "x" * 3 * MOST_SHOWN + "end"
    model = then_says(python("a"))
    _, [step, _] = run_once(tmp_path, model, PlayedInterpreter(lambda _: prints(text)))
    assert code_of(step)["outputs"][0]["logs"] == text
    shown = model.asked[1].messages[-1]["content"]
    assert len(shown) < MOST_SHOWN + 100
    assert shown.startswith("start")
    assert shown.endswith("end")


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
def test_a_run_that_is_stopped_interrupts_its_cell_and_keeps_what_was_printed(
    tmp_path: Path, ending: str
) -> None:
    async def main() -> None:
        running = asyncio.Event()

        async def play(code: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            yield Logs(f"{code} ran\n")
            if code == "b":
                running.set()
                await asyncio.sleep(60)

        model = then_says(python("a"), python("b"), python("c"), before="Let me see.")
        cells = PlayedInterpreter(play)
        async with open_runtime(tmp_path, model, cells.options) as runtime:
            run = await begin(runtime)
            await running.wait()
            if ending == "cancelled":
                await runtime.runs.cancel(run["thread_id"], run["id"])
            else:
                runtime.core.live[run["id"]].stop("expired")
            run = await ended(runtime, run)
            assert run["status"] == ending
            assert cells.interrupted == ["b"]
            [step, _] = runtime.runs.steps(run["thread_id"], run["id"], Listing())["data"]
            assert (step["status"], step["usage"]) == (ending, run["usage"])
            printed = [call["code_interpreter"]["outputs"] for call in step["step_details"]["tool_calls"]]
            logs = [{"type": "logs", "logs": f"{code} ran\n"} for code in "ab"]
            assert printed == [[logs[0]], [logs[1]], []]
            await runtime.messages.create(run["thread_id"], {"role": "user", "content": "And?"})
            model.play = lambda _: says("Yes.")
            await ended(runtime, await begin(runtime, thread_id=run["thread_id"]))
            said = [m["content"] for m in model.asked[-1].messages if m["role"] == "tool"]
            stopped = "[The run ended before this code did.]"
            assert said == ["a ran", f"b ran\n{stopped}", UNRUN]

    bounded(main())


@pytest.mark.parametrize("then", ["code", "words"])
def test_a_run_that_is_stopped_names_the_files_that_no_message_has(tmp_path: Path, then: str) -> None:
    made = tmp_path / "copy"
    made.write_bytes(b"1,2")

    async def main() -> None:
        going = asyncio.Event()

        async def play(code: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            if code == "wait":
                going.set()
                await asyncio.sleep(60)
            yield ProducedFile("a.csv", made, 3)
            yield CellEnd("ok")

        async def talks() -> AsyncIterator[ModelEvent]:
            yield TextDelta("I have")
            going.set()
            await asyncio.sleep(60)

        def model(request: ModelRequest) -> AsyncIterator[ModelEvent]:
            if request.messages[-1]["role"] != "tool":
                return wants(python("save"), text="First.")
            return talks() if then == "words" else wants(python("wait"))

        cells = PlayedInterpreter(play)
        async with open_runtime(tmp_path / "home", PlayedModel(model), cells.options) as runtime:
            run = await begin(runtime)
            await going.wait()
            await runtime.runs.cancel(run["thread_id"], run["id"])
            run = await ended(runtime, run)
            [file] = runtime.files.page(Listing(), "assistants_output")["data"]
            [newest] = runtime.messages.page(run["thread_id"], Listing(limit=1))["data"]
            attached = [each["file_id"] for each in newest["attachments"]]
            assert (attached, run.get("made_files", [])) == (
                ([file["id"]], []) if then == "words" else ([], [file["id"]])
            )

    bounded(main())


@pytest.mark.parametrize("ending", ["cancelled", "expired", "deleted"])
def test_files_of_interrupted_code_are_kept_unless_the_thread_is_deleted(tmp_path: Path, ending: str) -> None:
    made = tmp_path / "copy"
    made.write_bytes(b"1,2")

    async def main() -> None:
        running = asyncio.Event()

        async def play(_: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            yield Logs("on")
            running.set()
            await asyncio.sleep(60)

        model, cells = then_says(python("a"), before="Let me see."), PlayedInterpreter(play)
        cells.left = [ProducedFile("a.csv", made, 3), Logs("[1 more files]\n")]
        async with open_runtime(tmp_path / "home", model, cells.options) as runtime:
            run = await begin(runtime)
            thread_id = run["thread_id"]
            await running.wait()
            await until(runtime, run, "in_progress")
            if ending == "cancelled":
                await runtime.runs.cancel(thread_id, run["id"])
            elif ending == "expired":
                runtime.core.live[run["id"]].stop("expired")
            else:
                # Both at once: the run is told to stop, and finds its thread gone.
                runner = runtime.core.live[run["id"]]
                await runtime.threads.delete(thread_id)
                runner.stop("cancelled")
                await asyncio.wait([runner.task])  # it may have seen by itself that its thread is gone
                assert (cells.collected, runtime.files.page(Listing())["data"]) == ([], [])
                return
            run = await ended(runtime, run)
            [file] = runtime.files.page(Listing(), "assistants_output")["data"]
            assert runtime.files.content(file["id"])[1].read_bytes() == b"1,2"
            assert (run["status"], run["made_files"]) == (ending, [file["id"]])
            [step, _] = runtime.runs.steps(thread_id, run["id"], Listing())["data"]
            assert code_of(step)["outputs"] == [{"type": "logs", "logs": "on[1 more files]\n"}]
            # The next run finds it, and its model is told of it.
            cells._play = lambda _: prints("1")
            model.play = lambda request: (
                says("Yes.") if request.messages[-1]["role"] == "tool" else wants(python("b"))
            )
            await runtime.messages.create(thread_id, {"role": "user", "content": "And?"})
            await ended(runtime, await begin(runtime, thread_id=thread_id))
            assert [(each.id, each.name) for each in cells.asked[-1][2]] == [(file["id"], "a.csv")]
            told = next(m["content"] for m in model.asked[-1].messages if m["role"] == "tool")
            assert "The file /mnt/data/a.csv was saved" in told and told.endswith(
                "ended before this code did.]"
            )
            assert cells.collected == [thread_id]

    bounded(main())


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
def test_a_run_ends_where_the_files_of_its_code_are_not_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    monkeypatch.setattr(cells_module, "_COLLECT_SECONDS", 0.05)

    class Troubled(PlayedInterpreter):
        async def collect(self, thread: str) -> AsyncGenerator[CellEvent, None]:
            if trouble == "fails":
                raise RuntimeError("a fault")
            await asyncio.sleep(60)
            yield CellEnd("ok")

    async def main() -> None:
        running = asyncio.Event()

        async def play(_: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            running.set()
            await asyncio.sleep(60)

        async with open_runtime(tmp_path, then_says(python("a")), Troubled(play).options) as runtime:
            run = await begin(runtime)
            await running.wait()
            await runtime.runs.cancel(run["thread_id"], run["id"])
            assert (await ended(runtime, run))["status"] == "cancelled"

    bounded(main())
    assert ("a fault" in caplog.text) is ("were not kept" in caplog.text) is (trouble == "fails")


def test_what_code_said_is_kept_of_a_run_that_is_stopped_as_its_step_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        model = then_says(python("a"), before="Let me see.")
        async with open_runtime(tmp_path, model, PlayedInterpreter(lambda _: prints("1")).options) as runtime:
            write = Scribe.write

            async def stopped(scribe: Scribe, event: Event) -> None:
                if event.name == "thread.run.step.completed" and event.data["type"] == "tool_calls":
                    runtime.core.live[event.data["run_id"]].stop("cancelled")
                await write(scribe, event)
                await asyncio.sleep(0)

            monkeypatch.setattr(Scribe, "write", stopped)
            run = await ended(runtime, await begin(runtime))
            assert run["status"] == "cancelled"
            monkeypatch.undo()
            model.play = lambda _: says("Yes.")
            await runtime.messages.create(run["thread_id"], {"role": "user", "content": "And?"})
            await ended(runtime, await begin(runtime, thread_id=run["thread_id"]))
            assert [m["content"] for m in model.asked[-1].messages if m["role"] == "tool"] == ["1"]

    bounded(main())


def test_the_default_assistant_may_run_code_unless_tools_were_chosen(tmp_path: Path) -> None:
    async def main() -> None:
        model, cells = PlayedModel(lambda _: says("Hi.")), PlayedInterpreter(lambda _: prints())
        default = {"name": "asstream", "model": "default"}
        async with open_runtime(tmp_path, model, cells.options) as runtime:
            for assistant, fields, tools in (
                (default, {}, [TOOL]),
                (default, {"tools": []}, []),
                ({**default, "name": "other"}, {}, []),
                ({**default, "model": "m"}, {}, []),
            ):
                made = await runtime.assistants.create(assistant)
                run = await runtime.runs.create_with_thread({"assistant_id": made["id"], **fields})
                assert (await ended(runtime, run))["tools"] == tools
                assert runtime.assistants.get(run["assistant_id"])["tools"] == []
            assert cells.warmed == 0
        plain = tmp_path / "plain"
        async with open_runtime(plain, model) as runtime:
            assert (await begin(runtime, [], assistant=default))["tools"] == []

    bounded(main())


def test_a_model_without_functions_runs_code_in_fences(tmp_path: Path) -> None:
    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        if "385" in request.messages[-1]["content"]:
            return says("It is 385.")
        return says("```python\n", "print(385)", "\n```\n", "never said")

    model, cells = PlayedModel(play), PlayedInterpreter(lambda code: prints(code[6:-1]))
    model.calls_functions = False
    run, [step, _] = run_once(tmp_path, model, cells)
    assert run["status"] == "completed"
    assert code_of(step) == {"input": "print(385)", "outputs": [{"type": "logs", "logs": "385"}]}
    assert all(request.tools == () for request in model.asked)


@pytest.mark.parametrize(
    "last", ["```python\nprint(1)\n```", "```python\nprint(1)", "It is 1.", "```sh\nls\n```"]
)
def test_code_after_the_most_that_one_message_runs_is_said_not_to_be_run(tmp_path: Path, last: str) -> None:
    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        done = len(model.asked) > MOST_CALLS
        return says(*last) if done else says("```python\nprint(1)\n```")

    model, cells = PlayedModel(play), PlayedInterpreter(lambda _: prints("1"))
    model.calls_functions = False
    run, steps = run_once(tmp_path, model, cells)
    ran, [message, *notes] = steps[:MOST_CALLS], steps[MOST_CALLS:]
    assert (run["status"], len(cells.asked)) == ("completed", MOST_CALLS)
    assert [code_of(step)["input"] for step in ran] == ["print(1)"] * MOST_CALLS
    assert message["type"] == "message_creation"
    told = [{"input": "", "outputs": [{"type": "logs", "logs": f"[{NOT_RUN}]\n"}]}]
    assert [code_of(step) for step in notes] == (told if "python" in last else [])
    assert all(step["status"] == "completed" for step in steps)
    assert run["usage"]["total_tokens"] == sum(step["usage"]["total_tokens"] for step in steps)


def test_a_model_that_turns_out_to_have_no_functions_goes_on_in_fences(tmp_path: Path) -> None:
    async def refuses() -> AsyncIterator[ModelEvent]:
        model.calls_functions = False
        raise ModelError("m does not support tools")
        yield

    def play(request: ModelRequest) -> AsyncIterator[ModelEvent]:
        return refuses() if request.tools else says("Hi.")

    model = PlayedModel(play)
    run, _ = run_once(tmp_path, model, PlayedInterpreter(lambda _: prints()))
    assert (run["status"], len(model.asked)) == ("completed", 2)
    model.calls_functions = True
    run, _ = run_once(tmp_path, model, PlayedInterpreter(lambda _: prints()), tools=[FUNCTION])
    assert run["last_error"]["message"] == "m does not support tools"


def test_a_deleted_thread_interrupts_its_cell(tmp_path: Path) -> None:
    async def main() -> None:
        running = asyncio.Event()

        async def play(_: str) -> AsyncIterator[CellEvent]:
            yield CellStart(True)
            running.set()
            await asyncio.sleep(60)

        cells = PlayedInterpreter(play)
        async with open_runtime(tmp_path, then_says(python("a")), cells.options) as runtime:
            run = await begin(runtime)
            await running.wait()
            await until(runtime, run, "in_progress")
            await runtime.threads.delete(run["thread_id"])
            while not cells.interrupted:
                await asyncio.sleep(0.01)

    bounded(main())


def test_a_session_ends_when_another_process_deleted_its_thread(tmp_path: Path) -> None:
    async def main() -> None:
        model, cells = then_says(python("x")), PlayedInterpreter(lambda _: prints("1"))
        async with (
            open_runtime(tmp_path, model, cells.options) as first,
            open_runtime(tmp_path, model) as second,
        ):
            ids = [(await ended(first, await begin(first)))["thread_id"] for _ in range(2)]
            await second.threads.delete(ids[0])
            await recovery.end_sessions(first.core)
            assert cells.ended == ids[:1]

    bounded(main())
