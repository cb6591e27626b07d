"""Pictures decoded and made to fit, by Pillow where it is installed. `kinds` has looked at them before.

Without Pillow nothing is decoded here, and a picture is shown only where the terminal itself does it.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from asstream.render.pen import Pen

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = 255
HALF = "▀"


def decode(data: bytes, format: str, most: tuple[int, int]) -> Image | None:
    """The first frame of a picture, within so many pixels, on white; None where it can't be decoded."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of what unpacks to too much
            with Image.open(io.BytesIO(data), formats=[format.upper()]) as opened:
                opened.draft("RGB", most)
                opened.thumbnail(most)
                return _on_white(opened)
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError, Warning):
        return None


def _on_white(picture: Image) -> Image:
    from PIL import Image

    clear = picture.convert("RGBA")
    page = Image.new("RGBA", clear.size, "white")
    page.alpha_composite(clear)
    return page.convert("RGB")


def as_png(picture: Image) -> bytes:
    """A picture as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def indexed(picture: Image) -> tuple[bytes, int, list[tuple[int, int, int]]]:
    """Pixels as indexes, pixels a row, and the colours that the indexes name."""
    few = picture.quantize(COLOURS)
    flat = few.getpalette() or []
    colours = [(flat[at], flat[at + 1], flat[at + 2]) for at in range(0, len(flat) - 2, 3)]
    pixels = few.tobytes()
    return pixels, few.width, colours[: max(pixels, default=0) + 1]


def half_blocks(picture: Image, columns: int, rows: int, pen: Pen) -> str:
    """A picture in so many cells, two pixels in each, one above the other; every row ends its line."""
    small: Any = picture.resize((columns, 2 * rows))
    pixels = small.tobytes()
    names = [f"#{pixels[at : at + 3].hex()}" for at in range(0, len(pixels), 3)]
    lines = []
    for row in range(rows):
        upper, lower = (names[(2 * row + half) * columns :][:columns] for half in (0, 1))
        lines.append(_runs(upper, lower, pen) + "\n")
    return "".join(lines)


def _runs(upper: list[str], lower: list[str], pen: Pen) -> str:
    """Cells of one look are painted together: a white page is one sequence a line, not eighty."""
    painted: list[str] = []
    begin = 0
    for at in range(1, len(upper) + 1):
        if at == len(upper) or (upper[at], lower[at]) != (upper[begin], lower[begin]):
            painted.append(pen.paint(HALF * (at - begin), f"{upper[begin]} on {lower[begin]}"))
            begin = at
    return "".join(painted)
