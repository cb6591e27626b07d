"""Where links lead: a link where the terminal has links, else the address behind the text."""

from __future__ import annotations

import pytest

from asstream.render.hyperlinks import has_links
from tests.render.markdown.showing import by_words, reply, shown

FORMS = {
    "[the docs](https://docs.example/x)": "the docs (https://docs.example/x)",
    '[titled](https://docs.example/x "title")': "titled (https://docs.example/x)",
    "[write](mailto:me@docs.example)": "write (me@docs.example)",
    "[docs.example](https://docs.example/deep)": "docs.example (https://docs.example/deep)",
    "![a chart](https://docs.example/c.png)": "a chart (https://docs.example/c.png)",
    "[https://docs.example/x](https://docs.example/x)": "https://docs.example/x",
    "<https://docs.example/x>": "https://docs.example/x",
    "<me@docs.example>": "me@docs.example",
    "https://docs.example/x": "https://docs.example/x",
    "[evil](javascript:x)": "[evil](javascript:x)",
    "| a |\n|---|\n| [b](https://docs.example/x) |": "a\n──────────────────────────\nb (https://docs.example/x)",
}


@pytest.mark.parametrize("text", FORMS)
def test_the_address_is_shown_once_where_there_are_no_links(text: str) -> None:
    for pieces in ([text], list(text)):
        glass = shown(pieces, links=False)
        assert "\n".join(glass.lines()) == FORMS[text]
        assert not glass.links


def test_a_link_is_one_where_there_are_links() -> None:
    glass = shown(["[the docs](https://docs.example/x)"])
    assert glass.looks() == ["‹underline→https://docs.example/x|the docs›"]


@pytest.mark.parametrize("name", ["22_links", "23_links_deceptive", "24_images"])
def test_how_it_comes_makes_no_difference(name: str) -> None:
    once = shown([reply(name)], 40, links=False).looks()
    assert shown(by_words(reply(name)), 40, links=False).looks() == once
    assert shown(list(reply(name)), 40, links=False).looks() == once


@pytest.mark.parametrize(
    ("variables", "has"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7402"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4205"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "x"}, False),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True),
        ({"TERM": "tmux-256color", "VTE_VERSION": "7402", "TMUX": "x"}, False),
        ({"TERM": "screen", "KITTY_WINDOW_ID": "1"}, False),
        ({"TERM": "tmux-256color", "TMUX": "x", "FORCE_HYPERLINK": "1"}, True),
        ({"TERM": "xterm-kitty", "FORCE_HYPERLINK": "0"}, False),
    ],
)
def test_what_the_environment_tells(variables: dict[str, str], has: bool) -> None:
    assert has_links(variables) is has
