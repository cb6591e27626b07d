"""Old and new clients against `asstream serve`: a table of what works in which.

    .venv/bin/python tests/clients/run.py [--keep FOLDER] [CLIENT…]

Run by hand, in a checkout that is set up, where PyPI and npm can be reached: each client gets an environment
of its own (a venv, a Node project), which takes a minute or two; `--keep FOLDER` leaves them there for the
next time. A CLIENT is `python:VERSION` or `node:VERSION`; without any it is all of `CLIENTS`.

The server is a fresh one with a scripted model; its code really runs. Exits with 1 if anything failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

CLIENTS = (
    "python:1.3.4",  # speaks version 1 of the API; the cookbook's first notebook
    "python:1.20.0",  # the last of version 1, with streams
    "python:1.40.0",
    "python:1.109.1",
    "python:2",
    "python:3.0.0",
    "python:3",
    "node:4",
    "node:latest",
)
"""Kind and version: a whole one, or the newest of a major one."""

NEEDS = {"python:1.3.4": ["httpx<0.28"], "python:1.20.0": ["httpx<0.28"], "python:1.40.0": ["httpx<0.28"]}
"""What lies beside a client whose own requirements let in what it does not work with."""

SECONDS = 300

_RUN_CODE = "print(open('in.txt').read(), sum(n * n for n in range(1, 11)))"
SCRIPT = {
    "replies": [
        {
            "match": "weather",
            "turns": [
                [{"tool_call": {"name": "weather", "arguments": {"city": "Oslo"}}}],
                [{"text": "It is {tool}."}],
            ],
        },
        {
            "match": "code",
            "turns": [
                [{"tool_call": {"name": "python", "arguments": {"code": _RUN_CODE}}}],
                [{"text": "{tool}"}],
            ],
        },
        {"turns": [[{"text": "Hello there."}]]},
    ]
}

Outcomes = dict[str, str]


@contextlib.contextmanager
def serving(home: Path) -> Iterator[str]:
    """The base URL of a server with the scripted model."""
    home.mkdir(parents=True)
    script = home / "script.json"
    script.write_text(json.dumps(SCRIPT), encoding="utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "asstream", "serve", "--port", "0"],
        cwd=ROOT,
        env={**kept, "ASSTREAM_HOME": str(home), "ASSTREAM_MODEL": f"scripted:{script}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def python_client(version: str, folder: Path) -> list[str]:
    """The command that runs the program with a Python client, in a venv that is made if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = f"openai=={version}" if "." in version else f"openai>={version},<{int(version) + 1}"
        more = NEEDS.get(f"python:{version}", [])
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wanted, *more]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    return [str(python), str(HERE / "program.py")]


def node_client(version: str, folder: Path) -> list[str]:
    """The same with a Node client, in a project that is made if it is not there."""
    package = folder / "node_modules" / "openai" / "package.json"
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}')
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"openai@{version}"]
        subprocess.run(install, cwd=folder, check=True)
    # Node looks for packages where the file is.
    program = folder / "program.mjs"
    program.write_bytes((HERE / "program.mjs").read_bytes())
    return ["node", str(program), json.loads(package.read_text())["version"]]


MAKERS = {"python": python_client, "node": node_client}


def tried(client: str, folder: Path, url: str) -> Outcomes:
    """What each operation came to with a client; what it says of failures goes to stderr."""
    kind, _, version = client.partition(":")
    try:
        command = MAKERS[kind](version, folder / client.replace(":", "-"))
    except (OSError, subprocess.CalledProcessError) as error:
        return {"": f"not installed: {error}"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        ended = subprocess.run(
            command,
            env={**kept, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"": f"not done after {SECONDS} seconds"}
    found = dict(json.loads(line) for line in ended.stdout.splitlines())
    return found or {"": f"the program ended with {ended.returncode}"}


def table(outcomes: dict[str, Outcomes]) -> str:
    """Operations down, clients across: ok, FAIL, or - where the client has no such thing."""
    rows = list(dict.fromkeys(name for each in outcomes.values() for name in each))
    width = max(map(len, rows)) + 2
    lines = [" " * width + "  ".join(outcomes)]
    for row in rows:
        cells = []
        for client, each in outcomes.items():
            outcome = each.get(row, "-")
            shown = {"ok": "ok", "absent": "-", "-": "-"}.get(outcome, "FAIL")
            cells.append(shown.ljust(len(client)))
        lines.append(row.ljust(width) + "  ".join(cells))
    return "\n".join(lines)


def main() -> int:
    """Try the clients, print the table and what failed; 1 if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("clients", nargs="*", default=list(CLIENTS), metavar="CLIENT")
    asked = parser.parse_args()
    outcomes: dict[str, Outcomes] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.keep or Path(temporary) / "clients").absolute()
        with serving(Path(temporary) / "home") as url:
            for client in asked.clients:
                print(f"{client} …", file=sys.stderr)
                outcomes[client] = tried(client, folder, url)
    print(table(outcomes))
    failed = [
        f"{client}: {name or 'the program'}: {outcome}"
        for client, each in outcomes.items()
        for name, outcome in each.items()
        if outcome not in ("ok", "absent")
    ]
    print(*failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
