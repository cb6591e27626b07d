"""A call of the SDK for every operation of the API, in an order in which they succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.served import reply

FUNCTION: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CODE: Any = {"type": "code_interpreter"}
SEARCH: Any = {"type": "file_search", "file_search": {"max_num_results": 5}}
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
)
CALL = {"tool_call": {"name": "weather", "arguments": {"city": "Oslo"}}}
RUN_CODE = {"tool_call": {"name": "python", "arguments": {"code": "plot()"}}}
SCRIPT = [
    reply([CALL, CALL], [{"text": "It is {tool}."}], match="weather"),
    reply([{"text": "I look."}, RUN_CODE], [{"text": "See sandbox:/mnt/data/a.csv here"}], match="plot"),
    reply([{"refusal": "No, I must not."}], match="refuse"),
    reply([{"error": {"message": "Too many.", "code": "rate_limit_exceeded"}}], match="fail"),
    reply([{"text": "word " * 300}], match="long"),
    reply([{"text": "Well, "}, {"wait": 30}, {"text": "yes."}], match="slow"),
    reply([{"text": "Hello."}]),
]
JSON_FORM: Any = {
    "type": "json_schema",
    "json_schema": {"name": "answer", "schema": {"type": "object", "properties": {}}, "strict": True},
}


def user(text: str, **more: Any) -> Any:
    """A message of a user."""
    return {"role": "user", "content": text, **more}


def streamed(text: str, **more: Any) -> Callable[[Any], Any]:
    """A new thread's run, streamed to its end."""

    def drive(w: Any) -> Any:
        with w.beta.threads.create_and_run_stream(
            assistant_id=w.assistant.id, thread={"messages": [user(text)]}, **more
        ) as stream:
            stream.until_done()
            return stream.current_run

    return drive


def answered(w: Any) -> Any:
    """The outputs of the calls that the last streamed run asked for, submitted as a stream."""
    return w.beta.threads.runs.submit_tool_outputs_stream(
        thread_id=w.asking.thread_id, run_id=w.asking.id, tool_outputs=outputs(w.asking)
    )


def outputs(run: Any) -> Any:
    """The outputs of a run's calls."""
    return [
        {"tool_call_id": call.id, "output": "mild"}
        for call in run.required_action.submit_tool_outputs.tool_calls
    ]


def submitted(w: Any) -> Any:
    with answered(w) as stream:
        stream.until_done()
        return stream.current_run


def stopped(w: Any) -> Any:
    """A run that is cancelled while it speaks."""
    run = w.beta.threads.create_and_run(
        assistant_id=w.assistant.id, thread={"messages": [user("slow, please")]}
    )
    while not w.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data:
        pass
    return w.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)


def told(w: Any) -> Any:
    """The cancelled run in its end, and before that its events from the first."""
    run = w.cancelled
    w.client.get(f"/threads/{run.thread_id}/runs/{run.id}/events", cast_to=str)
    return w.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id)


def polled(text: str) -> Callable[[Any], Any]:
    """A run that a helper polls to where it waits or ends."""
    return lambda w: w.beta.threads.create_and_run_poll(
        assistant_id=w.assistant.id, thread={"messages": [user(text)]}, poll_interval_ms=20
    )


