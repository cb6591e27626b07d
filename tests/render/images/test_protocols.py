"""The sequences that show pictures, byte for byte."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from asstream.render.images import protocols
from asstream.render.images.kinds import kind_of
from asstream.render.images.viewer import Viewer, fit
from tests.render.images.test_kinds import picture, png_that_claims
from tests.render.screens import Screen

DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""
TEXT = base64.b64encode(DOT).decode()


def drawn(data: bytes, columns: int = 80, rows: int = 24, **variables: str) -> str:
    """What shows a picture where the environment says so; asked, the terminal answers nothing."""
    return Viewer(variables, lambda _: b"").draw(data, kind_of(data), Screen(columns, rows).console())


def test_kitty_is_given_the_png_and_told_not_to_answer() -> None:
    assert drawn(DOT, TERM="xterm-kitty") == f"\x1b_Ga=T,f=100,q=2,c=1,r=1,m=0;{TEXT}\x1b\\\n"


def test_kitty_is_given_a_big_one_in_pieces() -> None:
    data = bytes(range(256)) * 40
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", protocols.kitty(data, 3, 2))
    assert [head for head, _ in pieces] == ["a=T,f=100,q=2,c=3,r=2,m=1", "m=1", "m=1", "m=0"]
    assert all(len(text) == 4096 for _, text in pieces[:-1])
    assert base64.b64decode("".join(text for _, text in pieces)) == data


@pytest.mark.parametrize("format", ["jpeg", "gif", "webp"])
def test_kitty_is_given_other_formats_as_png(format: str) -> None:
    text = drawn(picture(format), KITTY_WINDOW_ID="1").partition(";")[2].partition("\x1b")[0]
    assert kind_of(base64.b64decode(text)).format == "png"


def test_iterm2_is_given_the_file_as_it_is() -> None:
    assert drawn(DOT, TERM_PROGRAM="iTerm.app") == (
        f"\x1b]1337;File=inline=1;size={len(DOT)};width=1;height=1;preserveAspectRatio=1:{TEXT}\x07\n"
    )


def test_sixel_draws_each_colour_of_a_band() -> None:
    pixels = bytes([0, 1, 1, 1, 1, 0, 0, 0, 0, 1])
    assert protocols.sixel(pixels, 5, [(0, 0, 0), (255, 255, 255)]) == (
        '\x1bP0;1;0q"1;1;5;2#0;2;0;0;0#1;2;100;100;100#0BAAA$#1?@@@B-\x1b\\'
    )


def test_sixel_packs_runs() -> None:
    assert "#0!9~-" in protocols.sixel(bytes(54), 9, [(1, 2, 3)])


def test_a_sixel_holds_the_picture() -> None:
    image = Image.new("RGB", (20, 20), "white")
    image.paste("blue", (0, 0, 10, 20))
    out = io.BytesIO()
    image.save(out, "PNG")
    text = drawn(out.getvalue(), TERM="foot")
    assert text.startswith('\x1bP0;1;0q"1;1;20;20#')
    assert text.endswith("\x1b\\\r\n")
    assert text.count("-") == 4


def test_half_blocks_show_two_pixels_in_a_cell() -> None:
    image = Image.new("RGB", (40, 40), "red")
    image.paste("blue", (0, 20, 40, 40))
    out = io.BytesIO()
    image.save(out, "PNG")
    data = out.getvalue()
    screen = Screen(20, 10)
    screen.write(
        Viewer({"TERM": "linux"}).draw(data, kind_of(data), screen.console(color_system="truecolor"))
    )
    assert screen.lines() == ["▀" * 4] * 2
    assert {cell.fg for cell in screen.cells()[0][:4]} == {"ff0000"}
    assert {cell.bg for cell in screen.cells()[1][:4]} == {"0000ff"}


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (20, 5), (200, 50), (1, 1), (2, 2)])
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (3000, 20), (20, 3000)])
def test_no_picture_is_bigger_than_the_screen(columns: int, rows: int, size: tuple[int, int]) -> None:
    console = Screen(columns, rows).console()
    across, down = fit(kind_of(png_that_claims(*size)), console, (10, 20))
    assert 1 <= across <= max(1, columns - 1)
    assert 1 <= down <= max(1, rows - 2)


@pytest.mark.parametrize("variables", [{"TERM": "foot"}, {"TERM": "linux"}])
def test_bytes_that_only_claim_to_be_a_picture_draw_nothing(variables: dict[str, str]) -> None:
    assert drawn(png_that_claims(50, 50), **variables) == ""


@pytest.mark.parametrize("more", [{"no_color": True}, {"force_terminal": False, "color_system": None}])
def test_where_there_are_no_colours_nothing_is_drawn(more: dict[str, object]) -> None:
    viewer = Viewer({"TERM": "xterm-kitty"})
    assert viewer.draw(DOT, kind_of(DOT), Screen(80, 24).console(**more)) == ""
