"""Handlers by name, file and module; the old service's own examples among them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai.lib.streaming import AssistantStreamManager

from asstream.chat.stream import stream_run
from asstream.errors import NotFoundError, UsageError
from asstream.handlers import ConsoleHandler, EventHandler
from asstream.handlers.endpoint_environment import reachable
from asstream.handlers.find import BUILT_IN, available, instantiate, load
from tests.handlers.loopback import Loopback
from tests.handlers.wire_events import FIXTURES, SHARED, TWO_TOOL_STEPS, fixture

HANDLER = "from openai import AssistantEventHandler\nclass Mine(AssistantEventHandler):\n    pass\n"


@pytest.fixture(autouse=True)
def _same_path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def written(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_handlers_have_names(name: str) -> None:
    assert issubclass(load(name), EventHandler)
    assert name in dict(available())


def test_listing_imports_nothing() -> None:
    program = "import sys, asstream.handlers.find as f; f.available(); print('openai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_class_in_a_file(tmp_path: Path) -> None:
    assert load(f"{written(tmp_path, HANDLER)}:Mine").__name__ == "Mine"


def test_a_file_with_one_handler_needs_no_class(tmp_path: Path) -> None:
    assert load(str(written(tmp_path, HANDLER))).__name__ == "Mine"


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    written(tmp_path, HANDLER, "neighbour_of_mine.py")
    path = written(tmp_path, "from neighbour_of_mine import Mine\n")
    assert load(f"{path}:Mine").__module__ == "neighbour_of_mine"


def test_a_class_in_a_module() -> None:
    assert load("asstream.handlers.console:ConsoleHandler") is ConsoleHandler


def test_an_installed_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[asstream.handlers]\ntheirs = theirs_of_test:Mine\nbad = theirs_of_test:Gone\n"
    )
    written(tmp_path, HANDLER, "theirs_of_test.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert dict(available())["theirs"] == "theirs_of_test:Mine"
    assert load("theirs").__name__ == "Mine"
    with pytest.raises(UsageError, match=r"'bad' of theirs .*AttributeError.*Gone"):
        load("bad")


ASYNC = "from openai import AsyncAssistantEventHandler\nclass Mine(AsyncAssistantEventHandler):\n    pass\n"
BROKEN = {
    "no such name": (None, "nothing", r"no handler named 'nothing'; there are: console, plain, jsonl"),
    "no module at all": (None, ":X", r"the handler ':X' names no file and no module"),
    "no such module": (None, "no.such.module:X", r"no module 'no\.such\.module'"),
    "no such class": (HANDLER, ":Other", r"no class 'Other' in .*mine\.py \(handlers there: Mine\)"),
    "no class named": (HANDLER, ":", r"no class '' in .*mine\.py \(handlers there: Mine\)"),
    "no handler at all": ("x = 1\n", "", r"mine\.py needs the name of a class \(no handler class there\)"),
    "not a class": (HANDLER + "x = 1\n", ":x", r"mine\.py:x is no subclass .*\(handlers there: Mine\)"),
    "another class": ("class Mine:\n    pass\n", ":Mine", r"mine\.py:Mine is no subclass of openai"),
    "an async one": (ASYNC, ":Mine", r"mine\.py:Mine is an AsyncAssistantEventHandler"),
    "an error in it": ("x = 1\n\n1 / 0\n", ":Mine", r"does not load: ZeroDivisionError: .*mine\.py:3\)$"),
    "a missing import": (
        "import nothing_like_it\n",
        ":Mine",
        r"No module named 'nothing_like_it' \(.*mine\.py:1\)",
    ),
    "bad syntax": ("x = 1\ndef (:\n", ":Mine", r"SyntaxError: .*mine\.py:2\)"),
    "an exit": ("raise SystemExit(3)\n", ":Mine", r"does not load: it exits \(3\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_load_says_what_is_wrong(tmp_path: Path, name: str) -> None:
    text, spec, message = BROKEN[name]
    if text is not None:
        spec = f"{written(tmp_path, text)}{spec}"
    with pytest.raises(UsageError, match=re.compile(message, re.MULTILINE)):
        load(spec)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no handler file .*gone\.py"):
        load(f"{tmp_path / 'gone.py'}:Mine")


def test_a_class_that_needs_arguments_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, HANDLER.replace("pass", "def __init__(self, x): pass"))
    with pytest.raises(UsageError, match=r"can't be made: TypeError: .*'x'"):
        instantiate(load(f"{path}:Mine"), f"{path}:Mine")


def test_a_client_of_the_files_own_reaches_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "before")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    path = written(tmp_path, "from openai import OpenAI\nclient = OpenAI()\n" + HANDLER)
    with reachable("http://127.0.0.1:1/v1", "key"):
        module = sys.modules[load(f"{path}:Mine").__module__]
    with module.client as client:
        assert (str(client.base_url), client.api_key) == ("http://127.0.0.1:1/v1/", "key")
    assert (os.environ["OPENAI_API_KEY"], os.environ.get("OPENAI_BASE_URL")) == ("before", None)


def seed_handlers() -> list[str]:
    """The handler classes of the old service's guides, as they stand there, with what they import."""
    found = []
    for number in ("004", "002"):
        for path in (SHARED / "seeds").glob(f"{number}_*.txt"):
            found += re.findall(
                r"^class EventHandler\(AssistantEventHandler\):.*?(?=^\S)",
                path.read_text(),
                re.DOTALL | re.MULTILINE,
            )
    imports = "from typing_extensions import override\nfrom openai import AssistantEventHandler, OpenAI\n"
    return [f"{imports}client = OpenAI()\n{text}" for text in dict.fromkeys(found)]


@pytest.mark.parametrize(
    "text", seed_handlers() or [pytest.param("", marks=pytest.mark.skip("no guides here"))]
)
@pytest.mark.parametrize("name", [None, "04_file_search_citation_include_results.sse"])
@pytest.mark.parametrize("cut", [None, 9])
def test_handlers_of_the_old_guides_work_unchanged(
    server: Loopback,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    name: str | None,
    cut: int | None,
) -> None:
    if name is not None and not FIXTURES.is_dir():
        pytest.skip("the recordings are not beside the checkout")
    events = fixture(name) if name else TWO_TOOL_STEPS
    server.reset(events, streams=[cut])
    path = written(tmp_path, text)
    with server.client() as client, reachable(server.base_url, "k"):
        handler = load(f"{path}:EventHandler")()
        with AssistantStreamManager(
            lambda: stream_run(client, "thread_1", assistant_id="asst_1"), event_handler=handler
        ) as stream:
            stream.until_done()
        sys.modules[type(handler).__module__].client.close()
    (message,) = [data for event, data in events if event == "thread.message.completed"]
    said = message["content"][0]["text"]["value"]
    shown = capsys.readouterr().out
    wanted = 0 if "def on_text_delta" not in text and "def on_message_done" not in text else 1
    assert shown.count(said.partition("【")[0]) == wanted
