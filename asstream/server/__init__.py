"""The Assistants API over HTTP: a file per noun, each thin: validate, call the runtime, answer."""
