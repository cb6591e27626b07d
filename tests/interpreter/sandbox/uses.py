"""What code of notebooks does all day, and must go on doing: small programs that assert that they can."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

from tests.interpreter.sandbox.attempt import BUBBLEWRAP, MODES


@dataclass(frozen=True)
class Use:
    name: str
    body: str
    modes: tuple[str, ...] = MODES

    @property
    def program(self) -> str:
        return f"import json, os, sys\nfacts = json.loads(sys.argv[1])\n{dedent(self.body)}\nprint('WORKS')\n"


USES = [
    Use(
        "write, move and remove files",
        """
        import pathlib, shutil
        os.makedirs("a/b")
        pathlib.Path("a/x").write_text("x")
        os.rename("a/x", "a/b/x")
        shutil.copy("a/b/x", "copy")
        os.symlink("copy", "link")
        os.chmod("copy", 0o600)
        assert open("link").read() == "x"
        shutil.rmtree("a")
        """,
    ),
    Use(
        "copy and send without the system's short cuts",
        """
        import pathlib, shutil, socket
        pathlib.Path("whole").write_bytes(bytes(300_000))
        shutil.copyfile("whole", "second")
        assert os.path.getsize("second") == 300_000
        here, there = socket.socketpair()
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with open("whole", "rb") as file:
            assert here.sendfile(file, count=1000) == 1000 and len(there.recv(2000)) == 1000
        """,
    ),
    Use("work in the data folder", 'assert os.path.dirname(os.getcwd()) == facts["data"], os.getcwd()'),
    Use(
        "keep temporary files and files of a home",
        """
        import pathlib, tempfile
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "x").write_text("x")
        pathlib.Path.home().mkdir(exist_ok=True)
        (pathlib.Path.home() / "x").write_text("x")
        """,
    ),
    Use(
        "start programs",
        """
        import subprocess
        assert subprocess.run(["sh", "-c", "echo $((6 * 7)) | cat"], capture_output=True).stdout == b"42\\n"
        assert subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True).stdout == b"1\\n"
        """,
    ),
    Use(
        "end the programs that it started",
        """
        import subprocess
        child = subprocess.Popen(["sleep", "60"])
        child.terminate()
        assert child.wait() == -15
        """,
    ),
    Use(
        "run threads",
        """
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert list(pool.map(abs, range(-8, 0))) == list(range(8, 0, -1))
        """,
    ),
    Use(
        "run processes",
        """
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
        """,
        modes=BUBBLEWRAP,  # semaphores lie in /dev/shm
    ),
    Use(
        "run an event loop",
        """
        import asyncio
        assert asyncio.run(asyncio.sleep(0, "slept")) == "slept"
        """,
    ),
    Use(
        "listen where the host connects",
        """
        import socket
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(facts["connection"], "s"))
        listener.listen()
        """,
    ),
    Use(
        "ask for the size of the machine",
        """
        assert os.cpu_count() and os.sysconf("SC_PHYS_PAGES") > 0
        assert open("/proc/meminfo").read()
        """,
    ),
    Use("ask about itself", 'assert open("/proc/self/status").read()', modes=BUBBLEWRAP),
    Use(
        "use databases, archives, randomness, devices",
        """
        import secrets, sqlite3, zipfile
        with sqlite3.connect("x.db") as database:
            database.execute("create table t (x)")
        with zipfile.ZipFile("x.zip", "w") as archive:
            archive.write("x.db")
        assert secrets.token_bytes(8) != open("/dev/urandom", "rb").read(8)
        open("/dev/null", "w").write("x")
        """,
    ),
    Use(
        "know its user",
        "import getpass, pwd; assert pwd.getpwuid(os.getuid()).pw_name == 'sandbox'",
        modes=BUBBLEWRAP,
    ),
    Use("import what is installed", "assert os.path.isdir(facts['site']) and os.listdir(facts['site'])"),
    Use("schedule itself", "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)); os.nice(1)"),
]
