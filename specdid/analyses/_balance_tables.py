"""How [balance] is written: two tidy tables, two printed ones, a section of the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from specdid._records import Caution
from specdid.analyses._print import count, number, p_is, p_value
from specdid.analyses._words import listed
from specdid.matching._balance import Balance, BalanceTest
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

Label = Callable[[str], str]

LIMIT = 10.0
"""Per cent of bias up to which a variable is called balanced (Austin 2011)."""
RATIOS = 0.5, 2.0
"""Variance ratios outside are called unequal (Rubin 2001)."""
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
    "pooled": "√((s²₁ + s²₀) / 2) of treated and controls",
    "treated": "the standard deviation of the treated",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of a match; ``joint`` is before and after, ``period`` "" for one cross-section."""

    period: str
    names: tuple[str, ...]
    balance: Balance = field(repr=False)
    joint: tuple[BalanceTest, BalanceTest] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """A matched sample, the comparison over all periods first; ``said`` is what was lost."""

    labels: Mapping[str, str]
    heading: str
    compared: tuple[Comparison, ...]
    said: tuple[str, ...] = ()

    @property
    def size_words(self) -> str:
        """How many were matched: ``33 of 33 treated with 31 of 172 controls``."""
        if not self.compared:
            return "nothing is matched"
        b = self.compared[0].balance
        treated = f"{b.n_treated[1]:,} of {b.n_treated[0]:,} treated"
        words = f"{treated} with {b.n_control[1]:,} of {b.n_control[0]:,} controls"
        effective = float(b.n_eff_control[1])
        return words if abs(effective - b.n_control[1]) < 0.05 else f"{words} ({effective:,.1f} effective)"


def _names(samples: Sequence[Sample]) -> tuple[str, ...]:
    return tuple(samples[0].labels) if samples else ()


def _lead(sample: Sample) -> tuple[Value, ...]:
    return tuple(label or None for label in sample.labels.values())


def tidy_variables(samples: Sequence[Sample], title: str, label: Label, denominator: str) -> TidyTable:
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


def tidy_joint(samples: Sequence[Sample], title: str, label: Label) -> TidyTable:
    """Return a row for both stages of every match: joint tests and sizes."""
    rows: list[tuple[Value, ...]] = []
    for sample in samples:
        if not sample.compared:
            rows.append((*_lead(sample), *(None,) * (len(JOINT) - 1), sample.said[0]))
        for c in sample.compared:
            for stage in (0, 1):
                rows.append((*_lead(sample), c.period, STAGES[stage], *_joint(c, stage), None))
    return TidyTable((*_names(samples), *JOINT), tuple(rows), _printed_joint(samples, title, label), "joint")


def _joint(c: Comparison, stage: int) -> tuple[Value, ...]:
    test, b = c.joint[stage], c.balance
    sizes = int(b.n_treated[stage]), int(b.n_control[stage]), float(b.n_eff_control[stage])
    return (test.chi2, test.df, test.p_value, test.pseudo_r2, *_biases(c, stage), *sizes)


def _biases(c: Comparison, stage: int) -> tuple[float, float]:
    """Return the mean and the largest absolute bias, of the variables that have one."""
    bias = np.abs(c.balance.bias[stage])
    bias = bias[np.isfinite(bias)]
    return (float(bias.mean()), float(bias.max())) if len(bias) else (np.nan, np.nan)


def _printed_variables(samples: Sequence[Sample], title: str, label: Label, denominator: str) -> PrintTable | None:
    shown = [s for s in samples if s.compared and s.compared[0].names]
    if not shown:
        return None
    blocks = []
    for sample in shown:
        head = (Row(sample.heading, ("",) * 8),) if len(shown) > 1 else ()
        blocks.append((*head, *_variable_rows(sample.compared[0], label)))
    columns = ("Matching", "Treated", "Controls", "Bias, %", "Reduction, %", "Variance ratio", "t", "p")
    notes = [
        f"The bias is the difference in means over {DENOMINATORS[denominator]}, both before matching; the "
        "reduction is that of its absolute value.",
        "t is of a regression of the variable on treated with the weights of the match.",
    ]
    if any(len(s.compared) > 1 for s in shown):
        notes.append("Means are over all periods, matched one by one.")
    return PrintTable(title, columns, tuple(blocks), (), tuple(notes))


