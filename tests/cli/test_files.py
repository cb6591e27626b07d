"""`asstream files`, against the runtime of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_files_are_uploaded_listed_shown_fetched_and_deleted(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("# A\n")
    (folder / "deep" / "b.txt").write_text("b")
    (folder / ".hidden").write_text("not meant")
    (folder / "empty.txt").touch()
    done = run("files", "upload", str(folder), "--json", code=2)
    made = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["filename"] for each in made] == ["a.md", "b.txt"]
    assert "empty.txt is empty" in done.stderr
    assert [line.split()[1] for line in run("files", "list", code=0).stdout.splitlines()[1:]] == [
        "b.txt",
        "a.md",
    ]
    shown = json.loads(run("files", "show", "a.md", "--json", code=0).stdout)
    assert (shown["id"], shown["purpose"]) == (made[0]["id"], "assistants")
    run("files", "delete", "a.md", "nothing", code=2)
    assert run("files", "delete", "a.md", made[1]["id"][:12], code=0).stdout.count("deleted file-") == 2
    assert run("files", "list", code=0).stderr.startswith("no file yet")


def test_what_was_uploaded_comes_back_and_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"1,2\r\n\xff")
    id = run("files", "upload", "table.csv", "--purpose", "user_data", code=0).stdout.strip()
    assert run("files", "download", id, "table.csv", code=2).stderr.startswith(
        "asstream: table.csv is there already\n"
    )
    assert run("files", "download", id, code=0).stdout == "saved table (2).csv\n"
    assert run("files", "download", "table.csv", "own name", code=0).stdout == "saved own name\n"
    for name in ("table (2).csv", "own name"):
        assert (tmp_path / name).read_bytes() == b"1,2\r\n\xff"


def test_a_pattern_names_files_and_a_name_with_brackets_is_one(run: Run, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c[1].md", "d.txt"):
        (tmp_path / name).write_text(name)
    listed = run("files", "upload", "*.md", "c[1].md", code=0).stdout.splitlines()
    assert [line.split("  ")[1] for line in listed] == ["a.md", "b.md", "c[1].md"]


BAD = {
    "nothing there": (["files", "upload", "none*.md"], "'none*.md' names no file"),
    "a purpose": (["files", "upload", "script.json", "--purpose", "fun"], "--purpose 'fun' is none"),
    "an unknown file": (["files", "show", "file-none"], "there is no file 'file-none'"),
    "an empty name": (["files", "delete", ""], "'' names no file"),
    "a folder that is not there": (["files", "download", "script.json", "none/x"], "can't be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_in_two_lines(run: Run, case: str) -> None:
    arguments, words = BAD[case]
    if case.startswith("a folder"):
        run("files", "upload", "script.json", code=0)
    done = run(*arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) <= 2
