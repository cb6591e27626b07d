"""The commands over nouns, against the runtime of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def objects(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_an_assistant_is_created_changed_shown_found_by_name_and_prefix_and_deleted(
    run: Run, tmp_path: Path
) -> None:
    tool = tmp_path / "tool.json"
    tool.write_text(json.dumps({"name": "add", "parameters": {"type": "object", "properties": {}}}))
    told = tmp_path / "told.txt"
    told.write_text("Count well.")
    arguments = ["--name", "Tutor", "--instructions", f"@{told}", "--tool", "code_interpreter"]
    arguments += ["--tool", str(tool), "--metadata", "topic=maths", "--temperature", "0.5"]
    made = run("assistants", "create", *arguments, "--id", "asst_mine", code=0).stdout.strip()
    assert made == "asst_mine"
    shown = objects(run("assistants", "show", "Tutor", "--json", code=0).stdout)[0]
    assert (shown["instructions"], shown["temperature"]) == ("Count well.", 0.5)
    assert [each["type"] for each in shown["tools"]] == ["code_interpreter", "function"]
    assert shown["metadata"] == {"topic": "maths"}
    run("assistants", "update", "asst_mi", "--name", "Coach", code=0)
    assert [each["name"] for each in objects(run("assistants", "list", "--json").stdout)] == ["Coach"]
    assert "Coach" in run("assistants", "list", code=0).stdout
    exported = tmp_path / "coach.json"
    run("assistants", "export", "Coach", str(exported), code=0)
    assert run("assistants", "delete", "Coach", code=0).stdout == "deleted asst_mine\n"
    run("assistants", "import", str(exported), "--keep-id", code=0)
    again = objects(run("assistants", "show", "asst_mine", "--json", code=0).stdout)[0]
    assert {**again, "created_at": 0} == {**shown, "name": "Coach", "created_at": 0}


def test_a_name_that_several_assistants_have_is_refused_with_their_ids(run: Run) -> None:
    ids = [run("assistants", "create", "--name", "twin", code=0).stdout.strip() for _ in range(2)]
    done = run("assistants", "show", "twin", code=2)
    assert all(each in done.stderr for each in ids)


BAD = {
    "metadata": (["assistants", "create", "--metadata", "x"], "K=V"),
    "a tool": (["assistants", "create", "--tool", "hammer"], "--tool 'hammer'"),
    "a file": (["assistants", "create", "--instructions", "@none.txt"], "no file none.txt"),
    "no change": (["assistants", "update", "x"], "nothing to change"),
    "an import": (["assistants", "import", "none.json"], "none.json can't be read"),
    "a thread": (["threads", "show", "thread_no"], "no thread 'thread_no'"),
    "a run": (["runs", "list", "thread_no"], "no thread 'thread_no'"),
    "a model": (["models", "use", "none"], "no model 'none'"),
    "a recording": (["replay", "none.sse"], "no recording none.sse"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_value_is_named_in_two_lines_with_code_2(run: Run, case: str) -> None:
    arguments, words = BAD[case]
    done = run(*arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_threads_are_listed_renamed_shown_exported_and_deleted(run: Run, tmp_path: Path) -> None:
    run("ask", "What is the capital of France?", code=0)
    thread = objects(run("threads", "list", "--json", code=0).stdout)[0]
    assert thread["title"] == "What is the capital of France?"
    run("threads", "rename", thread["id"], "Geography", code=0)
    assert "Geography" in run("threads", "list", code=0).stdout
    assert run("threads", "show", thread["id"][:12], code=0).stdout == (
        "user:\nWhat is the capital of France?\n\nassistant:\nThe capital of France is **Paris**.\n"
    )
    out = tmp_path / "out.md"
    run("threads", "export", thread["id"], str(out), code=0)
    assert out.read_text().startswith("# Geography\n")
    data = json.loads(run("threads", "export", thread["id"], "--json", code=0).stdout)
    assert [message["role"] for message in data["messages"]] == ["user", "assistant"]
    run("threads", "delete", thread["id"], code=0)
    assert run("threads", "list", "--json", code=0).stdout == ""


def test_runs_are_listed_shown_with_their_steps(run: Run) -> None:
    run("ask", "hi", code=0)
    thread = objects(run("threads", "list", "--json").stdout)[0]["id"]
    made = objects(run("runs", "list", thread, "--json", code=0).stdout)[0]
    assert made["status"] == "completed"
    assert f"status: {made['status']}" in run("runs", "show", thread, made["id"][:8], code=0).stdout
    steps = objects(run("runs", "steps", thread, made["id"], "--json", code=0).stdout)
    assert [step["type"] for step in steps] == ["message_creation"]
    assert "completed" in run("runs", "cancel", thread, made["id"], code=2).stderr


def test_the_steps_of_a_run_show_the_functions_with_their_arguments(run: Run, tmp_path: Path) -> None:
    tool = tmp_path / "weather.json"
    tool.write_text('{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}')
    run("assistants", "create", "--name", "forecaster", "--tool", str(tool), code=0)
    run("ask", "--assistant", "forecaster", "weather", code=1)
    thread = objects(run("threads", "list", "--json").stdout)[0]["id"]
    made = objects(run("runs", "list", thread, "--json", code=0).stdout)[0]["id"]
    shown = run("runs", "steps", thread, made, code=0).stdout
    assert 'function get_weather\n{"city": "Rome"}\n' in shown


def test_the_built_in_handlers_are_listed(run: Run) -> None:
    assert [each["name"] for each in objects(run("handlers", "list", "--json", code=0).stdout)][:3] == [
        "console",
        "plain",
        "jsonl",
    ]


def test_the_scripted_model_is_listed_and_no_other(run: Run) -> None:
    assert [each["name"] for each in objects(run("models", "list", "--json", code=0).stdout)] == ["scripted"]


def test_the_demo_says_that_it_is_scripted_and_leaves_only_what_it_was_told_to(
    run: Run, environ: dict[str, str], tmp_path: Path
) -> None:
    done = run("demo", "--save-files", str(tmp_path / "kept"), code=0)
    assert "scripted model" in done.stdout.splitlines()[0]
    assert "`asstream serve`" in done.stdout
    assert "Together they are 31." in done.stdout
    assert (tmp_path / "kept" / "numbers.csv").read_text().splitlines()[1] == "1,3"
    assert f"saved {tmp_path / 'kept' / 'numbers.csv'}" in done.stderr
    assert not Path(environ["ASSTREAM_HOME"]).exists()


def test_doctor_finds_all_well_with_a_scripted_model(run: Run) -> None:
    checks = objects(run("doctor", "--json", code=0).stdout)
    assert {check["state"] for check in checks} <= {"ok", "note"}
    assert {"endpoint", "model", "home"} <= {check["name"] for check in checks}


def test_doctor_goes_on_past_what_is_bad_and_exits_with_its_code(run: Run) -> None:
    done = run("doctor", "--base-url", "http://127.0.0.1:9/v1", code=4)
    assert "bad   endpoint: http://127.0.0.1:9 does not answer" in done.stdout
    assert "handlers" in done.stdout
