"""Where a Chat Completions endpoint is: a value, and what its address alone tells. Knows no network."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class ModelEndpoint:
    """A Chat Completions endpoint that somebody configured.

    Attributes:
        base_url: the address that `/chat/completions` is added to, e.g. `http://127.0.0.1:11434/v1`.
        api_key: the key, or None where the endpoint asks for none. Never part of a repr or a message.
        model: the model to use where the endpoint does not list the one asked for; None: its first.
        origin: where the setting comes from, for messages: a flag, a profile or a variable. One that starts
        with
            `OPENAI_` was not necessarily meant for asstream, and is passed over where it turns out to be
            asstream itself.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    origin: str = ""

    @property
    def host(self) -> str:
        """`host` or `host:port`, for messages; never user or password."""
        parts = urlsplit(self.base_url)
        try:
            port = parts.port
        except ValueError:
            port = None
        return printable(f"{parts.hostname or self.base_url}{f':{port}' if port else ''}", 120)

    @property
    def shown_url(self) -> str:
        """The address without user, password, query and fragment."""
        parts = urlsplit(self.base_url)
        return printable(parts._replace(netloc=self.host, query="", fragment="").geturl(), 200)

    @property
    def set_address(self) -> str:
        """What sets the address, in parentheses after a word that tells to correct it; empty if unknown."""
        return self._setting("model_base_url", ("API_KEY", "BASE_URL"), ("api-key", "base-url"))

    @property
    def set_key(self) -> str:
        """The same for the key. A layer of the configuration names both, and any one of them begins it."""
        return self._setting("model_api_key", ("BASE_URL", "API_KEY"), ("base-url", "api-key"))

    def _setting(self, profile_key: str, *renamed: tuple[str, str]) -> str:
        name = self.origin
        if name.startswith("profile "):
            name = f"{profile_key} of {name}"
        for old, new in renamed:
            name = name.replace(old, new)
        return f" ({name})" if name else ""

    @property
    def is_loopback(self) -> bool:
        """Whether the address names this machine: no proxy is asked then."""
        name = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return name == "localhost" or name.endswith(".localhost")

    @property
    def is_openai_family(self) -> bool:
        """Whether it is OpenAI or Azure: their newer models refuse `max_tokens`."""
        name = (urlsplit(self.base_url).hostname or "").lower()
        return name == "api.openai.com" or name.endswith(
            (".api.openai.com", ".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
        )


_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x00-\x1f\x7f-\x9f]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{1,8}[0-~]|\x1b[0-OQ-WYZ`-~]"
)
"""A terminal's whole escape sequences. They go first: without its ESC the rest of one would be text."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


def printable(text: str, limit: int = 500) -> str:
    """A stranger's text made fit for one line of a terminal: no control characters, at most `limit`."""
    line = _UNPRINTABLE.sub(" ", _SEQUENCE.sub("", text)).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
