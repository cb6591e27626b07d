"""The model files of this machine, as a source. Imports the SDK late."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asstream.runtime.models import catalog
from asstream.runtime.models.protocol import Model, ModelError, ModelInfo, RawAnswer, RawRequest
from asstream.runtime.models.stand_ins import StandIns

if TYPE_CHECKING:
    from asstream.runtime.models.local import LocalModel

_CHAT_ALONE = (
    "The model on this machine answers /chat/completions, not {path}. Name an endpoint that has it: "
    "ASSTREAM_MODEL_BASE_URL."
)
_NOTHING = "No model is there to answer."
_WAYS = (
    "Any one of these gives one: "
    "`asstream models pull` (a small model on this machine); "
    "ASSTREAM_MODEL_BASE_URL with ASSTREAM_MODEL_API_KEY (any Chat Completions endpoint); OPENAI_API_KEY; "
    "Ollama or LM Studio running on this machine."
)


class LocalSource:
    """The model files of this machine, each served by a child process that starts when it is first asked."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._models: dict[Path, LocalModel] = {}
        self._stand_ins = StandIns()

    async def get(self, name: str | None) -> Model:
        """The installed model of that name, else the one in use; once it answers. Raises ModelError."""
        model = self._model(name)
        await model.open()
        if name is not None and name.lower() != model.name.lower():
            self._stand_ins.tell(name, model.name, "this machine")
        return model

    async def list(self) -> Sequence[ModelInfo]:
        """The installed models, the one in use first."""
        entries = sorted(catalog.installed(self._home), key=lambda entry: not entry.in_use)
        return [ModelInfo(entry.name, _created(entry.path)) for entry in entries]

    async def forward(self, request: RawRequest) -> RawAnswer:
        """See `ModelSource`: chat completions are answered by the child, whatever model they name."""
        from asstream.runtime.models.forwarding import CHAT, read, refusal

        if request.path != CHAT or request.method != "POST":
            return refusal(404, _CHAT_ALONE.format(path=request.path), "unsupported")
        named = (read(request) or {}).get("model")
        return await self._model(named if isinstance(named, str) else None).forward(request)

    async def close(self) -> None:
        """End the child processes."""
        with self._lock:
            models, self._models = builtins.list(self._models.values()), {}
        for model in models:
            await model.close()

    def warm(self) -> None:
        """Start the child of the model in use in the background. From any thread. Raises ModelError."""
        self._model(None).warm()

    def describe(self) -> dict[str, str]:
        """`model`, `endpoint` and `kind`. Raises ModelError where no model is installed."""
        return {"model": self._entry(None).name, "endpoint": "this machine", "kind": "local"}

    def _entry(self, name: str | None) -> catalog.Installed:
        entries = catalog.installed(self._home)
        if not entries:
            raise ModelError(_NOTHING, remedy=_WAYS, kind="connection")
        wanted = (name or "").lower()
        named = next((entry for entry in entries if entry.name.lower() == wanted), None)
        return named or next(entry for entry in entries if entry.in_use)

    def _model(self, name: str | None) -> LocalModel:
        from asstream.runtime.models.local import LocalModel

        entry = self._entry(name)
        with self._lock:
            if entry.path not in self._models:
                self._models[entry.path] = LocalModel(self._home, entry)
            return self._models[entry.path]


def _created(path: Path) -> int:
    try:
        return int(path.stat().st_mtime)
    except OSError:
        return 0
