"""No sandbox, on purpose: the code can do what this user can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asstream.interpreter.sandbox.environment import environment
from asstream.interpreter.sandbox.place import Launch, Place


@dataclass(frozen=True, slots=True)
class NoSandbox:
    @property
    def name(self) -> str:
        return "none"

    @property
    def note(self) -> str:
        return "no sandbox: code of the model can read, change and send whatever this user can"

    def prepare(self, place: Place, command: list[str]) -> Launch:
        return Launch(
            argv=list(command),
            env=environment(str(Path.home())),
            pass_fds=(),
            data=str(place.data),
            connection=str(place.connection),
            close=lambda: None,
            alone=False,
        )
