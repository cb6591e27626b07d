"""The chat at a real terminal: what a person sees and types."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import Terminal, terminal


def prompt_is_back(text: str) -> bool:
    """Whether the last line of the screen is an empty prompt."""
    return text.split("\n")[-1] == ">"


def answered(line: str, answer: str, text: str) -> bool:
    """Whether the screen shows the answer below the line."""
    return answer in text.rpartition(f"> {line}")[2]


def slow_script(tmp_path: Path) -> str:
    """A model that says `Once` and then goes on for a minute."""
    script = tmp_path / "slow.json"
    steps = [{"text": "Once"}, *[{"wait": 0.2}, {"text": " more"}] * 300]
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [steps]}]}))
    return f"scripted:{script}"


def leave(chat: Terminal) -> str:
    """Leave with Ctrl-D, as one does; the whole screen."""
    chat.type("\x04")
    assert chat.wait_end() == 0
    return chat.text()


def test_the_header_names_assistant_endpoint_thread_and_how_to_leave(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        shown = chat.wait_for("exit leaves, /help helps")
        assert shown.startswith("asstream · ")
        assert "this machine" in shown
        assert "\nthread_" in shown
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_a_line_typed_before_anything_is_ready_waits_and_is_shown_once(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for(">")
        chat.type("capital of France?\r")
        chat.wait_for("is Paris.")
        shown = chat.wait_for(prompt_is_back)
        assert shown.count("capital of France?") == 1
        assert "> capital of France?" in shown
        assert shown.index("/help helps") < shown.index("is Paris.")
        leave(chat)


def test_keys_struck_while_the_line_editor_loads_are_neither_lost_nor_echoed(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for(">")
        for key in "capital of France?":
            assert not chat.echoes()
            chat.type(key)
            chat.read(0.03)
        chat.type("\r")
        shown = chat.wait_for("is Paris.")
        assert shown.count("capital of France?") == 1
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_leaving_prints_how_to_resume_and_resume_shows_the_past(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.type("capital of France?\r")
        chat.wait_for("is Paris.")
        chat.wait_for(prompt_is_back)
        last = leave(chat).splitlines()[-1]
    assert last.startswith("asstream resume thread_")
    with terminal(last.split()[1:], environ) as chat:
        shown = chat.wait_for("exit leaves, /help helps")
        assert shown.startswith("> capital of France?\nThe capital of France is Paris.")
        chat.wait_for(prompt_is_back)
        chat.type("and now?\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        leave(chat)


@pytest.mark.parametrize("word", ["exit", "QUIT", "/exit"])
def test_words_leave(environ: dict[str, str], word: str) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type(f"{word}\r")
        assert chat.wait_end() == 0
        assert "asstream resume" not in chat.text()


def test_ctrl_d_leaves_before_anything_is_ready(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for(">")
        chat.type("\x04")
        assert chat.wait_end() == 0
        assert chat.echoes()


def test_ctrl_c_at_the_prompt_clears_the_line(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.type("half a thought")
        chat.wait_for("> half a thought")
        chat.type("\x03")
        chat.wait_for(prompt_is_back)
        chat.type("capital of France?\r")
        chat.wait_for("is Paris.")
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_ctrl_c_during_a_reply_cancels_the_run_and_keeps_the_session(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    with terminal(["chat", "--model", slow_script(tmp_path)], environ) as chat:
        chat.type("go\r")
        chat.wait_for("Once more")
        chat.type("\x03")
        chat.wait_for("stopped")
        chat.wait_for(prompt_is_back)
        chat.type("again\r")
        chat.wait_for(lambda text: text.count("Once more") == 2)
        chat.type("\x03")
        chat.wait_for(lambda text: text.count("stopped") == 2 and prompt_is_back(text))
        thread = leave(chat).splitlines()[-1].split()[-1]
    runs = [json.loads(line) for line in run("runs", "list", thread, "--json", code=0).stdout.splitlines()]
    assert [each["status"] for each in runs] == ["cancelled", "cancelled"]


def test_what_is_typed_during_a_reply_is_kept_for_the_prompt_and_not_mixed_in(
    environ: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "slow.json"
    steps = [{"text": "Once"}, *[{"wait": 0.2}, {"text": " more"}] * 10]
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [steps]}]}))
    with terminal(["chat", "--model", f"scripted:{script}"], environ) as chat:
        chat.type("go\r")
        chat.wait_for("Once more")
        assert not chat.echoes()
        chat.type("next thought")
        shown = chat.wait_for("> next thought")
        assert "Once" + " more" * 10 in shown
        assert shown.count("next thought") == 1
        chat.type("\x03")
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_an_empty_line_is_refused_with_a_word(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.type("\r")
        chat.wait_for("nothing to send")
        chat.wait_for("/help helps")
        leave(chat)


def test_pasted_lines_are_one_message(environ: dict[str, str], run: Run) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type("\x1b[200~first\nsecond\x1b[201~")
        chat.wait_for("second")
        chat.type("\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        thread = leave(chat).splitlines()[-1].split()[-1]
    first = json.loads(run("threads", "show", thread, "--json", code=0).stdout.splitlines()[0])
    assert first["content"][0]["text"]["value"] == "first\nsecond"


SLASHES = {
    "/help": "/instructions [TEXT]",
    "/model": "model: ",
    "/model other": "model: other",
    "/assistant": "assistant: asstream (asst_",
    "/instructions Be brief.": "instructions: Be brief.",
    "/threads": "capital of France?",
    "/usage": "this chat: ",
    "/steps": "message_creation",
    "/export": "/export needs a FILE",
    "/nothing": "there is no command /nothing",
    "/hlep": "the nearest is /help",
    "/ex": "/ex may be any of /export, /exit",
    "/": "there is no command /",
    "/retry now": "/retry takes nothing, and 'now' was given",
    "/tools": "code_interpreter",
    "/file": "no file waits",
    "/file /": "/ is a folder",
    "/file none.csv": "none.csv can't be read: No such file",
    "/file /dev/null": "/dev/null is no plain file",
    "/file ~nobody-here/x": "nobody here has that home folder",
    "/image": "no image waits",
    "/image none.png": "none.png can't be read: No such file",
    "/image file:///etc/hosts": "is no address that a model can be given",
    "/copy all": "/copy does not know 'all'",
    "/copy code": "the last reply has no code",
    "/copy": "sent to the clipboard: the last reply (35 bytes)",
    "/threads 7": "there is no thread 7 in the list",
    "/threads nobody": "there is no thread 'nobody'",
    "/edit": "no editor is named",
    "/assistant nobody": "there is no assistant 'nobody'",
}


def test_slash_commands_answer(environ: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out.md"
    with terminal(["chat"], environ) as chat:
        chat.type("capital of France?\r")
        chat.wait_for("is Paris.")
        for line, answer in {**SLASHES, f"/export {out}": "written to"}.items():
            chat.wait_for(prompt_is_back)
            chat.type(f"{line}\r")
            chat.wait_for(partial(answered, line, answer))
        chat.wait_for(prompt_is_back)
        chat.type(f"/export {out}\r")
        chat.wait_for("is there already")
        chat.wait_for(prompt_is_back)
        chat.type("/retry\r")
        chat.wait_for(lambda text: text.count("is Paris.") == 2)
        chat.wait_for(prompt_is_back)
        leave(chat)
    assert "## Assistant\n\nThe capital of France is **Paris**." in out.read_text()


def test_with_no_message_there_is_nothing_to_retry_and_a_space_makes_a_slash_a_message(
    environ: dict[str, str],
) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.type("/retry\r")
        chat.wait_for("no message to answer yet")
        chat.wait_for(prompt_is_back)
        chat.type(" /usr/bin/env is what?\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_tab_completes_a_slash_command(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.type("/instr\t")
        chat.wait_for("> /instructions")
        chat.type("\x03")
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_history_is_kept_per_profile_for_its_owner_alone(environ: dict[str, str]) -> None:
    with terminal(["chat"], environ) as chat:
        chat.type("remember me\r")
        chat.wait_for("Understood.")
        chat.wait_for(prompt_is_back)
        leave(chat)
    history = Path(environ["ASSTREAM_HOME"]) / "history" / "default"
    assert history.stat().st_mode & 0o777 == 0o600
    assert [each.stat().st_mode & 0o777 for each in (history.parent, history.parent.parent)] == [0o700] * 2
    with terminal(["chat"], environ) as chat:
        chat.wait_for("/help helps")
        chat.type("\x1b[A")
        chat.wait_for("> remember me")
        chat.type("\x03")
        leave(chat)


def test_an_error_of_the_start_ends_the_chat_with_its_code_and_message(environ: dict[str, str]) -> None:
    with terminal(["chat", "--assistant", "nobody"], environ) as chat:
        chat.wait_for("there is no assistant 'nobody'")
        assert chat.wait_end() == 2
        assert chat.echoes()
        assert "Traceback" not in chat.text()


def test_a_first_line_is_not_lost_on_an_error_of_the_start_without_a_word(environ: dict[str, str]) -> None:
    with terminal(["chat", "--base-url", "http://127.0.0.1:9/v1"], environ) as chat:
        chat.type("hello\r")
        chat.wait_for("does not answer")
        assert chat.wait_end() == 4


def test_a_broken_configuration_takes_the_prompt_away_again(environ: dict[str, str]) -> None:
    Path(environ["ASSTREAM_CONFIG"]).write_text("nonsense")
    with terminal(["chat"], environ) as chat:
        assert chat.wait_end() == 3
        assert chat.text().startswith("asstream: the configuration file")
        assert chat.echoes()


def test_no_escape_sequence_of_a_reply_or_a_title_reaches_the_terminal(
    environ: dict[str, str], run: Run
) -> None:
    with terminal(["chat"], environ) as chat:
        chat.type("escape\r")
        chat.wait_for("red text")
        chat.wait_for(prompt_is_back)
        leave(chat)
        assert b"owned" not in chat.raw
    with terminal(["resume", "--last"], environ) as chat:
        chat.wait_for("/help helps")
        leave(chat)
        assert b"owned" not in chat.raw and b"\x1b[31m text" not in chat.raw


def test_resume_without_a_thread_offers_a_list_to_pick_from(environ: dict[str, str], run: Run) -> None:
    run("ask", "older one", code=0)
    run("ask", "newer one", code=0)
    with terminal(["resume"], environ) as chat:
        shown = chat.wait_for("Which one?")
        assert shown.index("newer one") < shown.index("older one")
        chat.type("7\r")
        chat.wait_for("from 1 to 2")
        chat.type("2\r")
        chat.wait_for("> older one")
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_without_streaming_a_status_is_shown_until_the_reply_is_there(
    environ: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "slow.json"
    steps = [{"wait": 1.5}, {"text": "Late."}]
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [steps]}]}))
    with terminal(["chat", "--no-stream", "--model", f"scripted:{script}"], environ) as chat:
        chat.type("go\r")
        chat.wait_for("thinking 1 s")
        shown = chat.wait_for("Late.")
        assert "thinking" not in shown
        chat.wait_for(prompt_is_back)
        leave(chat)


def test_with_no_model_it_asks_before_it_pulls_and_no_means_no(environ: dict[str, str]) -> None:
    with terminal(["chat"], {**environ, "ASSTREAM_MODEL": ""}) as chat:
        chat.wait_for("for this machine? [Y/n]")
        chat.type("n\r")
        chat.wait_for("asstream: there is no model to answer")
        assert chat.wait_end() == 4
        assert chat.echoes()
        assert chat.text().startswith("No model yet.")  # the prompt that stood there is gone


def test_a_message_is_no_answer_to_that_question_and_is_kept(environ: dict[str, str], index: str) -> None:
    with terminal(["chat"], {**environ, "ASSTREAM_MODEL": "", "PIP_INDEX_URL": index}) as chat:
        chat.wait_for("for this machine? [Y/n]")
        chat.type("capital of France?\r")
        chat.wait_for(lambda text: text.count("[Y/n]") == 2)
        chat.type("y\r")
        chat.wait_for("Pulling SmolLM2-135M")
        chat.wait_for("downloading")
        chat.type("\x03")
        chat.wait_for("asstream: the pull was stopped")
        assert chat.wait_end() == 4
        assert chat.echoes()


@pytest.fixture
def index() -> Iterator[str]:
    """A package index that takes a request and never answers it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


def test_a_handler_of_the_persons_own_finds_the_terminal_as_it_expects_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    asks = tmp_path / "asks.py"
    asks.write_text(
        "import openai\n"
        "class Asks(openai.AssistantEventHandler):\n"
        "    def on_text_done(self, text):\n"
        "        print(f'[{text.value}]', input('Keep it? '))\n"
    )
    with terminal(["chat", "--handler", f"{asks}:Asks"], environ) as chat:
        chat.wait_for("/help helps")
        chat.wait_for(prompt_is_back)
        chat.type("hi\r")
        chat.wait_for("Keep it?")
        chat.type("surely\r")
        shown = chat.wait_for("[Understood.] surely")
        assert "Keep it? surely" in shown
        chat.wait_for(prompt_is_back)
        leave(chat)
