"""Where links lead: what of it a terminal may be told, and when a person must see it. Pure."""

from __future__ import annotations

import re
import urllib.parse

from asstream.render.clean import clean_line

LONGEST = 2000
"""Characters of an address; terminals cut or drop longer ones."""

_SCHEMES = ("http", "https", "mailto", "file")
_NAMES_HOST = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?::\d+)?(?:[/?#]\S*)?\Z", re.IGNORECASE)


def safe_href(url: str) -> str:
    """An address as a terminal may get it: of a known kind, printable ASCII; else empty."""
    url = urllib.parse.quote(url.strip(), safe="%:/?#[]@!$&'()*+,;=~")
    scheme = url.partition(":")[0].lower()
    return url if scheme in _SCHEMES and len(url) <= LONGEST else ""


def target_shown(href: str, label: str) -> str:
    """What to put behind a link whose text says that it leads to another place than it does; else empty."""
    named = _NAMES_HOST.match(label.strip())
    if not href or named is None or href.startswith("mailto:"):
        return ""
    host = urllib.parse.urlsplit(href).hostname or ""
    return "" if host.lower() == named[1].lower() else f" ({clean_line(href, 200)})"
