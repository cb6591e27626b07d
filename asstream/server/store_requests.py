"""The bodies of requests about vector stores."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from asstream.server.bodies import (
    Body,
    ChunkingStrategy,
    Description,
    ExpiresAfter,
    Metadata,
    Name,
    RankingOptions,
    Several,
)

Attributes = Annotated[
    dict[
        Annotated[str, Field(max_length=64)],
        bool | int | float | Annotated[str, Field(max_length=512)],
    ],
    Field(max_length=16),
]
Query = Annotated[str, Field(min_length=1, max_length=10_000)]


class ModifyVectorStore(Body):
    """`POST /vector_stores/{vector_store_id}`. A null `expires_after` ends the expiry."""

    name: Name | None = None
    expires_after: ExpiresAfter | None = None
    metadata: Metadata | None = None


class CreateVectorStore(ModifyVectorStore):
    """`POST /vector_stores`."""

    description: Description | None = None
    file_ids: Annotated[Several[str], Field(max_length=500)] | None = None
    chunking_strategy: ChunkingStrategy | None = None


class CreateStoreFile(Body):
    """`POST /vector_stores/{vector_store_id}/files`."""

    file_id: str
    chunking_strategy: ChunkingStrategy | None = None
    attributes: Attributes | None = None


class ModifyStoreFile(Body):
    """`POST /vector_stores/{vector_store_id}/files/{file_id}`."""

    attributes: Attributes | None


class CreateFileBatch(Body):
    """`POST /vector_stores/{vector_store_id}/file_batches`."""

    file_ids: Annotated[Several[str], Field(min_length=1, max_length=2000)] | None = None
    files: Annotated[Several[CreateStoreFile], Field(min_length=1, max_length=2000)] | None = None
    chunking_strategy: ChunkingStrategy | None = None
    attributes: Attributes | None = None

    @model_validator(mode="after")
    def _names_files_once(self) -> CreateFileBatch:
        if (self.file_ids is None) == (self.files is None):
            raise PydanticCustomError("files", "give one of 'file_ids' and 'files'", {"param": "file_ids"})
        return self


class SearchVectorStore(Body):
    """`POST /vector_stores/{vector_store_id}/search`.

    `rewrite_query` changes nothing: queries are searched as they are, and the answer says which those were.
    """

    query: Query | Annotated[Several[Query], Field(min_length=1, max_length=32)]
    filters: dict[str, Any] | None = None
    max_num_results: Annotated[int, Field(ge=1, le=50)] | None = None
    ranking_options: RankingOptions | None = None
    rewrite_query: bool | None = None
