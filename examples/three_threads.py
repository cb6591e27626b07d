"""Three people ask the same assistant at once: a thread each, their runs side by side.

Start `asstream serve`, export the two variables that it prints, then run this file.
"""

import asyncio
import warnings

from openai import AsyncOpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

QUESTIONS = ("Solve 3x + 11 = 14.", "What is linear algebra?", "I don't like maths. What can I do?")


async def conversation(client: AsyncOpenAI, assistant_id: str, *questions: str) -> str:
    """Ask one question after another on a new thread; what was said, oldest first."""
    thread = await client.beta.threads.create()
    for question in questions:
        await client.beta.threads.messages.create(thread.id, role="user", content=question)
        run = await client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant_id)
        if run.status != "completed":
            return f"(the run ended as {run.status}: {run.last_error})"
    lines = [
        f"{message.role}: {part.text.value}"
        async for message in client.beta.threads.messages.list(thread.id, order="asc")
        for part in message.content
        if part.type == "text"
    ]
    return "\n".join(lines)


async def main() -> None:
    """Start all three, then print them in the order of the questions."""
    async with AsyncOpenAI() as client:
        tutor = await client.beta.assistants.create(
            name="Math Tutor", model="gpt-4o", instructions="Answer in one sentence."
        )
        first, second, third = QUESTIONS
        asked = [(first,), (second,), (third, "Thank you!")]
        said = await asyncio.gather(*(conversation(client, tutor.id, *each) for each in asked))
    print(*said, sep="\n\n")


if __name__ == "__main__":
    asyncio.run(main())
