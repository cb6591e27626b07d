"""A reply in a form of your own: a JSON schema goes out, an object comes back.

Start `asstream serve`, export the two variables that it prints, then run this file with a text, or without
one. How well the form is kept is up to the model behind the server.
"""

import sys
import warnings

from openai import OpenAI
from pydantic import BaseModel, ConfigDict

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)


class Step(BaseModel):
    """A line of the solution."""

    model_config = ConfigDict(extra="forbid")
    explanation: str
    output: str


class Solution(BaseModel):
    """A solved equation."""

    model_config = ConfigDict(extra="forbid")
    steps: list[Step]
    answer: str


def main() -> None:
    """Ask once, and print what was understood."""
    client = OpenAI()
    question = " ".join(sys.argv[1:]) or "Solve 3x + 11 = 14."
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        instructions="Solve it step by step.",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "solution", "strict": True, "schema": Solution.model_json_schema()},
        },
    )
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": question}]}
    )
    [newest] = client.beta.threads.messages.list(run.thread_id, run_id=run.id).data
    [part] = newest.content
    if part.type != "text":
        sys.exit(f"No answer: {part}")
    solution = Solution.model_validate_json(part.text.value)
    for number, step in enumerate(solution.steps, start=1):
        print(f"{number}. {step.explanation}: {step.output}")
    print(f"Answer: {solution.answer}")


if __name__ == "__main__":
    main()
