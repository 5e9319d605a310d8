"""Overlap of propensity scores: treated above and controls below a line, before and after matching."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats
from specdid._words import later, say, sentences
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import draw_steps
from specdid.figures._fonts import Fonts
from specdid.figures._page import (
    CUT_OF_TABLE,
    LINE,
    NOTE,
    Page,
    choose_fonts,
    first_fitting,
    round_ticks,
    style_across,
    title_height,
    write_note,
)
from specdid.figures._style import CONTROL, DEFAULT, INK, QUIET, SMALL, TEXT, TREATED, own_style
from specdid.figures.love_plot import HEADS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 24
_TALL, _AXIS, _GAP = 74.0, 20.0, 14.0
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
    with own_style():
        return _draw(data, fonts, 72 * (width or DEFAULT))


def _draw(data: ScoreData, fonts: Fonts, width: float) -> Figure:
    head = (title_height(data.title, fonts, width) or 2.0) + LINE + 2
    heights = [2 * LINE + _TALL + _AXIS] * len(data.blocks)
    cut = any(_name(b, fonts, width) != b.name for b in data.blocks)
    note = sentences(filter(None, (data.note, say(CUT_OF_TABLE) if cut else "")))
    some, notes = first_fitting(note, heights, head + LINE + 3, fonts, width - 4, [b.name for b in data.blocks])
    page = Page.new(fonts, width, head + sum(heights[:some]) + LINE + NOTE * len(notes) + 3)
    page.title(data.title)
    _key(page, head - LINE)
    top = head
    for block, height in zip(data.blocks[:some], heights, strict=False):
        _block(page, block, top)
        top += height
    page.text(width / 2, top, say("propensity score"), SMALL, colour=QUIET, align="center")
    write_note(page, notes, top + LINE - 2)
    return page.figure


def _key(page: Page, middle: float) -> None:
    x = 2.0
    for colour, words in ((TREATED, say("treated units")), (CONTROL, say("control units"))):
        page.dot(x + 4, middle, colour, "s", 5.0)
        page.text(x + 11, middle, words, SMALL, colour=QUIET)
        x += 22 + page.fonts.width(words, SMALL)
    for start in (x, x + 5):
        page.line((start, start + 3), (middle, middle), INK, 0.6)
    words = page.fonts.first_fit((say("ends of common support"),), SMALL, page.width - x - 13)
    page.text(x + 11, middle, words, SMALL, colour=QUIET)


def _name(block: ScoreBlock, fonts: Fonts, width: float) -> str:
    return fonts.fit(block.name, TEXT, 0.6 * width, bold=True)


def _block(page: Page, block: ScoreBlock, top: float) -> None:
    """Draw a sample's two pairs of histograms on one scale, with how many they hold."""
    room = (page.width - 4 - _GAP) / 2
    facts = (
        say("{outside:,} treated beyond the controls' scores", outside=block.outside),
        say("{outside:,} beyond controls", outside=block.outside),
    )
    name = _name(block, page.fonts, page.width)
    page.text(2, top + LINE / 2, name, bold=True)
    beside = 8 + page.fonts.width(name, TEXT, bold=True)
    if block.outside:
        words = page.fonts.first_fit(facts, SMALL, page.width - beside)
        page.text(beside, top + LINE / 2, words, SMALL, colour=QUIET)
    # Half of the last number may be beyond the axis' end.
    ticks, labels = round_ticks(float(block.edges[0]), float(block.edges[-1]))
    halves = [page.fonts.width(t, SMALL) / 2 for t in labels]
    beyond = max(halves)
    along = (room - beyond) / float(block.edges[-1] - block.edges[0])
    before = max(0.0, *(half - 2 - along * (x - float(block.edges[0])) for x, half in zip(ticks, halves, strict=True)))
    tallest = float(max(block.treated.max(), block.control.max())) * 1.06
    for k, stage in enumerate(STAGES):
        left = 2 + k * (room + _GAP)
        treated, control = block.counts[k]
        names = (say(stage), say(HEADS[k]))
        words = page.fonts.first_fit([_sizes(name, treated, control) for name in names], SMALL, room)
        page.text(left, top + 1.5 * LINE, words, SMALL, colour=QUIET)
        axes = page.axes(left + before, top + 2 * LINE + 1, room - beyond - before, _TALL)
        _axis(axes, page.fonts, block, room - beyond - before, tallest)
        draw_steps(axes, block.treated[k], block.edges, order=3, facecolor=TREATED)
        draw_steps(axes, -block.control[k], block.edges, order=3, facecolor=CONTROL)


def _sizes(stage: str, treated: int, control: int) -> str:
    return say("{stage}: {treated:,} treated, {control:,} controls", stage=stage, treated=treated, control=control)


def _axis(axes: Axes, fonts: Fonts, block: ScoreBlock, width: float, tallest: float) -> None:
    style_across(axes, fonts, float(block.edges[0]), float(block.edges[-1]), width, 6)
    axes.set_ylim(-tallest, tallest)
    axes.set_yticks([])
    axes.axhline(0, color=INK, linewidth=0.5, zorder=4)
    if block.support[0] < block.support[1]:
        axes.vlines(block.support, -tallest, tallest, color=INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=4)


def _texts(data: ScoreData) -> Iterator[str]:
    yield data.title + data.note + "−–…"
    yield from (block.name for block in data.blocks)


FIGURE = FigureKind("score_overlap", later("Overlap of propensity scores"), ScoreData, draw)
