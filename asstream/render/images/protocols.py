"""The three ways in which terminals take pictures: kitty's, iTerm2's, sixel. Bytes in, a sequence out.

Pure. kitty: https://sw.kovidgoyal.net/kitty/graphics-protocol/ · iTerm2:
https://iterm2.com/documentation-images.html · sixel: https://vt100.net/docs/vt3xx-gp/chapter14.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

CHUNK = 4096
"""Characters of base64 that kitty takes in one sequence."""

_RUN = re.compile(r"(.)\1{3,255}")


def kitty(png: bytes, columns: int, rows: int) -> str:
    """A PNG in so many cells; the cursor ends behind its last row. The terminal is asked not to answer."""
    payload = base64.standard_b64encode(png).decode("ascii")
    chunks = [payload[at : at + CHUNK] for at in range(0, len(payload), CHUNK)]
    head = f"a=T,f=100,q=2,c={columns},r={rows},"
    last = len(chunks) - 1
    return "".join(
        f"\x1b_G{'' if number else head}m={int(number != last)};{chunk}\x1b\\"
        for number, chunk in enumerate(chunks)
    )


def iterm2(data: bytes, columns: int, rows: int) -> str:
    """A picture of any format in so many cells, as it is; the cursor ends behind its last row."""
    payload = base64.standard_b64encode(data).decode("ascii")
    where = f"inline=1;size={len(data)};width={columns};height={rows};preserveAspectRatio=1"
    return f"\x1b]1337;File={where}:{payload}\x07"


def sixel(pixels: bytes, width: int, palette: Sequence[tuple[int, int, int]]) -> str:
    """Pixels (an index into `palette` each, row after row) of so many a row, as sixel.

    Six rows make a band; in it each colour that occurs draws its pixels, then the next one writes over it.
    """
    height = len(pixels) // width
    head = f'\x1bP0;1;0q"1;1;{width};{height}'
    colours = "".join(
        f"#{number};2;{round(red / 2.55)};{round(green / 2.55)};{round(blue / 2.55)}"
        for number, (red, green, blue) in enumerate(palette)
    )
    bands = (pixels[at : at + 6 * width] for at in range(0, len(pixels), 6 * width))
    return head + colours + "".join(_band(band, width) + "-" for band in bands) + "\x1b\\"


def _band(band: bytes, width: int) -> str:
    masks: dict[int, bytearray] = {}
    for row in range(len(band) // width):
        bit = 1 << row
        for column, colour in enumerate(band[row * width : (row + 1) * width]):
            mask = masks.get(colour)
            if mask is None:
                mask = masks[colour] = bytearray(b"?" * width)
            mask[column] += bit  # each pixel of a column has a bit of its own: the sum is their union
    return "$".join(f"#{colour}{_packed(masks[colour])}" for colour in sorted(masks))


def _packed(mask: bytearray) -> str:
    return _RUN.sub(lambda run: f"!{len(run[0])}{run[1]}", mask.decode("ascii").rstrip("?"))
