"""[table."Table 3"]: regressions side by side with every coefficient, as papers print them.

Constants are those of reghdfe (Correia 2017): the mean of what the fixed effects leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from specdid._decode.table import Table
from specdid._describe.clusters import CLUSTERS, FEW
from specdid._study import VcovOption
from specdid._words import later, said_list, say, told
from specdid.analyses._base import Analysis, Bench, Caution, CellFit, Cells, Finding, Request
from specdid.analyses._fit import CONSTANT_LABEL, Coefficient, semidefinite
from specdid.analyses._timing import never_before
from specdid.analyses._words import count, decimals, estimate_and_error, labels_of, number
from specdid.engine.scores import clusters_of
from specdid.language import without_ticks
from specdid.tables._base import PrintTable, Row, TidyTable, Value

HEADER = (
    "vcov", "term", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df",
    "nobs", "n_units", "n_treated", "n_clusters", "r2", "r2_within", "pseudo_r2", "message",
)  # fmt: skip
Labelled = tuple[str, Sequence[Coefficient | None]]
"""A row's name, and what stands in each of its columns."""


def decode(found: Mapping[str, Any], table: Table) -> None:
    """Take no key but ``fix`` and ``vary``."""


def run(bench: Bench, request: Request) -> Finding:
    """Estimate every column, and lay the coefficients out."""
    cells = bench.cells(request)
    fits = [bench.fit(cell) for cell in cells]
    tidy = TidyTable(
        ("column", *labels_of(cells), *HEADER),
        tuple(row for k, fit in enumerate(fits) for row in tidy_rows(bench, k + 1, fit)),
        printed(bench, request, cells, fits) if any(f.failure is None for f in fits) else None,
    )
    failures = [
        Caution("note", "not_estimated", f"{cells.shown(f.cell)}: {f.failure}") for f in fits if f.failure is not None
    ]
    always = [
        Caution("serious", "always_treated", f"{cells.shown(f.cell)}: {why}") for f in fits if (why := never_before(f))
    ]
    return Finding((tidy,), warnings=(*cells.notes, *failures, *always))


def tidy_rows(bench: Bench, column: int, fit: CellFit) -> Iterator[tuple[Value, ...]]:
    """Return a line for every vcov and coefficient: the column, its labels, then as in HEADER."""
    labels = tuple(fit.cell.labels.values())
    for v, vcov in enumerate(bench.study.vcov):
        lead: tuple[Value, ...] = (column, *labels, vcov.name)
        clusters = int(fit.n_clusters[v]) if fit.n_clusters[v] >= 0 else None
        units = (fit.n_units, fit.n_treated) if fit.n_units >= 0 else (None, None)
        size: tuple[Value, ...] = (fit.nobs, *units, clusters, fit.r2, fit.r2_within, fit.pseudo_r2)
        if fit.failure is not None:
            yield (*lead, *(None,) * 15, fit.failure)
        for k in range(len(fit.terms)):
            c = fit.coefficient(k, v)
            numbers = (c.estimate, c.std_error, c.statistic, c.p_value, c.conf_low, c.conf_high, c.df)
            yield (*lead, c.label, *numbers, *size, c.note or None)
        for term in fit.dropped:
            yield (*lead, term, *(None,) * 7, *size, fit.open[term])


def printed(bench: Bench, request: Request, cells: Cells, fits: Sequence[CellFit]) -> PrintTable:
    """Lay a table of regressions out for print."""
    blocks = tuple(b for b in (coefficients(bench, fits), effects(bench, fits), statistics(fits)) if b)
    return PrintTable(request.title, numbered(fits), blocks, spanners(bench, cells), notes(bench, fits))


def spanners(bench: Bench, cells: Cells) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return a line of headings for every dimension that differs, equal neighbours joined."""
    lines = []
    for depth in range(1, len(cells.varying) + 1):
        # A heading ends where one above it does.
        keys = [tuple(cell.labels[n] for n in cells.varying[:depth]) for cell in cells]
        name = cells.varying[depth - 1]
        lines.append(tuple((bench.heading(name, key[-1]), len(list(same))) for key, same in groupby(keys)))
    return tuple(lines) or (((bench.label(cells[0].labels["outcome"]), len(cells)),),)


def coefficients(bench: Bench, fits: Sequence[CellFit]) -> tuple[Row, ...]:
    """Return a row for every term: treatments first, the constant last, standard errors below."""
    return coefficient_rows(by_term(bench, fits))


def by_term(bench: Bench, fits: Sequence[CellFit]) -> list[Labelled]:
    """Return every term's name and its coefficient in each fit: treatments first, the constant last."""
    lead = dict.fromkeys(f.terms[0] for f in fits if f.terms)
    rest = dict.fromkeys(t for f in fits for t in f.terms if t != CONSTANT_LABEL)
    terms = [*(lead | rest), *([CONSTANT_LABEL] if any(CONSTANT_LABEL in f.terms for f in fits) else [])]
    return [
        (
            say(term) if term == CONSTANT_LABEL else bench.label(term),
            [f.coefficient(term) if term in f.terms else None for f in fits],
        )
        for term in terms
    ]


