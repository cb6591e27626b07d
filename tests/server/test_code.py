"""Code in real kernels behind the real server: files, sessions, and what a killed server leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from asstream.interpreter.kernels import KernelInterpreter
from asstream.runtime import CodeOptions
from asstream.runtime.cells import FRESH
from tests.support.processes import kill, server_process
from tests.support.raw import asked, lines
from tests.support.served import reply, served, write_script

TOOL: Any = {"type": "code_interpreter"}


def python(match: str, *codes: str) -> dict[str, Any]:
    """A reply that runs pieces of code one after another and then repeats the last output."""
    turns = [[{"tool_call": {"name": "python", "arguments": {"code": code}}}] for code in codes]
    return reply(*turns, [{"text": "{tool}"}], match=f"^{match}$")


SCRIPT = [
    python("names", "import os\nprint(sorted(os.listdir()))"),
    python(
        "make",
        "import os\nos.makedirs('sub')\n_ = open('sub/out.txt', 'w').write('one')\nx = 1",
        "_ = open('sub/out.txt', 'w').write('two')",
        "import os\nprint(sorted(os.listdir()), sorted(os.listdir('sub')))",
    ),
    python("look", "print(open('sub/out.txt').read(), 'x' in globals())"),
    python("wait", "print('on')\nimport time\ntime.sleep(60)"),
    python(
        "save", "with open('half.txt', 'w') as file: _ = file.write('so far')\nprint('on')\nwhile True: pass"
    ),
    python("half", "import os\nprint(open('half.txt').read(), sorted(os.listdir()))"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    home = tmp_path_factory.mktemp("home")
    code = CodeOptions(lambda: KernelInterpreter(home / "interpreter"))
    with served(home, SCRIPT, code) as made:
        yield made


def assistant_of(client: openai.OpenAI) -> str:
    return client.beta.assistants.create(model="m", tools=[TOOL]).id


def said(client: openai.OpenAI, thread_id: str, text: str, **message: Any) -> str:
    """What the assistant answers to a message."""
    client.beta.threads.messages.create(thread_id, role="user", content=text, **message)
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread_id, assistant_id=assistant_of(client), poll_interval_ms=50
    )
    assert run.status == "completed", run.last_error
    [newest] = client.beta.threads.messages.list(thread_id, limit=1).data
    return "".join(part.text.value for part in newest.content if part.type == "text")


def test_an_attached_file_is_there_under_its_name_and_its_id(tmp_path: Path) -> None:
    with served(tmp_path, SCRIPT) as client:
        file = client.files.create(file=("in.txt", b"hello"), purpose="assistants")
    script = [python("read", f"print(open('in.txt').read(), open('/mnt/data/{file.id}').read())")]
    code = CodeOptions(lambda: KernelInterpreter(tmp_path / "interpreter"))
    with served(tmp_path, script, code) as client:
        thread = client.beta.threads.create()
        attachments = [{"file_id": file.id, "tools": [TOOL]}]
        assert said(client, thread.id, "read", attachments=attachments) == "hello hello"


def test_what_code_made_can_be_downloaded_and_is_not_put_beside_itself(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    assert said(client, thread.id, "make") == "['sub'] ['out.txt']"
    two, one = client.files.list(purpose="assistants_output").data[:2]
    assert [client.files.content(file.id).text for file in (one, two)] == ["one", "two"]
    assert {one.filename, two.filename} == {"sub/out.txt"}
    assert said(client, thread.id, "look") == "two True"
    assert said(client, thread.id, "names") == "['sub']"


def test_an_upload_has_its_name_where_code_had_made_one_of_that_name(tmp_path: Path) -> None:
    look = "import os\nprint(sorted(n for n in os.listdir() if n[-4:] == '.txt'), open('d.txt').read())"
    link = "print('sandbox:/mnt/data/d.txt')"
    script = [
        python("make", "_ = open('d.txt', 'w').write('made')\nx = 1"),
        python("look", look),
        python("link", link),
        python("remove", "import os\nos.remove('d.txt')"),
        python("session", "exit()"),
    ]
    left = "['d (2).txt'] False"
    script.append(
        python(
            "left", "import os\nprint(sorted(n for n in os.listdir() if n[-4:] == '.txt'), 'x' in globals())"
        )
    )
    with served(tmp_path, script, CodeOptions(lambda: KernelInterpreter(tmp_path / "one"))) as client:
        thread = client.beta.threads.create()
        said(client, thread.id, "make")
        file = client.files.create(file=("d.txt", b"given"), purpose="assistants")
        told = said(client, thread.id, "look", attachments=[{"file_id": file.id, "tools": [TOOL]}])
        assert "what had this name before is d (2).txt" in told
        assert "['d (2).txt', 'd.txt'] given" in told
        said(client, thread.id, "link")
        [newest] = client.beta.threads.messages.list(thread.id, limit=1).data
        assert newest.content[0].type == "text"
        [annotation] = newest.content[0].text.annotations
        assert annotation.type == "file_path" and annotation.file_path.file_id == file.id
        said(client, thread.id, "remove")
        assert "exit() or quit()" in said(client, thread.id, "session")
        assert said(client, thread.id, "left").endswith(left)
    with served(tmp_path, script, CodeOptions(lambda: KernelInterpreter(tmp_path / "two"))) as client:
        assert said(client, thread.id, "left").endswith(left)


def test_a_cancelled_cell_leaves_the_session_as_it_was(client: openai.OpenAI) -> None:
    thread = client.beta.threads.create()
    said(client, thread.id, "make")
    _wait_for_output(client, thread.id, "wait")
    [run] = client.beta.threads.runs.list(thread.id, limit=1).data
    client.beta.threads.runs.cancel(run.id, thread_id=thread.id)
    client.beta.threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=50)
    assert said(client, thread.id, "look") == "two True"


def test_what_a_cancelled_cell_had_made_is_a_file_like_others(tmp_path: Path) -> None:
    with served(tmp_path, SCRIPT, CodeOptions(lambda: KernelInterpreter(tmp_path / "one"))) as client:
        thread = client.beta.threads.create()
        _wait_for_output(client, thread.id, "save")
        [run] = client.beta.threads.runs.list(thread.id, limit=1).data
        client.beta.threads.runs.cancel(run.id, thread_id=thread.id)
        run = client.beta.threads.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=50)
        [file] = client.files.list(purpose="assistants_output").data
        assert (run.status, file.filename, run.to_dict()["made_files"]) == (
            "cancelled",
            "half.txt",
            [file.id],
        )
        assert client.files.content(file.id).text == "so far"
        assert said(client, thread.id, "half") == "so far ['half.txt']"
        assert client.files.list(purpose="assistants_output").data == [file]
    with served(tmp_path, SCRIPT, CodeOptions(lambda: KernelInterpreter(tmp_path / "two"))) as client:
        assert said(client, thread.id, "half").startswith(f"{FRESH}so far ['file-")


def test_a_server_killed_while_code_runs_leaves_a_failed_run_with_what_was_printed(tmp_path: Path) -> None:
    spec = write_script(tmp_path / "script.json", SCRIPT)
    with server_process(tmp_path, spec) as (process, client):
        thread = client.beta.threads.create()
        assert said(client, thread.id, "make") == "['sub'] ['out.txt']"
        _wait_for_output(client, thread.id, "wait")
        kill(process)
    with server_process(tmp_path, spec) as (_, client):
        [run] = client.beta.threads.runs.list(thread.id, limit=1).data
        assert run.status == "failed"
        [step] = client.beta.threads.runs.steps.list(run.id, thread_id=thread.id).data
        assert step.status == "failed"
        assert step.step_details.type == "tool_calls"
        [call] = step.step_details.tool_calls
        assert call.type == "code_interpreter"
        assert call.code_interpreter.input.startswith("print('on')")
        assert [output.to_dict() for output in call.code_interpreter.outputs] == [
            {"type": "logs", "logs": "on\n"}
        ]
        assert said(client, thread.id, "look") == f"{FRESH}two False"


def _wait_for_output(client: openai.OpenAI, thread_id: str, text: str) -> None:
    """Start a run whose code waits, and go on once it has printed something that is on the disk."""
    client.beta.threads.messages.create(thread_id, role="user", content=text)
    body = {"assistant_id": assistant_of(client), "stream": True}
    with asked(client, "POST", f"/threads/{thread_id}/runs", body) as response:
        next(line for line in lines(response) if '"logs":"on' in line)
    time.sleep(0.2)  # deltas are on the disk 50 ms later
