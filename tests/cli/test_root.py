"""The root: what is answered before anything is imported, and which module a command imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from asstream import __version__
from asstream.cli import chat, resume
from asstream.cli.quick import LAST, REPEATED, SWITCHES, VALUES, parse
from asstream.cli.root import COMMANDS, help_text
from tests.cli.conftest import ROOT, Run


def test_the_version_is_printed_alone(run: Run) -> None:
    assert run("--version", code=0).stdout == f"asstream {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_and_exits_with_0(run: Run, arguments: list[str]) -> None:
    shown = run(*arguments, code=0).stdout
    assert shown == help_text()
    for name, (_, summary) in COMMANDS.items():
        assert name in shown and summary in shown


@pytest.mark.parametrize("arguments", ["--version", "--help", "chat --json"])
def test_the_quick_ways_import_neither_typer_nor_the_sdk_first(arguments: str) -> None:
    code = (
        f"import sys; sys.argv[1:] = {arguments.split()!r}\n"
        "import asstream.cli.root as root, asstream.__main__ as main\n"
        "root.leave = sys.exit\n"
        "root._SIMPLE = {'chat': lambda options: 0}\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        "assert not {'typer', 'rich', 'openai', 'prompt_toolkit', 'typing'} & set(sys.modules)\n"
    )
    # Without `site`, which may import things of its own.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_s_help_waits_for_the_sdk(command: str) -> None:
    code = (
        f"import sys; sys.argv[1:] = [{command!r}, '--help']\n"
        "import asstream.cli.root as root, asstream.__main__ as main\n"
        "root.leave = sys.exit\n"
        "try:\n    main.main()\nexcept SystemExit:\n    pass\n"
        "print('openai' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Usage: " in done.stdout and done.stdout.endswith("False\n"), done.stdout + done.stderr


@pytest.mark.parametrize(("module", "command"), [(chat, "chat"), (resume, "resume")])
def test_what_is_parsed_quickly_is_what_typer_knows(module: object, command: str) -> None:
    known = typer.main.get_command(module.app)  # type: ignore[attr-defined]
    options = {
        name
        for parameter in known.params
        for name in parameter.opts
        if name.startswith("--") and name != "--help"
    }
    quick = {*VALUES, *REPEATED, *SWITCHES} | ({LAST} if command == "resume" else set())
    assert options == quick


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        ("chat", "", {}),
        ("chat", "--model m --plain", {"model": "m", "plain": True}),
        ("chat", "--model=m=n --no-stream", {"model": "m=n", "stream": False}),
        ("chat", "--image a.png --image=b.png", {"images": ("a.png", "b.png")}),
        ("chat", "--model", None),
        ("chat", "--model --plain", None),
        ("chat", "--help", None),
        ("chat", "--nothing", None),
        ("chat", "word", None),
        ("resume", "thread_1 --json", {"thread": "thread_1", "json": True, "last": False}),
        ("resume", "--last", {"last": True}),
        ("resume", "one two", None),
        ("resume", "one --thread two", None),
    ],
)
def test_a_simple_line_is_parsed_and_any_other_left_to_typer(
    command: str, line: str, expected: dict[str, object] | None
) -> None:
    assert parse(command, line.split()) == expected


def test_an_unknown_command_is_a_usage_error_with_a_guess(run: Run) -> None:
    done = run("assistent", code=2)
    assert "no command 'assistent' (did you mean 'assistants'?)" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_of_its_own(run: Run, name: str) -> None:
    shown = run(name, "--help", code=0).stdout
    assert f"Usage: asstream {name}" in shown


@pytest.mark.parametrize("arguments", ["chat --nope", "ask", "threads", "threads nope", "serve --port x"])
def test_a_wrong_command_line_exits_with_2(run: Run, arguments: str) -> None:
    assert run(*arguments.split(), code=2).stderr
