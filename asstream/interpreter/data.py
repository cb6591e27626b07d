"""The data folder of a session, from the host's side: files put in, and what code made or changed taken out.

Code can put anything there at any moment: links to other places, pipes that never end, names that are no
text, folders without end. Nothing is followed, nothing is trusted to be what it was a moment ago.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter.folders import open_folder, remove_tree
from asstream.interpreter.protocol import InputFile, printable, safe_name

DEEPEST = 64
"""Folders in folders that are looked into."""
MOST_PRODUCED = 100
"""Files of one cell that are taken out."""

Stamp = tuple[int, int, int]
"""(inode, size, time of change of its content): another one means another content."""

_NONE: Stamp = (-1, -1, -1)
"""That of no file."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something in the data folder.

    Attributes:
        path: below the data folder, as the system gives it (surrogates for what is no UTF-8).
        depth: folders above it, below the data folder.
    """

    path: str
    depth: int
    name: str
    folder: int
    status: os.stat_result


def walk(root: Path) -> Iterator[Found]:
    """Everything below `root`, folders before their content; `folder` is open until the next is asked for."""
    with suppress(OSError):
        yield from _walk(open_folder(root), "", 0)


def _walk(folder: int, prefix: str, depth: int) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield Found(prefix + entry.name, depth, entry.name, folder, status)
                    if stat.S_ISDIR(status.st_mode) and depth < DEEPEST:
                        inner = open_folder(entry.name, folder)
                        yield from _walk(inner, f"{prefix}{entry.name}/", depth + 1)
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a folder takes: bytes on the disk, and its files and folders (counted no further than asked)."""

    size: int
    files: int


def usage(root: Path, most_files: int) -> Usage:
    """What `root` takes. Folders nested too deep to look into count as too many files."""
    size = files = 0
    for found in walk(root):
        size += found.status.st_blocks * 512
        files += 1
        if files > most_files or found.depth >= DEEPEST:
            return Usage(size, most_files + 1)
    return Usage(size, files)


