"""[balance]: how alike treated and controls are, before and after matching, in every matched sample.

A sample that matches on who is treated in the specification is shown under each treatment.
The numbers are of the units (or, period by period, the rows) that are complete in the
variables matched on; PSM-DID itself is the matched sample crossed with the estimators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._format import Key, Word
from specdid._plan.exclude import select
from specdid._plan.expand import expand_grid
from specdid._plan.identity import Contents
from specdid._records import Caution
from specdid._records.cautions import capital
from specdid._study import Core, Selector
from specdid._words import later, say, sentences, told
from specdid.analyses._base import Analysis, Bench, Cell, Cells, Chart, Finding, Request
from specdid.analyses._cells import not_read
from specdid.analyses._words import Label, count, listed, number, p_is, p_value
from specdid.engine.matched import CrossSection, left_out, match_recipe, match_rows, shortfalls
from specdid.figures.love_plot import LoveBlock, LoveData, LoveRow
from specdid.figures.score_overlap import ScoreBlock, ScoreData, score_block
from specdid.matching._base import Matched
from specdid.matching._score import fit_logit, propensity_score
from specdid.tables._base import PrintTable, Row, TidyTable, Value

SCORE = later("Propensity score")
Denominator = Literal["pooled", "treated"]
LIMIT = 10.0
"""Per cent of bias up to which a variable is called balanced (Austin 2011)."""
STAGES = ("before", "after")
VARIABLES = (
    "period", "variable", "stage", "mean_treated", "mean_control", "bias", "reduction", "variance_ratio", "t",
    "p_value", "n_treated", "n_control", "n_eff_control",
)  # fmt: skip
JOINT = (
    "period", "stage", "chi2", "df", "p_value", "pseudo_r2", "mean_bias", "largest_bias", "n_treated", "n_control",
    "n_eff_control", "message",
)  # fmt: skip
DENOMINATORS = {
    "pooled": later("√((s²₁ + s²₀) / 2) of treated and controls"),
    "treated": later("the standard deviation of the treated"),
}


@dataclass(frozen=True, slots=True)
class BalanceConfig:
    """``denominator`` is what standardises the bias: see `balance`."""

    denominator: Denominator


@dataclass(frozen=True, slots=True)
class ComparedColumns:
    """What is compared: named columns (n, k), who is treated (n,), weights of the match (n,)."""

    names: tuple[str, ...]
    columns: Floats
    treated: Bools
    weights: Floats


KEYS = (
    Key(
        "denominator",
        Word(("pooled", "treated")),
        "What standardises the bias: the pooled standard deviation before matching (Rosenbaum and Rubin 1985; Stata's "
        "pstest), or that of the treated (MatchIt).",
        '"treated"',
        "pooled",
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> BalanceConfig:
    """Take what standardises the bias."""
    return BalanceConfig(**found)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find a study that matches nothing, samples that are not matched, and choices without effect."""
    why = "balance is that of the variables matched on, before anything is estimated"
    yield from not_read(request, bench.study, ("outcome", "controls", "fixed_effects", "weights", "estimator"), why)
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
    title = request.table.name or say(ANALYSIS.title)
    tables = (tidy_variables(found, title, bench.label, config.denominator), tidy_joint(found, title))
    alpha = bench.study.inference.alpha
    said = [*(w for sample in found for w in warnings(sample, bench.label, alpha)), *cells.notes]
    charts = (*_love(found, title, bench), *_overlap(overlaps, found, title))
    return Finding(tables, charts, tuple(dict.fromkeys(said)))


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


def _compare(
    bench: Bench, cells: Cells, cell: Cell, denominator: Denominator
) -> tuple[ComparedSample, list[ScoreBlock]]:
    """Match a sample and compare its sides, in every cross-section and over all of them."""
    content = Contents(cell.plan.grid, cell.setting)
    matched = match_rows(match_recipe(content, *_choices(cell)), bench.panel, bench.evaluator)
    labels, heading = _labels(cells, cell)
    parts = [s for s in matched.sections if isinstance(s.result, Matched)]
    if not parts:
        return ComparedSample(labels, heading, (), next(shortfalls(matched))), []
    stacks = [_stack(parts[k : k + 1]) for k in range(len(parts))]
    compared = [_sides(part.period, stack, denominator) for part, stack in zip(parts, stacks, strict=True)]
    whole = stacks[0]
    if len(matched.sections) > 1:
        whole = _stack(parts)
        compared.insert(0, _sides("all", whole, denominator))
    blocks = []
    if whole.names[:1] == (SCORE,):
        blocks = [score_block(heading, whole.columns[:, 0], whole.treated, whole.weights)]
    return ComparedSample(labels, heading, tuple(compared), outside=tuple(left_out(matched))), blocks


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


