"""A program that writes a reply as a chat does, by pieces: `python player.py FILE SECONDS [LENGTH]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console

from asstream.render.transcript import Transcript

if __name__ == "__main__":
    path, between = Path(sys.argv[1]), float(sys.argv[2])
    length = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    text = path.read_bytes().decode()
    transcript = Transcript(Console(), Console(stderr=True))
    transcript.open("reply", markdown=True)
    for at in range(0, len(text), length):
        transcript.add(text[at : at + length])
        time.sleep(between)
    transcript.close()
