from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asstream.search.chunks import Piece, count_tokens, cut
from asstream.search.protocol import Chunking

WORDS = "The quick brown fox jumps over the lazy dog. It sleeps now, and dreams of hens.\n"


@given(
    st.lists(st.text(max_size=300), max_size=8),
    st.integers(100, 300),
    st.floats(0, 0.5),
)
def test_chunks_without_what_they_repeat_are_the_whole_text(
    texts: list[str], most: int, share: float
) -> None:
    chunks = list(cut([Piece(text) for text in texts], Chunking(most, int(most * share))))
    assert "".join(chunk.text[chunk.repeated :] for chunk in chunks) == "".join(texts)
    assert all(count_tokens(chunk.text.rstrip()) <= most for chunk in chunks)


def test_a_chunk_begins_with_the_end_of_the_one_before() -> None:
    first, second, *_ = cut([Piece(WORDS * 50)], Chunking(200, 100))
    repeated = second.text[: second.repeated]
    assert first.text.endswith(repeated)
    assert 70 <= count_tokens(repeated) <= 100
    assert repeated[0] in "TI", "cut where a sentence begins"


def test_without_overlap_nothing_is_repeated() -> None:
    assert all(chunk.repeated == 0 for chunk in cut([Piece(WORDS * 50)], Chunking(200, 0)))


def test_a_line_without_end_is_cut_between_words() -> None:
    chunks = list(cut([Piece("abcdefg hijk " * 2000)], Chunking(100, 50)))
    assert len(chunks) > 50
    assert all(chunk.text.startswith(("abcdefg", "hijk")) for chunk in chunks)


def test_a_chunk_has_the_place_of_its_first_words() -> None:
    pieces = [Piece(WORDS * 20, "page 1"), Piece("\n" + WORDS * 20, "page 2")]
    places = [chunk.place for chunk in cut(pieces, Chunking(100, 0))]
    assert places[0] == "page 1"
    assert places[-1] == "page 2"


def test_prose_takes_about_as_many_tokens_as_gpt_vocabularies_take() -> None:
    # 18 words and 4 marks; cl100k and o200k count 21 to 22 with the line's end.
    assert 18 <= count_tokens(WORDS) <= 24
