"""The bodies that requests may have, and what the service said of those that are wrong.

Every field may be null: clients send null for what they leave out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asstream.errors import WireError
from asstream.runtime.objects import Object


class Body(BaseModel):
    """A JSON object without unknown keys."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    def fields(self) -> Object:
        """What the request named, as plain dictionaries."""
        return self.model_dump(exclude_unset=True)


B = TypeVar("B", bound=Body)

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
Name = Annotated[str, Field(max_length=256)]
Description = Annotated[str, Field(max_length=512)]
Instructions = Annotated[str, Field(max_length=256_000)]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(ge=0, le=1)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Tokens = Annotated[int, Field(ge=1)]


class Function(Body):
    """A function that the model may call."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(Body):
    """A function tool."""

    type: Literal["function"]
    function: Function


class CodeInterpreterTool(Body):
    """The code interpreter."""

    type: Literal["code_interpreter"]


class FileSearchTool(Body):
    """File search; version 1 of the API called it retrieval."""

    type: Literal["file_search", "retrieval"]
    file_search: dict[str, Any] | None = None


Tool = Annotated[FunctionTool | CodeInterpreterTool | FileSearchTool, Field(discriminator="type")]
Tools = Annotated[list[Tool], Field(max_length=128)]


class CodeInterpreterResources(Body):
    """The files of a code interpreter."""

    file_ids: Annotated[list[str], Field(max_length=20)] | None = None


class FileSearchResources(Body):
    """The vector store of a file search."""

    vector_store_ids: Annotated[list[str], Field(max_length=1)] | None = None


class ToolResources(Body):
    """What the tools work on."""

    code_interpreter: CodeInterpreterResources | None = None
    file_search: FileSearchResources | None = None


class ResponseFormat(Body):
    """The form of a reply."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


class ToolChoiceFunction(Body):
    """The function that must be called."""

    name: str


class ToolChoice(Body):
    """The tool that must be called."""

    type: Literal["function", "code_interpreter", "file_search"]
    function: ToolChoiceFunction | None = None


class TruncationStrategy(Body):
    """How much of the thread the model is shown."""

    type: Literal["auto", "last_messages"]
    last_messages: Annotated[int, Field(ge=1)] | None = None


class AssistantFields(Body):
    """What creating and modifying an assistant have in common."""

    name: Name | None = None
    description: Description | None = None
    instructions: Instructions | None = None
    reasoning_effort: Effort | None = None
    tools: Tools | None = None
    tool_resources: ToolResources | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    response_format: Literal["auto"] | ResponseFormat | None = None


class CreateAssistant(AssistantFields):
    """`POST /assistants`. `id` is an extension: an assistant under an id that programs know."""

    model: str
    id: Annotated[str, Field(pattern=r"^asst_[A-Za-z0-9_-]{1,64}$")] | None = None


class ModifyAssistant(AssistantFields):
    """`POST /assistants/{assistant_id}`."""

    model: str | None = None


class TextPart(Body):
    """A text of a message."""

    type: Literal["text"]
    text: str


class ImageUrl(Body):
    """An image somewhere else."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImageUrlPart(Body):
    """An image by its address."""

    type: Literal["image_url"]
    image_url: ImageUrl


class ImageFile(Body):
    """An uploaded image."""

    file_id: str
    detail: Literal["auto", "low", "high"] | None = None


class ImageFilePart(Body):
    """An image by its file."""

    type: Literal["image_file"]
    image_file: ImageFile


Part = Annotated[TextPart | ImageUrlPart | ImageFilePart, Field(discriminator="type")]


class Attachment(Body):
    """A file of a message, and the tools that it is for."""

    file_id: str
    tools: list[CodeInterpreterTool | FileSearchTool] | None = None


class CreateMessage(Body):
    """`POST /threads/{thread_id}/messages`."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=1_000_000)] | Annotated[list[Part], Field(min_length=1)]
    attachments: list[Attachment] | None = None
    metadata: Metadata | None = None


class ModifyMetadata(Body):
    """Changes of what has nothing but metadata to change: a message, a run."""

    metadata: Metadata | None = None


class ModifyThread(ModifyMetadata):
    """`POST /threads/{thread_id}`."""

    tool_resources: ToolResources | None = None


class CreateThread(ModifyThread):
    """`POST /threads`."""

    messages: list[CreateMessage] | None = None


class RunFields(Body):
    """What both ways of making a run have in common."""

    assistant_id: str
    model: str | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    reasoning_effort: Effort | None = None
    stream: bool | None = None
    max_prompt_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    truncation_strategy: TruncationStrategy | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: Literal["auto"] | ResponseFormat | None = None