def _stack(parts: list[CrossSection]) -> ComparedColumns:
    """Return names and columns of what is compared, who is treated and the weights, part after part."""
    scores = [_score(part) for part in parts]
    columns = np.vstack([part.candidates.covariates for part in parts])
    names = parts[0].labels
    if all(score is not None for score in scores):
        columns = np.column_stack([np.concatenate([s for s in scores if s is not None]), columns])
        names = (SCORE, *names)
    treated = np.concatenate([part.candidates.treated for part in parts])
    weights = np.concatenate([part.result.weights for part in parts if isinstance(part.result, Matched)])
    return ComparedColumns(names, columns, treated, weights)


def _score(part: CrossSection) -> Floats | None:
    """Return the score that was matched on, or for other methods one estimated for the display."""
    assert isinstance(part.result, Matched)
    if part.result.score is not None or not part.labels:
        return part.result.score
    found = propensity_score(part.candidates)
    return found if isinstance(found, np.ndarray) else None


def _sides(period: str, stack: ComparedColumns, denominator: Denominator) -> MatchComparison:
    """Compare treated and controls variable by variable, and jointly without the score."""
    lead = int(stack.names[:1] == (SCORE,))
    stages = (np.ones(len(stack.weights)), stack.weights)
    compared = balance(stack.columns, stack.treated, stack.weights, denominator)
    own = stack.columns[:, lead:]
    nothing = BalanceTest(np.nan, 0, np.nan, np.nan)
    tests = [joint_test(own, stack.treated, w) if own.shape[1] else nothing for w in stages]
    return MatchComparison(period, stack.names, compared, (tests[0], tests[1]))


def _love(found: list[ComparedSample], title: str, bench: Bench) -> Iterator[Chart]:
    """Return the love plot: the first comparison of each sample, which is over all periods."""
    blocks = []
    for sample in found:
        for c in sample.compared[:1] if sample.compared and sample.compared[0].names else ():
            rows = tuple(
                LoveRow(_variable(name, bench.label), *c.balance.bias[:, k].tolist()) for k, name in enumerate(c.names)
            )
            blocks.append(LoveBlock(sample.heading, rows, sample.size_words))
    if blocks:
        note = say("Biases are over the standard deviation before matching; effective numbers of controls are Kish's.")
        note = sentences([note, *_outside(found)])
        yield Chart("love_plot", LoveData(title, tuple(blocks), LIMIT, note), "love", told=False)


def _outside(samples: Sequence[ComparedSample]) -> list[str]:
    """Say which units are on neither side of the numbers, since they could not be matched; by sample where they differ.

    Those who wonder why fewer are treated than in the study read it here.
    """
    shown = [s for s in samples if s.compared]
    alike = len({s.outside for s in shown}) == 1
    said = (
        capital(told(words, True)) if alike else say("{name}: {why}", name=s.heading, why=told(words, True))
        for s in shown
        for words in s.outside
    )
    return [say("{sample}.", sample=words) for words in dict.fromkeys(said)]


def _overlap(blocks: list[ScoreBlock], found: Sequence[ComparedSample], title: str) -> Iterator[Chart]:
    if blocks:
        note = say("Shares of each side by score; after matching with the weights of the match.")
        note = sentences([note, *_outside([s for s in found if s.compared and s.compared[0].names[:1] == (SCORE,)])])
        yield Chart("score_overlap", ScoreData(title, tuple(blocks), note), "scores", told=False)


@dataclass(frozen=True, slots=True)
class MatchComparison:
    """Both sides of a match; ``joint`` is before and after, ``period`` "" for one cross-section."""

    period: str
    names: tuple[str, ...]
    balance: Balance = field(repr=False)
    joint: tuple[BalanceTest, BalanceTest] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ComparedSample:
    """A matched sample, the comparison over all periods first.

    ``failure`` says why nothing is matched, ``outside`` which units have no score and are in no number.
    """

    labels: Mapping[str, str]
    heading: str
    compared: tuple[MatchComparison, ...]
    failure: str = ""
    outside: tuple[str, ...] = ()

    @property
    def size_words(self) -> str:
        """How many were matched: ``33 of 33 treated with 31 of 172 controls``."""
        if not self.compared:
            return say("nothing is matched")
        b = self.compared[0].balance
        words = say(
            "{treated:,} of {all_treated:,} treated with {control:,} of {all_control:,} controls",
            treated=b.n_treated[1],
            all_treated=b.n_treated[0],
            control=b.n_control[1],
            all_control=b.n_control[0],
        )
        effective = float(b.n_eff_control[1])
        return (
            words
            if abs(effective - b.n_control[1]) < 0.05
            else say("{words} ({effective:,.1f} effective)", words=words, effective=effective)
        )


