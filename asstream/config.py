"""Configuration: flags > environment > profile > defaults. The only reader of the environment; knows errors.

Two things are chosen here. The *Assistants endpoint*: `--base-url`, `ASSTREAM_BASE_URL`, Azure's three
variables, a profile's `base_url`, else the runtime embedded in this process. And the *model endpoint*
behind the embedded runtime: flag, profile, `ASSTREAM_MODEL*`, `OPENAI_API_KEY`/`OPENAI_BASE_URL`, else
whatever the machine has. A key goes only to the endpoint that it was given for: a profile's key never
leaves for another URL.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from asstream.configfile import SANDBOXES, ConfigFile
from asstream.errors import ConfigError, UsageError

EMBEDDED = "embedded"
OPENAI_URL = "https://api.openai.com/v1"
AZURE_VARIABLES = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_VERSION")
SERVER_KEYS_VARIABLE = "ASSTREAM_SERVER_KEYS"
TERMINAL_VARIABLES = ("TERM", "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "TMUX", "STY")
"""What a terminal, and what runs inside it, say of themselves."""


@dataclass(frozen=True)
class ModelSettings:
    """The Chat Completions endpoint behind the embedded runtime.

    Attributes:
        base_url: where it is; None when none was named (the machine is then looked at).
        api_key: its key; None when it needs none.
        model: the model's name or a spec (`scripted:FILE.json`); None leaves the choice to the endpoint.
        origin: what named the endpoint, for people: `profile work`, `ASSTREAM_MODEL_BASE_URL`, …
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    origin: str = "this machine"


@dataclass(frozen=True)
class Settings:
    """Everything that was configured, resolved once.

    Attributes:
        home: folder of database, files and models; made by `ensure_home`.
        config_path: the TOML file, whether it exists or not.
        profile: the profile's name, None when none is in use.
        kind: `embedded`, `remote` or `azure`.
        base_url: the Assistants endpoint; None when embedded.
        api_key: its key; None where a loopback endpoint needs none.
        api_version: Azure's `api-version`; None elsewhere.
        run_model: the model asked of each run (`--model`); None leaves it to the assistant.
        origin: what named the Assistants endpoint, for people.
        sandbox: `auto` or `none`: what holds the code that models write.
        limits: what the table `[interpreter]` sets of `asstream.interpreter.protocol.Limits`.
        reading: what the table `[search]` sets of `asstream.search.ReadingLimits`.
    """

    home: Path
    config_path: Path
    profile: str | None = None
    kind: str = EMBEDDED
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    api_version: str | None = None
    origin: str = "default"
    assistant: str | None = None
    handler: str | None = None
    instructions: str | None = None
    run_model: str | None = None
    model: ModelSettings = field(default_factory=ModelSettings)
    sandbox: str = "auto"
    limits: Mapping[str, int | float] = field(default_factory=dict)
    reading: Mapping[str, int | float] = field(default_factory=dict)


