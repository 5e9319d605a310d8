"""[balance]: how alike treated and controls are, before and after matching, in every matched sample.

A sample that matches on who is treated in the specification is shown under each treatment.
The numbers are of the units (or, period by period, the rows) that are complete in the
variables matched on; PSM-DID itself is the matched sample crossed with the estimators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._plan.expand import expand_grid
from specdid._plan.identity import Contents
from specdid._plan.selectors import select
from specdid._study import Core, Selector
from specdid.analyses._balance_tables import LIMIT, Comparison, Sample, lines, tidy_joint, tidy_variables, warnings
from specdid.analyses._base import Analysis, Bench, Cell, Cells, Chart, Finding, Request
from specdid.analyses._dimensions import not_read
from specdid.engine.matched import CrossSection, match_recipe, match_rows, shortfalls
from specdid.engine.problem import Floats
from specdid.figures.love_plot import LoveBlock, LoveData, LoveRow
from specdid.figures.score_overlap import ScoreBlock, ScoreData, score_block
from specdid.matching._balance import BalanceTest, balance, joint_test
from specdid.matching._base import Bools, Matched
from specdid.matching._score import propensity_score

SCORE = "Propensity score"
Denominator = Literal["pooled", "treated"]


@dataclass(frozen=True, slots=True)
class Config:
    """``denominator`` is what standardises the bias: see ``matching._balance.balance``."""

    denominator: Denominator


@dataclass(frozen=True, slots=True)
class Stack:
    """What is compared: named columns (n, k), who is treated (n,), weights of the match (n,)."""

    names: tuple[str, ...]
    columns: Floats
    treated: Bools
    weights: Floats


def decode(table: Table) -> Config:
    """Read what standardises the bias."""
    chosen = table.choice("denominator", ("pooled", "treated"))
    return Config(cast("Denominator", chosen or "pooled"))


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find a study that matches nothing, samples that are not matched, and choices without effect."""
    why = "balance is that of the variables matched on, before anything is estimated"
    yield from not_read(request, ("outcome", "controls", "fixed_effects", "weights", "estimator"), why)
    if "sample" in request.layout.fix:
        yield from _not_matched(bench, request)
    elif not any(s.match is not None for s in bench.study.sample):
        message = "no sample of this study is matched, so there is no balance to show"
        help_ = 'match one: [sample."matched"] match = { on = "x1 + x2", at = "year == 2011" }'
        yield fault_at(request.table.origin, None, "no_match", message, help_)


