"""Where links lead: what of it a terminal may be told, and when a person must see it. Pure."""

from __future__ import annotations

import re
import urllib.parse

from asstream.render.clean import clean_line
from asstream.render.marks import BEGINS, name_of

LONGEST = 2000
"""Characters of an address; terminals cut or drop longer ones."""

_SCHEMES = ("http", "https", "mailto", "file")
_NAMES_HOST = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?::\d+)?(?:[/?#]\S*)?\Z", re.IGNORECASE)


def safe_href(url: str) -> str:
    """An address as a terminal may get it: of a known kind, printable ASCII; else empty."""
    url = urllib.parse.quote(url.strip(), safe="%:/?#[]@!$&'()*+,;=~")
    scheme = url.partition(":")[0].lower()
    return url if scheme in _SCHEMES and len(url) <= LONGEST else ""


def target_shown(target: str, label: str, links: bool = True) -> str:
    """What to put behind a link's text: where it leads if the text says otherwise; a file's name.

    Args:
        links: whether the text is a link that can be followed; if not, where it leads is said always.
    """
    if target.startswith(BEGINS):
        name = name_of(target.removeprefix(BEGINS))
        return "" if not name or name in label else f" ({name})"
    href = safe_href(target)
    if not href:  # nobody can follow it; what it says is not lost
        shown = clean_line(target, 200)
        return "" if not shown or shown in label else f" ({shown})"
    if not links:
        shown = clean_line(href.removeprefix("mailto:"), LONGEST)
        return "" if label.strip() in (shown, href, target.strip()) else f" ({shown})"
    named = _NAMES_HOST.match(label.strip())
    if named is None or href.startswith("mailto:"):
        return ""
    host = urllib.parse.urlsplit(href).hostname or ""
    return "" if host.lower() == named[1].lower() else f" ({clean_line(href, 200)})"
