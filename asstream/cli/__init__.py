"""The command line: parse, one call, exit code. Knows everything below it; nothing knows it."""
