"""What a cell said, as events: logs under a cap and clean, images of the kinds that are allowed.

Nothing here trusts the kernel: a message of the wrong shape is no message.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

from asstream.interpreter.ledger import Ledger, cut_note
from asstream.interpreter.protocol import Image, Limits, Logs
from asstream.interpreter.text import Cleaner

MOST_IMAGES = 50
MOST_IMAGE_BYTES = 32 * 2**20
"""Of one cell together."""
_SLACK = 2048
"""What the kernel's own note on cut text may add to its cap."""
_IMAGES: dict[str, tuple[Any, bytes]] = {
    "image/png": ("png", b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": ("jpeg", b"\xff\xd8\xff"),
}
"""Type → (format of the event, how its bytes begin)."""


class Outputs:
    """The events of one cell.

    Args:
        emit: is given each event.
        data: what the code takes for /mnt/data.
        image_bytes: size of the largest image.
    """

    def __init__(
        self, emit: Callable[[Logs | Image], None], limits: Limits, data: str, image_bytes: int
    ) -> None:
        self._emit = emit
        self._limits = limits
        self._image_bytes = image_bytes
        self._cleaner = Cleaner(data)
        self._ledger = Ledger(limits.output_kb * 1024 + _SLACK)
        self._images = self._image_total = self._left_out = 0
        self._waiting: list[str] = []
        self._at_line_start = True
        self._all_taken = 0

    @property
    def waiting(self) -> bool:
        """Whether there is text for `flush`."""
        return bool(self._waiting)

    def take(self, kind: str, content: dict[str, Any]) -> None:
        """Take a message of IOPub. Text waits for `flush`, images go on at once."""
        if kind == "stream":
            self._text(content.get("text"))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._shown(content.get("data"))
        elif kind == "error":
            lines = content.get("traceback")
            if isinstance(lines, list):
                self._text("\n".join(line for line in lines if isinstance(line, str)) + "\n")

    def note(self, text: str) -> None:
        """Say something of the interpreter's own, on a line of its own; never cut."""
        self.flush()
        self._log(self._cleaner.flush())
        self._log(f"{'' if self._at_line_start else chr(10)}[{text}]\n")

    def flush(self) -> None:
        """Pass on the text that waits."""
        text, self._waiting = "".join(self._waiting), []
        self._log(text)

    def end(self, *, lost: bool) -> None:
        """The cell ended. `lost`: its process with it, and the text that the kernel held as the tail."""
        self.flush()
        self._log(self._cleaner.flush())
        cut, tail = self._ledger.close()
        if cut:
            self._log(cut_note(cut, self._limits.output_kb))
        self._log(tail)
        if lost and self._all_taken >= self._limits.output_kb * 512:
            self.note(
                f"the end of the output was lost with it: interpreter.output_kb is {self._limits.output_kb}"
            )
        if self._left_out:
            self.note(
                f"{self._left_out} images are not shown: at most {MOST_IMAGES} of a cell,"
                f" {self._image_bytes >> 20} MiB each and {MOST_IMAGE_BYTES >> 20} MiB together, PNG or JPEG"
            )

    def _text(self, text: object) -> None:
        if isinstance(text, str) and text:
            self._all_taken += len(text)
            now = self._ledger.take(self._cleaner.feed(text))
            if now:
                self._waiting.append(now)

    def _log(self, text: str) -> None:
        if text:
            self._at_line_start = text.endswith("\n")
            self._emit(Logs(text))

    def _shown(self, data: object) -> None:
        if not isinstance(data, dict):
            return
        for kind, (format_, beginning) in _IMAGES.items():
            if kind in data:
                image = self._decoded(data[kind], beginning)
                if image is None:
                    self._left_out += 1
                else:
                    self.flush()
                    self._emit(Image(image, format_))
                return
        text = data.get("text/plain")
        if isinstance(text, str):
            self._text(text + "\n")

    def _decoded(self, data: object, beginning: bytes) -> bytes | None:
        if not isinstance(data, str) or len(data) > self._image_bytes * 3 // 2 or self._images >= MOST_IMAGES:
            return None
        try:
            image = binascii.a2b_base64(data.encode("ascii"))
        except (ValueError, UnicodeEncodeError):
            return None
        total = self._image_total + len(image)
        if not image.startswith(beginning) or len(image) > self._image_bytes or total > MOST_IMAGE_BYTES:
            return None
        self._images += 1
        self._image_total = total
        return image
