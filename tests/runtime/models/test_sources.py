from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from asstream.errors import ConfigError
from asstream.runtime.models import catalog
from asstream.runtime.models.endpoint import ModelEndpoint
from asstream.runtime.models.protocol import Model, ModelError, ModelSource
from asstream.runtime.models.sources import needs_pull, open_source

from .conftest import FakeEndpoint

DOWN = "http://127.0.0.1:9/v1"


def listed(*names: str, **extra: Any) -> Response:
    return JSONResponse({"object": "list", "data": [{"id": name, **extra} for name in names]})


def got(source: ModelSource, *names: str | None) -> list[Model]:
    async def run() -> list[Model]:
        try:
            return [await source.get(name) for name in names]
        finally:
            await source.close()

    return asyncio.run(run())


def names(source: ModelSource, *asked: str | None) -> list[str]:
    return [model.name for model in got(source, *asked)]


def at(fake: FakeEndpoint, model: str | None = None, origin: str = "the test") -> ModelEndpoint:
    return ModelEndpoint(fake.base_url, "k", model, origin)


class TestNames:
    def test_a_listed_name_is_used_and_another_gets_the_first_chat_model_said_once(
        self, fake: FakeEndpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake.models = listed("text-embedding-3", "whisper-1", "big", "small:latest")
        source = open_source(tmp_path, at(fake), None)
        asked = ("big", "small", "gpt-4o", "gpt-4o", None)
        assert names(source, *asked) == ["big", "small:latest", "big", "big", "big"]
        said = [r.getMessage() for r in caplog.records if r.name == "asstream.models"]
        host = fake.endpoint.host
        assert said == [
            f"gpt-4o is not among the models of {host}: big answers",
            f"no model was named for {host}: big answers",
        ]
        assert fake.listings == 1

    def test_the_configured_model_answers_for_what_is_not_listed(
        self, fake: FakeEndpoint, tmp_path: Path
    ) -> None:
        fake.models = listed("big", "small")
        assert names(open_source(tmp_path, at(fake), "small"), "gpt-4o", "big", None) == [
            "small",
            "big",
            "small",
        ]

    def test_a_configured_name_that_is_not_listed_is_asked_for_with_no_word_about_it(
        self, fake: FakeEndpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake.models = listed("big")
        assert names(open_source(tmp_path, at(fake, "mine"), None), "mine", None) == ["mine", "mine"]
        assert caplog.records == []

    def test_without_a_list_the_name_is_taken_as_it_is(self, fake: FakeEndpoint, tmp_path: Path) -> None:
        fake.models = Response("nothing", 404)
        assert names(open_source(tmp_path, at(fake), None), "gpt-4o") == ["gpt-4o"]
        with pytest.raises(ModelError, match=r"lists no models \(answer 404\)\. Name one"):
            got(open_source(tmp_path, at(fake), None), None)

    @pytest.mark.parametrize(
        "extra",
        [{"max_model_len": 4096}, {"meta": {"n_ctx_train": 9, "n_ctx": 4096}}, {"context_length": 4096}],
    )
    def test_the_window_is_what_the_list_says(
        self, fake: FakeEndpoint, tmp_path: Path, extra: dict[str, Any]
    ) -> None:
        fake.models = listed("m", **extra)
        assert got(open_source(tmp_path, at(fake), None), "m")[0].context_window == 4096
        fake.models = listed("m")
        assert got(open_source(tmp_path, at(fake), None), "m")[0].context_window is None

    def test_hostile_names_are_not_listed(self, fake: FakeEndpoint, tmp_path: Path) -> None:
        fake.models = listed("a\x1b]0;x\x07", "b")
        assert open_source(tmp_path, at(fake), None).describe() == {
            "model": "b",
            "endpoint": fake.base_url,
            "kind": "endpoint",
        }


class TestWhereFrom:
    def test_a_script_comes_first(self, fake: FakeEndpoint, tmp_path: Path) -> None:
        path = tmp_path / "s.json"
        path.write_text(json.dumps({"replies": [{"turns": [[{"text": "x"}]]}]}))
        for source in (
            open_source(tmp_path, at(fake), f"scripted:{path}"),
            open_source(tmp_path, at(fake, f"scripted:{path}"), None),
        ):
            assert names(source, "gpt-4o") == ["scripted"]
        with pytest.raises(ConfigError, match="can't be read"):
            open_source(tmp_path, None, "scripted:/nowhere.json")

    def test_a_server_that_answers_on_loopback_is_found(self, fake: FakeEndpoint, tmp_path: Path) -> None:
        fake.models = listed("llama3.2:latest", owned_by="library")
        source = open_source(tmp_path, None, None, [DOWN, fake.base_url])
        assert names(source, "gpt-4o") == ["llama3.2:latest"]
        assert source.describe()["kind"] == "loopback"
        assert not needs_pull(tmp_path, None, None, [DOWN, fake.base_url])

    @pytest.mark.parametrize("models", [listed(), listed("nomic-embed-text"), Response("page")])
    def test_a_server_with_no_chat_model_is_passed_over(
        self, fake: FakeEndpoint, tmp_path: Path, models: Response
    ) -> None:
        fake.models = models
        assert needs_pull(tmp_path, None, None, [fake.base_url])

    def test_asstream_itself_is_refused_when_it_was_named_and_passed_over_when_found(
        self, fake: FakeEndpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake.models = listed("m")
        fake.models.headers["x-asstream"] = "1"
        with pytest.raises(ModelError, match="is asstream itself"):
            got(open_source(tmp_path, at(fake), None), "m")
        with pytest.raises(ModelError, match="asstream models pull"):
            got(open_source(tmp_path, at(fake, origin="OPENAI_BASE_URL"), None, [fake.base_url]), "m")
        assert "passed over" in caplog.text
        assert needs_pull(tmp_path, at(fake, origin="OPENAI_BASE_URL"), None, [fake.base_url])
        fake.models = JSONResponse({}, 401, {"x-asstream": "1"})
        assert needs_pull(tmp_path, at(fake, origin="OPENAI_BASE_URL"), None, [])
        assert not needs_pull(tmp_path, at(fake), None, [])

    def test_an_endpoint_named_by_openai_variables_is_used_when_it_is_another(
        self, fake: FakeEndpoint, tmp_path: Path
    ) -> None:
        fake.models = listed("m")
        assert names(open_source(tmp_path, at(fake, origin="OPENAI_BASE_URL"), None, []), "x") == ["m"]

    def test_nothing_at_all_lists_every_way_to_a_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError) as error:
            got(open_source(tmp_path, None, None, [DOWN]), None)
        for way in ("asstream models pull", "ASSTREAM_MODEL_BASE_URL", "OPENAI_API_KEY", "Ollama"):
            assert way in error.value.message
        assert needs_pull(tmp_path, None, None, [DOWN])

    def test_a_down_endpoint_and_a_refused_key_are_told_without_the_key(
        self, fake: FakeEndpoint, tmp_path: Path
    ) -> None:
        with pytest.raises(ModelError, match="No model answers") as error:
            got(open_source(tmp_path, ModelEndpoint(DOWN, "sk-x"), None), None)
        assert error.value.kind == "connection"
        fake.models = JSONResponse({"error": {"message": "bad sk-secret-key"}}, 401)
        with pytest.raises(ModelError, match="refuses the API key") as error:
            got(open_source(tmp_path, fake.endpoint, None), None)
        assert "sk-secret-key" not in error.value.message

    def test_the_model_of_this_machine_answers_when_nothing_else_does(
        self, model_home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        pytest.importorskip("xllamacpp")
        caplog.set_level(logging.INFO)
        source = open_source(model_home, None, None, [DOWN])
        assert source.describe() == {
            "model": "SmolLM2-135M-Instruct",
            "endpoint": "this machine",
            "kind": "local",
        }
        assert not needs_pull(model_home, None, None, [])
        source.warm()
        asked = ("gpt-4o", None, "gpt-4o", "smollm2-135m-instruct")
        assert names(source, *asked) == ["SmolLM2-135M-Instruct"] * 4
        said = [r.getMessage() for r in caplog.records if r.name == "asstream.models"]
        assert said == ["gpt-4o is not among the models of this machine: SmolLM2-135M-Instruct answers"]
        assert [entry.in_use for entry in catalog.installed(model_home)] == [True]
