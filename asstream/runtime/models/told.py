"""Between the two ways of telling an error: sentences on the wire, lower case and a remedy for a person.

A ModelError becomes a run's `last_error` or an answer's body; where the command line asks a model's source
itself, the same is told in the style of our own errors, with the exit code of what is at fault.
"""

from __future__ import annotations

import re

from asstream.errors import AsstreamError, ConfigError, UnreachableError
from asstream.runtime.models.protocol import ModelError

_PLAIN_WORD = re.compile(r"[A-Z](?=[a-z]*[ ,;:])")
"""A capital that only a sentence's beginning asks for: not that of OPENAI_API_KEY or SmolLM2-135M."""


def as_ours(error: ModelError) -> ConfigError | UnreachableError:
    """A model's error for a person."""
    kind = UnreachableError if error.kind == "connection" else ConfigError
    return kind(_lower(error.what), _lower(error.remedy))


def as_models(error: Exception) -> ModelError:
    """An error of ours, or the system's, for the wire."""
    if not isinstance(error, AsstreamError):
        return ModelError(f"{_upper(str(error))}.")
    return ModelError(f"{_upper(error.message)}.", remedy=_upper(error.remedy))


def _lower(sentence: str) -> str:
    text = sentence.removesuffix(".")
    return text[:1].lower() + text[1:] if _PLAIN_WORD.match(text) else text


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
