"""The files of replies, fetched from a real server and saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from asstream.chat.downloads import Downloads
from asstream.errors import AsstreamError
from asstream.runtime.models.sources import open_source
from asstream.server.embedded import EmbeddedServer
from tests.render.images.test_kinds import picture, png_that_claims


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    home = tmp_path_factory.mktemp("home")
    script = home / "script.json"
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [[{"text": "x"}]]}]}))
    server = EmbeddedServer(home, lambda: open_source(home, None, f"scripted:{script}"))
    server.start()
    with openai.OpenAI(
        base_url=server.base_url,
        api_key=server.api_key,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client
    server.close()


def held(client: openai.OpenAI, name: str, data: bytes) -> str:
    """A file that the server holds."""
    return client.files.create(file=(name, data), purpose="assistants").id


@pytest.fixture
def downloads(client: openai.OpenAI, tmp_path: Path) -> Downloads:
    return Downloads(client, tmp_path / "pictures")


def test_a_picture_is_saved_for_its_owner_alone_and_fetched_once(
    client: openai.OpenAI, downloads: Downloads, tmp_path: Path
) -> None:
    data = picture("png")
    file_id = held(client, "plot", data)
    found = downloads.picture(file_id)
    assert (found.data, found.path, found.problem) == (data, tmp_path / "pictures" / "plot.png", "")
    assert (tmp_path / "pictures").stat().st_mode & 0o777 == 0o700
    client.files.delete(file_id)
    assert downloads.picture(file_id) is found


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("plot.png", b"<script>", "not a PNG"),
        ("plot.png", png_that_claims(100_000, 100_000), "too many"),
        ("plot.png", b"\x89PNG\r\n\x1a\n" + bytes(20 * 1024 * 1024), "more than 20 MB"),
    ],
)
def test_what_is_no_picture_is_neither_shown_nor_saved(
    client: openai.OpenAI, downloads: Downloads, tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    found = downloads.picture(held(client, name, data))
    assert (found.data, found.path) == (b"", None)
    assert why in found.problem
    assert not (tmp_path / "pictures").exists()


def test_a_picture_that_is_gone_is_told_of(downloads: Downloads) -> None:
    assert "No such File object" in downloads.picture("file-gone").problem


def test_files_are_saved_under_their_names_inside_the_folder(
    client: openai.OpenAI, downloads: Downloads, tmp_path: Path
) -> None:
    names = ["../../up.csv", "plain.csv", "plain.csv", "con", "a\x1b[2Jb.txt"]
    ids = [held(client, name, name.encode()) for name in names]
    saved = downloads.save(dict.fromkeys(ids, ""), tmp_path / "new" / "folder")
    assert [path.name for path in saved] == ["up.csv", "plain.csv", "plain (2).csv", "_con", "ab.txt"]
    assert {path.parent for path in saved} == {tmp_path / "new" / "folder"}
    assert {entry.name for entry in tmp_path.iterdir()} == {"new"}


def test_without_a_folder_nothing_is_kept(
    client: openai.OpenAI, downloads: Downloads, tmp_path: Path
) -> None:
    file_id = held(client, "a.csv", b"1")
    assert downloads.keep(file_id, "a.csv") is None
    downloads.keep_all({file_id: "a.csv"})
    assert list(tmp_path.iterdir()) == []


def test_with_a_folder_each_file_is_kept_once_and_told_of(client: openai.OpenAI, tmp_path: Path) -> None:
    told: list[str] = []
    downloads = Downloads(client, tmp_path / "pictures", kept=tmp_path, tell=told.append)
    plot, table = held(client, "plot.png", picture("png")), held(client, "a.csv", b"1,2")
    assert downloads.picture(plot).path == tmp_path / "plot.png"
    assert downloads.keep(table, "a.csv") == tmp_path / "a.csv"
    downloads.keep_all({plot: "", table: "a.csv"})
    assert told == [f"saved {tmp_path / 'plot.png'}", f"saved {tmp_path / 'a.csv'}"]
    assert {entry.name for entry in tmp_path.iterdir()} == {"plot.png", "a.csv"}


def test_a_file_that_is_gone_leaves_nothing_behind(client: openai.OpenAI, tmp_path: Path) -> None:
    downloads = Downloads(client, tmp_path / "pictures", kept=tmp_path)
    assert downloads.keep("file-gone", "x.csv") is None
    with pytest.raises((openai.NotFoundError, AsstreamError)):
        downloads.keep_all({"file-gone": "x.csv"})
    assert list(tmp_path.iterdir()) == []


def test_a_file_beyond_measure_is_given_up_and_leaves_nothing(
    client: openai.OpenAI, downloads: Downloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asstream.chat.downloads.MOST", 2 * 1024 * 1024)
    with pytest.raises(AsstreamError, match="more than 2 MB"):
        downloads.save({held(client, "big", bytes(2 * 1024 * 1024 + 1)): ""}, tmp_path)
    assert list(tmp_path.iterdir()) == []
