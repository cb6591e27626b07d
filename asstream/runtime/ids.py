"""Ids as the service made them: a prefix and random letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

LENGTHS = {"file-": 22}
"""How many random characters follow a prefix, where it is not 24."""


def new_id(prefix: str) -> str:
    """A fresh id: `prefix` (with its `_` or `-`), then 24 random characters, about 143 bits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(LENGTHS.get(prefix, 24)))