def coefficient_rows(rows: Sequence[Labelled], places: int | None = None) -> tuple[Row, ...]:
    """Return rows of estimates, standard errors below, all to the same decimals; empty where there is none."""
    if places is None:
        places = decimals(c.std_error for _, found in rows for c in found if c is not None)
    written = [
        (label, [estimate_and_error(c.estimate, c.std_error, places) if c else ("", "") for c in found])
        for label, found in rows
    ]
    return tuple(Row(label, tuple(a for a, _ in cells), tuple(b for _, b in cells)) for label, cells in written)


def numbered(columns: Sequence[object]) -> tuple[str, ...]:
    """Return the headings (1), (2), … of the columns."""
    return tuple(f"({k})" for k in range(1, len(columns) + 1))


def effects(bench: Bench, fits: Sequence[CellFit]) -> tuple[Row, ...]:
    """Say for every fixed effect of any column whether it is in."""
    found = dict.fromkeys(e for f in fits for e in f.effects)
    return tuple(
        Row(
            say("{name} effects", name=without_ticks(bench.label(e).replace("^", "×"))),
            tuple(say("yes") if e in f.effects else say("no") for f in fits),
        )
        for e in found
    )


def statistics(fits: Sequence[CellFit]) -> tuple[Row, ...]:
    """Return observations, units, treated units, clusters and within R².

    Beside units that are always treated, those whose treatment varies are no longer called the treated.
    """
    always = any(f.failure is None and f.n_always > 0 for f in fits)

    def row(label: str, give: Callable[[CellFit], str]) -> Row:
        return Row(label, tuple("" if f.failure is not None else give(f) for f in fits))

    rows = [
        row(say("Observations"), lambda f: count(f.nobs)),
        row(say("Units"), lambda f: count(f.n_units)),
        row(say("Treated units (not always)") if always else say("Treated units"), lambda f: count(f.n_treated)),
        *([row(say("Always treated units"), lambda f: count(f.n_always))] if always else []),
        row(say("Clusters"), lambda f: count(int(f.n_clusters[0]))),
        row(say("R²"), lambda f: number(f.r2)),
        row(say("Within R²"), lambda f: number(f.r2_within)),
        row(say("Pseudo R²"), lambda f: number(f.pseudo_r2)),
    ]
    return tuple(r for r in rows if any(r.cells))