class DataFolder:
    """The data folder of one session.

    Attributes:
        user: the uid that files in it belong to, where it is not ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.user: int | None = None
        self._names: dict[str, str] = {}
        self._stamps: dict[str, Stamp] = {}
        self._begun = False

    def give(self, user: int | None) -> None:
        """Make everything in it belong to `user`, as whom the code runs from now on."""
        self.user = user
        if user is not None:
            for found in walk(self.path):
                with suppress(OSError):
                    os.chown(found.name, user, user, dir_fd=found.folder, follow_symlinks=False)

    def put(self, files: Sequence[InputFile]) -> list[str]:
        """Put files in, under their names and ids, unless they were. What is to be said of it, a line each.

        What code has removed since stays removed.
        """
        said = []
        folder = open_folder(self.path)
        try:
            new = {safe_name(file.name) for file in files if not file.made and file.id not in self._names}
            named = {file.id for file in files if file.name != file.id}
            for id, name in list(self._names.items()):
                if name in new and id not in named:
                    self._step_aside(id, name, folder)
            if self._begun:
                held = {self._names[id] for id in named if id in self._names}
                said += [note for name in sorted(new - held) if (note := self._clear(name, folder))]
            for file in files:
                if file.made and self._begun:
                    continue  # it is where the code left it
                try:
                    if file.id not in self._names:
                        self._put(file, folder)
                    self._link(file.id, folder)
                except OSError as error:
                    said.append(f"{printable(file.name)[:200]} is not in /mnt/data: {error.strerror}")
        finally:
            os.close(folder)
        self._begun = True
        return said

    def _step_aside(self, id: str, name: str, folder: int) -> None:
        """Leave a file that had a name under its id alone: a newer one is to have the name."""
        aside = safe_name(id)
        with suppress(OSError):  # the code has moved it, or put something else where it is to go
            os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
            self._names[id] = aside
            if (stamp := self._stamps.pop(name, None)) is not None:
                self._stamps[aside] = stamp

    def _clear(self, name: str, folder: int) -> str:
        """Give what code put under a name another one, as which it comes out; what is to be said of it."""
        if not _exists(name, folder) or name in map(safe_name, self._names):
            return ""
        other = _free_name(name, folder)
        try:
            os.rename(name, other, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:  # the code was quicker
            return ""
        shown, other = printable(name), printable(other)
        return f"{shown} is now the file that was attached; what had this name before is {other}"

    def _put(self, file: InputFile, folder: int) -> None:
        name = _free_name(self._path(file.name, folder) if file.made else safe_name(file.name), folder)
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(target, "wb") as to, file.path.open("rb") as content:
                shutil.copyfileobj(content, to)
                if self.user is not None:
                    os.fchown(target, self.user, self.user)
                to.flush()
                self._stamps[name] = _stamp(os.fstat(target))
        except OSError:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        self._names[file.id] = name

    def _link(self, id: str, folder: int) -> None:
        """Have a file, if it is there, under its id as well."""
        name, link = self._names[id], safe_name(id)
        if link != name and _exists(name, folder) and not _exists(link, folder):
            os.symlink(name, link, dir_fd=folder)
            if self.user is not None:
                os.chown(link, self.user, self.user, dir_fd=folder, follow_symlinks=False)

    def _path(self, path: str, folder: int) -> str:
        """A path of code's own making, with the folders that it needs. No code has run here yet."""
        *folders, name = (safe_name(part) for part in path.split("/"))
        at = ""
        for part in folders:
            at += part
            with suppress(FileExistsError):
                os.mkdir(at, 0o700, dir_fd=folder)
                if self.user is not None:
                    os.chown(at, self.user, self.user, dir_fd=folder)
            at += "/"
        return at + name

    def changed(self) -> tuple[list[str], int, list[str]]:
        """What is new since the last call.

        Paths of the regular files that are new or changed, how many more, and paths of those that are gone.
        """
        stamps: dict[str, Stamp] = {}
        changed: list[tuple[int, str]] = []
        for found in walk(self.path):
            if stat.S_ISREG(found.status.st_mode):
                stamp = stamps[found.path] = _stamp(found.status)
                if self._stamps.get(found.path) != stamp:
                    changed.append((found.status.st_mtime_ns, found.path))
        gone = sorted(self._stamps.keys() - stamps.keys())
        self._stamps = stamps
        paths = [path for _, path in sorted(changed)]
        return paths[:MOST_PRODUCED], len(paths[MOST_PRODUCED:]), gone

    def tell_again(self, paths: Sequence[str]) -> None:
        """Have `changed` tell of these once more: nobody took what it said of them."""
        for path in paths:
            self._stamps[path] = _NONE

    def forget_changes(self, new: Path) -> None:
        """Move into the empty folder `new`, with what has not changed since `changed` was last called."""
        folder, old = open_folder(new), open_folder(self.path)
        try:
            for path, stamp in self._stamps.items():
                with suppress(OSError):
                    # Only at the top: what lies deeper was made by code, and may lie behind a link by now.
                    if "/" not in path and _stamp(os.stat(path, dir_fd=old, follow_symlinks=False)) == stamp:
                        os.rename(path, path, src_dir_fd=old, dst_dir_fd=folder)
        finally:
            os.close(folder)
            os.close(old)
        remove_tree(self.path)
        self.path = new
        before, self._stamps = self._stamps, {found.path: _stamp(found.status) for found in walk(new)}
        for id, name in list(self._names.items()):
            if name in before and name not in self._stamps:
                del self._names[id]  # it may be put in again, as it was given

    def copy_out(self, path: str, to: Path, most: int) -> int | None:
        """Copy a file of the code to `to`, which must not exist; its size, or None where it is none any more.

        Args:
            most: bytes of the longest file that is copied.
        """
        try:
            source = self._open(path)
        except OSError:
            return None
        with os.fdopen(source, "rb") as content:
            status = os.fstat(source)
            owner = os.geteuid() if self.user is None else self.user
            if not stat.S_ISREG(status.st_mode) or status.st_uid != owner or status.st_size > most:
                return None
            with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                left = status.st_size  # it may grow meanwhile
                while left and (piece := content.read(min(left, 2**20))):
                    copy.write(piece)
                    left -= len(piece)
                return status.st_size - left

    def _open(self, path: str) -> int:
        """A descriptor of a file, with no link on the way to it; a pipe does not block it."""
        *folders, name = path.split("/")
        at = open_folder(self.path)
        try:
            for folder in folders:
                inner = open_folder(folder, at)
                os.close(at)
                at = inner
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            return os.open(name, flags, dir_fd=at)
        finally:
            os.close(at)


def _free_name(name: str, folder: int) -> str:
    """A name that nothing has yet: `a.csv`, `a (2).csv`, …"""
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        stem, dot, suffix = name, "", ""
    free, number = name, 1
    while _exists(free, folder):
        number += 1
        free = f"{stem} ({number}){dot}{suffix}"
    return free


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns
