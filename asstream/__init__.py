"""asstream: the OpenAI Assistants API again, at the terminal and on the wire."""

__version__ = "0.1.0"
