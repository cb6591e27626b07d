"""Vector stores whose time is over, without waiting a day for it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from asstream.runtime.runtime import DATABASE


def let_expire(home: Path, store_id: str) -> None:
    """Put a store's last use, and so its end, ten days into the past."""
    with sqlite3.connect(home / DATABASE, timeout=10) as database:
        [(text,)] = database.execute("SELECT body FROM vector_stores WHERE id = ?", (store_id,))
        body = json.loads(text)
        body["last_active_at"] -= 10 * 86_400
        body["expires_at"] = body["last_active_at"] + body["expires_after"]["days"] * 86_400
        values = (json.dumps(body), body["expires_at"], store_id)
        database.execute("UPDATE vector_stores SET body = ?, expires_at = ? WHERE id = ?", values)
    database.close()
