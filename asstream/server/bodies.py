"""What several requests have in common: tools, and what the tools work on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from asstream.runtime.objects import Object


class Body(BaseModel):
    """A JSON object without unknown keys."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    def fields(self) -> Object:
        """What the request named, as plain dictionaries."""
        return self.model_dump(exclude_unset=True)


T = TypeVar("T")

# Only the first fault is told: a list of a million wrong entries must not cost gigabytes.
Several = Annotated[list[T], Field(fail_fast=True)]

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
Name = Annotated[str, Field(max_length=256)]
Description = Annotated[str, Field(max_length=512)]


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


class HybridSearch(Body):
    """How much the two rankings count."""

    embedding_weight: Annotated[float, Field(ge=0)] | None = None
    text_weight: Annotated[float, Field(ge=0)] | None = None


class RankingOptions(Body):
    """How results are ranked."""

    ranker: str | None = None
    score_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    hybrid_search: HybridSearch | None = None


class FileSearchOptions(Body):
    """How files are searched."""

    max_num_results: Annotated[int, Field(ge=1, le=50)] | None = None
    ranking_options: RankingOptions | None = None


class FileSearchTool(Body):
    """File search; version 1 of the API called it retrieval."""

    type: Literal["file_search", "retrieval"]
    file_search: FileSearchOptions | None = None


Tool = Annotated[FunctionTool | CodeInterpreterTool | FileSearchTool, Field(discriminator="type")]
Tools = Annotated[Several[Tool], Field(max_length=128)]


class CodeInterpreterResources(Body):
    """The files of a code interpreter."""

    file_ids: Annotated[Several[str], Field(max_length=20)] | None = None


class StaticChunking(Body):
    """Sizes of a file's chunks, in tokens."""

    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _overlaps_half_at_most(self) -> StaticChunking:
        most = self.max_chunk_size_tokens // 2
        if self.chunk_overlap_tokens > most:
            raise PydanticCustomError(
                "overlap",
                "chunk_overlap_tokens is {overlap}, above half of max_chunk_size_tokens ({most})",
                {"overlap": self.chunk_overlap_tokens, "most": most},
            )
        return self


class ChunkingStrategy(Body):
    """How files are cut into chunks."""

    type: Literal["auto", "static"]
    static: StaticChunking | None = None

    @model_validator(mode="after")
    def _has_its_sizes(self) -> ChunkingStrategy:
        if (self.type == "static") != (self.static is not None):
            raise PydanticCustomError("sizes", "sizes are given in 'static', with the type 'static' alone")
        return self


class ExpiresAfter(Body):
    """How long a vector store lives after its last use."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(ge=1, le=365)]


class NewVectorStore(Body):
    """A vector store that is made along with what will search it."""

    file_ids: Annotated[Several[str], Field(max_length=10_000)] | None = None
    chunking_strategy: ChunkingStrategy | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class FileSearchResources(Body):
    """The vector store of a file search."""

    vector_store_ids: Annotated[Several[str], Field(max_length=1)] | None = None
    vector_stores: Annotated[Several[NewVectorStore], Field(max_length=1)] | None = None


class ToolResources(Body):
    """What the tools work on."""

    code_interpreter: CodeInterpreterResources | None = None
    file_search: FileSearchResources | None = None