def _variable_rows(c: Comparison, label: Label) -> Iterator[Row]:
    b = c.balance
    for k, name in enumerate(c.names):
        for stage in (0, 1):
            cells = (
                STAGES[stage],
                number(float(b.mean_treated[stage, k])),
                number(float(b.mean_control[stage, k])),
                number(float(b.bias[stage, k]), 1),
                number(float(b.reduction[k]), 1) if stage else "",
                number(float(b.variance_ratio[stage, k]), 2),
                number(float(b.t[stage, k]), 2),
                p_value(float(b.p_value[stage, k])),
            )
            yield Row("" if stage else label(name), cells)


def _printed_joint(samples: Sequence[Sample], title: str, label: Label) -> PrintTable | None:
    shown = [s for s in samples if s.compared]
    if not shown:
        return None
    blocks = tuple(tuple(_joint_rows(s)) for s in shown)
    columns = (
        "Matching",
        "Treated",
        "Controls",
        "Effective controls",
        "Mean |bias|, %",
        "Largest |bias|, %",
        "Joint χ²",
        "df",
        "p",
    )
    note = "The joint test is the likelihood ratio of a logit of treated on all variables, weighted as matched."
    return PrintTable(f"{title}: sizes and joint tests", columns, blocks, (), (note,))


def _joint_rows(sample: Sample) -> Iterator[Row]:
    c = sample.compared[0]
    for stage in (0, 1):
        test, b = c.joint[stage], c.balance
        mean, largest = _biases(c, stage)
        cells = (
            STAGES[stage],
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


def lines(samples: Sequence[Sample], label: Label) -> Iterator[str]:
    """Return the summary's table: sizes, biases and joint tests, and what was lost."""
    yield "| matched sample | matched | mean bias, % | largest bias, % after | joint p |"
    yield "|---|---|---|---|---|"
    for sample in samples:
        if not sample.compared:
            yield f"| {sample.heading} | nothing | | | |"
            continue
        c = sample.compared[0]
        (before, _), (after, largest) = _biases(c, 0), _biases(c, 1)
        name = c.names[int(np.nanargmax(np.abs(c.balance.bias[1])))] if np.isfinite(largest) else ""
        cells = [sample.heading, sample.size_words, "", "", ""]
        if name:
            cells[2] = f"{number(before, 1)} → {number(after, 1)}"
            cells[3] = f"{number(largest, 1)} ({label(name)})"
            cells[4] = " → ".join(p_value(t.p_value) or "none" for t in c.joint)
        yield f"| {' | '.join(cells)} |"
    said = [f"- {sample.heading}: {words}" for sample in samples for words in sample.said]
    yield from ("", *said) if said else ()


def warnings(sample: Sample, label: Label, alpha: float) -> Iterator[Caution]:
    """Say what matching did not balance, and what it made worse."""
    if not sample.compared:
        yield Caution("serious", "match_lost", f"{sample.heading}: {sample.said[0]}")
        return
    c, b = sample.compared[0], sample.compared[0].balance
    known = [(label(n), *b.bias[:, k].tolist(), float(b.variance_ratio[1, k])) for k, n in enumerate(c.names)]
    left = [f"{n} ({number(after, 1)}%)" for n, _, after, _ in known if abs(after) > LIMIT]
    worse = [
        f"{n} ({number(before, 1)}% to {number(after, 1)}%)"
        for n, before, after, _ in known
        if abs(after) > max(abs(before), LIMIT / 2)
    ]
    unequal = [f"{n} ({number(r, 2)})" for n, _, _, r in known if r < RATIOS[0] or r > RATIOS[1]]
    about = sample.heading
    if left:
        said = f"{about}: after matching a bias above {LIMIT:g}% is left in {listed(left)}"
        yield Caution("serious", "imbalance", said)
    if worse:
        yield Caution("serious", "imbalance", f"{about}: matching made the bias larger in {listed(worse)}")
    if unequal:
        said = f"{about}: after matching variances differ, treated over controls, in {listed(unequal)}"
        yield Caution("note", "variances_differ", said)
    yield from _joint_imbalance(about, c.joint[1], alpha)
    if len(sample.compared) > 1:
        said = f"{about}: t and joint tests over all periods count the periods of a unit as independent"
        yield Caution("note", "periods_as_independent", said)


def _joint_imbalance(about: str, test: BalanceTest, alpha: float) -> Iterator[Caution]:
    if not test.df:
        return
    if np.isnan(test.p_value):
        said = "after matching the variables separate treated from controls, so there is no joint test"
        yield Caution("serious", "imbalance", f"{about}: {said}")
    elif test.p_value < alpha:
        said = f"after matching the variables still predict treatment jointly (p {p_is(test.p_value)})"
        yield Caution("serious", "imbalance", f"{about}: {said}")
