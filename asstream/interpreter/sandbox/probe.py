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
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
found = {"seccomp": int(status["Seccomp"]), "no_new_privs": int(status["NoNewPrivs"]), "uid": os.getuid()}
found["capabilities"] = int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapBnd"], 16)
try:
    found["host"] = os.path.exists("/etc/hostname") and bool(open("/etc/hostname").read())
except OSError:
    found["host"] = False
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
        place.data.mkdir()
        place.connection.mkdir()
        try:
            launch = sandbox.prepare(place, [sys.executable, "-I", "-S", "-c", _PROGRAM])
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
    if found["host"]:
        return "it started, but the host's files could be read in it"
    if (found["seccomp"], found["no_new_privs"]) != (2, 1):
        return "it started, but without the filter of system calls"
    if user is not None and (found["uid"] != user or found["capabilities"]):
        return "it started, but root was not dropped"
    return ""
