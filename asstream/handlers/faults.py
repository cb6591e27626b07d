"""What goes wrong while a stream is read, as the `openai` package's own errors.

The SDK lets its HTTP library's errors through; asstream imports no HTTP library, so they are told by the
names in their class's ancestry, which are the same in httpx and httpx2.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import openai

from asstream.errors import RunError

_NOT_THEIRS = (Path(__file__).parents[1], Path(openai.__file__).parent)
"""Whose files are no handler of a person's: asstream's, and the SDK's."""
_HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "ssl", "socket"})


def request_of(stream: object) -> Any:
    """The request behind a stream; None for one that is read from a file."""
    return getattr(getattr(stream, "response", None), "request", None)


def is_timeout(error: BaseException) -> bool:
    """Whether a connection's error says that time ran out."""
    return isinstance(error, (openai.APITimeoutError, TimeoutError)) or any(
        kind.__name__ == "TimeoutException" for kind in type(error).__mro__
    )


def is_transport(error: BaseException) -> bool:
    """Whether an error is of the connection, and not of what came over it."""
    return isinstance(error, (openai.APIConnectionError, OSError)) or any(
        kind.__module__.partition(".")[0] in _HTTP_LIBRARIES for kind in type(error).__mro__
    )


def as_api_error(error: Exception, stream: object) -> Exception:
    """The `openai.APIError` for an exception that reading a stream raised; other errors as they are."""
    if isinstance(error, openai.APIError):
        return error
    request = request_of(stream)
    if is_timeout(error):
        return openai.APITimeoutError(request=request)
    if is_transport(error):
        return openai.APIConnectionError(message=f"The stream broke off: {describe(error)}", request=request)
    if isinstance(error, ValueError):  # JSON or UTF-8 that is not
        return openai.APIError(f"The stream holds what is not JSON: {error}", request=request, body=None)
    return error


def ended_early(stream: object) -> openai.APIConnectionError:
    """The error for a stream that stops before its run ended or asked for tool outputs."""
    return openai.APIConnectionError(
        message="The stream ended before the run did; the run may still go on: retrieve it to see.",
        request=request_of(stream),
    )


def is_error(event: object) -> bool:
    """Whether an event of the SDK's stream is an `error`.

    In its documented shape (message, type, code, param at the top level) the SDK drops the event's name and
    makes a `ThreadCreated` of it, with those keys beside.
    """
    name = getattr(event, "event", None)
    return name == "error" or (name is None and isinstance(getattr(event, "message", None), str))


def error_event(event: openai.BaseModel, stream: object) -> openai.APIError:
    """The error for an `error` event, in the documented shape or under a key `error`."""
    body: Any = event.to_dict(mode="json")
    for key in ("data", "error"):
        if isinstance(body.get(key), dict):
            body = body[key]
    body = {key: value for key, value in body.items() if key != "event"}
    message = body.get("message")
    text = message if isinstance(message, str) and message else "An error occurred during streaming"
    return openai.APIError(text, request=request_of(stream), body=body)


def describe(error: BaseException) -> str:
    """An exception in a few words: its text, or its class where it has none."""
    return str(error).strip() or type(error).__name__


def raised_by_handler(error: Exception, *, cancelled: bool = False) -> RunError:
    """What a person is told of an exception out of a handler of their own.

    Args:
        cancelled: whether the run was cancelled because of it.
    """
    return RunError(
        f"the handler raised {type(error).__name__}: {error}".removesuffix(": ") + _where(error),
        f"{'the run was cancelled; ' if cancelled else ''}mend the handler or choose another",
    )


def _where(error: Exception) -> str:
    """The last line of the handler's own file on the way to an exception: ` (FILE, line N, in METHOD)`."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [
        frame
        for frame in frames
        if not any(Path(frame.filename).is_relative_to(each) for each in _NOT_THEIRS)
    ]
    if not theirs:
        return ""
    last = theirs[-1]
    return f" ({Path(last.filename).name}, line {last.lineno}, in {last.name})"
