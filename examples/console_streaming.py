"""A console chat as programs for the Assistants API have it: one thread, a handler, a loop over input().

Start `asstream serve`, export the two variables that it prints, then run this file. Nothing in it is
asstream's own.
"""

import warnings

from openai import AssistantEventHandler, OpenAI

# The SDK says at each call that the API was retired; the server here did not hear of it.
warnings.filterwarnings("ignore", category=DeprecationWarning)


class Printer(AssistantEventHandler):
    """Prints text as it comes."""

    def on_text_delta(self, delta, snapshot):  # type: ignore[no-untyped-def]
        print(delta.value or "", end="", flush=True)

    def on_text_done(self, text):  # type: ignore[no-untyped-def]
        print()


def main() -> None:
    """Ask until there is nothing more to ask."""
    client = OpenAI()
    assistant = client.beta.assistants.create(model="gpt-4o", instructions="Be brief.")
    thread = client.beta.threads.create()
    while True:
        try:
            question = input("You > ").strip()
        except EOFError:
            break
        if question.lower() in ("", "exit", "quit"):
            break
        client.beta.threads.messages.create(thread.id, role="user", content=question)
        print("Assistant > ", end="", flush=True)
        runs = client.beta.threads.runs
        with runs.stream(thread_id=thread.id, assistant_id=assistant.id, event_handler=Printer()) as stream:
            stream.until_done()


if __name__ == "__main__":
    main()