Drive = Callable[[Any], Any]
DRIVEN: tuple[tuple[str, str, Drive], ...] = (
    ("listModels", "models", lambda w: w.client.models.list()),
    ("retrieveModel", "model", lambda w: w.client.models.retrieve(w.models.data[0].id)),
    ("createFile", "file", lambda w: w.client.files.create(file=("a.txt", b"tea"), purpose="assistants")),
    (
        "createFile",
        "dying",
        lambda w: w.client.files.create(
            file=("b.png", PNG), purpose="vision", expires_after={"anchor": "created_at", "seconds": 3600}
        ),
    ),
    ("listFiles", "", lambda w: w.client.files.list(limit=1)),
    ("retrieveFile", "", lambda w: w.client.files.retrieve(w.file.id)),
    ("downloadFile", "", lambda w: w.client.files.content(w.file.id)),
    (
        "createAssistant",
        "assistant",
        lambda w: w.beta.assistants.create(
            model="gpt-4o",
            name="A",
            tools=[FUNCTION, CODE],
            tool_resources={"code_interpreter": {"file_ids": [w.file.id]}},
            metadata={"a": "b"},
        ),
    ),
    ("createAssistant", "plain", lambda w: w.beta.assistants.create(model="gpt-4o")),
    (
        "createAssistant",
        "",
        lambda w: w.beta.assistants.create(
            model="o3-mini", tools=[SEARCH], response_format=JSON_FORM, reasoning_effort="low"
        ),
    ),
    ("getAssistant", "", lambda w: w.beta.assistants.retrieve(w.assistant.id)),
    ("modifyAssistant", "", lambda w: w.beta.assistants.update(w.assistant.id, description="d", top_p=0.5)),
    ("listAssistants", "", lambda w: w.beta.assistants.list(limit=2)),
    ("createThread", "", lambda w: w.beta.threads.create()),
    (
        "createThread",
        "thread",
        lambda w: w.beta.threads.create(
            messages=[user("Hi", attachments=[{"file_id": w.file.id, "tools": [CODE]}])]
        ),
    ),
    ("getThread", "", lambda w: w.beta.threads.retrieve(w.thread.id)),
    ("modifyThread", "", lambda w: w.beta.threads.update(w.thread.id, metadata={"k": "v"})),
    (
        "createMessage",
        "message",
        lambda w: w.beta.threads.messages.create(
            w.thread.id,
            role="user",
            content=[
                {"type": "text", "text": "What is that?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
                {"type": "image_file", "image_file": {"file_id": w.dying.id}},
            ],
        ),
    ),
    ("getMessage", "", lambda w: w.beta.threads.messages.retrieve(w.message.id, thread_id=w.thread.id)),
    (
        "modifyMessage",
        "",
        lambda w: w.beta.threads.messages.update(w.message.id, thread_id=w.thread.id, metadata={"k": "v"}),
    ),
    ("listMessages", "", lambda w: w.beta.threads.messages.list(w.thread.id)),
    ("deleteMessage", "", lambda w: w.beta.threads.messages.delete(w.message.id, thread_id=w.thread.id)),
    (
        "createRun",
        "run",
        lambda w: w.beta.threads.runs.create(
            w.thread.id,
            assistant_id=w.plain.id,
            additional_messages=[user("And so?")],
            truncation_strategy={"type": "last_messages", "last_messages": 3},
            max_prompt_tokens=1000,
            max_completion_tokens=300,
            tool_choice={"type": "function", "function": {"name": "weather"}},
            tools=[FUNCTION],
            response_format={"type": "text"},
        ),
    ),
    ("getRun", "", lambda w: w.beta.threads.runs.poll(w.run.id, thread_id=w.thread.id, poll_interval_ms=20)),
    (
        "modifyRun",
        "",
        lambda w: w.beta.threads.runs.update(w.run.id, thread_id=w.thread.id, metadata={"k": "v"}),
    ),
    ("listRuns", "", lambda w: w.beta.threads.runs.list(w.thread.id)),
    ("listRunSteps", "steps", lambda w: w.beta.threads.runs.steps.list(w.run.id, thread_id=w.thread.id)),
    (
        "getRunStep",
        "",
        lambda w: w.beta.threads.runs.steps.retrieve(
            w.steps.data[0].id,
            run_id=w.run.id,
            thread_id=w.thread.id,
            include=["step_details.tool_calls[*].file_search.results[*].content"],
        ),
    ),
    ("createThreadAndRun", "asking", streamed("weather")),
    ("submitToolOuputsToRun", "", submitted),
    ("createThreadAndRun", "", streamed("plot")),
    ("createThreadAndRun", "", streamed("refuse")),
    ("createThreadAndRun", "", streamed("fail")),
    ("createThreadAndRun", "", streamed("long", max_completion_tokens=256)),
    ("getRun", "asked", polled("weather")),
    (
        "submitToolOuputsToRun",
        "",
        lambda w: w.beta.threads.runs.submit_tool_outputs(
            w.asked.id, thread_id=w.asked.thread_id, tool_outputs=outputs(w.asked)
        ),
    ),
    (
        "listRunSteps",
        "",
        lambda w: w.beta.threads.runs.steps.list(w.asking.id, thread_id=w.asking.thread_id),
    ),
    ("cancelRun", "cancelled", stopped),
    ("getRun", "", told),
    (
        "createVectorStore",
        "store",
        lambda w: w.client.vector_stores.create(
            name="s", file_ids=[w.file.id], expires_after={"anchor": "last_active_at", "days": 2}
        ),
    ),
    ("getVectorStore", "", lambda w: w.client.vector_stores.retrieve(w.store.id)),
    ("modifyVectorStore", "", lambda w: w.client.vector_stores.update(w.store.id, metadata={"k": "v"})),
    ("listVectorStores", "", lambda w: w.client.vector_stores.list(limit=1)),
    (
        "createVectorStoreFile",
        "kept",
        lambda w: w.client.vector_stores.files.create(
            w.store.id,
            file_id=w.file.id,
            attributes={"year": 2020, "new": True, "by": "me"},
            chunking_strategy={
                "type": "static",
                "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 100},
            },
        ),
    ),
    (
        "getVectorStoreFile",
        "",
        lambda w: w.client.vector_stores.files.poll(
            w.file.id, vector_store_id=w.store.id, poll_interval_ms=20
        ),
    ),
    (
        "updateVectorStoreFileAttributes",
        "",
        lambda w: w.client.vector_stores.files.update(
            w.file.id, vector_store_id=w.store.id, attributes={"year": 2021}
        ),
    ),
    ("listVectorStoreFiles", "", lambda w: w.client.vector_stores.files.list(w.store.id)),
    (
        "retrieveVectorStoreFileContent",
        "",
        lambda w: w.client.vector_stores.files.content(w.file.id, vector_store_id=w.store.id),
    ),
    ("searchVectorStore", "", lambda w: w.client.vector_stores.search(w.store.id, query="tea")),
    (
        "createVectorStoreFileBatch",
        "batch",
        lambda w: w.client.vector_stores.file_batches.create(w.store.id, file_ids=[w.file.id]),
    ),
    (
        "getVectorStoreFileBatch",
        "",
        lambda w: w.client.vector_stores.file_batches.retrieve(w.batch.id, vector_store_id=w.store.id),
    ),
    (
        "listFilesInVectorStoreBatch",
        "",
        lambda w: w.client.vector_stores.file_batches.list_files(w.batch.id, vector_store_id=w.store.id),
    ),
    (
        "cancelVectorStoreFileBatch",
        "",
        lambda w: w.client.vector_stores.file_batches.cancel(w.batch.id, vector_store_id=w.store.id),
    ),
    (
        "deleteVectorStoreFile",
        "",
        lambda w: w.client.vector_stores.files.delete(w.file.id, vector_store_id=w.store.id),
    ),
    ("deleteVectorStore", "", lambda w: w.client.vector_stores.delete(w.store.id)),
    ("deleteThread", "", lambda w: w.beta.threads.delete(w.thread.id)),
    ("deleteAssistant", "", lambda w: w.beta.assistants.delete(w.assistant.id)),
    ("deleteFile", "", lambda w: w.client.files.delete(w.file.id)),
)
"""Operation, the name under which its result is kept, and the call of the SDK that ends with it."""