def _not_matched(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find the samples of ``fix`` that are not the result of matching."""
    study, columns = request.layout.study, tuple(bench.panel.columns)
    dimensions, grid, expander = expand_grid(study, columns)
    sample = next(d for d in dimensions if d.name == "sample")
    for chosen in request.layout.fix["sample"]:
        if isinstance(chosen, Selector):
            found = select(sample, (chosen,), grid, expander.macros, columns)
            options, origin = sample.option[found].tolist(), chosen.origin
        else:
            options, origin = [chosen], study.sample[chosen].origin
        if all(study.sample[k].match is None for k in options):
            message = "this sample is not matched, so it has no balance"
            yield fault_at(origin, None, "no_match", message, "name a sample with `match`, or leave `sample` out")


def run(bench: Bench, request: Request) -> Finding:
    """Match every sample and compare both sides."""
    cells = bench.cells(_moved(request))
    config, found, overlaps = request.config, [], []
    for cell in _distinct(cells):
        sample, blocks = _compare(bench, cells, cell, config.denominator)
        found.append(sample)
        overlaps += blocks
    title = request.table.name or ANALYSIS.title
    tables = (tidy_variables(found, title, bench.label, config.denominator), tidy_joint(found, title, bench.label))
    alpha = bench.study.inference.alpha
    said = [*(w for sample in found for w in warnings(sample, bench.label, alpha)), *cells.notes]
    charts = (*_love(found, title, bench), *_overlap(overlaps, title))
    return Finding(tables, charts, tuple(dict.fromkeys(said)), tuple(lines(found, bench.label)))


def _moved(request: Request) -> Request:
    """Fix the outcome, which matching does not read; take every matched sample and every treatment."""
    layout = request.layout
    matched = tuple(k for k, s in enumerate(layout.study.sample) if s.match is not None)
    fix = {"sample": matched, **layout.fix, "outcome": (0,)}
    vary = layout.vary if "treatment" in layout.fix else ("treatment", *layout.vary)
    order = tuple(dict.fromkeys(("sample", *vary)))
    return replace(request, layout=replace(layout, fix=fix, vary=order))


def _distinct(cells: Cells) -> Iterator[Cell]:
    """Return a cell for each match: of several treatments the first where the match names who is treated."""
    seen = set()
    for cell in cells:
        sample, treatment = _choices(cell)
        match = cell.plan.grid.samples[sample].match
        if match is None:
            continue
        key = (sample, treatment if match.treated is None else -1, int(cell.plan.setting[cell.place]))
        if key not in seen:
            seen.add(key)
            yield cell


def _choices(cell: Cell) -> tuple[int, int]:
    codes = cell.plan.codes[cell.place]
    return int(codes[Core.SAMPLE]), int(codes[Core.TREATMENT])


def _compare(bench: Bench, cells: Cells, cell: Cell, denominator: Denominator) -> tuple[Sample, list[ScoreBlock]]:
    """Match a sample and compare its sides, in every cross-section and over all of them."""
    grid = cell.plan.grid
    content = Contents(grid, grid.settings[int(cell.plan.setting[cell.place])])
    matched = match_rows(match_recipe(content, *_choices(cell)), bench.panel, bench.evaluator)
    labels, heading = _labels(cells, cell)
    parts = [s for s in matched.sections if isinstance(s.result, Matched)]
    said = tuple(shortfalls(matched))
    if not parts:
        return Sample(labels, heading, (), said), []
    stacks = [_stack(parts[k : k + 1]) for k in range(len(parts))]
    compared = [_sides(part.period, stack, denominator) for part, stack in zip(parts, stacks, strict=True)]
    whole = stacks[0]
    if len(matched.sections) > 1:
        whole = _stack(parts)
        compared.insert(0, _sides("all", whole, denominator))
    if not whole.names:
        said = (*said, "matched on exact values alone, so that there is nothing to compare")
    blocks = []
    if whole.names[:1] == (SCORE,):
        blocks = [score_block(heading, whole.columns[:, 0], whole.treated, whole.weights)]
    return Sample(labels, heading, tuple(compared), said), blocks


def _labels(cells: Cells, cell: Cell) -> tuple[dict[str, str], str]:
    """Return the labels of what the match reads, and those of them that differ in one line."""
    match = cell.plan.grid.samples[_choices(cell)[0]].match
    assert match is not None
    unread = {"outcome", "controls", "fixed_effects", "weights", "estimator"}
    labels = {n: label for n, label in cell.labels.items() if n not in unread}
    if match.treated is not None:
        labels["treatment"] = ""
    shown = ["sample", *(n for n in cells.varying if n != "sample")]
    return labels, ", ".join(labels[n] for n in shown if labels.get(n))


def _stack(parts: list[CrossSection]) -> Stack:
    """Return names and columns of what is compared, who is treated and the weights, part after part."""
    scores = [_score(part) for part in parts]
    columns = np.vstack([part.candidates.covariates for part in parts])
    names = parts[0].labels
    if all(score is not None for score in scores):
        columns = np.column_stack([np.concatenate([s for s in scores if s is not None]), columns])
        names = (SCORE, *names)
    treated = np.concatenate([part.candidates.treated for part in parts])
    weights = np.concatenate([part.result.weights for part in parts if isinstance(part.result, Matched)])
    return Stack(names, columns, treated, weights)


def _score(part: CrossSection) -> Floats | None:
    """Return the score that was matched on, or for other methods one estimated for the display."""
    assert isinstance(part.result, Matched)
    if part.result.score is not None or not part.labels:
        return part.result.score
    found = propensity_score(part.candidates)
    return found if isinstance(found, np.ndarray) else None


def _sides(period: str, stack: Stack, denominator: Denominator) -> Comparison:
    """Compare treated and controls variable by variable, and jointly without the score."""
    lead = int(stack.names[:1] == (SCORE,))
    stages = (np.ones(len(stack.weights)), stack.weights)
    compared = balance(stack.columns, stack.treated, stack.weights, denominator)
    own = stack.columns[:, lead:]
    nothing = BalanceTest(np.nan, 0, np.nan, np.nan)
    tests = [joint_test(own, stack.treated, w) if own.shape[1] else nothing for w in stages]
    return Comparison(period, stack.names, compared, (tests[0], tests[1]))


def _love(found: list[Sample], title: str, bench: Bench) -> Iterator[Chart]:
    """Return the love plot: the first comparison of each sample, which is over all periods."""
    blocks = []
    for sample in found:
        for c in sample.compared[:1] if sample.compared and sample.compared[0].names else ():
            rows = tuple(LoveRow(bench.label(name), *c.balance.bias[:, k].tolist()) for k, name in enumerate(c.names))
            blocks.append(LoveBlock(sample.heading, rows, sample.size_words))
    if blocks:
        note = "Biases are over the standard deviation before matching; effective numbers of controls are Kish's."
        yield Chart("love_plot", LoveData(title, tuple(blocks), LIMIT, note), "love", told=False)


def _overlap(blocks: list[ScoreBlock], title: str) -> Iterator[Chart]:
    if blocks:
        note = "Shares of each side by score; after matching with the weights of the match."
        yield Chart("score_overlap", ScoreData(title, tuple(blocks), note), "scores", told=False)


ANALYSIS = Analysis("balance", "Balance of matched samples", decode, run, check)
