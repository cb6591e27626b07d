"""The chat: a session, the prompt, slash commands. Never knows the runtime or the server."""
