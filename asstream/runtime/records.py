"""A run's turns as they are kept, to be shown to models again: what was said and called, and what came of it.

Pure. A record is `{"model", "messages", "message_ids", "step_id", "code_step_id", "usage"}`; see
`context.recorded_turns`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from asstream.runtime.models.protocol import Message, TurnEnd
from asstream.runtime.objects import Object
from asstream.runtime.offering import Offer
from asstream.runtime.turn import CUT, Turn

MOST_SHOWN: Final = 20_000
"""The most characters of one cell's output that the model is given."""

UNFINISHED: Final = "[The run ended before this code did.]"
UNRUN: Final = "[The run ended before this code was run.]"
_SILENT: Final = "[No output.]"


def of_turn(model: str, turn: Turn, end: TurnEnd, usage: Object, offered: Offer) -> Object:
    """The record of a turn that came to its end. Code is not run where the turn was cut off there."""
    if end.finish_reason in CUT and turn.code.calls and (cut := of_cut_turn(model, turn, offered)):
        return {**cut, "usage": usage}
    return _record(model, turn, [end.message, *_unknown_calls(end, offered)], usage)


def of_cut_turn(model: str, turn: Turn, offered: Offer) -> Object | None:
    """The record of a turn that was stopped before its end, with its code, which did not run.

    None where it said nothing. Calls of functions are no part of it: nobody will answer them.
    """
    calls = [(call.id, call.code) for call in turn.code.calls if call.code.strip()]
    said = "".join(turn.said)
    if not calls and not said:
        return None
    unrun = answers((id, UNRUN) for id, _ in calls)
    return _record(model, turn, [spoken(said, offered.code, calls), *unrun], None)


def _record(model: str, turn: Turn, messages: list[Message], usage: Object | None) -> Object:
    return {
        "model": model,
        "messages": messages,
        "message_ids": turn.message_ids,
        "step_id": turn.calls_step["id"] if turn.calls_step else None,
        "code_step_id": turn.code.step["id"] if turn.code.step else None,
        "search_step_id": turn.search.step["id"] if turn.search.step else None,
        "usage": usage,
    }


def spoken(said: str, function: str | None, calls: Sequence[tuple[str, str]]) -> Message:
    """A text and the calls of code after it: (id, code) each, the code as far as it came."""
    message: Message = {"role": "assistant", "content": said or None}
    if calls:
        message["tool_calls"] = [
            {
                "id": id,
                "type": "function",
                "function": {"name": function or "python", "arguments": json.dumps({"code": code})},
            }
            for id, code in calls
        ]
    return message


def answers(outputs: Iterable[tuple[str, str]]) -> list[Message]:
    """Outputs of calls: (id, text) each."""
    return [{"role": "tool", "tool_call_id": id, "content": text} for id, text in outputs]


def of_step_left(step: Object, turns: Sequence[Object]) -> list[tuple[str, str]]:
    """The outputs of a step's code, (id, text) each, that none of a run's turns has.

    Where the step did not end, code before the last that printed did, and of the others nobody knows more.
    """
    places = [place for place, turn in enumerate(turns) if turn.get("code_step_id") == step["id"]]
    since = turns[places[0] :] if places else ()  # ids of calls may be the same in each turn
    given = {message.get("tool_call_id") for turn in since for message in turn["messages"]}
    calls = [call for call in step["step_details"].get("tool_calls") or () if _wrote_code(call)]
    printed = [place for place, call in enumerate(calls) if call["code_interpreter"].get("outputs")]
    last = printed[-1] if printed else 0
    ended = step["status"] == "completed"
    return [
        (call["id"], shown(_printed(call), ended=ended or place < last))
        for place, call in enumerate(calls)
        if call["id"] not in given
    ]


def _wrote_code(call: Object) -> bool:
    return call["type"] == "code_interpreter" and bool(call["code_interpreter"].get("input", "").strip())


def _printed(call: Object) -> str:
    outputs = call["code_interpreter"].get("outputs") or ()
    return "".join(
        output["logs"] if output["type"] == "logs" else figure_shown(output["image"]["file_id"])
        for output in outputs
    )


def figure_shown(id: str) -> str:
    """The line that stands for a figure in an output."""
    return f"[A figure was shown to the user: {id}]\n"


def shown(text: str, *, ended: bool, most: int = MOST_SHOWN) -> str:
    """An output as the model gets it; what is too much is cut out of its middle."""
    text = _last_drawn(text).strip("\n")
    if len(text) > most:
        half = most // 2
        text = f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
    if not ended:
        return f"{text}\n{UNFINISHED}".lstrip("\n")
    return text or _SILENT


def _last_drawn(text: str) -> str:
    """Lines that were drawn again and again, as progress bars are, as they were in the end."""
    if "\r" not in text:
        return text
    drawings = (line.split("\r") for line in text.split("\n"))
    return "\n".join(next((drawn for drawn in reversed(line) if drawn), "") for line in drawings)


def _unknown_calls(end: TurnEnd, offered: Offer) -> list[Object]:
    """The answers to calls of functions that nobody offered: the model may try again."""
    names = offered.all_names
    known = ", ".join(sorted(names)) or "none"
    return answers(
        (call["id"], f"Error: there is no function {call['function']['name']!r}. Functions: {known}.")
        for call in end.message.get("tool_calls") or ()
        if call["function"]["name"] not in names
    )
