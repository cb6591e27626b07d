"""What is known of the passages that a reply cites: their file, words, page. Knows the wire's shapes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asstream.render.clean import clean_line
from asstream.render.marks import cited, passage_of

LONGEST_QUOTE = 200
"""Characters of a passage that are shown."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A cited passage; what is not known is empty.

    Attributes:
        name: its file's.
        where: its page, or which of the passages it is that were found.
        quote: its words, as many as are shown.
    """

    name: str = ""
    where: str = ""
    quote: str = ""


class Passages:
    """What a run tells of its passages before a message is finished, which may have lost it then."""

    def __init__(self) -> None:
        self._quotes: dict[tuple[str, str], str] = {}
        self._searches: list[list[Any]] = []
        self._names: dict[str, str] = {}

    def note(self, annotations: Iterable[Any] | None) -> None:
        """Keep the quotes of a delta's annotations: the finished message of the hosted service has none."""
        for annotation in annotations or ():
            if quote := _text(details_of(annotation), "quote"):
                self._quotes[text_of(annotation), file_of(annotation)] = quote

    def found(self, results: Iterable[Any] | None) -> None:
        """Keep what a file search found."""
        if results:
            self._searches.append(list(results))
            for result in self._searches[-1]:
                self._names[_text(result, "file_id")] = clean_line(_text(result, "file_name"))

    def of(self, annotation: Any) -> Passage:
        """What is known of the passage that an annotation stands for."""
        text, file_id, details = text_of(annotation), file_of(annotation), details_of(annotation)
        place, result = passage_of(text), self._result(text, file_id)
        quote = _text(details, "quote") or self._quotes.get((text, file_id), "") or _content(result)
        page = _page(details) or _page(getattr(result, "attributes", None))
        where = f"page {page}" if page else f"passage {place + 1}" if place is not None else ""
        return Passage(self._names.get(file_id, ""), where, clean_line(quote, LONGEST_QUOTE))

    def _result(self, text: str, file_id: str) -> Any:
        """The result that a citation names by its place, if it is one of the same file."""
        place = passage_of(text)
        if place is None or not file_id:
            return None
        for results in reversed(self._searches):
            if place < len(results) and _text(results[place], "file_id") == file_id:
                return results[place]
        return None


def details_of(annotation: Any) -> Any:
    """What an annotation says beyond its text, under the name of its type; None where it is not there."""
    return getattr(annotation, str(getattr(annotation, "type", "")), None)


def file_of(annotation: Any) -> str:
    """The id of an annotation's file; empty where it names none."""
    return _text(details_of(annotation), "file_id")


def text_of(annotation: Any) -> str:
    """What an annotation stands for in the message."""
    return _text(annotation, "text")


def name_said(annotation: Any) -> str:
    """The file's name as the citation itself has it; empty where that is no name."""
    name = cited(text_of(annotation))
    return "" if name == "source" else name


def _text(told: Any, field: str) -> str:
    value = told.get(field) if isinstance(told, dict) else getattr(told, field, None)
    return value if isinstance(value, str) else ""


def _page(told: Any) -> str:
    value = told.get("page") if isinstance(told, dict) else getattr(told, "page", None)
    if (
        isinstance(value, float) and value.is_integer()
    ):  # attributes of files are strings, floats and booleans
        value = int(value)
    return clean_line(str(value), 20) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _content(result: Any) -> str:
    content = getattr(result, "content", None)
    return " ".join(_text(part, "text") for part in content) if isinstance(content, list) else ""
