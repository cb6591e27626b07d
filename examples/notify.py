"""Tells you when a long run has ended: `asstream chat --handler examples/notify.py:Notify`.

It rings the terminal's bell; NOTIFY_COMMAND="notify-send" (or any other command) is started too, with one
more argument: what happened, in a line. NOTIFY_SECONDS is what counts as long; 10 when it is not set.
"""

import os
import shlex
import subprocess
import sys
import time

from asstream import ConsoleHandler
from asstream.render.clean import clean_line


class Notify(ConsoleHandler):
    """Shows the reply as ever, then calls you."""

    def on_run_done(self, run):  # type: ignore[no-untyped-def]
        super().on_run_done(run)
        ended = run.completed_at or run.failed_at or run.cancelled_at or time.time()
        seconds = int(ended - run.created_at)
        if seconds >= float(os.environ.get("NOTIFY_SECONDS", "10")):
            message = self.current_message_snapshot
            parts = message.content if message else ()
            words = " ".join(part.text.value for part in parts if part.type == "text")
            # What the model wrote comes last, harmless and on one line: it can't pass for an option.
            notify(clean_line(f"asstream: {run.status} after {seconds} s: {words[:500]}", 120))


def notify(what):  # type: ignore[no-untyped-def]
    """Ring, and start the command that there may be; no shell reads what it is given."""
    if sys.stderr.isatty():
        sys.stderr.write("\a")
        sys.stderr.flush()
    if command := shlex.split(os.environ.get("NOTIFY_COMMAND", "")):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            subprocess.run([*command, what], **quiet, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            print(f"NOTIFY_COMMAND does not work: {clean_line(str(error), 200)}", file=sys.stderr)
