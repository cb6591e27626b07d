"""`asstream.connect`: one line to a client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import asstream
from asstream.config import load
from asstream.endpoints import make_client, open_endpoint
from asstream.errors import ConfigError, UnreachableError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [[{"text": "Hi."}]]}]}))
    monkeypatch.setenv("ASSTREAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSTREAM_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("ASSTREAM_MODEL", f"scripted:{script}")
    for name in ("ASSTREAM_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_client_reaches_the_runtime_of_this_process_until_it_is_closed() -> None:
    import openai

    with asstream.connect() as client:
        assert [model.id for model in client.models.list()] == ["scripted"]
        url, key = str(client.base_url), client.api_key
    with make_client(url, key) as other, pytest.raises(openai.APIConnectionError):
        other.with_options(max_retries=0).models.list()


def test_the_default_assistant_runs_code_in_the_interpreter_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = {"tool_call": {"name": "python", "arguments": {"code": "print(6 * 7)"}}}
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"replies": [{"match": None, "turns": [[code], [{"text": "{tool}"}]]}]}))
    config = tmp_path / "config.toml"
    config.write_text("[interpreter]\nsessions = 1\n")
    monkeypatch.setenv("ASSTREAM_CONFIG", str(config))
    with asstream.connect() as client:
        assistant = client.beta.assistants.create(name="asstream", model="default")
        run = client.beta.threads.create_and_run_poll(
            assistant_id=assistant.id,
            thread={"messages": [{"role": "user", "content": "6 times 7?"}]},
            poll_interval_ms=50,
        )
        assert (run.status, [tool.type for tool in run.tools]) == (
            "completed",
            ["code_interpreter", "file_search"],
        )
        [newest] = client.beta.threads.messages.list(run.thread_id, limit=1).data
        assert newest.content[0].type == "text"
        assert newest.content[0].text.value == "42"
    assert (tmp_path / "home" / "interpreter").is_dir()


def test_an_endpoint_tells_which_model_answers_and_closes_twice() -> None:
    endpoint = open_endpoint(load({}))
    assert endpoint.describe_model()["model"] == "scripted"
    assert "asstream-" not in repr(endpoint.source)
    endpoint.close()
    endpoint.close()


def test_a_model_endpoint_that_is_down_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSTREAM_MODEL", "")
    monkeypatch.setenv("ASSTREAM_MODEL_BASE_URL", "http://127.0.0.1:9/v1")
    with open_endpoint(load({})) as endpoint, pytest.raises(UnreachableError, match="no model answers"):
        endpoint.describe_model()


class _Notes(BaseHTTPRequestHandler):
    """Answers 401 to everything and keeps what was asked."""

    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        type(self).asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        body = b'{"error": {"message": "no"}}'
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def refusing() -> Iterator[str]:
    _Notes.asked = []
    server = HTTPServer(("127.0.0.1", 0), _Notes)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_azure_is_asked_its_own_way_and_no_proxy_on_loopback(
    refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openai

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client = make_client(f"{refusing}/openai", "azure-key", "2024-05-01-preview")
    with client, pytest.raises(openai.AuthenticationError):
        client.beta.assistants.list()
    path, headers = _Notes.asked[0]
    assert path.startswith("/openai/assistants?") and "api-version=2024-05-01-preview" in path
    assert headers["api-key"] == "azure-key"
    assert "authorization" not in headers


def test_a_model_key_that_is_refused_is_a_configuration_error(
    refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSTREAM_MODEL", "")
    monkeypatch.setenv("ASSTREAM_MODEL_BASE_URL", f"{refusing}/v1")
    monkeypatch.setenv("ASSTREAM_MODEL_API_KEY", "secret-key")
    with (
        open_endpoint(load({})) as endpoint,
        pytest.raises(ConfigError, match="refuses the API key") as caught,
    ):
        endpoint.describe_model()
    assert "secret-key" not in str(caught.value)
