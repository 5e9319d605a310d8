"""Labels that are too wide for their column, cut so that they can still be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from specdid.figures._fonts import Fonts
from specdid.figures._style import TEXT

_FEWEST = 4
"""Characters of a term that are left at least."""


def shortened(labels: Sequence[str], fonts: Fonts, room: float) -> dict[str, str]:
    """Cut labels that are wider than ``room`` points; terms that several begin with go first.

    They go where all labels with the same first term have them, wide or not: "…" then stands
    for the same terms wherever it is read, and "… + b" below "a" is "a + b".
    """
    wide = [label for label in labels if fonts.width(label, TEXT) > room]
    parts = {label: label.split(" + ") for label in wide}
    first = {terms[0] for terms in parts.values()}
    beside = [terms for label in labels if (terms := label.split(" + "))[0] in first]
    alike = takewhile(lambda terms: len(set(terms)) == 1, zip(*beside, strict=False))
    shared = len(list(alike)) if len(wide) > 1 else 0
    kept = {label: ["…", *terms[shared:]] if shared and terms[shared:] else terms for label, terms in parts.items()}
    return {label: _squeezed(kept[label], fonts, room) if label in kept else label for label in labels}


def _squeezed(terms: Sequence[str], fonts: Fonts, room: float) -> str:
    """Join terms, the longest cut until all of them have a place."""
    for most in range(max(map(len, terms)), _FEWEST - 1, -1):
        text = " + ".join(t if len(t) <= most else f"{t[: most - 1].rstrip(' ,')}…" for t in terms)
        if fonts.width(text, TEXT) <= room:
            return text
        if len(terms) == 1:
            break
    return fonts.fit(" + ".join(terms), TEXT, room)