def _names(samples: Sequence[ComparedSample]) -> tuple[str, ...]:
    return tuple(samples[0].labels) if samples else ()


def _lead(sample: ComparedSample) -> tuple[Value, ...]:
    return tuple(label or None for label in sample.labels.values())


def tidy_variables(samples: Sequence[ComparedSample], title: str, label: Label, denominator: str) -> TidyTable:
    """Return a row for every variable and stage of every match."""
    rows = []
    for sample in samples:
        for c in sample.compared:
            for k, name in enumerate(c.names):
                for stage in (0, 1):
                    rows.append((*_lead(sample), c.period, name, STAGES[stage], *_numbers(c.balance, k, stage)))
    printed = _printed_variables(samples, title, label, denominator)
    return TidyTable((*_names(samples), *VARIABLES), tuple(rows), printed)


def _numbers(b: Balance, k: int, stage: int) -> tuple[Value, ...]:
    means = float(b.mean_treated[stage, k]), float(b.mean_control[stage, k])
    reduction = float(b.reduction[k]) if stage else None
    tested = float(b.variance_ratio[stage, k]), float(b.t[stage, k]), float(b.p_value[stage, k])
    sizes = int(b.n_treated[stage]), int(b.n_control[stage]), float(b.n_eff_control[stage])
    return (*means, float(b.bias[stage, k]), reduction, *tested, *sizes)


def tidy_joint(samples: Sequence[ComparedSample], title: str) -> TidyTable:
    """Return a row for both stages of every match: joint tests and sizes."""
    rows: list[tuple[Value, ...]] = []
    for sample in samples:
        if not sample.compared:
            rows.append((*_lead(sample), *(None,) * (len(JOINT) - 1), sample.failure))
        for c in sample.compared:
            for stage in (0, 1):
                lost = "; ".join(sample.outside) or None
                rows.append((*_lead(sample), c.period, STAGES[stage], *_joint(c, stage), lost))
    return TidyTable((*_names(samples), *JOINT), tuple(rows), _printed_joint(samples, title), "joint")


def _joint(c: MatchComparison, stage: int) -> tuple[Value, ...]:
    test, b = c.joint[stage], c.balance
    sizes = int(b.n_treated[stage]), int(b.n_control[stage]), float(b.n_eff_control[stage])
    return (test.chi2, test.df, test.p_value, test.pseudo_r2, *_biases(c, stage), *sizes)


def _biases(c: MatchComparison, stage: int) -> tuple[float, float]:
    """Return the mean and the largest absolute bias, of the variables that have one."""
    bias = np.abs(c.balance.bias[stage])
    bias = bias[np.isfinite(bias)]
    return (float(bias.mean()), float(bias.max())) if len(bias) else (np.nan, np.nan)


def _printed_variables(
    samples: Sequence[ComparedSample], title: str, label: Label, denominator: str
) -> PrintTable | None:
    shown = [s for s in samples if s.compared and s.compared[0].names]
    if not shown:
        return None
    blocks = []
    for sample in shown:
        head = (Row(sample.heading, ("",) * 8),) if len(shown) > 1 else ()
        blocks.append((*head, *_variable_rows(sample.compared[0], label)))
    columns = (
        say("Matching"),
        say("Treated"),
        say("Controls"),
        say("Bias, %"),
        say("Reduction, %"),
        say("Variance ratio"),
        "t",
        "p",
    )
    notes = [
        say(
            "The bias is the difference in means over {denominators}, both before matching; the reduction is "
            "that of its absolute value.",
            denominators=say(DENOMINATORS[denominator]),
        ),
        say("t is of a regression of the variable on treated with the weights of the match."),
    ]
    if any(len(s.compared) > 1 for s in shown):
        notes.append(
            say("Means and tests are over all periods, matched one by one; tests take a unit's periods as independent.")
        )
    return PrintTable(title, columns, tuple(blocks), (), (*notes, *_outside(shown)))


def _variable(name: str, label: Label) -> str:
    return say(name) if name == SCORE else label(name)


