"""Files under names that a model chose: new ones, inside the folder, whatever the names are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asstream.chat.saving import LONGEST, prepare, safe_name, save, with_suffix
from asstream.errors import AsstreamError, ConfigError

NAMES = {
    "a.csv": "a.csv",
    "naïve 数据.csv": "naïve 数据.csv",
    "../../etc/passwd": "passwd",
    "/etc/cron.d/x": "x",
    "..": "file",
    ".": "file",
    "": "file",
    "///": "file",
    "..\\..\\x.exe": "x.exe",
    "C:\\Windows\\x.dll": "x.dll",
    "x.csv\0.png": "x.csv.png",
    "\0": "file",
    ".bashrc": "bashrc",
    "-rf": "_-rf",
    "NUL": "_NUL",
    "con.txt": "_con.txt",
    "COM1 .log": "_COM1 .log",
    "x:stream": "x_stream",
    "a\x1b]0;t\x07b.csv": "ab.csv",
    "a\nb\tc.csv": "a b c.csv",
    "gpj\u202e.exe": "gpj.exe",
    "\ud800.csv": "\ufffd.csv",
    "trailing. . ": "trailing",
    'what?*<>|".txt': "what______.txt",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_made_harmless(name: str) -> None:
    assert safe_name(name) == NAMES[name]


@given(st.text())
@example("é" * 300 + ".csv")
@example("x" * 300 + "." + "y" * 300)
@example("." * 300 + "a")
def test_any_name_is_one_new_file_in_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("in")
    path = save(folder, name, [b"x"])
    assert path.parent == folder
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    assert path.name.isprintable()
    assert len(path.name.encode()) <= LONGEST + 1
    assert path.read_bytes() == b"x"


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_name("é" * 300 + ".csv").endswith("é.csv")


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    saved = [save(tmp_path, "a.tar", [text]) for text in (b"1", b"2", b"3")]
    assert [path.name for path in saved] == ["a.tar", "a (2).tar", "a (3).tar"]
    assert [path.read_bytes() for path in saved] == [b"1", b"2", b"3"]


@pytest.mark.parametrize("target", ["elsewhere/secret", "elsewhere/none", "/dev/null"])
def test_a_link_in_the_folder_is_not_followed(tmp_path: Path, target: str) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_text("kept")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").symlink_to(tmp_path / target)
    path = save(folder, "a.csv", [b"new"])
    assert path.name == "a (2).csv"
    assert not path.is_symlink()
    assert [entry.name for entry in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "kept"


def test_a_pipe_of_that_name_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert save(tmp_path, "a.csv", [b"x"]).name == "a (2).csv"


def test_a_file_that_breaks_off_is_removed(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise AsstreamError("the connection broke")

    with pytest.raises(AsstreamError, match="the connection broke"):
        save(tmp_path, "a.csv", pieces())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be made") as caught:
        prepare(tmp_path / "file" / "in")
    assert "name a folder" in caught.value.remedy


def test_a_folder_that_has_gone_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(AsstreamError, match="can't be saved in"):
        save(tmp_path / "gone", "a.csv", [b"x"])


def test_what_is_saved_is_no_program(tmp_path: Path) -> None:
    assert not save(tmp_path, "run.sh", [b"#!/bin/sh\n"]).stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("name", "suffix", "wanted"),
    [
        ("a", ".png", "a.png"),
        ("a.PNG", ".png", "a.PNG"),
        ("a.jpeg", ".jpg", "a.jpeg"),
        ("a.exe", ".gif", "a.exe.gif"),
    ],
)
def test_a_picture_has_the_suffix_of_what_it_is(name: str, suffix: str, wanted: str) -> None:
    assert with_suffix(name, suffix) == wanted
