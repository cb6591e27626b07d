"""The chat: a session with an assistant, the prompt, slash commands. Never knows the runtime or the server."""