def _variable_rows(c: MatchComparison, label: Label) -> Iterator[Row]:
    b = c.balance
    for k, name in enumerate(c.names):
        for stage in (0, 1):
            cells = (
                say(STAGES[stage]),
                number(float(b.mean_treated[stage, k])),
                number(float(b.mean_control[stage, k])),
                number(float(b.bias[stage, k]), 1),
                number(float(b.reduction[k]), 1) if stage else "",
                number(float(b.variance_ratio[stage, k]), 2),
                number(float(b.t[stage, k]), 2),
                p_value(float(b.p_value[stage, k])),
            )
            yield Row("" if stage else _variable(name, label), cells)


def _printed_joint(samples: Sequence[ComparedSample], title: str) -> PrintTable | None:
    shown = [s for s in samples if s.compared]
    if not shown:
        return None
    blocks = tuple(tuple(_joint_rows(s)) for s in shown)
    columns = (
        say("Matching"),
        say("Treated"),
        say("Controls"),
        say("Effective controls"),
        say("Mean |bias|, %"),
        say("Largest |bias|, %"),
        say("Joint χ²"),
        say("df"),
        "p",
    )
    note = say("The joint test is the likelihood ratio of a logit of treated on all variables, weighted as matched.")
    return PrintTable(say("{title}: sizes and joint tests", title=title), columns, blocks, (), (note, *_outside(shown)))


def _joint_rows(sample: ComparedSample) -> Iterator[Row]:
    c = sample.compared[0]
    for stage in (0, 1):
        test, b = c.joint[stage], c.balance
        mean, largest = _biases(c, stage)
        cells = (
            say(STAGES[stage]),
            count(int(b.n_treated[stage])),
            count(int(b.n_control[stage])),
            number(float(b.n_eff_control[stage]), 1),
            number(mean, 1),
            number(largest, 1),
            number(test.chi2, 2),
            str(test.df) if test.df else "",
            p_value(test.p_value),
        )
        yield Row("" if stage else sample.heading, cells)


def warnings(sample: ComparedSample, label: Label, alpha: float) -> Iterator[Caution]:
    """Say what matching did not balance, and what it made worse."""
    if not sample.compared:
        yield Caution("serious", "match_lost", f"{sample.heading}: {sample.failure}")
        return
    c, b = sample.compared[0], sample.compared[0].balance
    known = [(label(n), *b.bias[:, k].tolist()) for k, n in enumerate(c.names)]
    left = [f"{n} ({number(after, 1)}%)" for n, _, after in known if abs(after) > LIMIT]
    worse = [
        f"{n} ({number(before, 1)}% to {number(after, 1)}%)"
        for n, before, after in known
        if abs(after) > max(abs(before), LIMIT / 2)
    ]
    about = sample.heading
    if left:
        said = f"{about}: after matching a bias above {LIMIT:g}% is left in {listed(left)}"
        yield Caution("serious", "imbalance", said)
    if worse:
        yield Caution("serious", "imbalance", f"{about}: matching made the bias larger in {listed(worse)}")
    yield from _joint_imbalance(about, c.joint[1], alpha)


def _joint_imbalance(about: str, test: BalanceTest, alpha: float) -> Iterator[Caution]:
    if not test.df:
        return
    if np.isnan(test.p_value):
        said = "after matching the variables separate treated from controls, so there is no joint test"
        yield Caution("serious", "imbalance", f"{about}: {said}")
    elif test.p_value < alpha:
        said = f"after matching the variables still predict treatment jointly (p {p_is(test.p_value)})"
        yield Caution("serious", "imbalance", f"{about}: {said}")


ANALYSIS = Analysis("balance", later("Balance of matched samples"), decode, run, check, KEYS)


@dataclass(frozen=True, slots=True)
class Balance:
    """Balance of k variables; the first axis of length 2 is before and after matching.

    Attributes
    ----------
    mean_treated, mean_control : (2, k) float64
    bias : (2, k) float64
        Standardised bias in per cent, by the standard deviation before matching.
    reduction : (k,) float64
        By how many per cent the absolute bias fell; negative where it grew.
    variance_ratio : (2, k) float64, variance of the treated over that of the controls
    t, p_value : (2, k) float64, of a (weighted) regression of the variable on treated
    n_treated, n_control : (2,) int64
    n_eff_control : (2,) float64, Kish's effective number of controls
    """

    mean_treated: Floats
    mean_control: Floats
    bias: Floats
    reduction: Floats
    variance_ratio: Floats
    t: Floats
    p_value: Floats
    n_treated: Ints
    n_control: Ints
    n_eff_control: Floats