def load(flags: Mapping[str, str | None] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Resolve the configuration.

    Args:
        flags: what the command line gave; known names are `profile` and those of `PROFILE_KEYS`.
        environ: variables to read in place of the process's.

    Raises:
        ConfigError: a file, profile, key or endpoint that can't be used.
        UsageError: an empty flag.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    for flag in (name for name, value in given.items() if not value.strip()):
        raise UsageError(f"--{flag.replace('_', '-')} is empty", "give it a value, or leave it away")
    variables = {k: v for k, v in (os.environ if environ is None else environ).items() if v != ""}
    path = _config_path(variables)
    document = ConfigFile(path)
    name, profile = document.profile(given.get("profile"))
    kind, base_url, api_key, api_version, origin = _endpoint(given, variables, name, profile)
    return Settings(
        home=_home(variables),
        config_path=path,
        profile=name,
        kind=kind,
        base_url=base_url,
        api_key=api_key,
        api_version=api_version,
        origin=origin,
        assistant=given.get("assistant") or variables.get("ASSISTANT_ID") or profile.get("assistant"),
        handler=given.get("handler") or profile.get("handler"),
        instructions=given.get("instructions") or profile.get("instructions"),
        run_model=given.get("model"),
        model=_model(given, variables, name, profile),
        sandbox=_sandbox(given, profile, base_url),
        limits=document.limits,
        reading=document.reading,
    )


def terminal_variables() -> dict[str, str]:
    """What the environment says of the terminal; what is not set is left out."""
    return {name: os.environ[name] for name in TERMINAL_VARIABLES if os.environ.get(name)}


def server_keys() -> str | None:
    """The keys, separated by commas, that the environment gives a server of this machine; None for none."""
    return os.environ.get(SERVER_KEYS_VARIABLE) or None


def ensure_home(settings: Settings) -> Path:
    """Make the home folder (0700) if it is not there; see that it can be written to. Raises ConfigError."""
    home = settings.home
    remedy = "set ASSTREAM_HOME to a folder that you may write to"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the home folder {home} can't be made: {error.strerror}", remedy) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise ConfigError(f"the home folder {home} can't be written to", remedy)
    return home


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback address."""
    import ipaddress

    host = (urlsplit(url).hostname or "").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_hosted_openai(url: str) -> bool:
    """Whether a URL is OpenAI's own hosted API."""
    host = (urlsplit(url).hostname or "").lower().rstrip(".")
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def is_spec(model: str | None) -> bool:
    """Whether a model's name says where it is by itself, so that no endpoint is asked for it."""
    return model is not None and model.startswith("scripted:")


def _home(variables: Mapping[str, str]) -> Path:
    named = variables.get("ASSTREAM_HOME")
    if named:
        return _absolute(named)
    import platformdirs

    return platformdirs.user_data_path("asstream", appauthor=False)


def _config_path(variables: Mapping[str, str]) -> Path:
    named = variables.get("ASSTREAM_CONFIG")
    if named:
        return _absolute(named)
    import platformdirs

    return platformdirs.user_config_path("asstream", appauthor=False) / "config.toml"


def _absolute(named: str) -> Path:
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:  # `~nobody` of a user that does not exist
        raise ConfigError(f"{named} names no folder: {error}", "give an absolute path") from error


def _endpoint(
    given: Mapping[str, str], variables: Mapping[str, str], name: str | None, profile: Mapping[str, str]
) -> tuple[str, str | None, str | None, str | None, str]:
    """Kind, base URL, key, API version and origin of the Assistants endpoint."""
    key = given.get("api_key") or variables.get("ASSTREAM_API_KEY")
    if "base_url" in given:
        url, origin = given["base_url"], "--base-url"
    elif "ASSTREAM_BASE_URL" in variables:
        url, origin = variables["ASSTREAM_BASE_URL"], "ASSTREAM_BASE_URL"
    elif "AZURE_OPENAI_ENDPOINT" in variables:
        return _azure(given, variables)
    elif "base_url" in profile:
        url, origin = profile["base_url"], f"profile {name}"
        key = key or profile.get("api_key")
    else:
        return EMBEDDED, None, None, None, "default"
    if url == EMBEDDED:
        return EMBEDDED, None, None, None, origin
    version = profile.get("api_version") if origin.startswith("profile") else None
    return "azure" if version else "remote", _checked(url, key, origin), key, version, origin


def _azure(
    given: Mapping[str, str], variables: Mapping[str, str]
) -> tuple[str, str | None, str | None, str | None, str]:
    key = given.get("api_key") or variables.get("AZURE_OPENAI_API_KEY")
    found = {**variables, "AZURE_OPENAI_API_KEY": key or ""}
    missing = [variable for variable in AZURE_VARIABLES if not found.get(variable)]
    if missing:
        samples = {
            "AZURE_OPENAI_API_KEY": "export AZURE_OPENAI_API_KEY=KEY",
            "AZURE_OPENAI_API_VERSION": "export AZURE_OPENAI_API_VERSION=2024-05-01-preview",
        }
        raise ConfigError(
            f"AZURE_OPENAI_ENDPOINT is set, but not {' and '.join(missing)}",
            f"{'; '.join(samples[variable] for variable in missing)}"
            " (or unset AZURE_OPENAI_ENDPOINT to use the runtime of this machine)",
        )
    origin = "AZURE_OPENAI_ENDPOINT"
    url = _checked(variables[origin].rstrip("/") + "/openai", key, origin)
    return "azure", url, key, variables["AZURE_OPENAI_API_VERSION"], origin


def _checked(url: str, key: str | None, origin: str) -> str:
    """The URL, once it is sure that it is one, is not the service that ended, and has its key."""
    _check_url(url, origin)
    if is_hosted_openai(url):
        raise ConfigError(
            f"{origin}: {url} is OpenAI's hosted Assistants API, which was switched off on 2026-08-26",
            "leave the base URL away: asstream runs the API itself (`asstream serve` for programs); "
            "OPENAI_API_KEY makes OpenAI's models answer",
        )
    if key is None and not is_loopback(url):
        raise ConfigError(f"{origin}: {url} needs a key", "give --api-key or set ASSTREAM_API_KEY")
    return url.rstrip("/")


def _sandbox(given: Mapping[str, str], profile: Mapping[str, str], base_url: str | None) -> str:
    """What holds code. A profile may say so for whatever endpoint; a flag means the one that it goes with."""
    flag = given.get("sandbox")
    if flag is not None and flag not in SANDBOXES:
        raise UsageError(f"--sandbox {flag!r} is no sandbox", f"give {' or '.join(SANDBOXES)}")
    if flag is not None and base_url is not None:
        raise UsageError(
            f"--sandbox {flag} has no effect at {base_url}: code runs there, not on this machine",
            "leave --sandbox away, or give --base-url embedded",
        )
    return flag or profile.get("sandbox") or "auto"


def _model(
    given: Mapping[str, str], variables: Mapping[str, str], name: str | None, profile: Mapping[str, str]
) -> ModelSettings:
    """The model endpoint: flag, profile, `ASSTREAM_MODEL*`, `OPENAI_*`; a layer keeps its URL and key."""
    configured = profile.get("model") or variables.get("ASSTREAM_MODEL")
    asked = given.get("model")
    # A name asked of a run does not take the place of a spec: that says where every model comes from.
    model = asked if asked and (is_spec(asked) or not is_spec(configured)) else configured
    layers = (
        (given.get("model_base_url"), given.get("model_api_key"), "--model-base-url"),
        (profile.get("model_base_url"), profile.get("model_api_key"), f"profile {name}"),
        (
            variables.get("ASSTREAM_MODEL_BASE_URL"),
            variables.get("ASSTREAM_MODEL_API_KEY"),
            "ASSTREAM_MODEL_BASE_URL" if "ASSTREAM_MODEL_BASE_URL" in variables else "ASSTREAM_MODEL_API_KEY",
        ),
        (
            variables.get("OPENAI_BASE_URL"),
            variables.get("OPENAI_API_KEY"),
            "OPENAI_BASE_URL" if "OPENAI_BASE_URL" in variables else "OPENAI_API_KEY",
        ),
    )
    for url, key, origin in layers:
        if url is not None or key is not None:
            return ModelSettings(_model_url(url or OPENAI_URL, key, origin), key, model, origin)
    return ModelSettings(model=model)


def _model_url(url: str, key: str | None, origin: str) -> str:
    _check_url(url, origin)
    if key is None and is_hosted_openai(url):
        raise ConfigError(f"{origin}: {url} needs a key", "set OPENAI_API_KEY")
    return url.rstrip("/")


def _check_url(url: str, origin: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(ch.isspace() or not ch.isprintable() for ch in url):
        raise ConfigError(f"{origin}: {url!r} is not an http(s) URL", "give it as https://HOST/v1")


def editor_command() -> str | None:
    """The command of the person's editor; None where none is named."""
    return next((os.environ[name] for name in ("VISUAL", "EDITOR") if os.environ.get(name, "").strip()), None)
