"""A console chat that waits for each reply, and then prints it whole.

Start `asstream serve`, export the two variables that it prints, then run this file. `exit` leaves.
"""

import warnings

from openai import OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)

client = OpenAI()


def answer(assistant_id: str, thread_id: str, question: str) -> str:
    """Put a question on the thread, run the assistant on it, and read what it wrote."""
    client.beta.threads.messages.create(thread_id, role="user", content=question)
    run = client.beta.threads.runs.create_and_poll(thread_id=thread_id, assistant_id=assistant_id)
    if run.status != "completed":
        return f"(the run ended as {run.status}: {run.last_error or run.incomplete_details})"
    written = client.beta.threads.messages.list(thread_id, run_id=run.id, order="asc")
    return "\n".join(part.text.value for each in written for part in each.content if part.type == "text")


def main() -> None:
    """Ask until there is nothing more to ask."""
    assistant = client.beta.assistants.create(model="gpt-4o", instructions="Be brief.")
    thread = client.beta.threads.create()
    while True:
        try:
            question = input("You > ").strip()
        except EOFError:
            break
        if question.lower() in ("exit", "quit"):
            break
        if not question:
            print("Say something, or exit.")
            continue
        print(f"Assistant > {answer(assistant.id, thread.id, question)}")


if __name__ == "__main__":
    main()
