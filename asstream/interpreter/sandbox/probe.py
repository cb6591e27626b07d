"""Whether a sandbox works here: by running it, as there are many ways to forbid a part of one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from asstream.interpreter.protocol import Limits
from asstream.interpreter.sandbox.place import Place, Sandbox

_SECONDS = 20

_PROGRAM = """
import json, os, sys
found = {"uid": os.getuid()}
if sys.platform == "linux":
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    found["bounds"] = int(status["CapBnd"], 16) != 0
    try:
        found["settings"] = os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY) >= 0
    except OSError:
        pass
    found["filtered"] = int(status["Seccomp"]) == 2 and int(status["NoNewPrivs"]) == 1
    found["capabilities"] = any(int(status[name], 16) for name in ("CapEff", "CapPrm"))
try:
    found["secret"] = open(sys.argv[1]).read()
except OSError:
    found["secret"] = ""
open("written", "w").close()
print(json.dumps(found))
"""


def probe(sandbox: Sandbox) -> str:
    """What is wrong with a sandbox, in one line; empty if an interpreter starts in it and is held by it.

    Takes some 50 ms.
    """
    with tempfile.TemporaryDirectory(prefix="asstream-probe-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # another user passes through, but sees nothing
        place = Place(folder / "data", folder / "connection", Limits())
        secret = folder / "secret"
        secret.write_text("of the host")
        place.data.mkdir()
        place.connection.mkdir()
        try:
            launch = sandbox.prepare(place, [sys.executable, "-I", "-S", "-c", _PROGRAM, str(secret)])
        except OSError as error:
            return str(error)
        try:
            ended = subprocess.run(
                launch.argv,
                env=launch.env,
                pass_fds=launch.pass_fds,
                cwd=place.data,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"it did not start within {_SECONDS} seconds"
        except OSError as error:
            return str(error)
        finally:
            launch.close()
    return _verdict(ended, launch.user)


def _verdict(ended: subprocess.CompletedProcess[bytes], user: int | None) -> str:
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {ended.returncode}"
    found = json.loads(ended.stdout)
    if found["secret"]:
        return "it started, but the host's files could be read in it"
    if not found.get("filtered", True):
        return "it started, but without the filter of system calls"
    if found.get("settings"):
        return "it started, but this machine's settings could be changed in it"
    if found.get("capabilities"):
        return "it started, but with capabilities"
    if user is not None and (found["uid"] != user or found["bounds"]):
        return "it started, but root was not dropped"
    return ""
