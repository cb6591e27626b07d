"""The programs of examples/ that speak to the API, run as a reader would run them, against one server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.support.processes import ROOT, server_process
from tests.support.served import reply, write_script
from tests.support.stores import let_expire

PLOT = """
import matplotlib.pyplot as plt
rows = [line.split(",") for line in open("sales.csv").read().split()[1:]]
print(sum(int(sales) for _, sales in rows))
_ = plt.plot([int(sales) for _, sales in rows])
plt.show()
_ = open("totals.csv", "w").write("total\\n42\\n")
"""
SOLVED = {"steps": [{"explanation": "Subtract 11", "output": "3x = 3"}], "answer": "x = 1"}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_call": {"name": name, "arguments": arguments}}


KETTLE = "Descale it every month."
SCRIPT = [
    reply(
        [call("file_search", queries=["descale"])],
        [{"text": ["Monthly", "【0:0†kettle", ".md】", " or so【0:0†kettle.md】."]}],
        match="kettle",
    ),
    reply(
        [call("temperature", city="Oslo", unit="Celsius"), call("rain_probability", city="Oslo")],
        [{"text": "It is cold; the last thing I heard was {tool}."}],
        match="Oslo",
    ),
    reply([call("temperature", town="Rome")], [{"text": "I do not know: {tool}"}], match="Rome"),
    reply(
        [call("python", code=PLOT)],
        [{"text": "They are 42, see [totals](sandbox:/mnt/data/totals.csv)."}],
        match="Plot",
    ),
    reply([{"text": json.dumps(SOLVED)}], match="step|equation|3x"),
    reply([{"text": "You are welcome."}], match="Thank"),
    reply([{"error": {"message": "Too many.", "code": "rate_limit_exceeded"}}], match="fail"),
    reply([{"text": "Two of them."}], match="different"),
    reply([{"text": "Hello there."}]),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[openai.OpenAI]:
    with server_process(home, write_script(home / "script.json", SCRIPT)) as (_, made):
        yield made


def run(
    client: openai.OpenAI,
    name: str,
    *arguments: str,
    text: str = "",
    folder: Path = ROOT,
    code: int = 0,
    said: str = "",
) -> str:
    """What an example prints, with nothing configured but where the server is. `said`: on stderr."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *arguments],
        cwd=folder,
        env={**kept, "OPENAI_BASE_URL": str(client.base_url), "OPENAI_API_KEY": "none", "NO_PROXY": "*"},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert code or ended.stderr == said
    return ended.stdout


def test_the_console_waits_and_prints_whole_replies(client: openai.OpenAI) -> None:
    said = run(client, "console_polling.py", text="Hi\n\nplease fail\nexit\nnever\n")
    assert said.startswith("You > Assistant > Hello there.\nYou > Say something, or exit.\n")
    assert "(the run ended as failed: " in said
    assert "Too many." in said and said.endswith("\nYou > ")


@pytest.mark.parametrize("name", ["functions_streamed.py", "functions_polled.py"])
def test_functions_are_called_and_their_outputs_used(client: openai.OpenAI, name: str) -> None:
    assert run(client, name) == (
        '-- temperature({"city": "Oslo", "unit": "Celsius"})\n'
        '-- rain_probability({"city": "Oslo"})\n'
        "It is cold; the last thing I heard was 0.7.\n"
    )
    said = run(client, name, "And", "Rome?")
    assert said.startswith(
        '-- temperature({"town": "Rome"})\nI do not know: That can\'t be answered: TypeError('
    )


def test_the_code_interpreter_shows_its_code_and_its_files_come_down(
    client: openai.OpenAI, tmp_path: Path
) -> None:
    (tmp_path / "sales.csv").write_text("month,sales\n1,40\n2,2\n")
    said = run(client, "code_interpreter.py", "sales.csv", "Plot the sales", folder=tmp_path)
    for part in ("-- code_interpreter --\n", PLOT, "\n-- logs --\n42\n", "-- image --\n", "-- reply --\n"):
        assert part in said
    image, table = re.findall(r"^saved (.*)$", said, re.MULTILINE)
    assert (tmp_path / image).read_bytes().startswith(b"\x89PNG")
    assert (table, (tmp_path / table).read_text()) == ("totals.csv", "total\n42\n")
    run(client, "code_interpreter.py", "sales.csv", "Plot the sales", folder=tmp_path, code=1)
    assert len(list(tmp_path.glob("*.csv"))) == 2


