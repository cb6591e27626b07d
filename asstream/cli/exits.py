"""Exceptions → exit code and message: one table, for every command.

AsstreamError                            its own `exit_code` (1, 2, 3 or 4)
openai.AuthenticationError               3   the key is wrong
openai.PermissionDeniedError             3   the key may not do this
openai.NotFoundError                     2   assistant, thread, run, … unknown
openai.BadRequestError, Unprocessable…   2   a value that the endpoint refuses
openai.ConflictError, a busy thread      1   another run is under way on it
openai.RateLimitError, InternalServer…   4   the endpoint can't answer now
openai.APIConnectionError (time-outs)    4   the endpoint can't be reached
openai.APIError, any other               1   an error event in a stream
the HTTP library's errors                4   a connection that broke in mid-answer
typer's usage errors                     2
KeyboardInterrupt                        130
BrokenPipeError                          1   silently: the reader of stdout went away
openai.APIError of a full home           3   `storage_failed`: as an answer (507), or in a stream
UnicodeEncodeError                       2   bytes that are no text, in an argument or a file
OSError                                  3   a file or folder that can't be used
anything else                            1   a fault of asstream's own
"""

from __future__ import annotations

import re
import sys
import traceback
from typing import Any

from asstream.errors import AsstreamError

INTERRUPTED = 130

_OPENAI = {
    "AuthenticationError": (3, "check the key (--api-key, ASSTREAM_API_KEY or the profile's)"),
    "PermissionDeniedError": (3, "the key is known, but may not do this"),
    "NotFoundError": (2, "`asstream assistants list` and `asstream threads list` show what is there"),
    "BadRequestError": (2, ""),
    "UnprocessableEntityError": (2, ""),
    "ConflictError": (1, "try again in a moment"),
    "RateLimitError": (4, "wait a little and try again"),
    "InternalServerError": (4, "try again; the endpoint's own log tells why"),
    "APIConnectionError": (4, "check that it is running and that the base URL is right"),
    "APIError": (1, ""),
}
_TOLD = (
    (
        re.compile(r"while a run run_\w+ is active|already has an active run"),
        1,
        "see it to its end: asstream resume THREAD_ID; or stop it: asstream runs cancel THREAD_ID RUN_ID",
    ),
    (re.compile("^Cannot cancel run with status"), 2, "it is over: there is nothing to cancel"),
)
"""Refusals that say more than their status: what they say, exit code, what to do."""
_ERRNO = re.compile(r"\[Errno -?\d+\] ")
_HOME_IS_FULL = "storage_failed"
_TRANSPORTS = ("httpx2", "httpcore2", "httpx", "httpcore")


def report(error: BaseException, *, debug: bool = False) -> int:
    """Say on stderr what went wrong, in a line or two, and return the exit code."""
    code, lines = explain(error)
    if debug and not isinstance(error, KeyboardInterrupt | SystemExit):
        traceback.print_exception(error)
    if lines:
        from asstream.cli.output import warn

        warn(*lines)
    return code


def explain(error: BaseException) -> tuple[int, list[str]]:
    """The exit code of an error, and the lines that tell a person of it."""
    if isinstance(error, SystemExit):
        return (error.code if isinstance(error.code, int) else 1), []
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, []
    if isinstance(error, BrokenPipeError):
        return 1, []
    if isinstance(error, AsstreamError):
        return error.exit_code, [
            _in_a_line(line) for line in (f"asstream: {error.message}", error.remedy) if line
        ]
    package = type(error).__module__.split(".")[0]
    if package == "openai":
        return _explain_openai(error)
    if package in _TRANSPORTS:
        return 4, [f"asstream: the connection broke: {_said(error)}", "try again"]
    if package == "typer" and hasattr(error, "format_message"):
        return _explain_usage(error)
    if isinstance(error, UnicodeEncodeError):
        return 2, [
            f"asstream: {error.object[error.start : error.end]!r} is no text that can be sent",
            "give it in UTF-8, without lone surrogates",
        ]
    if isinstance(error, OSError):
        return 3, [f"asstream: {_said(error)}"]
    name = type(error).__name__
    return 1, [f"asstream: a fault of its own: {name}: {_said(error)}", "run it with --debug to see where"]


def _explain_openai(error: BaseException) -> tuple[int, list[str]]:
    names = [kind.__name__ for kind in type(error).__mro__]
    code, remedy = next((_OPENAI[name] for name in names if name in _OPENAI), (1, ""))
    request = getattr(error, "request", None)
    if getattr(error, "code", None) == _HOME_IS_FULL:
        return 3, [f"asstream: {_message(error)}"]
    if isinstance(error.__cause__, AsstreamError):  # our own look at the answer found it
        return explain(error.__cause__)
    if "APIConnectionError" in names:
        where = f"{request.url.scheme}://{request.url.netloc.decode()}" if request is not None else "it"
        return code, [f"asstream: {where} does not answer: {_cause(error)}", remedy]
    said = _message(error)
    for pattern, told, what in _TOLD:
        if pattern.search(said):
            return told, [f"asstream: {said}", what]
    status = getattr(error, "status_code", None)
    message = said + (f" (HTTP {status})" if status is not None else "")
    return code, [f"asstream: {message}", *([remedy] if remedy else [])]


def _message(error: BaseException) -> str:
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return _in_a_line(message) if isinstance(message, str) else _said(error)


def _cause(error: BaseException) -> str:
    return _said(error.__cause__ or error)


def _said(error: BaseException) -> str:
    """The first line of an error's text."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    first, _, _ = str(error).strip().partition("\n")
    return _in_a_line(first) or type(error).__name__


def _in_a_line(text: str) -> str:
    """A text on one line, without the system's numbers for its errors."""
    return _ERRNO.sub("", " ".join(text.split()))


def _explain_usage(error: BaseException) -> tuple[int, list[str]]:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "asstream"
    message = error.format_message()  # type: ignore[attr-defined]
    value = _given(getattr(error, "param", None))
    if value is not None:
        name = getattr(error, "param").opts[0]  # noqa: B009
        message = f"{name} {value!r} can't be used: {getattr(error, 'message', message)}"
    return 2, [f"{path}: {message}", f"`{path} --help` shows its options"]


def _given(option: Any) -> str | None:
    """The value of an option on this process's command line: Typer's errors do not name it."""
    names = [name for name in getattr(option, "opts", ()) if name.startswith("--")]
    for position, argument in enumerate(sys.argv):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(sys.argv[position + 1 :]), None)
    return None
