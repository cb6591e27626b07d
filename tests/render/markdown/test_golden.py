"""How replies look, kept in files so that a change of it is seen: `pytest --rewrite-golden` makes them anew.

Styled text reads `‹bold|text›`, a link `‹underline→https://x|text›`. The screen is 60 columns wide.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.markdown.showing import reply, shown

FOLDER = Path(__file__).with_name("golden")
NAMES = [
    "01_headings",
    "03_lists_nested",
    "05_tasks",
    "06_quotes",
    "08_table_wide",
    "09_table_too_wide",
    "11_table_odd",
    "13_fences_languages",
    "15_fences_in_lists",
    "16_fences_tildes",
    "17_indented_code",
    "19_cjk",
    "22_links",
    "23_links_deceptive",
    "24_images",
    "30_emphasis_unbalanced",
    "33_mixed_explanation",
    "34_mixed_deep",
    "35_tight_text",
    "40_edge_blocks",
]


@pytest.mark.parametrize("name", NAMES)
def test_it_looks_as_it_did(name: str, rewrite_golden: bool) -> None:
    looks = "\n".join(shown([reply(name)], 60, 24).looks()) + "\n"
    path = FOLDER / f"{name}.txt"
    if rewrite_golden:
        path.write_text(looks, encoding="utf-8")
    assert looks == path.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == NAMES
