"""Whether what runs code is installed, and the words for what is not: the same wherever it is told."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

NEEDED = ("ipykernel", "jupyter_client", "zmq")
"""What code is run with."""
PACKAGES = ("numpy", "pandas", "matplotlib")
"""What code takes for granted, and may do without."""
REMEDY = "pip install 'asstream[interpreter]' installs it"
"""The extra holds all of them."""


def absent(modules: Sequence[str] = NEEDED) -> list[str]:
    """Those of the modules that are not installed; nothing is imported."""
    return [name for name in modules if find_spec(name) is None]


def not_installed(missing: Sequence[str]) -> str:
    """What is said where `missing` is missing, behind the name of the code interpreter."""
    return f"not installed ({' and '.join(missing)} missing)"
