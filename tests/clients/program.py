"""What programs for the Assistants API do, in the Python client of any version: `run.py` starts it.

Each operation ends as a line of JSON: its name, and `ok`, `absent` (this client has it not) or what failed.
It stands alone: old clients live in environments that have nothing but them.
"""

import inspect
import json
import sys
import time
import traceback
import warnings

import openai

warnings.simplefilter("ignore")

client = openai.OpenAI(max_retries=0, timeout=60)
beta = client.beta
FUNCTION = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CODE = {"type": "code_interpreter"}


class Absent(Exception):
    """This version of the client has no such thing."""


def of(thing, name):
    """An attribute that not every version has."""
    try:
        return getattr(thing, name)
    except AttributeError:
        raise Absent(name) from None


def is_version_1():
    """Whether this client speaks version 1 of the API, which knew nothing of tool resources."""
    return openai.__version__.split(".")[0] == "1" and int(openai.__version__.split(".")[1]) < 21


def thread_with(text):
    return beta.threads.create(messages=[{"role": "user", "content": text}])


def assistant(**more):
    return beta.assistants.create(model="gpt-4o", **more)


def newest(thread):
    """The text of the newest message."""
    [first] = beta.threads.messages.list(thread_id=thread.id, limit=1).data
    return first.content[0].text.value


def wait(run):
    """Poll by hand, as programs did before there were helpers."""
    while run.status in ("queued", "in_progress"):
        time.sleep(0.05)
        run = beta.threads.runs.retrieve(thread_id=run.thread_id, run_id=run.id)
    return run


def outputs(run):
    calls = run.required_action.submit_tool_outputs.tool_calls
    assert [call.function.name for call in calls] == ["weather"]
    assert json.loads(calls[0].function.arguments) == {"city": "Oslo"}
    return [{"tool_call_id": call.id, "output": "mild"} for call in calls]


def assistants():
    made = assistant(name="Math Tutor", instructions="Be brief.", tools=[CODE], metadata={"a": "b"})
    assert made.id.startswith("asst_") and made.tools[0].type == "code_interpreter"
    changed = beta.assistants.update(made.id, name="Tutor")
    assert (changed.name, changed.instructions) == ("Tutor", "Be brief.")
    assert beta.assistants.retrieve(made.id).metadata == {"a": "b"}
    assert beta.assistants.list(limit=1).data[0].id == made.id
    assert beta.assistants.delete(made.id).deleted


def threads_and_messages():
    thread = thread_with("Hi")
    second = beta.threads.messages.create(thread.id, role="user", content="And?", metadata={"n": "1"})
    assert beta.threads.messages.retrieve(message_id=second.id, thread_id=thread.id).metadata == {"n": "1"}
    listed = beta.threads.messages.list(thread.id, order="asc")
    assert [each.content[0].text.value for each in listed] == ["Hi", "And?"]
    pages = [each.id for each in beta.threads.messages.list(thread.id, limit=1)]
    assert pages == [each.id for each in listed][::-1]
    assert beta.threads.update(thread.id, metadata={"k": "v"}).metadata == {"k": "v"}
    assert beta.threads.delete(thread.id).deleted


def polled_by_hand():
    thread = thread_with("Hello")
    run = wait(beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant().id))
    assert run.status == "completed", run.last_error
    assert newest(thread) == "Hello there."
    steps = beta.threads.runs.steps.list(run_id=run.id, thread_id=thread.id).data
    assert [step.type for step in steps] == ["message_creation"]


def polled_by_the_helper():
    create = of(beta.threads.runs, "create_and_poll")
    thread = thread_with("Hello")
    run = create(thread_id=thread.id, assistant_id=assistant().id)
    assert run.status == "completed" and newest(thread) == "Hello there."


def streamed_as_events():
    if "stream" not in inspect.signature(beta.threads.runs.create).parameters:
        raise Absent("stream")
    thread = thread_with("Hello")
    told = list(beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant().id, stream=True))
    assert told[0].event == "thread.run.created" and told[-1].event == "thread.run.completed"


def streamed_by_the_helper():
    stream = of(beta.threads.runs, "stream")
    texts, done = [], []

    class Handler(openai.AssistantEventHandler):
        def on_text_delta(self, delta, snapshot):
            texts.append(delta.value)

        def on_message_done(self, message):
            done.append(message.content[0].text.value)

    thread = thread_with("Hello")
    more = {} if is_version_1() else {"temperature": 0.5}
    with stream(thread_id=thread.id, assistant_id=assistant().id, event_handler=Handler(), **more) as handler:
        handler.until_done()
    assert "".join(texts) == "Hello there." and done == ["Hello there."], (texts, done)


def functions_polled():
    thread = thread_with("The weather in Oslo?")
    run = wait(beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant(tools=[FUNCTION]).id))
    assert run.status == "requires_action", run.status
    helper = getattr(beta.threads.runs, "submit_tool_outputs_and_poll", None)
    submit = helper or beta.threads.runs.submit_tool_outputs
    run = wait(submit(thread_id=thread.id, run_id=run.id, tool_outputs=outputs(run)))
    assert run.status == "completed" and newest(thread) == "It is mild."


