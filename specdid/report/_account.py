"""What became of the plan: counts by status, and every reason with what its specifications have in common."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from specdid._records import CODES, Results, Status
from specdid.report._html import element, table

_MOST = 200
_SHOWN = 5


def account(results: Results) -> Iterator[Element]:
    """Write the accounting line and a table of reasons."""
    yield element("p", f"{results.counts}.")
    reasons = list(_reasons(results))
    if not reasons:
        yield element("p", "Nothing was excluded, nothing failed, and no model was reached twice.")
        return
    header = ("Status", "Reason", "In words", "What they share", "Specifications", "Places in the plan")
    caption = "Specifications without an estimate of their own"
    yield table(caption, header, reasons[:_MOST], numeric_from=4, messages=(2,))
    if len(reasons) > _MOST:
        yield element("p", f"{len(reasons) - _MOST:,} more reasons: see `message` in results.csv.")


def _reasons(results: Results) -> Iterator[tuple[str, ...]]:
    """Give a row per status, code and message, most frequent first within a status."""
    places = np.flatnonzero(results.status != Status.OK)
    if not len(places):
        return
    kinds = np.stack(
        [results.status[places], results.code[places], results.message.codes[places]], axis=1
    ).astype(np.int64)  # fmt: skip
    found, first, inverse, counts = np.unique(
        kinds, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    order = sorted(range(len(found)), key=lambda k: (int(found[k, 0]), -int(counts[k]), int(first[k])))
    by_kind = np.split(places[np.argsort(inverse.reshape(-1), kind="stable")], np.cumsum(counts)[:-1])
    for k in order:
        status, code, message = found[k].tolist()
        words = results.message.words[message] if message >= 0 else ""
        mine = by_kind[k]
        yield (
            Status(status).name.lower(), CODES[code], words, _shared(results, mine), f"{len(mine):,}", _places(mine),
        )  # fmt: skip


def _shared(results: Results, places: NDArray[np.int64]) -> str:
    """Give the options that all of these have, of the dimensions in which others differ."""
    planned = results.planned
    shared = []
    for d, name in enumerate(planned.dimensions):
        codes = planned.codes[places, d]
        if (codes == codes[0]).all() and (planned.codes[:, d] != codes[0]).any():
            shared.append(f"{name}: {planned.shown(planned.labels[d][codes[0]])}")
    return "; ".join(shared)


def _places(places: NDArray[np.int64]) -> str:
    text = ", ".join(f"{p + 1}" for p in places[:_SHOWN].tolist())
    return text + (", …" if len(places) > _SHOWN else "")
