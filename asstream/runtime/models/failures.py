"""What an endpoint's failures mean: the SDK's exceptions in, a `Failure` out.

Knows the endpoint and its key, to keep the key out of every text.

A Failure says whether asking again may help, and holds the ModelError for when it does not.
"""

from __future__ import annotations

import email.utils
import html
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

from asstream.runtime.models.endpoint import ModelEndpoint, printable
from asstream.runtime.models.listing import refused_key, unreachable
from asstream.runtime.models.protocol import ModelError, ModelErrorCode

_CONTEXT_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"}
)
_CONTEXT_MESSAGE = re.compile(
    r"maximum context length|context[ _](length|window|size)[^.]{0,40}(exceed|overflow)"
    r"|exceed\w*[^.]{0,60}context|prompt (is )?too long|input (is |prompt )?too long|too many (input )?tokens"
    r"|exceeds the maximum number of tokens|reduce the length of|context the overflows"
    r"|longer than the model's context",
    re.IGNORECASE,
)
_PAGE = re.compile(r"\s*(<!--|<!doctype|<html|<head|<body|<\?xml)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
_LONGEST_TITLE = 120
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class ErrorBody:
    """The fields of an error body, whatever shape the endpoint has for it; empty where it says nothing."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str = ""


@dataclass(frozen=True)
class Failure:
    """A request that failed.

    Attributes:
        error: what to raise when it is not asked again.
        status: the HTTP status; 0 when there was no answer.
        body: what the endpoint said.
        reason: why it may be asked again, as the beginning of a sentence; empty: it must not be.
        retry_after: seconds that the endpoint wants to be left alone; None: it does not say.
    """

    error: ModelError
    status: int = 0
    body: ErrorBody = ErrorBody()
    reason: str = ""
    retry_after: float | None = None


def failure(error: Exception, endpoint: ModelEndpoint, model: str) -> Failure:
    """Judge an exception of the SDK (or of the HTTP library under it)."""
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error, endpoint, model)
    if isinstance(error, openai.APITimeoutError):
        text = f"{endpoint.host} did not answer in time. Is the model too large for its machine?"
        return Failure(ModelError(text, kind="connection"))
    if isinstance(error, openai.APIConnectionError):
        cause = str(error.__cause__ or error)
        told = unreachable(endpoint, cause)
        # A wrong name or certificate does not mend itself; a server that is being restarted does.
        mends = not re.search(r"name|resol|certificate|ssl|getaddrinfo|protocol", cause, re.IGNORECASE)
        return Failure(told, reason=f"{endpoint.host} can't be reached" if mends else "")
    text = printable(without_key(str(error) or type(error).__name__, endpoint), 200)
    return Failure(ModelError(f"The request to {endpoint.host} failed: {text}"))


def _status_failure(error: openai.APIStatusError, endpoint: ModelEndpoint, model: str) -> Failure:
    status, headers = error.status_code, error.response.headers
    body = read_error_body(error.body)
    said = printable(without_key(body.message, endpoint))
    if headers.get("x-asstream"):
        return Failure(itself(endpoint), status, body)
    if is_context_length(status, body):
        what = f"The messages don't fit the model's context: {_sentence(said)}"
        return Failure(ModelError(what, kind="context_length"), status, body)
    if status == 429:
        return _rate_limit(endpoint, body, said, headers)
    told = _explain(status, said, endpoint, model)
    reason = f"{endpoint.host} answered {status}" if status in _RETRIED else ""
    return Failure(told, status, body, reason, retry_after(headers))


def _rate_limit(endpoint: ModelEndpoint, body: ErrorBody, said: str, headers: Mapping[str, str]) -> Failure:
    if "insufficient_quota" in (body.code, body.type) or "billing_hard_limit" in body.code:
        message = f"The account at {endpoint.host} has no quota left."
        spent = ModelError(message, remedy="Check its plan and billing.", code="rate_limit_exceeded")
        return Failure(spent, 429, body)
    message = _said(f"{endpoint.host} limits the rate of requests", said)
    told = ModelError(message, remedy="Try again later.", code="rate_limit_exceeded")
    return Failure(told, 429, body, f"rate limited by {endpoint.host}", retry_after(headers))


def _explain(status: int, said: str, endpoint: ModelEndpoint, model: str) -> ModelError:
    name = printable(model, 80)
    if status == 401:
        return refused_key(endpoint)
    if status == 403:
        return ModelError(_said(f"{endpoint.host} does not let this key use the model '{name}'", said))
    if status == 404 and "model" in said.lower():
        return ModelError(
            _said(f"{endpoint.host} has no model '{name}'", said), remedy="Name another one with --model."
        )
    if status in (404, 405):
        return ModelError(
            _said(f"{endpoint.shown_url} has no Chat Completions (answer {status})", said),
            remedy=f"Correct the address{endpoint.set_address}: it usually ends in /v1.",
        )
    code: ModelErrorCode = "invalid_prompt" if status == 422 else "server_error"
    return ModelError(_said(f"{endpoint.host} answered {status}", said), code=code)


def _said(what: str, said: str) -> str:
    """A sentence that ends with what the endpoint said, if it said anything."""
    return _sentence(f"{what}: {said}" if said else what)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def itself(endpoint: ModelEndpoint) -> ModelError:
    """What to say of an endpoint that is an asstream server."""
    return ModelError(
        f"{endpoint.shown_url} is asstream itself, which has assistants but is no model.",
        remedy="Name a Chat Completions endpoint (ASSTREAM_MODEL_BASE_URL), "
        "or none for the model on this machine.",
    )


def is_context_length(status: int, body: ErrorBody) -> bool:
    """Whether an answer says that the prompt is too long for the model."""
    if body.code in _CONTEXT_CODES or body.type in _CONTEXT_CODES:
        return True
    return status in (400, 413, 422, 500) and bool(_CONTEXT_MESSAGE.search(body.message))


def read_error_body(body: Any) -> ErrorBody:
    """The fields of an error body: OpenAI's, vLLM's, FastAPI's `detail`, Gemini's list, a bare string."""
    if isinstance(body, list):
        body = next((entry for entry in body if isinstance(entry, dict)), {})
    if isinstance(body, dict) and isinstance(body.get("error"), dict | str):
        body = body["error"]
    if isinstance(body, str):
        return ErrorBody(message=_readable(body))
    if not isinstance(body, dict):
        return ErrorBody()
    message = body.get("message") or body.get("detail") or body.get("error") or ""
    return ErrorBody(
        message=_readable(message if isinstance(message, str) else str(message)),
        code=str(body.get("code") or ""),
        type=str(body.get("type") or ""),
        param=str(body.get("param") or ""),
    )


def _readable(message: str) -> str:
    """A message; of a page for people only its title."""
    if not _PAGE.match(message):
        return message
    title = _TITLE.search(message)
    return html.unescape(title[1]).strip()[:_LONGEST_TITLE] if title else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date), if there is one."""
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def without_key(text: str, endpoint: ModelEndpoint) -> str:
    """A text of the endpoint's, which may repeat the key that it was sent."""
    return text.replace(endpoint.api_key, "***") if endpoint.api_key else text
