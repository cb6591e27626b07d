"""What a run offers its model to call: the user's functions, and the one that runs code. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asstream.errors import WireError
from asstream.runtime.objects import Object

_NAMES: Final = ("python", "code_interpreter", "run_python", "run_python_code")
"""Names for the function that runs code; the first that no function of the user has."""

_MOST_NAMED: Final = 20
"""The most files that the description names."""

_DESCRIPTION: Final = (
    "Runs Python code in a Jupyter session and returns what it prints, the value of the last expression and "
    "its errors. Variables stay from call to call. numpy, pandas and matplotlib are there; there is no "
    "network. Figures that are shown reach the user. Files are in /mnt/data: save results there and link "
    "them as [name](sandbox:/mnt/data/name)."
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What the model may call.

    Attributes:
        tools: in Chat Completions form.
        names: the names of the user's functions among them.
        code: the name by which it runs code; None when it may not.
    """

    tools: list[Object]
    names: frozenset[str]
    code: str | None

    def tool_choice(self, choice: Any) -> Any:
        """What the model is told of a run's `tool_choice`.

        Forcing a tool that is not offered would only make the request fail.
        """
        if not self.tools or choice in ("auto", "none"):
            return None
        if not isinstance(choice, dict):
            return choice
        if choice.get("type") == "code_interpreter" and self.code is not None:
            return {"type": "function", "function": {"name": self.code}}
        return choice if choice.get("type") == "function" else None


def may_run_code(run: Object) -> bool:
    """Whether a run's tools have the code interpreter."""
    return any(tool["type"] == "code_interpreter" for tool in run["tools"])


def refuse_unoffered(run: Object) -> None:
    """Raise WireError 400 where `tool_choice` names a tool or a function that the run's tools don't have."""
    choice = run["tool_choice"]
    if not isinstance(choice, dict):
        return
    kind = choice["type"]
    if kind != "function":
        kinds = list(dict.fromkeys(tool["type"] for tool in run["tools"]))
        if kind not in kinds:
            raise _no_such("tool", kind, "tools", kinds)
        return
    name = (choice.get("function") or {}).get("name")
    names = [tool["function"]["name"] for tool in _functions(run)]
    if name not in names:
        raise _no_such("function", name, "functions", names)


def _no_such(what: str, wanted: Any, several: str, there: Sequence[str]) -> WireError:
    listed = ", ".join(f"'{each}'" for each in there) or "none"
    return WireError(
        400,
        f"Invalid 'tool_choice': the run's tools have no {what} '{wanted}'. Its {several}: {listed}.",
        param="tool_choice",
    )


def offer(run: Object, files: Sequence[str] | None) -> Offer:
    """What a run offers. `files`: the names below /mnt/data; None when there is nothing to run code."""
    if run["tool_choice"] == "none":
        return Offer([], frozenset(), None)
    tools = _functions(run)
    names = frozenset(tool["function"]["name"] for tool in tools)
    if files is None or not may_run_code(run):
        return Offer(tools, names, None)
    code = next(name for name in _NAMES if name not in names)
    return Offer([*tools, _code_tool(code, files)], names, code)


def _functions(run: Object) -> list[Object]:
    return [tool for tool in run["tools"] if tool["type"] == "function"]


def _code_tool(name: str, files: Sequence[str]) -> Object:
    description = _DESCRIPTION
    if files:
        named = ", ".join(file for file in files[-_MOST_NAMED:] if file.isprintable())
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        description += f" There now: {named}{more}."
    code = {"type": "string", "description": "The Python code to run."}
    parameters = {"type": "object", "properties": {"code": code}, "required": ["code"]}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }
