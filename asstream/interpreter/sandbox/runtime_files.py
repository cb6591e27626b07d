"""What an interpreter needs to read of the host to start: found from its paths, and as narrow as can be.

A virtual environment may lie in the midst of a project, so not its folder is named but the parts of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_PARTS = ("bin", "lib", "lib64", "share", "pyvenv.cfg")


def runtime_files(command: Sequence[str], covered: Iterable[Path] = ()) -> list[Path]:
    """The files and folders, absolute, that an interpreter reads to run a script, outer ones first.

    Args:
        command: the interpreter, its options, its script, the script's arguments; the latter are names of
            nothing here, whatever they look like.
        covered: folders that are readable already.
    """
    wanted = [
        root / part
        for prefix in (straight(Path(sys.prefix)), straight(Path(sys.base_prefix)))
        for root in dict.fromkeys((prefix, prefix.resolve()))
        for part in _PARTS
        if (root / part).exists()
    ]
    wanted += [hop for path in (command[0], *_script(command[1:])) for hop in _hops(straight(Path(path)))]
    found: list[Path] = []
    for path in dict.fromkeys(sorted(wanted, key=lambda path: len(path.parts))):
        if not any(path.is_relative_to(folder) for folder in (*covered, *found)):
            found.append(path)
    return found


def straight(path: Path) -> Path:
    """A path without `..`, where it has one. Its last part stays a link: an environment's Python is one.

    Nothing can be mounted at a path with `..`: the folders before it are not made inside.
    """
    return path.parent.resolve() / path.name if ".." in path.parts else path


def _script(arguments: Sequence[str]) -> Sequence[str]:
    """The script among an interpreter's arguments, if there is one: the first that is no option."""
    for at, word in enumerate(arguments):
        if word in ("-c", "-m"):
            break
        if not word.startswith("-"):
            return arguments[at : at + 1]
    return ()


def _hops(path: Path) -> Iterator[Path]:
    """A path, and each that it links to."""
    for _ in range(40):  # as far as the kernel goes
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / path.readlink()))
    yield path.resolve()