class CreateRun(RunFields):
    """`POST /threads/{thread_id}/runs`."""

    additional_instructions: Instructions | None = None
    additional_messages: list[CreateMessage] | None = None


class CreateThreadAndRun(RunFields):
    """`POST /threads/runs`."""

    thread: CreateThread | None = None
    tool_resources: ToolResources | None = None


class ToolOutput(Body):
    """The output of one call."""

    tool_call_id: str
    output: str | None = None


class SubmitToolOutputs(Body):
    """`POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs`."""

    tool_outputs: list[ToolOutput]
    stream: bool | None = None


def parse(model: type[B], data: Any) -> B:
    """A body, checked. Raises WireError 400 for its first fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _refusal(error) from None


_JSON_TYPES: Final = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}

_WANTED: Final = {
    "string_type": "a string",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a decimal",
    "float_parsing": "a decimal",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}

Fault = dict[str, Any]

_TEXTS: Final[dict[str, tuple[str, Callable[[str, Fault], str]]]] = {
    "missing": ("missing_required_parameter", lambda p, e: f"Missing required parameter: '{p}'."),
    "extra_forbidden": ("unknown_parameter", lambda p, e: f"Unknown parameter: '{p}'."),
    "string_too_long": (
        "string_above_max_length",
        lambda p, e: (
            f"Invalid '{p}': string too long. Expected a string with maximum length "
            f"{e['ctx']['max_length']}, but got a string with length {len(e['input'])} instead."
        ),
    ),
    "too_long": (
        "array_above_max_length",
        lambda p, e: (
            f"Invalid '{p}': too many entries. Expected at most {e['ctx']['max_length']}, "
            f"but got {len(e['input'])} instead."
        ),
    ),
    "too_short": (
        "empty_array",
        lambda p, e: f"Invalid '{p}': empty array. Expected at least {e['ctx']['min_length']} entry.",
    ),
    "less_than_equal": (
        "above_max_value",
        lambda p, e: (
            f"Invalid '{p}': above the maximum value. Expected a value <= {e['ctx']['le']}, "
            f"but got {e['input']} instead."
        ),
    ),
    "greater_than_equal": (
        "below_min_value",
        lambda p, e: (
            f"Invalid '{p}': below the minimum value. Expected a value >= {e['ctx']['ge']}, "
            f"but got {e['input']} instead."
        ),
    ),
    "literal_error": (
        "invalid_value",
        lambda p, e: (
            f"Invalid value: {_shown(e['input'])}. Supported values for '{p}' are: {e['ctx']['expected']}."
        ),
    ),
    "union_tag_invalid": (
        "invalid_value",
        lambda p, e: (
            f"Invalid value: {_shown(e['ctx']['tag'])}. Supported values for '{p}.type' are: "
            f"{e['ctx']['expected_tags']}."
        ),
    ),
    "union_tag_not_found": (
        "missing_required_parameter",
        lambda p, e: f"Missing required parameter: '{p}.type'.",
    ),
    "string_pattern_mismatch": (
        "invalid_value",
        lambda p, e: f"Invalid '{p}': {_shown(e['input'])} does not match the pattern {e['ctx']['pattern']}.",
    ),
}


def _refusal(error: ValidationError) -> WireError:
    faults: list[Any] = error.errors(include_url=False)
    # Of a union's branches the one that got furthest is what the client meant.
    fault: Fault = max(faults, key=lambda each: len(each["loc"]))
    path = _path(fault["loc"])
    kind = fault["type"]
    if kind in _WANTED:
        got = _JSON_TYPES.get(type(fault["input"]), "something else")
        message = f"Invalid type for '{path}': expected {_WANTED[kind]}, but got {got} instead."
        return WireError(400, message, param=path, code="invalid_type")
    code, text = _TEXTS.get(kind, ("invalid_value", lambda p, e: f"Invalid '{p}': {e['msg']}."))
    return WireError(400, text(path, fault), param=path or None, code=code)


def _path(location: tuple[str | int, ...]) -> str:
    """`('tools', 0, 'function', 'function', 'name')` as `tools[0].function.name`."""
    path, tags = "", {"function", "code_interpreter", "file_search", "retrieval", "text"}
    previous: str | int | None = None
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif isinstance(previous, int) and part in {*tags, "image_url", "image_file"}:
            pass  # a union's tag: it stands nowhere in the request
        elif "[" in part or part in ("str", "ResponseFormat", "ToolChoice") or part.startswith("literal"):
            pass  # a union's branch
        else:
            path += f".{part}" if path else part
        previous = part
    return path


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
