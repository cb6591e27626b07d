"""What a run offers its model to call: the user's functions, and those that run code and search. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asstream.errors import WireError
from asstream.runtime.objects import Object

_NAMES: Final = ("python", "code_interpreter", "run_python", "run_python_code")
"""Names for the function that runs code; the first that no function of the user has."""

_SEARCH_NAMES: Final = ("file_search", "search_files", "search_the_files")
"""The same for the function that searches."""

_SEARCHES: Final = (
    "Searches the files that the user gave and returns the passages that fit best, each with a mark such as "
    "【0:1†name.txt】. Put a passage's mark, exactly as it was given, right behind what you take from it. "
    "Ask in several ways at once: other words, the parts of a question, the language of the files."
)

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
        search: the name by which it searches files; None when it may not.
    """

    tools: list[Object]
    names: frozenset[str]
    code: str | None
    search: str | None = None

    @property
    def all_names(self) -> frozenset[str]:
        """The names of everything that may be called."""
        return self.names | {name for name in (self.code, self.search) if name is not None}

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
        if choice.get("type") == "file_search" and self.search is not None:
            return {"type": "function", "function": {"name": self.search}}
        return choice if choice.get("type") == "function" else None


def may_run_code(run: Object) -> bool:
    """Whether a run's tools have the code interpreter."""
    return any(tool["type"] == "code_interpreter" for tool in run["tools"])


def may_search(run: Object) -> bool:
    """Whether a run's tools have file search."""
    return any(tool["type"] == "file_search" for tool in run["tools"])


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


def offer(run: Object, files: Sequence[str] | None, *, searches: bool = False) -> Offer:
    """What a run offers.

    Args:
        files: the names below /mnt/data; None when there is nothing to run code.
        searches: whether there are files to search.
    """
    if run["tool_choice"] == "none":
        return Offer([], frozenset(), None)
    tools = _functions(run)
    names = frozenset(tool["function"]["name"] for tool in tools)
    code = search = None
    if files is not None and may_run_code(run):
        code = next(name for name in _NAMES if name not in names)
        tools.append(_code_tool(code, files))
    if searches and may_search(run):
        search = next(name for name in _SEARCH_NAMES if name not in names)
        tools.append(_search_tool(search))
    return Offer(tools, names, code, search)


def _functions(run: Object) -> list[Object]:
    return [tool for tool in run["tools"] if tool["type"] == "function"]


def _search_tool(name: str) -> Object:
    queries = {
        "type": "array",
        "items": {"type": "string"},
        "description": "What to look for: one to five queries.",
    }
    parameters = {"type": "object", "properties": {"queries": queries}, "required": ["queries"]}
    return {
        "type": "function",
        "function": {"name": name, "description": _SEARCHES, "parameters": parameters},
    }


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
