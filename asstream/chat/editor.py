"""A text written in the person's editor. Knows processes and files, and nothing of the API."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

from asstream.chat import keys
from asstream.config import editor_command


def edit(text: str) -> tuple[str, list[str]]:
    """A text as the person's editor ($VISUAL, else $EDITOR) left it, and what went wrong, in lines.

    What was typed is never lost: where there is no editor, or it fails, the text comes back, as far as it
    was saved.
    """
    command = editor_command()
    if command is None:
        return text, ["asstream: no editor is named", "set VISUAL or EDITOR, such as EDITOR=nano"]
    try:
        words = shlex.split(command)
    except ValueError as error:
        words, why = [], f": {error}"
    else:
        why = ""
    if not words:
        return text, [f"asstream: the editor {command!r} can't be started{why}", "set VISUAL or EDITOR anew"]
    with tempfile.TemporaryDirectory(prefix="asstream-") as folder:  # 0700
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8", errors="replace")
        problem = _run([*words, str(path)], command)
        try:
            edited = path.read_bytes().decode("utf-8", errors="replace").rstrip("\n")
        except OSError:  # it took the file away
            edited = text
    return edited, problem


def _run(words: list[str], command: str) -> list[str]:
    """Run the editor with the terminal as it was before the chat; what went wrong, in lines."""
    # Ctrl-C there is the editor's: it goes to the whole group, and must not end the chat.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with keys.normal():
            code = subprocess.run(words, check=False).returncode
    except OSError as error:
        return [
            f"asstream: the editor {command!r} can't be started: {os.strerror(error.errno or 0)}",
            "set VISUAL or EDITOR to one that is installed",
        ]
    except ValueError:
        return [f"asstream: the editor {command!r} can't be started", "set VISUAL or EDITOR anew"]
    finally:
        signal.signal(signal.SIGINT, before)
    if code:
        return [f"asstream: the editor {command!r} ended with {code}", "what it saved stands at the prompt"]
    return []
