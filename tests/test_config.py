"""Configuration: what wins over what, what is refused and how it says so."""

from __future__ import annotations

import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from asstream.config import ModelSettings, Settings, ensure_home, is_hosted_openai, is_loopback, load
from asstream.configfile import LIMITS, READING, Range
from asstream.errors import AsstreamError, ConfigError, UsageError
from asstream.interpreter.protocol import Limits
from asstream.search import ReadingLimits


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"ASSTREAM_HOME": str(tmp_path / "home"), "ASSTREAM_CONFIG": str(tmp_path / "config.toml")}


def write(environ: dict[str, str], text: str) -> Path:
    path = Path(environ["ASSTREAM_CONFIG"])
    path.write_text(text)
    return path


def test_with_nothing_configured_the_runtime_of_this_machine_is_chosen(environ: dict[str, str]) -> None:
    settings = load({}, environ)
    assert (settings.kind, settings.base_url, settings.profile) == ("embedded", None, None)
    assert settings.model == ModelSettings()
    assert settings.home == Path(environ["ASSTREAM_HOME"])


def test_the_home_is_a_platform_folder_where_no_variable_names_one() -> None:
    assert load({}, {}).home.name == "asstream"
    assert load({}, {}).config_path.name == "config.toml"


GENERAL = [
    ("base_url", "ASSTREAM_BASE_URL", "https://{}.example/v1"),
    ("assistant", "ASSISTANT_ID", "asst_{}"),
]


@pytest.mark.parametrize(("key", "variable", "form"), GENERAL)
def test_flags_win_over_the_environment_which_wins_over_the_profile(
    environ: dict[str, str], key: str, variable: str, form: str
) -> None:
    write(
        environ, f'default_profile = "p"\n[profiles.p]\n{key} = "{form.format("profile")}"\napi_key = "k"\n'
    )
    key_flag = {"api_key": "k"}
    assert getattr(load(key_flag, environ), key) == form.format("profile")
    environ[variable] = form.format("variable")
    assert getattr(load(key_flag, environ), key) == form.format("variable")
    assert getattr(load({key: form.format("flag"), **key_flag}, environ), key) == form.format("flag")