def functions_streamed():
    stream, submit = of(beta.threads.runs, "stream"), of(beta.threads.runs, "submit_tool_outputs_stream")
    texts = []

    class Handler(openai.AssistantEventHandler):
        def on_event(self, event):
            if event.event == "thread.run.requires_action":
                run = event.data
                with submit(
                    thread_id=run.thread_id,
                    run_id=run.id,
                    tool_outputs=outputs(run),
                    event_handler=Handler(),
                ) as rest:
                    rest.until_done()

        def on_text_delta(self, delta, snapshot):
            texts.append(delta.value)

    thread = thread_with("The weather in Oslo?")
    made = assistant(tools=[FUNCTION])
    with stream(thread_id=thread.id, assistant_id=made.id, event_handler=Handler()) as handler:
        handler.until_done()
    assert "".join(texts) == "It is mild.", texts


def files():
    made = client.files.create(file=("notes.txt", b"tea and milk"), purpose="assistants")
    assert (made.filename, made.bytes, made.purpose) == ("notes.txt", 12, "assistants")
    assert client.files.retrieve(made.id).id == made.id
    assert made.id in [each.id for each in client.files.list(purpose="assistants")]
    assert client.files.content(made.id).read() == b"tea and milk"
    assert client.files.delete(made.id).deleted


def code():
    file = client.files.create(file=("in.txt", b"seven"), purpose="assistants")
    given = (
        {"file_ids": [file.id]}
        if is_version_1()
        else {"tool_resources": {"code_interpreter": {"file_ids": [file.id]}}}
    )
    thread = thread_with("Run code")
    run = wait(
        beta.threads.runs.create(thread_id=thread.id, assistant_id=assistant(tools=[CODE], **given).id)
    )
    assert run.status == "completed", run.last_error
    assert newest(thread).strip() == "seven 385", newest(thread)
    step = beta.threads.runs.steps.list(run_id=run.id, thread_id=thread.id, order="asc").data[0]
    call = step.step_details.tool_calls[0]
    assert call.type == "code_interpreter" and "print(" in call.code_interpreter.input
    assert call.code_interpreter.outputs[0].logs.strip() == "seven 385"


def errors():
    for ask, kind, words in (
        (lambda: beta.threads.retrieve("thread_none"), openai.NotFoundError, "No thread found with id"),
        (lambda: beta.threads.retrieve("undefined"), openai.BadRequestError, "begins with 'thread'"),
    ):
        try:
            ask()
        except kind as error:
            assert words in str(error)
        else:
            raise AssertionError("it was answered")


def search():
    """A store of its own, filled by the helper, and found by an assistant."""
    stores = getattr(client, "vector_stores", None) or of(beta, "vector_stores")
    store = stores.create(name="Notes")
    batch = stores.file_batches.upload_and_poll(
        vector_store_id=store.id, files=[("notes.txt", b"The tea costs 3.50.")]
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", 1)
    tools = {"tools": [{"type": "file_search"}]}
    made = assistant(**tools, tool_resources={"file_search": {"vector_store_ids": [store.id]}})
    thread = thread_with("Hello")
    assert wait(beta.threads.runs.create(thread_id=thread.id, assistant_id=made.id)).status == "completed"
    assert stores.delete(store.id).deleted


def notebook_of_version_1():
    """The steps of the cookbook's first notebook: file_ids everywhere, retrieval, three threads at once."""
    if not is_version_1():
        raise Absent("version 1")
    tutor = assistant(name="Math Tutor", instructions="Answer briefly.")
    assert (tutor.file_ids, tutor.tools) == ([], [])

    def submit(thread, text):
        message = beta.threads.messages.create(thread_id=thread.id, role="user", content=text)
        assert message.file_ids == []
        return message, beta.threads.runs.create(thread_id=thread.id, assistant_id=tutor.id)

    threads = [beta.threads.create() for _ in range(3)]
    runs = [submit(thread, "Hello")[1] for thread in threads]
    assert [wait(run).status for run in runs] == ["completed"] * 3
    assert runs[0].file_ids == []
    message, run = submit(threads[2], "Hello")
    wait(run)
    later = beta.threads.messages.list(thread_id=threads[2].id, order="asc", after=message.id)
    assert [(each.role, each.file_ids) for each in later.data] == [("assistant", [])]
    file = client.files.create(file=("paper.txt", b"Language models are learners."), purpose="assistants")
    tutor = beta.assistants.update(tutor.id, tools=[{"type": "retrieval"}], file_ids=[file.id])
    assert ([tool.type for tool in tutor.tools], tutor.file_ids) == (["retrieval"], [file.id])
    _, run = submit(threads[0], "Hello")
    run = wait(run)
    assert run.status == "completed" and run.file_ids == [file.id]


OPERATIONS = {
    "assistants": assistants,
    "threads, messages": threads_and_messages,
    "run, polled by hand": polled_by_hand,
    "run, polled by helper": polled_by_the_helper,
    "run, stream of events": streamed_as_events,
    "run, stream helper": streamed_by_the_helper,
    "functions, polled": functions_polled,
    "functions, streamed": functions_streamed,
    "code interpreter": code,
    "files": files,
    "errors": errors,
    "vector stores": search,
    "version 1's notebook": notebook_of_version_1,
}


def outcome(operation):
    try:
        operation()
    except Absent:
        return "absent"
    except Exception as error:
        traceback.print_exc()
        return "%s: %s" % (type(error).__name__, error)  # noqa: UP031
    return "ok"


if __name__ == "__main__":
    for name, operation in OPERATIONS.items():
        print(json.dumps([name, outcome(operation)]))
        sys.stdout.flush()
