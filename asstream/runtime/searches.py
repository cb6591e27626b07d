"""Searches the files of a run: the model's queries in, results for the wire and for the model out."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from asstream.errors import WireError
from asstream.runtime import rows
from asstream.runtime.citations import Citations, Cited, Place, mark
from asstream.runtime.context import Conversation
from asstream.runtime.excerpts import excerpt, quote
from asstream.runtime.ids import new_id
from asstream.runtime.models.protocol import Message
from asstream.runtime.objects import Object, usage
from asstream.runtime.search_step import SearchCall, SearchStep, search_options
from asstream.runtime.store import Store
from asstream.runtime.wire_events import Event
from asstream.search import Hit, Ranking

logger = logging.getLogger("asstream.runtime")

Find = Callable[[Sequence[str], int, Ranking], Awaitable[list[Hit]]]
"""Searches for queries: the best so many hits. Raises WireError."""

_RESULTS: Final = 20
"""Results of one call where the run names no number, as the service had it."""
_MOST_SHOWN: Final = 48_000
"""The most characters of one call's results that the model is given."""
_PASSAGES: Final = 4
"""Passages for a model that can't ask for them."""
_PASSAGES_SHOWN: Final = 6_000
"""The most characters of them, and a quarter of a character for each token of the model's window.

A small model on two cores reads 130 tokens a second: 6,000 characters take it a quarter of a minute.
"""

_CITE: Final = (
    "Right behind what you take from a result put its mark, exactly as it stands here, brackets included."
)
_NOTHING: Final = "Nothing was found."
_NO_QUERY: Final = 'There was no query. Call with {"queries": ["…"]}.'
_FAILED: Final = "The search failed; the log of the server says how."
_STOPPED: Final = "The run ended before this search did."
_BEFORE: Final = "These passages of the user's files may help:\n\n{passages}\n\n{question}"