def test_the_model_endpoint_is_that_of_the_flag_then_profile_then_asstream_then_openai(
    environ: dict[str, str],
) -> None:
    environ |= {"OPENAI_API_KEY": "openai-key"}
    assert load({}, environ).model == ModelSettings(
        "https://api.openai.com/v1", "openai-key", None, "OPENAI_API_KEY"
    )
    environ |= {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    assert load({}, environ).model.origin == "OPENAI_BASE_URL"
    environ |= {"ASSTREAM_MODEL_BASE_URL": "http://127.0.0.1:2/v1", "ASSTREAM_MODEL": "variable"}
    chosen = load({}, environ).model
    assert (chosen.base_url, chosen.api_key, chosen.model) == ("http://127.0.0.1:2/v1", None, "variable")
    write(
        environ, '[profiles.p]\nmodel_base_url = "http://127.0.0.1:3/v1"\nmodel_api_key="k3"\nmodel = "m3"\n'
    )
    chosen = load({"profile": "p"}, environ).model
    assert chosen == ModelSettings("http://127.0.0.1:3/v1", "k3", "m3", "profile p")
    chosen = load({"profile": "p", "model": "flag"}, environ).model
    assert (chosen.base_url, chosen.model) == ("http://127.0.0.1:3/v1", "flag")


def test_only_a_flag_changes_the_model_of_a_run(environ: dict[str, str]) -> None:
    environ["ASSTREAM_MODEL"] = "variable"
    assert load({}, environ).run_model is None
    assert load({"model": "flag"}, environ).run_model == "flag"


def test_a_profiles_key_is_not_sent_to_another_url(environ: dict[str, str]) -> None:
    write(environ, '[profiles.p]\nbase_url = "https://one.example/v1"\napi_key = "secret"\n')
    assert load({"profile": "p"}, environ).api_key == "secret"
    with pytest.raises(ConfigError, match="needs a key"):
        load({"profile": "p", "base_url": "https://two.example/v1"}, environ)
    assert load({"profile": "p", "base_url": "http://localhost:1/v1"}, environ).api_key is None


def test_a_model_key_of_one_layer_is_not_sent_to_the_url_of_another(environ: dict[str, str]) -> None:
    environ |= {"OPENAI_API_KEY": "secret", "ASSTREAM_MODEL_BASE_URL": "https://two.example/v1"}
    assert load({}, environ).model.api_key is None


def test_the_word_embedded_names_the_runtime_of_this_machine(environ: dict[str, str]) -> None:
    environ["ASSTREAM_BASE_URL"] = "https://one.example/v1"
    assert load({"base_url": "embedded"}, environ).kind == "embedded"


AZURE = {
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
    "AZURE_OPENAI_API_KEY": "azure-secret",
    "AZURE_OPENAI_API_VERSION": "2024-05-01-preview",
}


def test_azure_is_chosen_by_its_three_variables(environ: dict[str, str]) -> None:
    settings = load({}, {**environ, **AZURE})
    assert settings.kind == "azure"
    assert settings.base_url == "https://mine.openai.azure.com/openai"
    assert (settings.api_key, settings.api_version) == ("azure-secret", "2024-05-01-preview")


def test_a_base_url_wins_over_azure(environ: dict[str, str]) -> None:
    settings = load({}, {**environ, **AZURE, "ASSTREAM_BASE_URL": "http://127.0.0.1:1/v1"})
    assert (settings.kind, settings.api_version) == ("remote", None)


@pytest.mark.parametrize(
    "missing",
    [
        ["AZURE_OPENAI_API_KEY"],
        ["AZURE_OPENAI_API_VERSION"],
        ["AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_VERSION"],
    ],
)
def test_azure_says_which_of_its_variables_are_missing_and_how_to_set_them(
    environ: dict[str, str], missing: list[str]
) -> None:
    some = {name: value for name, value in AZURE.items() if name not in missing}
    with pytest.raises(ConfigError) as caught:
        load({}, {**environ, **some})
    for name in AZURE:
        assert (f"export {name}=" in caught.value.remedy) == (name in missing)
        assert name == "AZURE_OPENAI_ENDPOINT" or (name in caught.value.message) == (name in missing)


REFUSED = {
    "the hosted service": ({"ASSTREAM_BASE_URL": "https://api.openai.com/v1"}, "switched off on 2026-08-26"),
    "its regions": ({"ASSTREAM_BASE_URL": "https://eu.api.openai.com/v1"}, "switched off on 2026-08-26"),
    "no scheme": ({"ASSTREAM_BASE_URL": "localhost:8765"}, "not an http"),
    "no host": ({"ASSTREAM_BASE_URL": "http://"}, "not an http"),
    "a bad port": ({"ASSTREAM_BASE_URL": "http://localhost:x/v1"}, "not an http"),
    "a broken bracket": ({"ASSTREAM_BASE_URL": "http://[::1/v1"}, "not an http"),
    "a line break": ({"ASSTREAM_BASE_URL": "http://localhost/\nv1"}, "not an http"),
    "no key": ({"ASSTREAM_BASE_URL": "https://far.example/v1"}, "needs a key"),
    "a model url without a scheme": ({"ASSTREAM_MODEL_BASE_URL": "localhost:1"}, "not an http"),
    "a model at OpenAI without a key": (
        {"ASSTREAM_MODEL_BASE_URL": "https://api.openai.com/v1"},
        "needs a key",
    ),
    "an unknown home": ({"ASSTREAM_HOME": "~nobody-of-this-name/x"}, "names no folder"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_endpoint_that_cannot_be_used_is_a_configuration_error(environ: dict[str, str], case: str) -> None:
    variables, words = REFUSED[case]
    with pytest.raises(ConfigError, match=words) as caught:
        load({}, {**environ, **variables})
    assert caught.value.remedy


def test_the_hosted_service_may_still_answer_as_the_model(environ: dict[str, str]) -> None:
    environ |= {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://api.openai.com/v1"}
    assert load({}, environ).model.base_url == "https://api.openai.com/v1"


BROKEN = {
    "no TOML": ("default_profile = \n", "line 1", "mend"),
    "an unknown key at the top": (
        '\nbase_url = "x"\n',
        "line 2: unknown key 'base_url'",
        "default_profile, profiles",
    ),
    "an unknown key in a profile": ('[profiles.p]\n\nmodle = "x"\n', "line 3: unknown key 'modle'", "model"),
    "a number for a string": ("[profiles.p]\nmodel = 5\n", "line 2: 'model' is of type int", "a string"),
    "a string for a table": ('[profiles]\np = "x"\n', "line 2: 'p' is of type str", "[profiles.p]"),
    "profiles that are none": ("profiles = 3\n", "'profiles' is of type int", "[profiles.NAME]"),
    "a default that is none": ("default_profile = 1\n", "line 1: 'default_profile'", "a string"),
    "a default that is not there": ('default_profile = "x"\n', "names the profile 'x'", "[profiles.x]"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_with_the_line_and_what_to_do(environ: dict[str, str], case: str) -> None:
    text, message, remedy = BROKEN[case]
    path = write(environ, text)
    with pytest.raises(ConfigError) as caught:
        load({}, environ)
    assert message in caught.value.message
    assert str(path) in caught.value.message
    assert remedy in caught.value.remedy


def test_a_file_that_is_not_text_is_a_configuration_error(environ: dict[str, str]) -> None:
    Path(environ["ASSTREAM_CONFIG"]).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read"):
        load({}, environ)


def test_an_unknown_profile_is_named_with_those_that_are_there(environ: dict[str, str]) -> None:
    write(environ, '[profiles.a]\n[profiles.b]\nmodel = "m"\n')
    with pytest.raises(ConfigError, match="it has: a, b"):
        load({"profile": "c"}, environ)


def test_a_value_of_the_wrong_type_is_not_shown_for_it_may_be_a_key(environ: dict[str, str]) -> None:
    write(environ, '[profiles.p]\napi_key = ["hunter2"]\n')
    with pytest.raises(ConfigError) as caught:
        load({}, environ)
    assert "hunter2" not in str(caught.value)


def test_keys_are_in_no_repr(environ: dict[str, str]) -> None:
    environ |= {"OPENAI_API_KEY": "secret-1", **AZURE, "AZURE_OPENAI_API_KEY": "secret-2"}
    shown = repr(load({}, environ))
    assert "secret" not in shown


def test_an_empty_flag_is_a_usage_error(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--base-url is empty"):
        load({"base_url": ""}, environ)


def test_an_empty_variable_counts_as_unset(environ: dict[str, str]) -> None:
    assert load({}, {**environ, "ASSTREAM_BASE_URL": "", "AZURE_OPENAI_ENDPOINT": ""}).kind == "embedded"


def test_the_home_is_made_for_its_owner_alone(environ: dict[str, str]) -> None:
    home = ensure_home(load({}, environ))
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_is_a_configuration_error(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = load({}, {**environ, "ASSTREAM_HOME": str(tmp_path / "file" / "home")})
    with pytest.raises(ConfigError, match="can't be made"):
        ensure_home(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://localhost:80", True),
        ("http://[::1]:80/v1", True),
        ("http://127.0.0.1.example.com", False),
        ("http://example.com", False),
        ("http://localhost.example.com", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_a_host_that_only_looks_like_openai_is_not_the_hosted_service() -> None:
    assert is_hosted_openai("https://API.OpenAI.com./v1")
    assert not is_hosted_openai("https://api.openai.com.example/v1")
    assert not is_hosted_openai("https://mine.openai.azure.com/openai")


def test_settings_cannot_be_changed(environ: dict[str, str]) -> None:
    settings: Settings = load({}, environ)
    with pytest.raises(AttributeError):
        settings.kind = "remote"  # type: ignore[misc]


def test_the_environment_of_the_process_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSTREAM_HOME", os.sep + "somewhere")
    assert load({}).home == Path(os.sep + "somewhere")
    assert issubclass(ConfigError, AsstreamError)


def test_the_table_of_the_interpreter_sets_its_limits(environ: dict[str, str]) -> None:
    assert load({}, environ).limits == {}
    write(environ, "[interpreter]\nseconds = 2.5\nmemory_mb = 512\n")
    settings = load({}, environ)
    assert Limits(**settings.limits) == Limits(seconds=2.5, memory_mb=512)  # type: ignore[arg-type]


def test_the_table_of_search_sets_what_reading_a_file_may_take(environ: dict[str, str]) -> None:
    assert load({}, environ).reading == {}
    write(environ, "[search]\nmegabytes = 20\nseconds = 1.5\n")
    settings = load({}, environ)
    assert ReadingLimits(**settings.reading) == ReadingLimits(megabytes=20, seconds=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("known", "limits"), [(LIMITS, Limits()), (READING, ReadingLimits())])
def test_every_limit_can_be_configured_and_its_default_is_in_its_range(
    known: dict[str, Range], limits: Limits | ReadingLimits
) -> None:
    defaults = asdict(limits)
    assert known.keys() == defaults.keys()
    assert all(known[name].least <= value <= known[name].most for name, value in defaults.items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n[interpreter]\nsecond = 1\n", ["line 3", "'second'", "seconds"]),
        ("[interpreter]\nseconds = '1'\n", ["line 2", "str", "a number"]),
        ("[interpreter]\nmemory_mb = 1.5\n", ["line 2", "float", "a whole number"]),
        ("[interpreter]\nsessions = true\n", ["line 2", "bool"]),
        ("[interpreter]\nseconds = 0\n", ["line 2", "is 0", "from 1 to 86400"]),
        ("interpreter = 1\n", ["line 1", "[interpreter]"]),
        ("[search]\nmegabyte = 1\n", ["line 2", "'megabyte'", "[search]", "megabytes"]),
        ("[search]\ntokens = 1\n", ["line 2", "is 1", "from 1000"]),
        ("search = 1\n", ["line 1", "[search]"]),
        ("[profiles.p]\nsandbox = 'off'\n", ["line 2", "'off'", "auto or none"]),
    ],
)
def test_a_wrong_limit_is_named_with_its_line(environ: dict[str, str], text: str, words: list[str]) -> None:
    write(environ, text)
    with pytest.raises(ConfigError) as caught:
        load({}, environ)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_flag_for_the_sandbox_is_refused_where_code_runs_elsewhere(environ: dict[str, str]) -> None:
    there = {"base_url": "http://127.0.0.1:9/v1"}
    for flag in ("auto", "none"):
        with pytest.raises(
            UsageError, match=r"--sandbox .* has no effect at http://127.0.0.1:9/v1"
        ) as caught:
            load({**there, "sandbox": flag}, environ)
        assert "--base-url embedded" in caught.value.remedy
    remote = {**environ, "ASSTREAM_BASE_URL": there["base_url"]}
    with pytest.raises(UsageError, match="has no effect"):
        load({"sandbox": "none"}, remote)
    assert load({"sandbox": "none", "base_url": "embedded"}, remote).sandbox == "none"
    write(environ, 'default_profile = "p"\n[profiles.p]\nsandbox = "none"\n')
    assert load(there, environ).kind == "remote"


def test_the_sandbox_is_that_of_the_flag_then_of_the_profile_then_automatic(environ: dict[str, str]) -> None:
    assert load({}, environ).sandbox == "auto"
    write(environ, 'default_profile = "p"\n[profiles.p]\nsandbox = "none"\n')
    assert load({}, environ).sandbox == "none"
    assert load({"sandbox": "auto"}, environ).sandbox == "auto"
    with pytest.raises(UsageError, match="auto or none"):
        load({"sandbox": "off"}, environ)
