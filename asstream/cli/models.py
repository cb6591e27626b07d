"""`asstream models`: list, pull, use, show.

The models are those of this machine; `list --base-url` asks an endpoint.
"""

from __future__ import annotations

from typing import Annotated

import typer

from asstream.cli import options as o
from asstream.cli.output import emit, say, table
from asstream.cli.target import noun, opened
from asstream.config import ensure_home, load

app = noun("List, pull, choose models of this machine.")
