"""Whether a terminal has links (OSC 8): from what the environment says of it. The environment is given in.

None answers a question about it, and one that lacks them drops the address without a word, or shows it as
dirt. So links are written only where they are known: elsewhere the address is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

_FIRST_VTE = 5000
"""`VTE_VERSION` from which on GNOME's terminal and its kin have them: 0.50."""
_PROGRAMS = ("iterm.app", "wezterm", "vscode", "ghostty", "mintty", "rio", "zed")
"""`TERM_PROGRAM`."""
_TERMS = ("xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", "contour", "rio")
"""The beginning of `TERM`."""
_SAY_SO = ("KITTY_WINDOW_ID", "WT_SESSION", "DOMTERM")


def has_links(variables: Mapping[str, str]) -> bool:
    """Whether links are known to work here. `FORCE_HYPERLINK` says yes, or with 0 no, before all else."""
    if forced := variables.get("FORCE_HYPERLINK", "").strip():
        return forced != "0"
    term = variables.get("TERM", "").lower()
    if "TMUX" in variables or "STY" in variables or term.startswith(("screen", "tmux")):
        return False  # what else is set tells of the terminal around it; many a tmux keeps links to itself
    version = variables.get("VTE_VERSION", "")
    return (
        any(name in variables for name in _SAY_SO)
        or (version.isdecimal() and int(version) >= _FIRST_VTE)
        or variables.get("LC_TERMINAL", "").lower() == "iterm2"  # it comes through ssh
        or variables.get("TERM_PROGRAM", "").lower() in _PROGRAMS
        or term.startswith(_TERMS)
    )
