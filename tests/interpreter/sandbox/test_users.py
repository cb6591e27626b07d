"""A session's user is nobody else's, and its folders are that user's alone."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from asstream.interpreter.sandbox import users
from asstream.interpreter.sandbox.users import counted_apart, give, unused_user

EVERYONE = "         0          0 4294967295\n"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="not root: run these tests as root too")


def test_users_differ() -> None:
    found = {unused_user() for _ in range(50)}
    assert len(found) == 50
    assert not found & {account.pw_uid for account in pwd.getpwall()}


@pytest.mark.parametrize(
    ("uid_map", "lowest", "highest"),
    [
        (EVERYONE, 1_879_048_192, 2_147_483_647),
        ("0 100000 65536\n", 1000, 65519),
        ("0 1000 1\n1 100000 65536\n", 1000, 65520),
    ],
)
def test_a_user_is_drawn_from_what_is_mapped(uid_map: str, lowest: int, highest: int) -> None:
    first, count = users._mapped_range(uid_map)
    assert lowest <= first and first + count - 1 <= highest and count > 1000


def test_too_few_users_are_an_error() -> None:
    with pytest.raises(OSError, match="too few"):
        users._mapped_range("0 1000 1\n")


def test_what_root_lacks_is_named() -> None:
    assert users.lacking((1 << 41) - 1) == []
    assert users.lacking(0x00000000A80425FB) == []  # what docker gives
    assert users.lacking((1 << 41) - 1 - (1 << 5)) == ["KILL"]


@as_root
def test_root_that_could_not_end_what_it_started_has_no_user_for_it() -> None:
    code = "from asstream.interpreter.sandbox.users import unused_user; unused_user()"
    command = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr.endswith("OSError: root lacks CAP_KILL to run code as another user\n")


@pytest.mark.parametrize(
    ("release", "apart"), [("5.13.0-x", False), ("5.14.0", True), ("6.1.2-generic", True), ("4.19", False)]
)
def test_old_kernels_count_all_processes_of_a_user(release: str, apart: bool) -> None:
    assert counted_apart(release) is apart


@as_root
def test_a_folder_is_given_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "file").write_text("x")
    give(tmp_path / "folder", 54321)
    inside = [tmp_path / "folder", *(tmp_path / "folder").rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in inside} == {(54321, 54321)}
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700


@as_root
def test_links_that_code_left_give_nothing_away(tmp_path: Path) -> None:
    for name in ("pointed", "shared"):
        (tmp_path / name).write_text("of the host")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("of the host")
    data = tmp_path / "data"
    data.mkdir()
    (data / "link").symlink_to(tmp_path / "pointed")
    (data / "folder").symlink_to(tmp_path / "outside")
    (data / "hard").hardlink_to(tmp_path / "shared")
    give(data, 54321)
    assert {
        path.stat().st_uid
        for path in (tmp_path / "pointed", tmp_path / "shared", tmp_path / "outside" / "file")
    } == {0}
    assert (data / "link").lstat().st_uid == 54321
