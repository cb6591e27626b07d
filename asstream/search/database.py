"""The database of one store: its files, their chunks, the index of their words.

Rows are the truth. A chunk's id is also its place in the store's file of vectors (`vectors`), so the chunks
of a file get neighbouring ids: its spans. A file that is being added is a draft (`ready` 0), which nothing
finds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import apsw

from asstream.errors import ConfigError

Row = tuple[Any, ...]

NAME: Final = "text.db"

TOKENIZER: Final = ("porter", ("unicode61", "remove_diacritics", "2"))

_SCHEMA: Final = f"""
-- embedding: the name of the one that its vectors are of; empty where it has none.
-- touched: when a draft last grew, in seconds since the epoch.
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL, filename TEXT NOT NULL, attributes TEXT NOT NULL,
  ready INTEGER NOT NULL DEFAULT 0, embedding TEXT NOT NULL DEFAULT '', touched REAL NOT NULL) STRICT;
CREATE UNIQUE INDEX ready_files ON documents (file) WHERE ready = 1;

-- number: their order in the text, since ids are taken where there is room.
CREATE TABLE spans (
  number INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL UNIQUE, count INTEGER NOT NULL,
  document INTEGER NOT NULL) STRICT;
CREATE INDEX spans_of_document ON spans (document);

-- repeated: how many characters at the beginning are also the end of the chunk before.
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY, place TEXT NOT NULL, repeated INTEGER NOT NULL, text TEXT NOT NULL) STRICT;

-- Without content: what is indexed differs from what is shown, and that is in `chunks`.
CREATE VIRTUAL TABLE words USING fts5(
  title, text, content='', contentless_delete=1, tokenize='{TOKENIZER[0]} {" ".join(TOKENIZER[1])}');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
"""

_MIGRATIONS: Final = (_SCHEMA,)
"""Migration n (from 1) takes a database of version n-1 to n. Append; never change a released one."""

_BUSY_MS: Final = 20_000


def connect(folder: Path) -> apsw.Connection:
    """Open the database of a store's folder, which is made where there is none.

    Raises:
        ConfigError: it is damaged, newer than this program, or can't be written.
    """
    path = folder / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # 0600 from the first moment; SQLite gives its other files the mode of this one.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection, path)
    except (OSError, apsw.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"The search index {path} can't be used: {reason}.",
            "Make its folder writable and its disk have room, or move it away and add the files again.",
        ) from error
    return connection


def rows(connection: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query."""
    return cast("list[Row]", connection.execute(sql, tuple(args)).fetchall())


@contextmanager
def writing(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """A transaction that writes; no other does, of any process."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


def _migrate(connection: apsw.Connection, path: Path) -> None:
    for version, statements in enumerate(_MIGRATIONS, start=1):
        if _version(connection) < version:
            with writing(connection):
                if _version(connection) < version:  # another process may have been faster
                    connection.execute(statements)
                    connection.execute(f"PRAGMA user_version = {version}")
    if _version(connection) > len(_MIGRATIONS):
        raise ConfigError(
            f"The search index {path} was written by a newer asstream.",
            "Upgrade asstream, or set ASSTREAM_HOME to another folder.",
        )


def _version(connection: apsw.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").get)
