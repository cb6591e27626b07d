"""Text of one cell under a cap: the head goes on at once, the tail waits for the end, the middle is cut out.

The same on both sides: the kernel keeps to it so that a flood never crosses over, the host keeps to it
because a kernel can lie. It runs inside the kernel's process too, so it imports nothing of the project.
"""

from __future__ import annotations

from collections import deque


class Ledger:
    """What of a text that comes in pieces is passed on.

    Args:
        most: characters that are kept; half of them as the head.
    """

    def __init__(self, most: int) -> None:
        self._head = most // 2
        self._most_of_tail = most - self._head
        self.reset()

    def reset(self) -> None:
        """A new cell begins."""
        self._left = self._head
        self._tail: deque[str] = deque()
        self._size = 0
        self._cut = 0

    @property
    def holding(self) -> bool:
        """Whether the head is spent, so that more is only given at the end."""
        return self._left == 0

    def take(self, text: str) -> str:
        """The part of `text` that is passed on now."""
        if not self._left:
            self._hold(text)
            return ""
        now, rest = text[: self._left], text[self._left :]
        self._left -= len(now)
        if rest:
            self._hold(rest)
        return now

    def _hold(self, text: str) -> None:
        if not text:
            return
        if len(text) > self._most_of_tail:
            self._cut += len(text) - self._most_of_tail
            text = text[-self._most_of_tail :]
        self._tail.append(text)
        self._size += len(text)
        # The oldest pieces go when what is left without them is still a whole tail.
        while self._size - len(self._tail[0]) >= self._most_of_tail:
            gone = len(self._tail.popleft())
            self._size -= gone
            self._cut += gone

    def close(self) -> tuple[int, str]:
        """At the end of the cell: how many characters are missing, and the tail that follows them."""
        tail = "".join(self._tail)
        extra = max(len(tail) - self._most_of_tail, 0)
        cut = self._cut + extra
        self.reset()
        return cut, tail[extra:]


def cut_note(characters: int, output_kb: int) -> str:
    """The line that stands where the middle was."""
    return f"\n[… {characters:,} characters cut out here: interpreter.output_kb is {output_kb} …]\n"
