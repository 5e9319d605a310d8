"""Overlap of propensity scores: treated above and controls below a line, before and after matching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats
from specdid._words import later, say
from specdid.figures._axes import draw_steps, style_across
from specdid.figures._base import FigureKind
from specdid.figures._page import Page, choose_fonts
from specdid.figures._panes import Box, KeyEntry, Pane, label_across, lay_sheet
from specdid.figures._style import CONTROL, DEFAULT, INK, TREATED, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 24
_TALL = 74.0
STAGES = (later("before matching"), later("after matching"))


@dataclass(frozen=True, slots=True)
class ScoreBlock:
    """The scores of one matched sample.

    Attributes
    ----------
    edges : (BINS + 1,) float64
    treated, control : (2, BINS) float64
        Shares of each side in the bins, before and after matching; each sums to 1.
    counts : (2, 2), treated and controls, before and after
    support : least and greatest score that both sides reach, before matching
    outside : treated beyond the scores of all controls
    """

    name: str
    edges: Floats
    treated: Floats
    control: Floats
    counts: tuple[tuple[int, int], tuple[int, int]]
    support: tuple[float, float]
    outside: int


@dataclass(frozen=True, slots=True)
class ScoreData:
    """Score overlap of several matched samples."""

    title: str
    blocks: tuple[ScoreBlock, ...]
    note: str = ""


def score_block(name: str, score: Floats, treated: NDArray[np.bool_], weights: Floats) -> ScoreBlock:
    """Count scores in bins of equal width over their range; ``weights`` are those of the match."""
    edges = np.linspace(float(score.min()), max(float(score.max()), float(score.min()) + 1e-12), BINS + 1)
    stages = (np.ones(len(score)), weights)

    def shares(side: NDArray[np.bool_]) -> Floats:
        counts = [np.histogram(score[side], edges, weights=w[side])[0] for w in stages]
        return np.array([c / c.sum() if c.sum() else c for c in counts])

    low, high = float(score[~treated].min()), float(score[~treated].max())
    counts = [(int((w[treated] > 0).sum()), int((w[~treated] > 0).sum())) for w in stages]
    both = max(low, float(score[treated].min())), min(high, float(score[treated].max()))
    outside = int(((score[treated] < low) | (score[treated] > high)).sum())
    return ScoreBlock(name, edges, shares(treated), shares(~treated), (counts[0], counts[1]), both, outside)


def draw(data: ScoreData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw.
    """
    if not data.blocks:
        raise ValueError("no matched sample has a propensity score, so there is no overlap to draw")
    fonts = choose_fonts(_texts(data))
    key = [
        KeyEntry("dot", TREATED, say("treated units"), "s"),
        KeyEntry("dot", CONTROL, say("control units"), "s"),
        KeyEntry("dashed", INK, say("ends of common support")),
    ]
    panes = [Pane((b.name,), tuple(_facts(b, k))) for b in data.blocks for k in range(2)]
    with own_style():
        page, boxes = lay_sheet(
            data.title,
            panes,
            data.note,
            fonts,
            width or DEFAULT,
            _TALL,
            inner=(12.0, 12.0),
            least=50.0,
            key=key,
            across=2,
        )
        for place, box in enumerate(boxes):
            block, k = data.blocks[place // 2], place % 2
            _draw(page, box, block, k)
            label_across(page, box, say("propensity score"))
        return page.figure


def _facts(block: ScoreBlock, k: int) -> Iterator[str]:
    treated, control = block.counts[k]
    yield say(STAGES[k])
    yield say("{n:,} treated, {of:,} control units", n=treated, of=control)
    if block.outside and not k:
        yield say("{outside:,} treated beyond the controls' scores", outside=block.outside)


def _draw(page: Page, box: Box, block: ScoreBlock, k: int) -> None:
    """Draw a sample's histograms, those of before and after matching on one scale."""
    axes = page.axes(box.left, box.top, box.width, box.height)
    tallest = float(max(block.treated.max(), block.control.max())) * 1.06
    style_across(axes, page.fonts, float(block.edges[0]), float(block.edges[-1]), box.width, 6)
    axes.set_ylim(-tallest, tallest)
    axes.set_yticks([])
    axes.axhline(0, color=INK, linewidth=0.5, zorder=4)
    if block.support[0] < block.support[1]:
        axes.vlines(block.support, -tallest, tallest, color=INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=4)
    draw_steps(axes, block.treated[k], block.edges, order=3, facecolor=TREATED)
    draw_steps(axes, -block.control[k], block.edges, order=3, facecolor=CONTROL)


def _texts(data: ScoreData) -> Iterator[str]:
    yield data.title + data.note + "−–…"
    yield from (block.name for block in data.blocks)


FIGURE = FigureKind("score_overlap", later("Overlap of propensity scores"), ScoreData, draw)
