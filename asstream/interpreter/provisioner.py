"""Starts a kernel's process where the sandbox says: a Jupyter provisioner around a `Launch`.

Imports jupyter_client, so it is imported only by what runs kernels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from asstream.interpreter.last_words import Reader
from asstream.interpreter.sandbox.place import DATA, Launch

BOOT_FILES = ("boot.py", "boot_app.py", "boot_output.py", "last_words.py", "ledger.py")
START = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from asstream.interpreter.boot import main; main(sys.argv[1])"
)
CONNECTION = "{connection}"
"""Stands in a command for the connection folder, which only the Launch knows."""
COMMAND = [sys.executable, "-P", "-s", "-u", "-c", START, CONNECTION]
SOCKETS = "k"


@dataclass(frozen=True, slots=True)
class Start:
    """All that starts one kernel.

    Attributes:
        connection: the connection folder on the host.
        settings: what boot.py is told.
    """

    launch: Launch
    connection: Path
    settings: dict[str, Any]


class SandboxProvisioner(LocalProvisioner):
    """A kernel process in a sandbox. `start` is set before the manager starts it."""

    start: Start
    words: Reader
    complaints: int = -1
    """The reading end of the launcher's stderr, which says why it could not start; -1 where there is none."""

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Lay out the connection folder as the kernel will see it."""
        manager = self.parent
        assert isinstance(manager, SandboxKernelManager)
        self.connection_info = manager.get_connection_info()
        launch, folder = self.start.launch, self.start.connection
        package = folder / "asstream" / "interpreter"
        for made in (package.parent, package):
            made.mkdir(mode=0o700)
        info = {**self.connection_info, "key": manager.session.key.decode(), "kernel_name": ""}
        info["ip"] = f"{launch.connection}/{SOCKETS}"
        (folder / "kernel.json").write_text(json.dumps(info), encoding="utf-8")
        (folder / "settings.json").write_text(json.dumps(self.start.settings), encoding="utf-8")
        for place in (package.parent, package):
            (place / "__init__.py").touch()
        for name in BOOT_FILES:
            (package / name).write_bytes((Path(__file__).parent / name).read_bytes())
        self.words = Reader(folder, self.start.settings["output_kb"])
        if launch.user is not None:
            for path in (*folder.rglob("*"),):
                os.chown(path, launch.user, -1, follow_symlinks=False)
        env = dict(launch.env)
        if launch.data != DATA:
            # Where the code sees the home of this user, its packages are not to leave anything there.
            for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
                env[name] = f"{launch.connection}/{name.lower()}"
        argv = [launch.connection if word == CONNECTION else word for word in launch.argv]
        return {"cmd": argv, "env": env}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start it. The process ends with the thread that runs this (PDEATHSIG)."""
        self.complaints, writing = os.pipe()
        os.set_blocking(self.complaints, False)
        try:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - this loop is there for it
                cmd,
                env=kwargs["env"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writing,
                pass_fds=self.start.launch.pass_fds,
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            self.let_go()
            raise
        finally:
            os.close(writing)
            self.start.launch.close()
        self.pid = self.pgid = self.process.pid
        return self.connection_info

    def said(self) -> str:
        """What the launcher said on stderr so far, at most 64 KiB."""
        with suppress(OSError):
            return os.read(self.complaints, 65536).decode(errors="replace").strip()
        return ""

    def let_go(self) -> None:
        """Close the pipe, and what the process said."""
        self.words.close()
        if self.complaints >= 0:
            os.close(self.complaints)
            self.complaints = -1


class SandboxKernelManager(AsyncKernelManager):
    """A manager that connects when the sockets are there, and not before."""

    def _connect_control_socket(self) -> None:
        """Not needed: kernels here are killed, not asked, and a socket that may not reconnect can't wait."""
