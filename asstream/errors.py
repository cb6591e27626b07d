"""Every error that asstream raises on purpose, in two families.

AsstreamError                 ours: each maps to an exit code of the command line
├── UsageError          (2)   a wrong flag or value
│   └── NotFoundError   (2)   an assistant, thread, run, handler or file that is not there
├── ConfigError         (3)   a configuration file, a key, the home folder, a database that can't be used
├── UnreachableError    (4)   an endpoint or a model that does not answer
└── RunError            (1)   a run that failed, expired, was incomplete or cancelled
WireError                     the API's: HTTP status and the error body that clients of the service know
└── UnknownAssistantError     404, with the id

An error of ours says what happened, with the value that was wrong, and what to do about it.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AsstreamError(Exception):
    """Base of our own errors.

    Args:
        message: what happened, in one line, naming the value.
        remedy: what to do about it, in one line; may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class UsageError(AsstreamError):
    """A flag or value that can't be used. Exit code 2."""

    exit_code = 2


class NotFoundError(UsageError):
    """Something was named that does not exist. Exit code 2."""


class ConfigError(AsstreamError):
    """Configuration, key, home folder or database can't be used. Exit code 3."""

    exit_code = 3


class UnreachableError(AsstreamError):
    """An endpoint or a model does not answer. Exit code 4."""

    exit_code = 4


class RunError(AsstreamError):
    """A run ended otherwise than completed. Exit code 1."""


class WireError(Exception):
    """An error of the API, as it goes over the wire.

    Args:
        status: the HTTP status.
        message: the text of `error.message`.
        type: `invalid_request_error`, `server_error`, …
        param: the request's parameter that is at fault, if one is.
        code: the machine-readable code, if there is one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # the wire's own name
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        """The JSON body: `{"error": {"message", "type", "param", "code"}}`."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}


class UnknownAssistantError(WireError):
    """A 404 for an assistant: programs have ids written into them, which a new home does not know."""

    def __init__(self, message: str, id: str) -> None:
        super().__init__(404, message)
        self.id = id
