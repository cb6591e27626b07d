"""Code that a model writes, from the command line: real kernels behind a scripted model."""

from __future__ import annotations

import json
import re
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Run
from tests.cli.terminal import terminal
from tests.cli.test_terminal import prompt_is_back

COUNT = "for n in (1, 2):\n    print('line', n)\nn * 21"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
TABLE = "open('/mnt/data/table.csv', 'w').write('1,2')\nprint('written')"
LINK = "Here: [table.csv](sandbox:/mnt/data/table.csv)."

BAR = "for n in range(0, 101, 20): print(f'\\r{n:3}%', end='', flush=True)\nprint()"

FENCE = "print('```\\n\\x1b[31mx')"
LONG = "for n in range(100):\n    print(n)"


def call(code: str) -> dict[str, Any]:
    return {"tool_call": {"name": "python", "arguments": {"code": code}}}


REPLIES = [
    {"match": "count", "turns": [[{"text": "Look."}, call(COUNT)], [{"text": "Counted."}]]},
    {"match": "bar", "turns": [[call(BAR)], [{"text": "Through."}]]},
    {"match": "fence", "turns": [[call(FENCE)], [{"text": "Fenced."}]]},
    {"match": "long", "turns": [[call(LONG)], [{"text": "Long."}]]},
    {"match": "plot", "turns": [[call(PLOT)], [{"text": "Drawn."}]]},
    {"match": "table", "turns": [[call(TABLE)], [{"text": LINK}]]},
    {
        "match": "endless",
        "turns": [[call(TABLE)], [call("import time\nprint('waits', flush=True)\ntime.sleep(99)")]],
    },
    {"match": "quiet", "turns": [[call(TABLE)], [{"text": "Written."}]]},
    {"match": None, "turns": [[{"text": "Understood."}]]},
]


