"""The entry: answers what needs no import, hands everything else to the root of the command line."""

import sys


def main() -> None:
    """Run the command line of this process and end with its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from asstream import __version__

        print(f"asstream {__version__}")
        return
    from asstream.cli.root import run

    run(arguments)


if __name__ == "__main__":
    main()
