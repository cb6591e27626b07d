"""Images at the command line and at the prompt: what is sent, what is refused, what a person sees later."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.cli.test_terminal import leave, prompt_is_back
from tests.support.upstream import Upstream, says, upstream

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
URL = "https://example.org/cat.webp"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Upstream]:
    with upstream() as started:
        yield started


@pytest.fixture
def up(endpoint: Upstream, environ: dict[str, str]) -> Upstream:
    """A model with vision, which the program finds in its environment."""
    del environ["ASSTREAM_MODEL"]
    environ |= {"ASSTREAM_MODEL_BASE_URL": endpoint.base_url, "ASSTREAM_MODEL": "m-1"}
    endpoint.received.clear()
    endpoint.answer = lambda _: says("A cat.")
    return endpoint


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """An image whose name does not say what it is."""
    path = tmp_path / "my cat"
    path.write_bytes(PNG)
    return path


def test_images_of_ask_are_shown_and_stand_in_the_transcript_in_one_line(
    up: Upstream, run: Run, cat: Path
) -> None:
    assert run("ask", "What?", "--image", str(cat), "--image", URL, code=0).stdout == "A cat.\n"
    words, *images = up.received[0].json["messages"][-1]["content"]
    assert words["text"] == "What?"
    assert [each["image_url"]["url"] for each in images] == [DATA_URL, URL]
    thread = json.loads(run("threads", "list", "--json", code=0).stdout)["id"]
    lines = run("threads", "export", thread, code=0).stdout.splitlines()
    at = lines.index("What?")
    assert lines[at + 1].startswith("[image file-")
    assert lines[at + 2 : at + 4] == [f"[image {URL}]", ""]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("notes.png", "notes.png is no image to send: it is not a PNG, JPEG, GIF or WebP"),
        ("broken.png", "broken.png is no image to send: its PNG header is broken"),
        ("large.png", "large.png is no image to send: it has more than 20 MB"),
        ("gone.png", "gone.png can't be read: No such file or directory"),
        (".", "is no plain file"),
        ("ftp://example.org/a.png", "ftp://example.org/a.png is no address that a model can be given"),
    ],
)
def test_what_is_no_image_is_refused_before_anything_is_sent(
    up: Upstream, run: Run, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "notes.png").write_text("notes")
    (tmp_path / "broken.png").write_bytes(PNG[:10])
    (tmp_path / "large.png").write_bytes(PNG + bytes(20 << 20))
    done = run("ask", "What?", "--image", name, code=2)
    assert message in done.stderr
    assert "name a png, jpg, gif or webp file of at most 20 MB, or an http(s) URL" in done.stderr
    assert not up.received


def test_a_model_without_vision_fails_the_run_and_says_what_to_do(up: Upstream, run: Run, cat: Path) -> None:
    up.answer = lambda _: JSONResponse({"error": {"message": "image input is not supported"}}, 500)
    done = run("ask", "What?", "--image", str(cat), code=1)
    assert "m-1 at 127.0.0.1" in done.stderr
    assert "can't see images: image input is not supported" in done.stderr
    assert "name a model with vision (--model" in done.stderr


def test_an_image_goes_with_the_next_message_alone_and_is_told_of_later(
    up: Upstream, environ: dict[str, str], cat: Path
) -> None:
    with terminal(["chat", "--image", URL], environ) as chat:
        chat.wait_for(f"{URL} goes with the next message")
        chat.wait_for(prompt_is_back)
        chat.type(f"/image '{cat}'\r")
        chat.wait_for("my cat goes with the next message")
        chat.wait_for(prompt_is_back)
        chat.type("/image\r")
        chat.wait_for("with the next message: https")
        for times in (1, 2):
            chat.wait_for(prompt_is_back)
            chat.type("look\r")
            chat.wait_for(lambda text, times=times: text.count("A cat.") == times)  # type: ignore[misc]
        chat.wait_for(prompt_is_back)
        thread = leave(chat).splitlines()[-1].split()[-1]
    first, second = (each.json["messages"][-1]["content"] for each in up.received)
    assert [each["image_url"]["url"] for each in first[1:]] == [URL, DATA_URL]
    assert second == "look"
    with terminal(["resume", thread], environ) as chat:
        chat.wait_for(f"> look\n  [image {URL}]\n  [image file-")
        chat.wait_for(prompt_is_back)
        leave(chat)
