"""Several rankings of the same things made into one, by reciprocal rank. Pure.

After Cormack, Clarke and Büttcher (SIGIR 2009): what a list has at rank r gets 1/(60 + r) from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)

_K: Final = 60


def fuse(rankings: Sequence[tuple[float, Sequence[T]]]) -> list[tuple[T, float]]:
    """One ranking out of several, each with its weight, best first.

    Scores are from 0 to 1: what is first in every list has 1.
    """
    total = sum(weight for weight, _ in rankings)
    if total <= 0:
        return []
    scores: dict[T, float] = defaultdict(float)
    for weight, ranking in rankings:
        for rank, each in enumerate(ranking):
            scores[each] += weight / total * (_K + 1) / (_K + 1 + rank)
    found = [(each, min(1.0, score)) for each, score in scores.items() if score > 0]
    return sorted(found, key=lambda pair: -pair[1])
