"""The prompt of a chat at a real terminal: Tab, the editor, history, files and threads by slash commands."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asstream.chat.tab import Candidate
from tests.cli.conftest import Run
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_terminal import leave, prompt_is_back


def last_line(wanted: str) -> Callable[[str], bool]:
    """Whether the prompt holds exactly this."""
    return lambda text: text.split("\n")[-1] == f"> {wanted}".rstrip()


def clear(chat: Terminal) -> None:
    chat.type("\x03")
    chat.wait_for(prompt_is_back)


def ready(chat: Terminal) -> None:
    chat.wait_for("/help helps")
    chat.wait_for(prompt_is_back)


def script(tmp_path: Path, body: str) -> str:
    """An editor that is a shell script."""
    path = tmp_path / "editor.sh"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_tab_completes_and_lists_commands_with_what_they_do(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        ready(chat)
        chat.type("/ex\t")
        shown = chat.wait_for("leave (also: exit, quit)")
        assert "/export  write the transcript" in shown
        chat.wait_for(last_line("/ex"))
        chat.type("p\t")
        chat.wait_for(last_line("/export"))
        clear(chat)
        chat.type("no\tcommand")
        chat.wait_for(last_line("nocommand"))
        clear(chat)
        leave(chat)


def test_tab_completes_paths_and_offers_no_name_that_could_harm(
    environ: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "some data"
    (folder / "deep").mkdir(parents=True)
    for name in ("deep.csv", ".hidden", "evil\x1b]0;owned\x07", "two\nlines"):
        (folder / name).write_text("x")
    with terminal(["chat"], {**environ, "HOME": str(tmp_path)}) as chat:
        ready(chat)
        chat.type("/file ~/some\t")
        chat.wait_for(last_line("/file ~/some data/"))
        chat.type("\t")
        chat.wait_for(last_line("/file ~/some data/deep"))
        chat.type("\t")
        shown = chat.wait_for("deep.csv")
        assert "folder" in shown and ".hidden" not in shown and "lines" not in shown
        chat.type("/\t\x08.\t")
        chat.wait_for(last_line("/file ~/some data/deep.csv"))
        clear(chat)
        chat.type("/save ~/some data/d\t")
        chat.wait_for(last_line("/save ~/some data/deep/"))
        clear(chat)
        leave(chat)
        assert b"owned" not in chat.raw


def test_tab_completes_assistants_threads_and_models_of_the_endpoint(
    environ: dict[str, str], run: Run
) -> None:
    made = run("assistants", "create", "--name", "Zoe Z", code=0).stdout.strip()
    run("assistants", "create", "--name", "Zevil\x1b[31m", code=0)
    run("ask", "earlier words", code=0)
    thread = json.loads(run("threads", "list", "--json", code=0).stdout)["id"]
    with terminal(["chat"], environ) as chat:
        ready(chat)
        for line, whole in {
            "/assistant Z": "/assistant Zoe Z",
            f"/assistant {made[:20]}": f"/assistant {made}",
            f"/threads {thread[:14]}": f"/threads {thread}",
            "/model s": "/model scripted",
        }.items():
            chat.type(f"{line}\t")
            chat.wait_for(last_line(whole))
            clear(chat)
        leave(chat)


def test_edit_brings_the_text_from_the_editor_to_the_prompt(environ: dict[str, str], tmp_path: Path) -> None:
    editor = script(tmp_path, 'test "$(cat "$1")" = begun && printf "one\\ntwo\\n" > "$1"')
    with terminal(["chat"], {**environ, "VISUAL": editor, "EDITOR": "false"}) as chat:
        ready(chat)
        chat.type("/edit begun\r")
        chat.wait_for("> one\ntwo")
        chat.type("\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        leave(chat)


@pytest.mark.parametrize(
    ("editor", "word"),
    [
        ("", "no editor is named"),
        ("/no/such/editor", "can't be started: No such file"),
        ("'unclosed", "can't be started: No closing quotation"),
        ("false", "the editor 'false' ended with 1"),
        ("rm", "half a thought"),
    ],
)
def test_edit_loses_nothing_where_the_editor_fails(environ: dict[str, str], editor: str, word: str) -> None:
    with terminal(["chat"], {**environ, "EDITOR": editor}) as chat:
        ready(chat)
        chat.type("/edit half a thought\r")
        chat.wait_for(word)
        chat.wait_for(last_line("half a thought"))
        clear(chat)
        leave(chat)


def test_ctrl_c_in_the_editor_is_the_editors(environ: dict[str, str], tmp_path: Path) -> None:
    editor = script(
        tmp_path, 'trap "echo; echo kept > $1; exit 0" INT; echo editing; while :; do sleep 0.1; done'
    )
    with terminal(["chat"], {**environ, "EDITOR": editor}) as chat:
        ready(chat)
        chat.type("/edit\r")
        chat.wait_for("editing")
        chat.type("\x03")
        chat.wait_for(last_line("kept"))
        clear(chat)
        leave(chat)


def test_history_keeps_an_entry_of_several_lines_whole_and_hostile_bytes_harmless(
    environ: dict[str, str],
) -> None:
    history = Path(environ["ASSTREAM_HOME"]) / "history" / "default"
    history.parent.mkdir(parents=True, mode=0o755)
    history.write_bytes(b"\xff\x00no entry\n\n# when\n+old \x1b]0;owned\x07\xfe\x9b31m\n")
    history.chmod(0o644)
    with terminal(["chat"], environ) as chat:
        ready(chat)
        chat.type("+first\x1b\r# second\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        leave(chat)
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.parent.stat().st_mode & 0o777 == 0o700
    with terminal(["chat"], environ) as chat:
        ready(chat)
        chat.type("\x1b[A")
        chat.wait_for("> +first\n# second")
        chat.type("\x1b[A\x1b[A")
        chat.wait_for("> old ")
        chat.type("\x03")
        leave(chat)
        assert b"owned" not in chat.raw


def test_a_file_goes_with_the_next_message_alone(environ: dict[str, str], run: Run, tmp_path: Path) -> None:
    data = tmp_path / "my data.csv"
    data.write_text("a,b\n1,2\n")
    (tmp_path / "empty").touch()
    with terminal(["chat"], environ) as chat:
        ready(chat)
        chat.type(f"/file {tmp_path}/empty\r")
        chat.wait_for("is empty")
        chat.wait_for(prompt_is_back)
        chat.type(f"/file '{data}'\r")
        chat.wait_for("my data.csv (8 bytes) goes with the next message")
        chat.wait_for(prompt_is_back)
        chat.type("/file\r")
        chat.wait_for("with the next message: my data.csv (file-")
        for times in (1, 2):
            chat.wait_for(prompt_is_back)
            chat.type("look\r")
            chat.wait_for(lambda text, times=times: text.count("Understood.") == times)  # type: ignore[misc]
        chat.wait_for(prompt_is_back)
        thread = leave(chat).splitlines()[-1].split()[-1]
    shown = [
        json.loads(line) for line in run("threads", "show", thread, "--json", code=0).stdout.splitlines()
    ]
    attached = [each["attachments"] for each in shown if each["role"] == "user"]
    assert [tool["type"] for tool in attached[0][0]["tools"]] == ["code_interpreter", "file_search"]
    assert not attached[1]


def test_threads_goes_on_with_the_one_that_was_picked(environ: dict[str, str], run: Run) -> None:
    run("ask", "capital of France?", code=0)
    with terminal(["chat"], environ) as chat:
        ready(chat)
        chat.type("/threads 1\r")
        chat.wait_for("no list is shown")
        chat.wait_for(prompt_is_back)
        chat.type("/threads\r")
        chat.wait_for("/threads NUMBER goes on with one")
        chat.wait_for(prompt_is_back)
        chat.type("/threads 1\r")
        chat.wait_for("> capital of France?\nThe capital of France is")
        chat.wait_for(prompt_is_back)
        chat.type("and now?\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        thread = leave(chat).splitlines()[-1].split()[-1]
    # The thread that the chat began with is gone: nothing was said there.
    listed = [json.loads(line)["id"] for line in run("threads", "list", "--json", code=0).stdout.splitlines()]
    assert listed == [thread]


def test_copy_sends_the_reply_or_its_code_and_nothing_that_acts(
    environ: dict[str, str], tmp_path: Path
) -> None:
    reply = "Try:\n```sh\nls\n```\nor \x1b[201~\n```py\nprint(1)\n```\n"
    path = tmp_path / "code.json"
    big = {"match": "big", "turns": [[{"text": ["x" * 80_000]}]]}
    path.write_text(json.dumps({"replies": [big, {"match": None, "turns": [[{"text": [reply]}]]}]}))
    with terminal(["chat", "--model", f"scripted:{path}"], environ) as chat:
        ready(chat)
        chat.type("/copy\r")
        chat.wait_for("no reply to copy yet")
        chat.wait_for(prompt_is_back)
        chat.type("go\r")
        chat.wait_for("print(1)")
        chat.wait_for(prompt_is_back)
        chat.type("/copy code\r")
        chat.wait_for("sent to the clipboard: the last block of code (9 bytes)")
        chat.wait_for(prompt_is_back)
        chat.type("/copy\r")
        chat.wait_for("the last reply (8 lines")
        chat.wait_for(prompt_is_back)
        chat.type("big\r")
        chat.wait_for("xxx")
        chat.wait_for(prompt_is_back)
        chat.type("/copy\r")
        chat.wait_for("has 80,000 bytes, and terminals take 74,994 at most")
        chat.wait_for(prompt_is_back)
        leave(chat)
    copied = [base64.b64decode(each.split(b"\x07")[0]).decode() for each in chat.raw.split(b"\x1b]52;c;")[1:]]
    assert copied == ["print(1)\n", reply.replace("\x1b[201~", "")]


def test_candidates_share_their_beginning() -> None:
    from asstream.chat.tab import _common

    assert _common([Candidate("abcd"), Candidate("abce"), Candidate("ab")]) == "ab"
    assert _common([Candidate("x")]) == "x"