@pytest.fixture
def environ(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A model that writes code."""
    (tmp_path / "script.json").write_text(json.dumps({"replies": REPLIES}))
    return environ


def last_run(run: Run) -> tuple[str, str]:
    """The thread last used, and its newest run."""
    threads = run("threads", "list", "--json", code=0).stdout.splitlines()
    thread = str(json.loads(threads[0])["id"])
    return thread, str(json.loads(run("runs", "list", thread, "--json", code=0).stdout.splitlines()[0])["id"])


def test_piped_the_reply_alone_is_on_stdout(run: Run) -> None:
    done = run("ask", "count", code=0)
    assert (done.stdout, done.stderr) == ("Look.\nCounted.\n", "")


def test_the_steps_of_a_past_run_show_code_and_outputs(run: Run) -> None:
    run("ask", "count", code=0)
    thread, made = last_run(run)
    shown = run("runs", "steps", thread, made, code=0).stdout
    assert f"code\n{COUNT}\noutput\nline 1\nline 2\n42\n" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("step_")] == [
        "message_creation",
        "tool_calls",
        "message_creation",
    ]
    listed = [
        json.loads(line) for line in run("runs", "steps", thread, made, "--json", code=0).stdout.splitlines()
    ]
    assert listed[1]["step_details"]["tool_calls"][0]["code_interpreter"]["input"] == COUNT


def test_the_steps_of_a_past_run_show_the_end_of_a_progress_bar(run: Run) -> None:
    run("ask", "bar", code=0)
    assert f"code\n{BAR}\noutput\n100%\n" in run("runs", "steps", *last_run(run), code=0).stdout


def block(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```\n"


def test_an_exported_thread_has_its_code_and_outputs_in_place(run: Run, tmp_path: Path) -> None:
    exported = tmp_path / "chat.md"
    run("chat", stdin=f"count\nbar\nfence\nhello\n/export {exported}\n", code=0)
    thread, _ = last_run(run)
    told = exported.read_text().partition("\n\n## User\n\n")[2]
    assert told == (
        "count\n\n## Assistant\n\nLook.\n\n## Code\n\n"
        + block(COUNT, "python")
        + "\nOutput:\n\n"
        + block("line 1\nline 2\n42", "text")
        + "\n## Assistant\n\nCounted.\n\n## User\n\nbar\n\n## Code\n\n"
        + block(BAR, "python")
        + "\nOutput:\n\n"
        + block("100%", "text")
        + "\n## Assistant\n\nThrough.\n\n## User\n\nfence\n\n## Code\n\n"
        + f"````python\n{FENCE}\n````\n\nOutput:\n\n````text\n```\nx\n````\n"
        + "\n## Assistant\n\nFenced.\n\n## User\n\nhello\n\n## Assistant\n\nUnderstood.\n"
    )
    assert run("threads", "export", thread, code=0).stdout == exported.read_text()
    data = json.loads(run("threads", "export", thread, "--json", code=0).stdout)
    codes = [step["step_details"]["tool_calls"][0]["code_interpreter"]["input"] for step in data["steps"]]
    assert (codes, len(data["messages"])) == ([COUNT, BAR, FENCE], 9)


def test_a_resumed_chat_shows_its_code_and_outputs_in_place(run: Run, environ: dict[str, str]) -> None:
    run("chat", stdin="count\nlong\n", code=0)
    with terminal(["resume", "--last"], environ) as chat:
        shown = chat.wait_for(lambda text: "/help helps" in text and prompt_is_back(text))
        chat.type("\x04")
        assert chat.wait_end() == 0
    begin = f"> count\nLook.\n── code ──\n{COUNT}\n── output ──\nline 1\nline 2\n42\nCounted.\n> long\n"
    head, tail = "\n".join(map(str, range(12))), "\n".join(map(str, range(88, 100)))
    assert begin in shown
    assert f"── output ──\n{head}\n… 76 more lines\n{tail}\nLong.\n" in shown


def test_images_of_the_past_are_named(run: Run, environ: dict[str, str]) -> None:
    pytest.importorskip("matplotlib")
    run("ask", "plot", code=0)
    thread, _ = last_run(run)
    assert re.search(
        r"\n\[image figure\.png \(file-\w+\)\]\n", run("threads", "export", thread, code=0).stdout
    )
    with terminal(["resume", "--last"], environ) as chat:
        shown = chat.wait_for(lambda text: "/help helps" in text and prompt_is_back(text))
        chat.type("\x04")
        assert chat.wait_end() == 0
    assert re.search(r"\nimage figure\.png \(file-\w+\)\n", shown)


def test_the_steps_of_a_past_run_name_pictures(run: Run) -> None:
    pytest.importorskip("matplotlib")
    run("ask", "plot", code=0)
    shown = run("runs", "steps", *last_run(run), code=0).stdout
    assert f"code\n{PLOT}\n" in shown
    assert any(line.startswith("image ") and "file-" in line for line in shown.splitlines())


def test_files_of_each_reply_are_saved_where_it_was_asked_for(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    done = run("chat", "--save-files", str(folder), stdin="table\ntable\ncount\n", code=0)
    assert (folder / "table.csv").read_text() == "1,2"
    assert {path.name for path in folder.iterdir()} <= {"table.csv", "table (2).csv"}
    assert done.stdout == f"{LINK}\n" * 2 + "Look.\nCounted.\n"
    assert done.stderr.splitlines()[0] == f"saved {folder / 'table.csv'}"


def test_pictures_are_saved_with_the_other_files(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("ask", "plot", "--save-files", str(tmp_path / "kept"), code=0)
    [path] = (tmp_path / "kept").iterdir()
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_can_not_be_made_is_told_of_before_anything_is_sent(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("ask", "count", "--save-files", str(tmp_path / "file" / "kept"), code=3)
    assert done.stderr.startswith(f"asstream: the folder {tmp_path}/file/kept can't be made")
    assert done.stdout == ""


def test_a_sandbox_that_there_is_not_is_refused(run: Run) -> None:
    assert "--sandbox 'strong'" in run("ask", "count", "--sandbox", "strong", code=2).stderr


def test_a_sandbox_is_refused_where_code_runs_elsewhere(run: Run, remote: dict[str, str]) -> None:
    done = run("ask", "count", "--sandbox", "none", code=2, **remote)
    assert f"--sandbox none has no effect at {remote['ASSTREAM_BASE_URL']}" in done.stderr


def test_the_demo_runs_here_whatever_endpoint_is_set(run: Run) -> None:
    done = run("demo", "--sandbox", "auto", code=0, ASSTREAM_BASE_URL="http://127.0.0.1:9/v1")
    assert done.stdout.startswith("A tour.")


def test_what_is_missing_is_said_in_the_same_words_everywhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from asstream.cli import demo, doctor
    from asstream.config import load

    monkeypatch.setitem(sys.modules, "zmq", None)
    [check] = doctor._interpreter(load({}, {"ASSTREAM_CONFIG": str(tmp_path / "none.toml")}))
    assert (check.found, check.state) == ("not installed (zmq missing)", "note")
    asked = [question for question, _ in demo._questions("auto")]
    assert asked == [demo.TEXT[0], demo.SEARCH, demo.TEXT[1]]
    told = capsys.readouterr().out
    assert f"code interpreter is {check.found}" in told
    assert check.remedy in told


def test_the_extra_that_is_named_holds_what_is_needed() -> None:
    from asstream.interpreter.installed import NEEDED, PACKAGES, REMEDY

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [named] = re.findall(r"asstream\[(\w+)\]", REMEDY)
    held = {re.split(r"[<>=\[]", each)[0] for each in extras[named]}
    assert {*NEEDED, *PACKAGES} - {"zmq"} <= held  # pyzmq is jupyter_client's


def test_no_sandbox_is_said_aloud(run: Run) -> None:
    done = run("ask", "count", "--sandbox", "none", code=0)
    assert "no sandbox" in done.stderr
    assert done.stdout == "Look.\nCounted.\n"


def test_a_chat_shows_code_and_output_and_saves_files(environ: dict[str, str], tmp_path: Path) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type("table\r")
        shown = chat.wait_for(lambda text: "/save writes it here" in text and prompt_is_back(text))
        reply = shown.partition("> table\n")[2].splitlines()
        assert reply[:6] == [
            "── code ──",
            *TABLE.split("\n"),
            "── output ──",
            "written",
            "Here: table.csv.",
        ]
        assert reply[6].startswith("table.csv  file-")
        chat.type(f"/save {tmp_path}/kept\r")
        chat.wait_for(f"saved {tmp_path}/kept/table.csv")
        chat.wait_for(prompt_is_back)
        chat.type("/steps\r")
        chat.wait_for("code: open('/mnt/data/table.csv', 'w').write('1,2') (+1 line) → 1 line")
        chat.wait_for(prompt_is_back)
        chat.type("\x04")
        assert chat.wait_end() == 0
    assert (tmp_path / "kept" / "table.csv").read_text() == "1,2"


def test_a_chat_draws_a_picture_and_keeps_it(environ: dict[str, str]) -> None:
    pytest.importorskip("matplotlib")
    with terminal(["chat"], {**environ, "TERM": "xterm-kitty"}) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type("plot\r")
        shown = chat.wait_for(lambda text: "Drawn." in text and prompt_is_back(text))
        chat.type("\x04")
        assert chat.wait_end() == 0
    assert chat.raw.count(b"\x1b_Ga=T,f=100,q=2,") == 1
    path = next(line for line in shown.splitlines() if line.startswith("image ")).removeprefix("image ")
    assert Path(path).read_bytes().startswith(b"\x89PNG")


def test_of_a_reply_that_was_stopped_what_it_made_is_saved(environ: dict[str, str], tmp_path: Path) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for(prompt_is_back)
        chat.type("endless\r")
        chat.wait_for("── output ──\nwaits")
        chat.type("\x03")
        chat.wait_for(lambda text: "stopped" in text and prompt_is_back(text))
        chat.type(f"/save {tmp_path}/kept\r")
        chat.wait_for(f"saved {tmp_path}/kept/table.csv")
        chat.wait_for(prompt_is_back)
        chat.type("/steps\r")
        chat.wait_for("tool_calls  cancelled")
        chat.wait_for(prompt_is_back)
        time.sleep(1.1)  # as a person would: times on the wire are whole seconds
        chat.type("count\r")
        chat.wait_for(lambda text: "Counted." in text and prompt_is_back(text))
        chat.type(f"/export {tmp_path}/all.md\r")
        chat.wait_for(f"written to {tmp_path}/all.md")
        chat.wait_for(prompt_is_back)
        chat.type("\x04")
        assert chat.wait_end() == 0
    assert (tmp_path / "kept" / "table.csv").read_text() == "1,2"
    told = (tmp_path / "all.md").read_text().partition("## User\n\nendless\n")[2]
    places = [
        told.index(part) for part in (TABLE, "waits\n```", "## User\n\ncount", "Look.", COUNT, "Counted.")
    ]
    assert places == sorted(places)


def test_save_says_where_there_is_nothing(run: Run) -> None:
    assert run("chat", stdin="hello\n/save\n", code=0).stderr == "the last reply has no files\n"


def test_a_file_that_the_reply_does_not_link_is_saved_all_the_same(run: Run, tmp_path: Path) -> None:
    assert run("chat", stdin=f"quiet\n/save {tmp_path}/one\n", code=0).stdout == "Written.\n"
    run("ask", "quiet", "--save-files", str(tmp_path / "two"), code=0)
    for folder in ("one", "two"):
        assert [path.name for path in (tmp_path / folder).iterdir()] == ["table.csv"]


def test_doctor_tells_what_holds_code(run: Run) -> None:
    checks = [json.loads(line) for line in run("doctor", "--json", code=0).stdout.splitlines()]
    names = {check["name"]: check for check in checks}
    assert names["code interpreter"]["state"] == "ok"
    assert any(name.startswith("sandbox ") for name in names)


def test_doctor_calls_no_sandbox_used_where_none_is_asked_for(run: Run, environ: dict[str, str]) -> None:
    config = Path(environ["ASSTREAM_CONFIG"])
    config.write_text('default_profile = "open"\n[profiles.open]\nsandbox = "none"\n')
    told = run("doctor", code=0).stdout
    assert "sandbox: none" in told and "is used" not in told


def test_the_demo_begins_with_nothing_that_it_does_not_go_on_with(run: Run) -> None:
    assert run("demo", "--sandbox", "strong", code=2).stdout == ""


def test_the_demo_at_a_terminal_shows_it_all(environ: dict[str, str]) -> None:
    with terminal(["demo"], environ) as demo:
        shown = demo.wait_for("`asstream doctor` tells which model would answer.")
        assert demo.wait_end() == 0
    cited = "Every month, or when it has grown loud¹. Vinegar in two parts of water will do¹.\n"
    noted = "¹ kettle.md, passage 1 · “… Descale it every month"
    code = ("after 8 numbers: 31", "TypeError: unsupported", "\n8.8\n", "numbers.csv  file-")
    for part in (*code, cited):
        assert part in shown
    assert noted in " ".join(shown.split())
