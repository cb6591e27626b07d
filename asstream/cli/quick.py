"""The simple command lines of `chat` and `resume`, parsed without Typer so that the first prompt is quick.

What this does not understand it leaves to Typer, errors and help included. A test keeps these tables and
Typer's options the same.
"""

VALUES = {
    "--assistant": "assistant",
    "--thread": "thread",
    "--model": "model",
    "--instructions": "instructions",
    "--handler": "handler",
    "--record": "record",
    "--save-files": "save_files",
    "--sandbox": "sandbox",
    "--profile": "profile",
    "--base-url": "base_url",
    "--api-key": "api_key",
}
REPEATED = {"--file": "files", "--image": "images"}
SWITCHES = {"--no-stream": ("stream", False), "--plain": ("plain", True), "--json": ("json", True)}
LAST = "--last"


def parse(command: str, arguments: list[str]) -> dict[str, str | bool | tuple[str, ...]] | None:
    """The options as fields of `TalkOptions`, for `resume` also `last`; None when the line is not simple."""
    found: dict[str, str | bool | tuple[str, ...]] = {"last": False} if command == "resume" else {}
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.partition("=")
        if argument in SWITCHES:
            field, setting = SWITCHES[argument]
            found[field] = setting
        elif name in REPEATED or (name in VALUES and not (name == "--thread" and "thread" in found)):
            given = value if equals else next(waiting, None)
            if given is None or (not equals and given.startswith("-")):
                return None
            if name in VALUES:
                found[VALUES[name]] = given
            else:
                before = found.get(REPEATED[name], ())
                found[REPEATED[name]] = (*before, given) if isinstance(before, tuple) else (given,)
        elif command == "resume" and argument == LAST:
            found["last"] = True
        elif command == "resume" and "thread" not in found and not argument.startswith("-"):
            found["thread"] = argument
        else:
            return None
    return found
