"""`asstream serve`: a server of its own, for any program."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from asstream.cli.serve import MAX_BODY_MB, MAX_FILE_MB
from asstream.server.limits import Limits
from tests.cli.conftest import Run


@contextmanager
def serving(environ: dict[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The running command, and the three lines that it prints when it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "asstream", "serve", "--port", "0", *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, [process.stdout.readline().strip() for _ in range(3)]
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def client_of(url: str, key: str) -> openai.OpenAI:
    """A client as a person's program makes it."""
    transport = openai.DefaultHttpxClient(trust_env=False)
    return openai.OpenAI(base_url=url, api_key=key, http_client=transport, max_retries=0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_url_and_the_exports_and_stops_gracefully(
    environ: dict[str, str], number: signal.Signals
) -> None:
    with serving(environ) as (process, lines):
        url = lines[0]
        assert lines[1:] == [f"export OPENAI_BASE_URL={url}", "export OPENAI_API_KEY=none"]
        with client_of(url, "any key") as client:
            assert [model.id for model in client.models.list()] == ["scripted"]
        os.kill(process.pid, number)
        assert process.wait(30) == 0


@pytest.mark.parametrize(("arguments", "told"), [(["--sandbox", "none"], True), ([], False)])
def test_that_nothing_holds_the_code_is_said_aloud(
    environ: dict[str, str], arguments: list[str], told: bool
) -> None:
    command = [sys.executable, "-m", "asstream", "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert ("no sandbox" in errors) == told


def test_the_command_that_makes_an_unknown_assistant_is_told_once_and_works(
    environ: dict[str, str], run: Run
) -> None:
    command = [sys.executable, "-m", "asstream", "serve", "--port", "0"]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        with client_of(url, "none") as client:
            for _ in range(2):
                with pytest.raises(openai.NotFoundError):
                    client.beta.threads.create_and_run(assistant_id="asst_Hard")
                with pytest.raises(openai.NotFoundError):
                    client.beta.assistants.retrieve("asst_Hard")
            with pytest.raises(openai.NotFoundError):
                client.beta.threads.create_and_run(assistant_id="asst_\x1b[31m; rm")
            with pytest.raises(openai.NotFoundError):
                client.beta.assistants.delete("asst_Unwanted")
            run("assistants", "create", "--id", "asst_Hard", code=0)
            client.beta.threads.create_and_run_poll(assistant_id="asst_Hard")
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    told = [line for line in errors.splitlines() if "assistant" in line]
    assert [line.partition("this makes it: ")[2] for line in told] == [
        "asstream assistants create --id asst_Hard"
    ]
    assert "\x1b" not in errors


def test_a_sandbox_that_there_is_not_is_refused(run: Run) -> None:
    assert "auto or none" in run("serve", "--sandbox", "off", code=2).stderr


def test_with_keys_only_those_are_let_in(environ: dict[str, str]) -> None:
    with serving(environ, "--api-key", "one", "--api-key", "two") as (_, lines):
        assert lines[2] == "export OPENAI_API_KEY=one"
        for key in ("one", "two"):
            with client_of(lines[0], key) as client:
                client.models.list()
        with client_of(lines[0], "three") as client, pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_keys_come_from_a_file_that_others_may_not_read(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "the keys"
    file.write_text("# ours\n\n  first-key  \r\nsecond-key\n")
    file.chmod(0o640)
    refused = run("serve", "--api-key", f"@{file}", "--port", "0", code=3).stderr
    assert "others may use it (mode 0640)" in refused
    assert "chmod 600" in refused
    file.chmod(0o600)
    with serving(environ, "--api-key", f"@{file}", "--api-key", "third") as (_, lines):
        assert "first-key" not in "".join(lines)
        for key in (exported_key(lines[2], environ), "first-key", "second-key", "third"):
            with client_of(lines[0], key) as client:
                client.models.list()
        for wrong in ("# ours", f"@{file}", ""):
            with client_of(lines[0], wrong or "none") as client, pytest.raises(openai.AuthenticationError):
                client.models.list()


def test_keys_come_from_the_environment_where_none_is_given(environ: dict[str, str]) -> None:
    environ = {**environ, "ASSTREAM_SERVER_KEYS": "one, two"}
    with serving(environ) as (_, lines):
        assert "one" not in lines[2]
        for key in (exported_key(lines[2], environ), "one", "two"):
            with client_of(lines[0], key) as client:
                client.models.list()
    with (
        serving(environ, "--api-key", "mine") as (_, lines),
        client_of(lines[0], "one") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def exported_key(line: str, environ: dict[str, str]) -> str:
    """What a shell makes of the export that was printed."""
    done = subprocess.run(
        ["sh", "-c", f'{line}; printf %s "$OPENAI_API_KEY"'],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_keys_that_can_not_be_used_are_told_without_showing_them(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    for text, words in (
        ("# nothing\n", "holds no key"),
        ("good\nschlüssel\n", "line 2 of"),
        ("a\0b", "line 1"),
    ):
        file.write_text(text)
        file.chmod(0o600)
        refused = run("serve", "--api-key", f"@{file}", "--port", "0", code=3).stderr
        assert words in refused
        assert "schl" not in refused
    assert "can't be read" in run("serve", "--api-key", f"@{tmp_path / 'none'}", code=3).stderr
    assert "Is a directory" in run("serve", "--api-key", f"@{tmp_path}", code=3).stderr
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is no file" in run("serve", "--api-key", f"@{tmp_path / 'pipe'}", code=3).stderr
    assert "ASSTREAM_SERVER_KEYS is empty" in run("serve", code=3, ASSTREAM_SERVER_KEYS="a,,b").stderr


def test_what_is_served_and_what_is_embedded_share_a_home(environ: dict[str, str], run: Run) -> None:
    with serving(environ) as (_, lines):
        run("ask", "hi", code=0)
        with client_of(lines[0], "none") as client:
            listed = client.get("/threads", cast_to=object)
    assert len(listed["data"]) == 1  # type: ignore[index]


def test_an_asstream_that_is_exported_as_openai_is_not_taken_for_the_model(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    with serving(environ) as (_, lines):
        url = lines[0]
        mine = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none", "ASSTREAM_HOME": str(tmp_path / "other")}
        assert run("ask", "hi", code=0, **mine).stdout == "Understood.\n"


def test_a_host_that_others_can_reach_needs_a_key(run: Run) -> None:
    assert "no key is set" in run("serve", "--host", "0.0.0.0", "--port", "0", code=3).stderr
    assert "empty" in run("serve", "--api-key", " ", "--port", "0", code=3).stderr


def test_a_host_that_is_none_and_a_port_that_is_none_are_named(run: Run) -> None:
    assert "--host 'nosuch.invalid' is no address" in run("serve", "--host", "nosuch.invalid", code=3).stderr
    assert "--port 'x' can't be used" in run("serve", "--port", "x", code=2).stderr
    assert "--port '70000' can't be used" in run("serve", "--port=70000", code=2).stderr


@pytest.mark.parametrize("wanted", [True, False])
def test_an_access_log_has_a_line_for_each_request_and_no_key(environ: dict[str, str], wanted: bool) -> None:
    command = [sys.executable, "-m", "asstream", "serve", "--port", "0", "--api-key", "SECRET"]
    process = subprocess.Popen(
        [*command, *["--access-log"] * wanted],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        with client_of(url, "SECRET") as client:
            client.models.list(extra_query={"api-key": "SECRET"})
            with pytest.raises(openai.NotFoundError):
                client.get("/a%0Aforged%1B[31m", cast_to=object)
        with client_of(url, "WRONG") as client, pytest.raises(openai.AuthenticationError):
            client.models.list()
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    found = [line.split()[1:5] for line in errors.splitlines() if " ms req_" in line]
    logged = [
        ["127.0.0.1", "GET", "/v1/models", "200"],
        ["127.0.0.1", "GET", "/v1/a%0Aforged%1B[31m", "404"],
        ["127.0.0.1", "GET", "/v1/models", "401"],
    ]
    assert found == (logged if wanted else [])
    assert "SECRET" not in errors
    assert "WRONG" not in errors


@contextmanager
def serving_at(environ: dict[str, str], path: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The running command at a Unix socket, and its three lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "asstream", "serve", "--uds", str(path)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, [process.stdout.readline().strip() for _ in range(3)]
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def asked_at(path: Path, host: str) -> bytes:
    """The answer to a GET /v1/models at a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_unix_socket_is_its_owners_alone_and_goes_with_the_server(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "api.sock"
    with serving_at(environ, path) as (process, lines):
        assert lines == [
            f"unix:{path}",
            "export OPENAI_BASE_URL=http://localhost/v1",
            "export OPENAI_API_KEY=none",
        ]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for host in ("localhost", "any.name"):
            answer = asked_at(path, host)
            assert answer.startswith(b"HTTP/1.1 200")
            assert b'"scripted"' in answer
        assert "Address already in use" in run("serve", "--uds", str(path), code=3).stderr
        assert asked_at(path, "localhost").startswith(b"HTTP/1.1 200")
        process.terminate()
        assert process.wait(30) == 0
        assert not path.exists()


def test_a_unix_socket_that_a_dead_server_left_is_replaced_and_nothing_else(
    environ: dict[str, str], run: Run, tmp_path: Path
) -> None:
    path, file = tmp_path / "api.sock", tmp_path / "file"
    with serving_at(environ, path):
        pass  # it is killed
    assert path.is_socket()
    with serving_at(environ, path):
        assert asked_at(path, "localhost").startswith(b"HTTP/1.1 200")
    file.write_text("kept")
    assert f"Can't listen at {file}" in run("serve", "--uds", str(file), code=3).stderr
    assert file.read_text() == "kept"
    long = run("serve", "--uds", str(tmp_path / ("x" * 200)), code=3).stderr
    assert "Choose another --uds path" in long
    assert "--uds takes the place" in run("serve", "--uds", str(path), "--port", "0", code=2).stderr
    assert "--uds is empty" in run("serve", "--uds", " ", code=2).stderr


def test_the_sizes_of_requests_are_limited_as_asked_for(environ: dict[str, str]) -> None:
    assert Limits(MAX_BODY_MB, MAX_FILE_MB) == Limits()
    mb = 1 << 20
    with (
        serving(environ, "--max-body", "1", "--max-file", "2") as (_, lines),
        client_of(lines[0], "none") as client,
    ):
        thread = client.beta.threads.create()
        client.beta.threads.messages.create(thread.id, role="user", content="a" * 900_000)
        with pytest.raises(openai.APIStatusError, match=r"larger than the limit of 1048576 bytes \(1 MB\)"):
            client.beta.threads.create(messages=[{"role": "user", "content": "a" * 600_000}] * 2)
        assert client.files.create(file=("a", bytes(2 * mb)), purpose="assistants").bytes == 2 * mb
        for size in (2 * mb + 1, 4 * mb):
            with pytest.raises(openai.APIStatusError, match=r"file is larger .* \(2 MB\)") as refused:
                client.files.create(file=("a", bytes(size)), purpose="assistants")
            assert refused.value.status_code == 413
