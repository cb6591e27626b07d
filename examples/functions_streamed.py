"""Functions that the model may call, in a stream: it asks, this program answers, the reply goes on.

Start `asstream serve`, export the two variables that it prints, then run this file with a question, or
without one.
"""

import sys
import warnings

from openai import AssistantEventHandler, OpenAI
from weather_functions import TOOLS, call

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()


class Answering(AssistantEventHandler):
    """Prints the text, and answers the calls with a stream of its own: one handler serves one stream."""

    def on_event(self, event):  # type: ignore[no-untyped-def]
        if event.event != "thread.run.requires_action":
            return
        run = event.data
        calls = run.required_action.submit_tool_outputs.tool_calls
        for each in calls:
            print(f"-- {each.function.name}({each.function.arguments})")
        outputs = [
            {"tool_call_id": each.id, "output": call(each.function.name, each.function.arguments)}
            for each in calls
        ]
        with client.beta.threads.runs.submit_tool_outputs_stream(
            run_id=run.id, thread_id=run.thread_id, tool_outputs=outputs, event_handler=Answering()
        ) as stream:
            stream.until_done()

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        print(delta.value or "", end="", flush=True)

    def on_text_done(self, text):  # type: ignore[no-untyped-def]
        print()


def main() -> None:
    """Ask once."""
    question = " ".join(sys.argv[1:]) or "How warm is it in Oslo, and will it rain?"
    assistant = client.beta.assistants.create(model="gpt-4o", tools=TOOLS)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
    with client.beta.threads.runs.stream(
        thread_id=thread.id, assistant_id=assistant.id, event_handler=Answering()
    ) as stream:
        stream.until_done()


if __name__ == "__main__":
    main()
