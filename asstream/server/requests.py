"""The bodies that requests may have.

Every field may be null: clients send null for what they leave out.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Required

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from asstream.server.bodies import (
    Body,
    CodeInterpreterTool,
    Description,
    FileSearchTool,
    Metadata,
    Name,
    Several,
    ToolResources,
    Tools,
)
from asstream.server.version_1 import resources

ASSISTANT_ID: Final = r"^asst_[A-Za-z0-9_-]{1,64}$"
"""What an assistant's own id may be."""

Model = Annotated[str, Field(min_length=1, max_length=256)]
Instructions = Annotated[str, Field(max_length=256_000)]
Temperature = Annotated[float, Field(ge=0, le=2)]
TopP = Annotated[float, Field(ge=0, le=1)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Tokens = Annotated[int, Field(ge=1)]


# No class: pydantic's models have a method `schema` of their own.
class JsonSchema(TypedDict, total=False):
    name: Required[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]]
    description: str | None
    schema: dict[str, Any] | None
    strict: bool | None


"""The form of a reply as a JSON schema."""


class ResponseFormat(Body):
    """The form of a reply."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise PydanticCustomError("missing_schema", "it has no json_schema")
        return self


class ToolChoiceFunction(Body):
    """The function that must be called."""

    name: str


class ToolChoice(Body):
    """The tool that must be called."""

    type: Literal["function", "code_interpreter", "file_search"]
    function: ToolChoiceFunction | None = None

    @model_validator(mode="after")
    def _names_its_function(self) -> ToolChoice:
        if self.type == "function" and self.function is None:
            raise PydanticCustomError("missing_function", "it names no function")
        return self


class TruncationStrategy(Body):
    """How much of the thread the model is shown."""

    type: Literal["auto", "last_messages"]
    last_messages: Annotated[int, Field(ge=1)] | None = None


def _version_1_files(data: Any) -> tuple[list[str] | None, Any]:
    """The `file_ids` that version 1 of the API had, and the body without them; (None, body) without any.

    What is no list of ids stays where it is, and is refused as what version 2 does not know.
    """
    ids = data.get("file_ids", ...) if isinstance(data, dict) else ...
    if ids is ... or not (ids is None or (isinstance(ids, list) and all(isinstance(id, str) for id in ids))):
        return None, data
    return ids or [], {key: value for key, value in data.items() if key != "file_ids"}


class AssistantFields(Body):
    """What creating and modifying an assistant have in common.

    Version 1 of the API had `file_ids`: files for whichever of the two tools the assistant has.
    """

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
    file_ids: Annotated[Several[str], Field(max_length=20)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_version_1(cls, data: Any) -> Any:
        ids, rest = _version_1_files(data)
        made = resources(ids, rest.get("tools")) if ids else None
        given = rest.get("tool_resources") or {}
        return {**data, "tool_resources": {**made, **given}} if made and isinstance(given, dict) else data


class CreateAssistantFile(Body):
    """`POST /assistants/{assistant_id}/files`, of version 1."""

    file_id: str


class CreateAssistant(AssistantFields):
    """`POST /assistants`. `id` is an extension: an assistant under an id that programs know."""

    model: Model
    id: Annotated[str, Field(pattern=ASSISTANT_ID)] | None = None


class ModifyAssistant(AssistantFields):
    """`POST /assistants/{assistant_id}`."""

    model: Model | None = None


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
    tools: Several[CodeInterpreterTool | FileSearchTool] | None = None


class CreateMessage(Body):
    """`POST /threads/{thread_id}/messages`."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Field(max_length=1_000_000)] | Annotated[Several[Part], Field(min_length=1)]
    attachments: Several[Attachment] | None = None
    metadata: Metadata | None = None

    @model_validator(mode="before")
    @classmethod
    def _take_version_1(cls, data: Any) -> Any:
        ids, rest = _version_1_files(data)
        if not ids:
            return rest
        tools = [{"type": "code_interpreter"}, {"type": "file_search"}]
        added = [{"file_id": id, "tools": tools} for id in ids]
        return {**rest, "attachments": [*(rest.get("attachments") or []), *added]}


class ModifyMetadata(Body):
    """Changes of what has nothing but metadata to change: a message, a run."""

    metadata: Metadata | None = None


class ModifyThread(ModifyMetadata):
    """`POST /threads/{thread_id}`."""

    tool_resources: ToolResources | None = None


class CreateThread(ModifyThread):
    """`POST /threads`."""

    messages: Several[CreateMessage] | None = None


class RunFields(Body):
    """What both ways of making a run have in common."""

    assistant_id: str
    model: Model | None = None
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
    additional_messages: Several[CreateMessage] | None = None


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

    tool_outputs: Several[ToolOutput]
    stream: bool | None = None
