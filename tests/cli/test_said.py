"""The messages of a thread's past, as they were shown when they came."""

from __future__ import annotations

import io
from typing import Any

import openai
import pytest
from rich.console import Console

from asstream.cli.said import show_said
from asstream.render.transcript import Transcript
from tests.cli.conftest import Run
from tests.cli.terminal import Terminal, terminal
from tests.handlers.test_citations_shown import NOTES, PLAN, Named, citation
from tests.handlers.wire_events import file_path, text
from tests.render.screens import Screen

REPLY = f"It is **so**{NOTES}.\n\n- [the file](sandbox:/mnt/data/a.csv)\n- and{PLAN}{NOTES}"
EVIL = "\x1b]0;owned\x07**red**\x1b[31m \x9b2J\u202e[x](javascript:1) ![alt\x1b[2J](http://x/\x07)"


def message(*content: dict[str, Any], **more: Any) -> Any:
    from openai.types.beta.threads import Message

    return Message.construct(
        id="msg_1",
        role="assistant",
        content=list(content),
        attachments=[],
        **{"incomplete_details": None, "status": "completed"} | more,
    )


def said(screen: Screen, past: Any) -> Screen:
    console = screen.console()
    show_said(Transcript(console, console), past, Named())
    return screen


def test_a_past_reply_is_rendered_and_its_notes_close_it() -> None:
    notes = [citation(NOTES, quote="words"), file_path(0)]
    assert said(Screen(80, 24), message(text(REPLY, *notes))).lines() == [
        "It is so¹.",
        "",
        "• the file (a.csv)",
        "• and²¹",
        "¹  notes.txt, passage 1 · “words”",
        "²  plan.md",
        "a.csv  file_9 · /save writes it here",
    ]


def test_parts_that_are_no_text_are_named_and_a_cut_is_told_of() -> None:
    image = {"type": "image_file", "image_file": {"file_id": "file-1"}}
    past = message(image, text("Half"), incomplete_details={"reason": "max_tokens"}, status="incomplete")
    assert said(Screen(80, 24), past).lines() == ["[image file-1]", "Half", "[incomplete: max_tokens]"]


def test_where_the_cursor_can_not_move_a_past_reply_is_as_it_was_written() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, no_color=True, width=80, _environ={})
    show_said(Transcript(console, console), message(text(f"**So**{NOTES}", citation(NOTES))), Named())
    assert out.getvalue() == "**So**¹\n¹  notes.txt, passage 1\n"


@pytest.fixture
def thread(client: openai.OpenAI) -> str:
    """A thread at the server, with a past."""
    made = client.beta.threads.create()
    for role, said in (("user", f"**Why**?\n{NOTES}"), ("assistant", REPLY), ("assistant", EVIL)):
        client.beta.threads.messages.create(made.id, role=role, content=said)  # type: ignore[arg-type]
    return made.id


SHOWN = "It is so¹.\n\n• the file (a.csv)\n• and²¹\n¹  notes.txt\n²  plan.md\na.csv  the file is not there\n"


def harmless(page: Terminal) -> bool:
    return not any(bad in page.raw for bad in (b"\x1b]0", b"\x1b[31m", b"\x1b[2J", "\x9b".encode(), b"\x07"))


def test_resume_shows_the_past_as_it_was_shown(
    environ: dict[str, str], remote: dict[str, str], thread: str
) -> None:
    with terminal(["resume", thread], environ | remote) as chat:
        shown = chat.wait_for("/help helps")
        chat.type("\x04")
        chat.wait_end()
    assert shown.startswith(f"> **Why**?\n  {NOTES}\n{SHOWN}red [x](javascript:1) alt (http://x/)\n")
    before_the_prompt = chat.raw.partition(b"asstream \xc2\xb7")[0]
    assert b"\x1b]0" not in before_the_prompt and harmless(chat)


def test_threads_show_renders_at_a_terminal_and_nowhere_else(
    environ: dict[str, str], remote: dict[str, str], thread: str, run: Run
) -> None:
    with terminal(["threads", "show", thread], environ | remote) as page:
        assert page.wait_end() == 0
    assert page.text().startswith(f"user:\n**Why**?\n{NOTES}\n\nassistant:\n{SHOWN}\nassistant:\nred [x]")
    assert harmless(page)
    piped = run("threads", "show", thread, code=0, **remote).stdout
    assert piped.startswith(f"user:\n**Why**?\n{NOTES}\n\nassistant:\n{REPLY}\n\nassistant:\n")
    with terminal(["threads", "show", thread], {**environ, **remote, "NO_COLOR": "1"}) as page:
        assert page.wait_end() == 0
    assert b"\x1b" not in page.raw and REPLY.encode().replace(b"\n", b"\r\n") in page.raw