def test_a_reply_in_a_form_is_an_object(client: openai.OpenAI) -> None:
    assert run(client, "structured_output.py") == "1. Subtract 11: 3x = 3\nAnswer: x = 1\n"
    newest = client.beta.assistants.list(limit=1).data[0].response_format
    assert newest is not None and newest != "auto" and newest.type == "json_schema"
    schema = newest.json_schema.schema_
    assert schema is not None and schema["required"] == ["steps", "answer"]


def test_three_threads_are_answered_at_once(client: openai.OpenAI) -> None:
    first, second, third = run(client, "three_threads.py").split("\n\n")
    assert first.startswith("user: Solve 3x + 11 = 14.\nassistant: {")
    assert second == "user: What is linear algebra?\nassistant: Hello there."
    assert third.splitlines()[1:] == [
        "assistant: Hello there.",
        "user: Thank you!",
        "assistant: You are welcome.",
    ]


def test_pictures_are_asked_about_and_the_steps_are_listed(client: openai.OpenAI, tmp_path: Path) -> None:
    png = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
    (tmp_path / "a.png").write_bytes(png)
    address = "https://example.com/b.png"
    said = run(client, "image_input.py", "a.png", address, "What is different?", folder=tmp_path)
    assert re.fullmatch(
        r"user: What is different\?\nuser: \[image_file\]\nuser: \[image_url\]\n"
        r"assistant: Two of them\.\n-- message_creation: completed, [1-9]\d* tokens\n",
        said,
    )
    [kept] = [each for each in client.files.list(purpose="vision") if each.filename == "a.png"]
    assert client.files.content(kept.id).read() == png


def test_answers_about_files_have_footnotes(client: openai.OpenAI, tmp_path: Path) -> None:
    (tmp_path / "kettle.md").write_text(KETTLE)
    (tmp_path / "a.txt").write_text("Nothing of that.")
    text, told = "When is the kettle due?\nWell?\n", "2 of 2 files can be searched.\n"
    said = run(client, "file_search.py", "kettle.md", "a.txt", text=text, folder=tmp_path, said=told)
    assert said == f"Monthly [1] or so [1].\n[1] kettle.md: “{KETTLE}”\nHello there.\n"
    assert not [file for file in client.files.list() if file.filename in ("kettle.md", "a.txt")]


def test_a_store_that_has_expired_is_made_anew(client: openai.OpenAI, home: Path) -> None:
    file = client.files.create(file=("a.md", b"The okapi lives in the Congo."), purpose="assistants")
    store = client.vector_stores.create(name="a", expires_after={"anchor": "last_active_at", "days": 1})
    client.vector_stores.files.create_and_poll(
        file.id, vector_store_id=store.id, attributes={"year": 1901}, poll_interval_ms=50
    )
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        tools=[{"type": "file_search"}],
        tool_resources={"file_search": {"vector_store_ids": [store.id]}},
    )
    assert run(client, "rebuild_store.py", assistant.id) == "No store of this assistant has expired.\n"
    let_expire(home, store.id)
    with pytest.raises(openai.BadRequestError, match="has expired"):
        client.beta.threads.create_and_run(assistant_id=assistant.id)
    said = run(client, "rebuild_store.py", assistant.id, said="1 of 1 files read\n")
    new = said.split()[-1]
    assert said == f"{store.id} has expired and is now {new}\n"
    found = client.vector_stores.search(new, query="okapi").data
    assert [(hit.filename, hit.attributes) for hit in found] == [("a.md", {"year": 1901})]
    assert (
        client.beta.threads.create_and_run_poll(assistant_id=assistant.id, poll_interval_ms=50).status
        == "completed"
    )
