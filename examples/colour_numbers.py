"""Numbers stand out: `asstream chat --handler examples/colour_numbers.py:ColourNumbers`."""

import re

from asstream import ConsoleHandler


class ColourNumbers(ConsoleHandler):
    """Colours the numbers of the reply."""

    def highlight(self, row):  # type: ignore[no-untyped-def]
        return [(*match.span(), "bold magenta") for match in re.finditer(r"\d+(?:[.,]\d+)*", row)]
