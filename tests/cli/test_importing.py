"""Assistants under ids that programs have written into them: `create --id`, `import`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import openai
import pytest

from asstream.server.embedded import EmbeddedServer
from tests.cli.conftest import Run

OLD: dict[str, Any] = {
    "id": "asst_Old1",
    "object": "assistant",
    "created_at": 1_699_009_709,
    "name": "Math Tutor",
    "description": None,
    "model": "gpt-4o",
    "instructions": "Answer with a number.",
    "tools": [{"type": "code_interpreter"}, {"type": "file_search", "file_search": {"ranking_options": {}}}],
    "tool_resources": {"code_interpreter": {"file_ids": []}},
    "metadata": {"k": "v"},
    "top_p": 1.0,
    "temperature": 0.5,
    "reasoning_effort": None,
    "response_format": "auto",
}
SECOND = {**OLD, "id": "asst_Old2", "name": "Second"}


def listed(client: openai.OpenAI) -> set[str]:
    return {each.id for each in client.beta.assistants.list()}


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (OLD, ["asst_Old1"]),
        ([OLD, SECOND], ["asst_Old1", "asst_Old2"]),
        ({"object": "list", "data": [OLD, SECOND], "has_more": False}, ["asst_Old1", "asst_Old2"]),
    ],
)
def test_what_the_old_service_gave_is_imported_under_its_ids(
    run: Run, client: openai.OpenAI, remote: dict[str, str], data: Any, ids: list[str]
) -> None:
    done = run("assistants", "import", "-", stdin=json.dumps(data), code=0, **remote)
    assert done.stdout.split() == ids
    assert f"imported {len(ids)} assistant" in done.stderr
    kept = client.beta.assistants.retrieve("asst_Old1")
    assert (kept.name, kept.model, kept.instructions) == ("Math Tutor", "gpt-4o", "Answer with a number.")
    assert (kept.temperature, kept.metadata) == (0.5, {"k": "v"})
    assert [tool.type for tool in kept.tools] == ["code_interpreter", "file_search"]


def test_what_was_exported_is_imported_and_new_ids_are_told(
    run: Run, client: openai.OpenAI, remote: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps(OLD))
    run("assistants", "import", str(file), code=0, **remote)
    exported = run("assistants", "export", "asst_Old1", code=0, **remote).stdout
    done = run("assistants", "import", "-", "--new-id", stdin=exported, code=0, **remote)
    assert "1 of them under a new id" in done.stderr
    assert listed(client) == {"asst_Old1", done.stdout.strip()}


BAD: dict[str, tuple[Any, str]] = {
    "a value": ([OLD, 7], "entry 2: it is no JSON object"),
    "a thread": ([OLD, {"id": "thread_a", "object": "thread"}], "it is a 'thread', not an assistant"),
    "an id": ([OLD, {**SECOND, "id": "asst_ \x1b[31m"}], "Invalid 'id'"),
    "a tool": (
        [OLD, {**SECOND, "tools": [{"type": "hammer"}]}],
        "entry 2 (asst_Old2 'Second'): Invalid value",
    ),
    "twice": ([OLD, OLD], "the file has its id twice"),
    "taken": ([SECOND, {**OLD, "id": "asst_There"}], "there is one with this id already"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_bad_entry_is_named_and_none_is_imported(
    run: Run, client: openai.OpenAI, remote: dict[str, str], case: str
) -> None:
    client.beta.assistants.create(model="m", extra_body={"id": "asst_There"})
    data, words = BAD[case]
    done = run("assistants", "import", "-", stdin=json.dumps(data), code=2, **remote)
    assert words in done.stderr
    assert "1 of 2 can't be imported, and nothing was" in done.stderr
    assert "\x1b" not in done.stderr
    assert listed(client) == {"asst_There"}


def test_what_is_no_assistant_at_all_is_refused(run: Run, remote: dict[str, str]) -> None:
    assert "can't be read as JSON" in run("assistants", "import", "-", stdin="{", code=2, **remote).stderr
    assert "holds no assistant" in run("assistants", "import", "-", stdin="[]", code=2, **remote).stderr


def test_files_that_are_not_here_are_left_out_and_named(
    run: Run, client: openai.OpenAI, remote: dict[str, str]
) -> None:
    here = client.files.create(file=("a.txt", b"a"), purpose="assistants").id
    ids = {"file_ids": ["file-gone", here]}
    data = [{**OLD, "tool_resources": {"code_interpreter": ids}}]
    data.append({"id": "asst_V1", "model": "m", "tools": [{"type": "code_interpreter"}], **ids})
    done = run("assistants", "import", "-", stdin=json.dumps(data), code=0, **remote)
    assert done.stderr.count("without file-gone") == 2
    for id in ("asst_Old1", "asst_V1"):
        resources: Any = client.beta.assistants.retrieve(id).tool_resources
        assert resources.code_interpreter.file_ids == [here]


def test_an_id_that_is_taken_or_malformed_is_refused(
    run: Run, client: openai.OpenAI, remote: dict[str, str], served: EmbeddedServer
) -> None:
    assert run("assistants", "create", "--id", "asst_A", code=0, **remote).stdout == "asst_A\n"
    taken = run("assistants", "create", "--id", "asst_A", "--name", "B", code=2, **remote).stderr
    assert "there is an assistant asst_A already" in taken
    for bad in ("A", "asst_", "asst_a b", "asst_" + "a" * 65, "asst_a\n"):
        assert "can't have the id" in run("assistants", "create", "--id", bad, code=2, **remote).stderr
    assert listed(client) == {"asst_A"}


class Elsewhere(BaseHTTPRequestHandler):
    """An endpoint that chooses its ids itself, and remembers what was asked of it."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.asked.append(f"{self.command} {self.path.partition('?')[0]}")
        body = json.dumps({**OLD, "id": "asst_Theirs", "data": [], "has_more": False}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _answer


@pytest.mark.parametrize("arguments", [["create", "--id", "asst_Mine"], ["import", "-"]])
def test_an_endpoint_that_does_not_keep_ids_keeps_nothing(run: Run, arguments: list[str]) -> None:
    Elsewhere.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        done = run(
            "assistants", *arguments, "--base-url", url, "--api-key", "k", stdin=json.dumps(OLD), code=2
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "it made asst_Theirs, which is deleted again" in done.stderr
    assert Elsewhere.asked[-2:] == ["POST /v1/assistants", "DELETE /v1/assistants/asst_Theirs"]