def notes(bench: Bench, fits: Sequence[CellFit], constants: bool = True, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Say what the parentheses hold, and what could not be estimated.

    ``constants``: the table prints them; ``names`` are those of what stands for a fit, where columns have no numbers.
    """
    found = [error_note(bench)]
    alone = {f.cell.labels.get("estimator", f.cell.method): f.alone for f in fits if f.alone}
    found += [
        say("Of {label} only the treatment's coefficient is given: {why}.", label=bench.label(n), why=told(why, True))
        for n, why in alone.items()
    ]
    if constants and any(CONSTANT_LABEL in f.terms and f.effects and f.full is not None for f in fits):
        found.append(say("The constant is the mean outcome net of the regressors, as reghdfe reports it."))
    found += _doubts(bench, fits, names or [f"({k})" for k in range(1, len(fits) + 1)])
    found += _instrumented(fits)
    found += _left_open(bench, fits)
    if any(f.failure is not None for f in fits):
        empty = [name for name, f in zip(names, fits, strict=True) if f.failure is not None] if names else []
        found.append(
            say("Empty: {names}, which could not be estimated.", names=said_list(empty))
            if names
            else say("Empty columns could not be estimated.")
        )
    return tuple(found)


def _doubts(bench: Bench, fits: Sequence[CellFit], names: Sequence[str]) -> Iterator[str]:
    """Say of which columns the errors that are printed, under the first vcov, are none, of few clusters or doubtful."""
    without: dict[str, list[str]] = {}
    indefinite, few, few_treated = [], [], []
    for column, fit in zip(names, fits, strict=True):
        if fit.failure is not None or not len(fit.terms):
            continue
        own = fit.coefficient(0)
        if own.note and fit.terms[0] not in fit.open:
            without.setdefault(own.note, []).append(column)
            continue
        # Beside fixed effects the constant is an average, and no coefficient of these programs' matrices.
        at = [j for j, term in enumerate(fit.terms) if term != CONSTANT_LABEL or not fit.effects]
        if not semidefinite(fit.vcov[0][np.ix_(at, at)]):
            indefinite.append(column)
        clusters, treated = _clusters(fit)
        if 0 < clusters < CLUSTERS:
            few.append(column)
        if 0 < treated < FEW:
            few_treated.append(column)
    for why, columns in without.items():
        yield say("Without a standard error in {columns}: {why}.", columns=said_list(columns), why=told(why, True))
    if indefinite:
        yield say(
            "The two-way matrix of all coefficients is not positive semi-definite in {columns}: its diagonal is "
            "given, and programs that set its negative eigenvalues to zero, as fixest and reghdfe, print other errors.",
            columns=said_list(indefinite),
        )
    if few:
        yield say(
            "Fewer than {n} clusters in {columns}: standard errors may be too small.",
            n=CLUSTERS,
            columns=said_list(few),
        )
    if few_treated:
        yield say(
            "Fewer than {n} clusters with treatment in {columns}: standard errors may be too small.",
            n=FEW,
            columns=said_list(few_treated),
        )


def _clusters(fit: CellFit) -> tuple[int, int]:
    """Count the clusters of the first vcov, and those with treatment; of two the smaller number, 0 without any."""
    compiled = fit.cell.compiled
    columns = compiled.problem.vcovs[0].clusters
    if not columns or fit.n_clusters[0] < 0:
        return 0, 0
    on = compiled.problem.values[fit.rows, compiled.members.treatment[fit.cell.member]] != 0
    codes = clusters_of(compiled.problem, fit.rows)
    return int(fit.n_clusters[0]), min(len(np.unique(codes[c][on])) for c in columns)


def _instrumented(fits: Sequence[CellFit]) -> Iterator[str]:
    """Say which columns are two-stage least squares, and how strong their instruments are."""
    stages = {f"({k})": f.full for k, f in enumerate(fits, 1) if f.full is not None and f.cell.instrumented}
    if stages:
        yield say(
            "Two-stage least squares in {columns}; effective F of the first stage {strengths}.",
            columns=said_list(list(stages)),
            strengths=said_list([f"{full.effective_f:.3g}" for full in stages.values()]),
        )


def _left_open(bench: Bench, fits: Sequence[CellFit]) -> Iterator[str]:
    """Say which terms of which columns have no coefficient of their own."""
    where: dict[str, list[str]] = {}
    for k, fit in enumerate(fits, 1):
        terms = [t for t in (*fit.terms, *fit.dropped) if t in fit.open and t != CONSTANT_LABEL]
        if terms:
            shown = [bench.label(t) for t in dict.fromkeys(terms)]
            where.setdefault(said_list(shown), []).append(f"({k})")
    for terms_, columns in where.items():
        yield say(
            "Without a coefficient of their own, and so not identified, in {columns}: {terms}.",
            columns=said_list(columns),
            terms=terms_,
        )


def error_note(bench: Bench) -> str:
    """Say what the parentheses hold: standard errors under the study's first vcov."""
    return say("Standard errors in parentheses, {errors}.", errors=error_words(bench))


def error_words(bench: Bench) -> str:
    """Say of which kind standard errors under the study's first vcov are, for a sentence."""
    vcov = bench.study.vcov[0]
    kinds = {"iid": say("for independent errors of equal variance"), "hetero": say("robust to heteroskedasticity")}
    by = say("clustered by {clusters}", clusters=said_list(bench.label(c.text) for c in vcov.clusters))
    return f"{kinds.get(vcov.kind) or by}{_correction(vcov)}"


def _correction(vcov: VcovOption) -> str:
    """Say, to go on a sentence, what is not the default: the small-sample correction and the distribution."""
    ssc = say(", small-sample correction as {program}", program=vcov.ssc)
    words = {"none": say(", without a small-sample correction"), "fixest": ""}
    law = {"normal": say(", normal distribution"), "t": say(", t distribution"), None: ""}[vcov.distribution]
    return words.get(vcov.ssc, ssc) + law


ANALYSIS = Analysis("table", later("Regressions with every coefficient"), decode, run)
