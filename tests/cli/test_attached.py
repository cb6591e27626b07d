"""Files that go with a message: for the tools that can read them, and gone again where they are not sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.cli.test_images import PNG
from tests.cli.test_terminal import leave, prompt_is_back

REPLIES = [
    {
        "match": "kettle",
        "turns": [
            [{"tool_call": {"name": "file_search", "arguments": {"queries": ["kettle descale"]}}}],
            [{"text": ["Every month", "【0:0†kettle", ".md】", "."]}],
        ],
    },
    {"match": None, "turns": [[{"text": ["Understood."]}]]},
]


@pytest.fixture
def kettle(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A text about a kettle, and a model that searches for it."""
    (tmp_path / "script.json").write_text(json.dumps({"replies": REPLIES}))
    path = tmp_path / "kettle.md"
    path.write_text("# The kettle\n\nDescale it every month, with vinegar.\n")
    return path


def attached(run: Run) -> list[dict[str, Any]]:
    """The attachments of the last thread's first message."""
    thread = json.loads(run("threads", "list", "--json", code=0).stdout.splitlines()[0])["id"]
    shown = run("threads", "show", thread, "--json", code=0).stdout.splitlines()
    return json.loads(shown[0])["attachments"]


def tools_of(attachment: dict[str, Any]) -> list[str]:
    return [tool["type"] for tool in attachment["tools"]]


def files(run: Run) -> list[str]:
    listed = run("files", "list", "--json", code=0).stdout.splitlines()
    return [json.loads(line)["filename"] for line in listed]


def test_a_file_is_searched_and_cited(run: Run, kettle: Path) -> None:
    done = run("ask", "How do I care for the kettle?", "--file", str(kettle), code=0)
    assert done.stdout == "Every month【0:0†kettle.md】.\n"
    assert tools_of(attached(run)[0]) == ["code_interpreter", "file_search"]


def test_a_file_without_text_is_for_code_alone(run: Run, kettle: Path) -> None:
    (kettle.parent / "cat.png").write_bytes(PNG)
    run("ask", "Look.", "--file", "cat.png", "--file", "kettle.md", code=0)
    assert [tools_of(each) for each in attached(run)] == [
        ["code_interpreter"],
        ["code_interpreter", "file_search"],
    ]


def test_a_file_that_can_not_be_searched_is_told_of_with_its_reason(run: Run, kettle: Path) -> None:
    (kettle.parent / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    done = run("ask", "Look.", "--file", "broken.pdf", "--file", "kettle.md", code=0)
    assert done.stdout == "Understood.\n"
    assert done.stderr.count("not to be searched: ") == 1
    assert "broken.pdf" in done.stderr


def test_an_assistant_is_given_what_its_tools_read(run: Run, kettle: Path) -> None:
    run("assistants", "create", "--name", "S", "--tool", "file_search", code=0)
    run("assistants", "create", "--name", "N", code=0)
    assert not run("ask", "Look.", "--assistant", "S", "--file", "kettle.md", code=0).stderr
    assert tools_of(attached(run)[0]) == ["file_search"]
    (kettle.parent / "cat.png").write_bytes(PNG)
    done = run("ask", "Look.", "--assistant", "S", "--file", "cat.png", code=0)
    assert "but S only searches files, and this one is no text" in done.stderr
    done = run("ask", "Look.", "--assistant", "N", "--file", "kettle.md", code=0)
    assert "but N has no code_interpreter or file_search to read it with" in done.stderr


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("none.md", "none.md can't be read: No such file or directory"),
        (".", "is a folder"),
        ("/dev/null", "/dev/null is no plain file"),
        ("empty", "empty is empty"),
    ],
)
def test_what_can_not_be_sent_is_refused_before_anything_is(
    run: Run, kettle: Path, named: str, message: str
) -> None:
    (kettle.parent / "empty").touch()
    done = run("ask", "Look.", "--file", "kettle.md", "--file", named, code=2)
    assert message in done.stderr
    assert files(run) == []


def test_what_waits_for_a_message_that_is_never_sent_is_deleted(
    run: Run, kettle: Path, environ: dict[str, str]
) -> None:
    (kettle.parent / "cat.png").write_bytes(PNG)
    command = ["chat", "--file", str(kettle), "--image", str(kettle.parent / "cat.png")]
    with terminal(command, environ) as chat:
        chat.wait_for("kettle.md goes with the next message")
        chat.wait_for("cat.png goes with the next message")
        chat.wait_for(prompt_is_back)
        chat.type("/file\r")
        chat.wait_for("with the next message: kettle.md (file-")
        chat.wait_for(prompt_is_back)
        leave(chat)
    assert files(run) == []
    run("chat", "--file", str(kettle), stdin="Look.\nAgain.\n", code=0)
    assert files(run) == ["kettle.md"]
