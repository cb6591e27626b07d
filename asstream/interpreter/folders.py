"""Folders of this process on the host, below one root: made with a lock, so that those of dead processes go.

All are 0700. Names are our own. What is inside a session's folders may be hostile, so it is never followed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_LONGEST_SOCKET = 100
"""Bytes of the longest path of a Unix socket (107), less room for its name."""


class RunFolder:
    """The folder of this process, `root/run-…`, until `remove`, or until another finds it unlocked."""

    def __init__(self, root: Path, mode: int = 0o700) -> None:
        self._root = root.absolute()
        self._root.mkdir(mode=mode, parents=True, exist_ok=True)
        _remove_leftovers(self._root)
        self.path, self._lock = _made_and_locked(self._root, mode)
        self._short: RunFolder | None = None

    def new(self, kind: str) -> Path:
        """A new empty folder."""
        path = self.path / f"{kind}-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        return path

    def new_for_sockets(self) -> Path:
        """A new empty folder whose path is short enough for the sockets in it."""
        if len(os.fsencode(self.path)) + 12 <= _LONGEST_SOCKET:
            return self.new("k")
        if self._short is None:
            self._short = RunFolder(temporary_root("asstream", 0o700))
        return self._short.new_for_sockets()

    def remove(self) -> None:
        """Remove it with everything in it."""
        if self._lock >= 0:
            remove_tree(self.path)
            os.close(self._lock)
            self._lock = -1
        if self._short is not None:
            self._short.remove()


def _made_and_locked(root: Path, mode: int) -> tuple[Path, int]:
    """A new folder and the descriptor that holds its lock."""
    while True:
        path = root / f"run-{secrets.token_hex(4)}"
        path.mkdir(mode=mode)
        # Until it is locked another process may take it for a dead one's, and remove it: then once more.
        with suppress(FileNotFoundError):
            lock = os.open(path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat((path / "lock").stat(), os.fstat(lock)):
                    return path, lock
            os.close(lock)


def temporary_root(name: str, mode: int) -> Path:
    """A root among the temporary files that is this user's own, whoever else writes there."""
    root = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    root.mkdir(mode=mode, exist_ok=True)
    found = root.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o777 & ~mode:
        return root
    root = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    root.chmod(mode)
    return root


def _remove_leftovers(root: Path) -> None:
    """Remove the folders of processes that are gone: nobody holds their locks."""
    for folder in root.glob("run-*"):
        try:
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # just being made, or just being removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder)
        except OSError:
            pass  # its process lives
        finally:
            os.close(lock)


def open_folder(name: str | Path, inside: int | None = None) -> int:
    """A descriptor of a folder, never through a link; one that was closed to its owner is opened up."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=inside)
    except PermissionError:
        if not hasattr(os, "O_PATH"):
            raise
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
        try:
            # By way of the descriptor: a name could be a link to another folder by now.
            Path(f"/proc/self/fd/{handle}").chmod(0o700)
            return os.open(name, flags, dir_fd=inside)
        finally:
            os.close(handle)


def remove_tree(path: Path) -> None:
    """Remove a folder whatever is in it: any depth, closed folders, links (which are not followed).

    Folders in it are moved up before they are emptied, so that no path grows and nothing is nested.
    """
    with suppress(OSError):
        top = open_folder(path)
        try:
            _empty(top, top)
            waiting = list(os.listdir(top))  # noqa: PTH208 - a descriptor
            while waiting:
                name = waiting.pop()
                with suppress(OSError):
                    folder = open_folder(name, top)
                    try:
                        waiting += _empty(folder, top)
                    finally:
                        os.close(folder)
                    os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        path.rmdir()


def _empty(folder: int, top: int) -> list[str]:
    """Remove the files of a folder and move its folders to `top`; their new names."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        with suppress(OSError):
            if not is_folder:
                os.unlink(name, dir_fd=folder)
            elif folder != top:
                new = f".gone-{secrets.token_hex(8)}"
                # A folder that is closed can't be moved by whoever is not root: its `..` is written.
                os.close(open_folder(name, folder))
                os.rename(name, new, src_dir_fd=folder, dst_dir_fd=top)
                moved.append(new)
    return moved