class Searches:
    """The searches of one run.

    Args:
        find: searches the run's stores.
    """

    def __init__(self, find: Find, store: Store, run: Object) -> None:
        self._find = find
        self._run = run
        self._known = _found_before(store, run["thread_id"])
        self._passages = ""
        self.first = SearchStep(run)
        """The step of the search that is done for a model which can't ask."""
        self._said: dict[str, str] = {}
        self._found: list[list[Any]] = []

    def patterns(self) -> tuple[Citations, Citations]:
        """The marks that a reply may have."""
        return Citations(self._known), Citations(self._known, "[")

    async def run(self, step: SearchStep, room: int | None) -> None:
        """Do a step's calls. `room`: tokens of the model's window, if known."""
        self._said, self._found = {}, []
        most = _MOST_SHOWN if room is None else min(_MOST_SHOWN, 2 * room)
        for call in step.calls:
            queries = call.queries()
            found = await self._search(queries, self._limit()) if queries else []
            call.hits = found or []
            self._said[call.id] = self._words(queries, found, most)
        step.settle()

    def record(self, calls: Sequence[SearchCall]) -> Object:
        """What the model is told of all calls, as fields of a turn's record."""
        messages: list[Message] = [
            {"role": "tool", "tool_call_id": call.id, "content": self._said.get(call.id, _STOPPED)}
            for call in calls
        ]
        return {"messages": messages, "found": self._found}

    async def before(self, talk: Conversation, room: int | None) -> AsyncGenerator[Event | Object, None]:
        """Search for the question of a user whose model can't ask; the step's events, then a turn's record.

        From then on `with_passages` has something to put before the question.
        """
        question, step = _question(talk), self.first
        for event in step.open(new_id("call_")):
            yield event
        call = step.calls[0]
        found = await self._search([question], min(_PASSAGES, self._limit())) if question else []
        call.hits = found or []
        step.charge(usage(0, 0))
        for event in step.close("completed"):
            yield event
        self._found = []
        most = _PASSAGES_SHOWN if room is None else min(_PASSAGES_SHOWN, room // 4)
        each = most // max(1, len(call.hits))
        parts = [replace(hit, text=excerpt(hit.text, [question], each)) for hit in call.hits]
        shown = list(self._numbered(parts, [question], most))
        self._passages = "\n\n".join(shown)
        yield {"messages": [], "message_ids": [], "step_id": None, "usage": None, "found": self._found}

    def with_passages(self, talk: Conversation) -> Conversation:
        """A conversation with the passages before its last question."""
        if not self._passages or not talk.exchanges:
            return talk
        *others, last = talk.exchanges
        content = last[-1].get("content")
        if last[-1].get("role") != "user" or not isinstance(content, str):
            return talk
        put = _BEFORE.format(passages=self._passages, question=content)
        return replace(talk, exchanges=[*others, [*last[:-1], {**last[-1], "content": put}]])

    @property
    def searched_before(self) -> bool:
        """Whether `before` was done."""
        return self.first.step is not None

    def _limit(self) -> int:
        return int(search_options(self._run).get("max_num_results") or _RESULTS)

    async def _search(self, queries: Sequence[str], limit: int) -> list[Hit] | None:
        """None where the search failed."""
        try:
            return await self._find(queries, limit, ranking(self._run))
        except WireError as error:
            logger.warning("a run goes on without its search: %s", error.message)
        except Exception:
            logger.exception("the search failed in thread %s", self._run["thread_id"])
        return None

    def _words(self, queries: Sequence[str], found: list[Hit] | None, most: int) -> str:
        if not queries:
            return _NO_QUERY
        if not found:
            return _FAILED if found is None else _NOTHING
        return "\n\n".join([_CITE, *self._numbered(found, queries, most)])

    def _numbered(self, hits: Sequence[Hit], queries: Sequence[str], most: int) -> Iterator[str]:
        """The results as the model is shown them, as many as there is room for; known from now on."""
        search = max((place[0] for place in self._known), default=-1) + 1
        for result, hit in enumerate(hits):
            at: Place = search, result
            text = hit.text[:most]
            most -= len(text)
            if not text:
                return
            quoted = quote(hit.text, queries)
            self._known[at] = Cited(hit.file_id, hit.filename, quoted)
            self._found.append([*at, hit.file_id, hit.filename, quoted])
            place = f" ({hit.place})" if hit.place else ""
            yield f"{mark(at, hit.filename)}{place}\n{text}"


def ranking(run: Object) -> Ranking:
    """How a run's results are ranked."""
    options = search_options(run)["ranking_options"]
    weights = options.get("hybrid_search") or {}
    return Ranking(
        options.get("ranker") or "auto",
        float(options.get("score_threshold") or 0),
        weights.get("embedding_weight"),
        weights.get("text_weight"),
    )


def vector_store_ids(store: Store, run: Object) -> list[str]:
    """The stores that a run searches: the assistant's, the thread's, and those that the run names itself."""
    holders = [run]
    for table, id in (("assistants", run["assistant_id"]), ("threads", run["thread_id"])):
        found = store.row(f"SELECT body FROM {table} WHERE id = ?", [id])  # noqa: S608
        holders += [rows.load(found[0])] if found is not None else []
    ids = [
        id
        for holder in holders
        for id in ((holder.get("tool_resources") or {}).get("file_search") or {}).get("vector_store_ids")
        or ()
    ]
    return list(dict.fromkeys(ids))


def _found_before(store: Store, thread_id: str) -> dict[Place, Cited]:
    """What the searches of a thread found, by their marks."""
    found = store.read(
        "SELECT turns.body FROM turns JOIN runs ON runs.id = turns.run_id "
        "WHERE runs.thread_id = ? AND turns.body LIKE '%\"found\":[[%'",
        [thread_id],
    )
    return {
        (search, result): Cited(file_id, filename, quoted)
        for (body,) in found
        for search, result, file_id, filename, quoted in rows.load(body).get("found") or ()
    }


def _question(talk: Conversation) -> str:
    """The text of the user's last message."""
    if not talk.exchanges:
        return ""
    content = talk.exchanges[-1][-1].get("content")
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""
