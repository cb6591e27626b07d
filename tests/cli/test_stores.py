"""Vector stores at the command line, and the files and stores of assistants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.terminal import terminal
from tests.cli.test_images import PNG


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder of three files that can be searched, one that can't, and a hidden one."""
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "okapi.txt").write_text("The okapi lives in the rainforest of the Congo.")
    (folder / "quokka.md").write_text("# Quokka\n\nIt lives on Rottnest Island.")
    (folder / "deep" / "axolotl.html").write_text("<h1>Axolotl</h1><p>It lives in Xochimilco.</p>")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing more")
    (folder / ".hidden").write_text("secret")
    return folder


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_folder_becomes_a_store_that_is_searched_shown_and_deleted(run: Run, notes: Path) -> None:
    done = run("stores", "create", str(notes), "--name", "animals", "--attribute", "year=1901", code=1)
    id = done.stdout.strip()
    assert id.startswith("vs_")
    assert "broken.pdf: " in done.stderr
    assert "3 of 4 files can be searched; 1 could not be read" in done.stderr
    found = run("stores", "search", "animals", "Where does the okapi live?", "--limit", "1", code=0).stdout
    assert "okapi.txt" in found.splitlines()[0]
    assert found.splitlines()[1] == "  The okapi lives in the rainforest of the Congo."
    shown = run("stores", "show", id[:12], code=0).stdout
    [failed] = [line for line in shown.splitlines() if "broken.pdf" in line]
    assert "failed" in failed
    listed = run("stores", "list", code=0).stdout
    assert "animals" in listed and "completed" in listed
    run("stores", "delete", "animals", "--with-files", code=0)
    assert run("stores", "list", "--json", code=0).stdout == ""
    assert run("files", "list", "--json", code=0).stdout == ""


def test_files_are_added_with_attributes_that_a_search_asks_for(run: Run, notes: Path) -> None:
    run("stores", "create", "--name", "animals", code=0)
    run("stores", "add", "animals", "notes/*.txt", "--attribute", "continent=Africa", code=0)
    run("stores", "add", "animals", "notes/**/*.html", "notes/quokka.md", "--attribute", "tame=true", code=0)
    search = ("stores", "search", "animals", "Where does it live?", "--json")
    hits = objects(run(*search, "--attribute", "continent=Africa", code=0).stdout)
    assert {hit["filename"] for hit in hits} == {"okapi.txt"}
    hits = objects(run(*search, "--attribute", "tame=true", code=0).stdout)
    assert {hit["filename"] for hit in hits} == {"axolotl.html", "quokka.md"}
    assert hits[0]["attributes"] == {"tame": True}
    nothing = run("stores", "search", "animals", "zzz", "--attribute", "tame=false", code=0)
    assert (nothing.stdout, nothing.stderr) == ("", "nothing was found\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nobody"], "there is no store 'nobody'"),
        (["add", "animals", "none.md"], "'none.md' names no file"),
        (["create", "x.md", "--chunk-tokens", "50"], "--chunk-tokens '50' can't be used"),
        (["create", "x.md", "--overlap-tokens", "500"], "--overlap-tokens 500 is more than half"),
        (["create", "x.md", "--attribute", "x"], "--attribute 'x' is no K=V pair"),
        (["search", "vs_", "x"], "'vs_' names no store"),
    ],
)
def test_what_names_nothing_is_refused(run: Run, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "x.md").write_text("x")
    done = run("stores", *arguments, code=2)
    assert message in done.stderr
    assert run("stores", "list", "--json", code=0).stdout == ""
    assert run("files", "list", "--json", code=0).stdout == ""


def test_a_terminal_sees_how_far_the_files_are_and_then_what_came_of_them(
    environ: dict[str, str], notes: Path
) -> None:
    with terminal(["stores", "create", str(notes)], environ) as screen:
        screen.wait_for("3 of 4 files can be searched; 1 could not be read")
        assert screen.wait_end() == 1
        assert b"0/4" in screen.raw and b"4/4" in screen.raw
        assert "/4" not in screen.text()


def test_files_of_an_assistant_go_to_the_tools_that_read_them(run: Run, notes: Path) -> None:
    (notes / "broken.pdf").unlink()
    (notes / "cat.png").write_bytes(PNG)
    both = ("--tool", "code_interpreter", "--tool", "file_search")
    done = run("assistants", "create", "--name", "A", *both, "--file", str(notes), code=0)
    assert "4 of 4 files are there for its tools" in done.stderr
    [made] = objects(run("assistants", "show", "A", "--json", code=0).stdout)
    held = made["tool_resources"]
    assert len(held["code_interpreter"]["file_ids"]) == 4
    [store] = held["file_search"]["vector_store_ids"]
    [shown, *files] = objects(run("stores", "show", store, "--json", code=0).stdout)
    assert (shown["name"], len(files)) == ("A", 3)
    (notes / "new.txt").write_text("new")
    run("assistants", "update", "A", "--file", str(notes / "new.txt"), code=0)
    [made] = objects(run("assistants", "show", "A", "--json", code=0).stdout)
    assert len(made["tool_resources"]["code_interpreter"]["file_ids"]) == 5
    assert len(objects(run("stores", "show", store, "--json", code=0).stdout)) == 5
    other = run("stores", "create", "--name", "other", code=0).stdout.strip()
    run("assistants", "update", "A", "--store", "other", code=0)
    [made] = objects(run("assistants", "show", "A", "--json", code=0).stdout)
    assert made["tool_resources"]["file_search"]["vector_store_ids"] == [other]
    assert len(made["tool_resources"]["code_interpreter"]["file_ids"]) == 5


def test_what_could_not_be_searched_is_told_of_and_left_out(run: Run, notes: Path) -> None:
    done = run("assistants", "create", "--name", "A", "--tool", "file_search", "--file", str(notes), code=1)
    assert done.stdout.startswith("asst_")
    assert "broken.pdf: " in done.stderr
    assert "3 of 4 files are there for its tools; 1 could not be read" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "notes"], "is read by a tool"),
        (["--store", "x", "--tool", "code_interpreter"], "is searched by file_search alone"),
        (["--store", "x", "--tool", "file_search"], "there is no store 'x'"),
        (["--file", "none", "--tool", "file_search"], "'none' names no file"),
    ],
)
def test_an_assistant_with_files_that_nothing_reads_is_not_made(
    run: Run, notes: Path, arguments: list[str], message: str
) -> None:
    assert message in run("assistants", "create", *arguments, code=2).stderr
    assert run("assistants", "list", "--json", code=0).stdout == ""


def test_an_assistant_that_can_not_be_made_leaves_no_files_behind(run: Run, notes: Path) -> None:
    create = ("assistants", "create", "--id", "asst_mine", "--tool", "file_search")
    run(*create, code=0)
    run(*create, "--file", "notes/okapi.txt", code=2)
    assert run("files", "list", "--json", code=0).stdout == ""
    assert run("stores", "list", "--json", code=0).stdout == ""