@dataclass(frozen=True, slots=True)
class BalanceTest:
    """Likelihood-ratio test that no variable predicts treatment in a (weighted) logit.

    NaN where the variables separate treated and controls.
    """

    chi2: float
    df: int
    p_value: float
    pseudo_r2: float


def balance(
    columns: Floats,
    treated: Bools,
    weights: Floats,
    denominator: Literal["pooled", "treated"] = "pooled",
) -> Balance:
    """Compare treated and controls variable by variable.

    Parameters
    ----------
    columns : (n, k) float64, complete
    treated : (n,) bool
    weights : (n,) float64, of the match; 0 where not matched
    denominator
        What standardises: "pooled", √((s²₁ + s²₀) / 2) (Rosenbaum and Rubin 1985; Stata's
        pstest), or "treated", s₁ (MatchIt).
    """
    stages = (np.ones(len(treated)), weights)
    treat = [_moments(columns[treated], w[treated]) for w in stages]
    control = [_moments(columns[~treated], w[~treated]) for w in stages]
    means = np.array([m for m, _ in treat]), np.array([m for m, _ in control])
    spreads = np.array([v for _, v in treat]), np.array([v for _, v in control])
    squared = spreads[0][0] if denominator == "treated" else (spreads[0][0] + spreads[1][0]) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        bias = 100.0 * (means[0] - means[1]) / np.sqrt(squared)
        reduction = 100.0 * (1.0 - np.abs(bias[1]) / np.abs(bias[0]))
        ratio = spreads[0] / spreads[1]
    t, p = np.array([_t_test(columns, treated, w) for w in stages]).swapaxes(0, 1)
    n_treated, n_control, n_eff = _sizes(treated, stages)
    return Balance(*means, bias, reduction, ratio, t, p, n_treated, n_control, n_eff)


def _sizes(treated: Bools, stages: tuple[Floats, ...]) -> tuple[Ints, Ints, Floats]:
    controls = [w[~treated] for w in stages]
    return (
        np.array([np.count_nonzero(w[treated]) for w in stages], np.int64),
        np.array([np.count_nonzero(w) for w in controls], np.int64),
        np.array([w.sum() ** 2 / (w**2).sum() if w.any() else 0.0 for w in controls]),
    )


def _moments(columns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return weighted means and variances, (k,) each; with equal weights the variance has n - 1."""
    total = weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = weights @ columns / total
        spread = weights @ (columns - mean) ** 2 * total / (total**2 - (weights**2).sum())
    return mean, spread


def _t_test(columns: Floats, treated: Bools, weights: Floats) -> tuple[Floats, Floats]:
    """Test equal means by weighted least squares on the rows with a weight, as pstest does."""
    from scipy.special import stdtr

    used = weights > 0
    w, on, X = weights[used], treated[used], columns[used]
    df = len(w) - 2
    one, zero = w * on, w * ~on
    with np.errstate(divide="ignore", invalid="ignore"):
        means = one @ X / one.sum(), zero @ X / zero.sum()
        residual = X - np.where(on[:, None], *means)
        variance = w @ residual**2 / df * (1 / one.sum() + 1 / zero.sum())
        t = (means[0] - means[1]) / np.sqrt(variance)
    return t, 2.0 * stdtr(df, -np.abs(t))


def joint_test(columns: Floats, treated: Bools, weights: Floats) -> BalanceTest:
    """Test all variables at once on the rows with a weight.

    Parameters
    ----------
    columns : (n, k) float64, complete
    treated : (n,) bool
    weights : (n,) float64; ones for the test before matching

    Notes
    -----
    Pseudo-R² and likelihood ratio of the treatment equation estimated again on the
    matched sample (Sianesi 2004), by logit as the score is.
    """
    from scipy.special import chdtrc

    used = weights > 0
    fit = fit_logit(treated[used], columns[used], weights[used])
    if fit.separated:
        return BalanceTest(np.nan, fit.df, np.nan, np.nan)
    share = float(weights[treated].sum() / weights.sum())
    null = float(weights.sum() * (share * np.log(share) + (1 - share) * np.log1p(-share)))
    chi2 = max(2.0 * (fit.log_likelihood - null), 0.0)
    return BalanceTest(chi2, fit.df, float(chdtrc(fit.df, chi2)), 1.0 - fit.log_likelihood / null)
