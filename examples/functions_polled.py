"""Functions that the model may call, without a stream: poll, answer the calls, poll again.

Start `asstream serve`, export the two variables that it prints, then run this file with a question, or
without one.
"""

import sys
import warnings

from openai import OpenAI
from weather_functions import TOOLS, call

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def main() -> None:
    """Ask once."""
    client = OpenAI()
    runs = client.beta.threads.runs
    question = " ".join(sys.argv[1:]) or "How warm is it in Oslo, and will it rain?"
    assistant = client.beta.assistants.create(model="gpt-4o", tools=TOOLS)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
    run = runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    while run.required_action is not None:
        calls = run.required_action.submit_tool_outputs.tool_calls
        for each in calls:
            print(f"-- {each.function.name}({each.function.arguments})")
        # All of them at once: a run goes on when it has every output that it asked for.
        run = runs.submit_tool_outputs_and_poll(
            run_id=run.id,
            thread_id=thread.id,
            tool_outputs=[
                {"tool_call_id": each.id, "output": call(each.function.name, each.function.arguments)}
                for each in calls
            ],
        )
    if run.status != "completed":
        sys.exit(f"The run ended as {run.status}: {run.last_error}")
    [newest] = client.beta.threads.messages.list(thread.id, limit=1).data
    print("".join(part.text.value for part in newest.content if part.type == "text"))


if __name__ == "__main__":
    main()
