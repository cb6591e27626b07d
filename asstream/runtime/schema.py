"""The database's schema, as numbered migrations.

Each is one transaction together with its number in `PRAGMA user_version`.

A row keeps an object as JSON in `body`, and beside it only the columns that something is found by. `seq`
orders objects of the same second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from asstream.errors import ConfigError

_FIRST: Final = """
CREATE TABLE assistants (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
CREATE TABLE threads (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  thread_id TEXT NOT NULL, run_id TEXT, body TEXT NOT NULL) STRICT;
CREATE INDEX messages_of_thread ON messages (thread_id, seq);
CREATE INDEX messages_of_run ON messages (run_id, seq) WHERE run_id IS NOT NULL;

-- owner: the process that works on the run (a file under HOME/owners); NULL when nobody does.
-- cancel: 1 once somebody asked for it; the owner watches it.
-- ended_at: when the run reached its end; NULL before, and again once its events are gone.
CREATE TABLE runs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  thread_id TEXT NOT NULL, status TEXT NOT NULL, owner TEXT, cancel INTEGER NOT NULL DEFAULT 0,
  expires_at INTEGER NOT NULL, ended_at INTEGER, body TEXT NOT NULL) STRICT;
CREATE INDEX runs_of_thread ON runs (thread_id, seq);
CREATE UNIQUE INDEX one_active_run_a_thread ON runs (thread_id)
  WHERE status IN ('queued', 'in_progress', 'requires_action', 'cancelling');
CREATE INDEX ended_runs ON runs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE steps (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  run_id TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX steps_of_run ON steps (run_id, seq);

-- A run's exact messages to and from the model, private: they are sent again in later turns.
CREATE TABLE turns (
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)) STRICT, WITHOUT ROWID;

CREATE TABLE files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  purpose TEXT NOT NULL, expires_at INTEGER, body TEXT NOT NULL) STRICT;
"""

# Where deleted objects stood: a client that deletes what it lists goes on after the last one of a page.
_GONE: Final = """
CREATE TABLE gone (
  id TEXT PRIMARY KEY, seq INTEGER NOT NULL, deleted_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX gone_since ON gone (deleted_at);
"""

_VECTOR_STORES: Final = """
-- expires_at: NULL where the store does not expire, and once it has expired and its texts are gone.
CREATE TABLE vector_stores (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  expires_at INTEGER, body TEXT NOT NULL) STRICT;
CREATE INDEX expiring_vector_stores ON vector_stores (expires_at) WHERE expires_at IS NOT NULL;

-- A file in a store; `id` is the file's. A file that is attached again gets a new row.
-- owner: the process that reads it into the store; NULL when nobody does. attempts: how often that began.
CREATE TABLE vector_store_files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, vector_store_id TEXT NOT NULL, batch_id TEXT,
  status TEXT NOT NULL, owner TEXT, attempts INTEGER NOT NULL DEFAULT 0,
  usage_bytes INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL, UNIQUE (vector_store_id, id)) STRICT;
CREATE INDEX files_of_vector_store ON vector_store_files (vector_store_id, seq);
CREATE INDEX counts_of_vector_store ON vector_store_files (vector_store_id, status, usage_bytes);
CREATE INDEX files_of_batch ON vector_store_files (batch_id, seq) WHERE batch_id IS NOT NULL;
CREATE INDEX vector_stores_of_file ON vector_store_files (id);
CREATE INDEX files_to_read ON vector_store_files (seq) WHERE status = 'in_progress';

CREATE TABLE file_batches (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  vector_store_id TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX batches_of_vector_store ON file_batches (vector_store_id);

-- What is still to be taken out of the library: a file of a store, or ('' for file_id) a whole store.
CREATE TABLE texts_to_remove (
  vector_store_id TEXT NOT NULL, file_id TEXT NOT NULL,
  PRIMARY KEY (vector_store_id, file_id)) STRICT, WITHOUT ROWID;
"""

MIGRATIONS: Final = (_FIRST, _GONE, _VECTOR_STORES)
"""Migration n (from 1) takes a database of version n-1 to n. Append; never change a released one."""


def migrate(connection: apsw.Connection, path: Path) -> None:
    """Bring the database up to the newest version. Raises ConfigError when it is newer than this program."""
    for version, statements in enumerate(MIGRATIONS, start=1):
        if _version(connection) >= version:
            continue
        # Two processes may come here at once: the second looks again once it holds the write lock.
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) < version:
                connection.execute(statements)
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    if _version(connection) > len(MIGRATIONS):
        raise ConfigError(
            f"The database {path} was written by a newer asstream "
            f"(its version is {_version(connection)}, this program knows {len(MIGRATIONS)}).",
            "Upgrade asstream, or set ASSTREAM_HOME to another folder.",
        )


def _version(connection: apsw.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").get)
