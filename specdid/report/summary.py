"""summary.md and details.md: what a reader must know, as Markdown that is also read in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from unicodedata import east_asian_width
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from specdid._curve import Curve
from specdid._describe.choices import Change, Choices, Spread
from specdid._describe.instruments import beside_estimate
from specdid._describe.joint_tests import primary_lines
from specdid._describe.sensitivity import Sensitivity
from specdid._records import Audit, Family, NullShares, Results, ScaleGroup, Section, Status
from specdid._records.cautions import AGAINST, Against, against, capital, of_audit
from specdid._records.numerals import decimals_for, minus, ordinal, p_text, specifications
from specdid.report import _markdown
from specdid.report._markdown import harmless

NO_SHARES = (
    "No share significant is printed, since no null tested these specifications: "
    "`draws` and `null` in [inference] ask for one."
)
NULL_WITHOUT = "No share significant is printed, since no null tested these specifications; the warnings say why."
SOME_SHARES = "–: no share significant is printed, since no null tested these specifications; the warnings say why."
_MOST = 12
"""Reasons listed under one heading; the rest is counted."""
Lines = tuple[tuple[str, ...], ...]
_SHARES, _CHANGES, _PER_DIMENSION = 8, 12, 3
_LONGEST = 48
_MOVE = 3
"""Choices and reasons that a terminal shows."""
_READ_ON = (
    ("details.md", "all of it in words: samples, tests, choices, sensitivity, analyses, every warning"),
    ("report.html", "the curve to look through, in a browser"),
    ("curve.pdf", "the curve in print"),
    ("curve.png", "the curve as a picture"),
    ("appendix.tex", "the appendix for a paper; appendix_main.tex compiles it alone"),
    ("appendix.md", "the same as Markdown"),
    ("appendix.docx", "the same for Word"),
    ("results.csv", "every specification, estimated or with the reason why not"),
    ("inference.csv", "the joint tests"),
    ("choices.csv", "what each choice changes"),
    ("warnings.csv", "what stands against the numbers, worst first"),
)
"""Files of a run and what they hold, in the order in which they are read."""
_LEFT_OUT = "the null"
"""The column of the estimates that a terminal does not show."""


def summarise(curve: Curve) -> str:
    """Write the summary of a run.

    Returns
    -------
    str
        Markdown: what stands against the numbers, worst first; the accounting line; the primary test; per scale
        and estimand the count, median, range and, where a null was drawn, shares significant by sign
        beside those expected; the preferred specification; rows; failures, exclusions and
        duplicates with their reasons; the audit; ``curve.sections``; every warning.
    """
    found = against(curve.warnings)
    sections = [
        *_estimates(curve),
        _preferred(curve.results),
        _rows(curve.results),
        _reasons(curve.results, Status.FAILED, "Failed"),
        _reasons(curve.results, Status.EXCLUDED, "Excluded"),
        _reasons(curve.results, Status.DUPLICATE, "Duplicates"),
        _estimation(curve),
        *curve.sections,
        Section("Warnings", tuple(_warned(curve))),
    ]
    head = [*_failed(found), f"# {curve.title or 'Specification curve'}", "", str(curve.counts)]
    if found.verdict:
        # Read before the test that comes first.
        head += ["", f"**{found.verdict}**"]
    for line in primary_lines(curve.joint, curve.counts.ok, curve.results.shown_statistic):
        head += ["", line]
    head += _doubts(found)
    for section in sections:
        if section.lines:
            head += ["", f"## {section.title}", "", *section.lines]
    return joined(head) + "\n"


def joined(lines: Sequence[str]) -> str:
    """Put lines together; what a study or its data say in them is text, whatever it looks like."""
    return "\n".join(harmless(one) for line in lines for one in line.split("\n"))


def digest(curve: Curve) -> str:
    """Write a run in a screen, for the terminal.

    Returns
    -------
    str
        Markdown: the account; per scale and estimand n, median, range and shares beside the null; the primary
        test; the preferred estimate; what moves the estimates; why some have no number; how the audit came
        out; what stands against the numbers, last, where a terminal shows it.
    """
    found, results = against(curve.warnings), curve.results
    lines = [*_failed(found), f"# {curve.title or 'Specification curve'}", ""]
    if found.verdict:
        lines += [f"**{found.verdict}**", ""]
    lines.append(str(curve.counts))
    groups = (g for g in results.groups() if len(results.order(g)))
    for group, (title, header, rows) in zip(groups, estimate_tables(curve), strict=True):
        shown = [k for k, name in enumerate(header) if name != _LEFT_OUT]
        cells = ([line[k] for k in shown] for line in rows)
        lines += ["", *table((title, *(header[k] for k in shown[1:])), list(cells))]
        if said := shares_note(curve, group):
            lines += ["", said]
    lines.append("")
    lines += primary_lines(curve.joint, curve.counts.ok, results.shown_statistic)
    if said := preferred_line(results):
        lines.append(f"Preferred: {said}")
    lines += (_moved(c, len(curve.choices) > 1) for c in curve.choices if results.preferred in c.family)
    for status in (Status.FAILED, Status.EXCLUDED):
        lines += _first_reasons(results, status)
    lines += (capital(_audit(audit).removeprefix("- ")) for audit in ([curve.audit] if curve.audit else []))
    notes = sum(c.severity == "note" for c in curve.warnings)
    if notes and not found.verdict:
        lines += ["", f"{notes:,} note{' is' if notes == 1 else 's are'} in summary.md and warnings.csv."]
    return joined([*lines, *_doubts(found)]) + "\n"


def overview(curve: Curve, files: Collection[str]) -> str:
    """Write summary.md: what the screen says on one page, and where to read on among the ``files`` of the run."""
    lines = [digest(curve).rstrip("\n"), "", "## Where to read on", ""]
    for name, what in _READ_ON:
        if name in files:
            lines.append(f"- [{name}]({name}): {what}")
    for analysed in curve.analyses:
        mine = sorted(f for f in files if f.startswith(f"{analysed.stem}.") and not f.endswith(".tex"))
        said = f"it could not be run: {analysed.failure}" if analysed.failure else ""
        links = ", ".join(f"[{name}]({quote(name)})" for name in mine)
        if said or links:
            lines.append(f"- {harmless(analysed.heading)}: {harmless(said) or links}")
    return "\n".join(lines) + "\n"


def _moved(choices: Choices, several: bool) -> str:
    """Return the choices that explain most of the variance of a family's estimates."""
    shares = choices.shares.share
    order = [f for f in np.argsort(-shares, kind="stable")[:_MOVE].tolist() if shares[f] >= 0.001]
    parts = [f"{_name(choices.factors[f].dimension, choices.factors[f].name)} {shares[f]:.1%}" for f in order]
    where = f" ({choices.family.name})" if several else ""
    return f"What moves the estimates{where}: {', '.join(parts) or 'no choice'} of their variance."


def _first_reasons(results: Results, status: Status) -> Iterator[str]:
    """Count the specifications of a status, with the most frequent reasons."""
    found = [r for r in results.reasons() if r.status == status]
    if found:
        parts = [f"{len(r.places):,} `{r.code}` ({r.message})" for r in found[:_MOVE]]
        more = [f"{len(found) - _MOVE:,} other reasons"] if len(found) > _MOVE else []
        yield f"{capital(status.name.lower())}: {'; '.join([*parts, *more])}."


def _failed(found: Against) -> Iterator[str]:
    """Write, before anything else, that the numbers must not be used, and why."""
    if found.failed:
        yield from (f"# {found.failed}", "", *(f"- {line}" for line in found.details), "")


def _doubts(found: Against) -> Iterator[str]:
    """Write what stands against the estimates, before them."""
    if found.verdict:
        yield from ("", f"## {AGAINST}", "")
        yield from (f"- **{capital(clause)}**: {text}" for clause, text in found.items)
    if found.rest:
        yield f"- Besides: {'; '.join(found.rest)}"


def _warned(curve: Curve) -> Iterator[str]:
    """List every caution, worst first; notes without a word before them."""
    for c in curve.warnings:
        yield f"- {c}" if c.severity == "note" else f"- **{c.severity}**: {c}"


def _estimates(curve: Curve) -> Iterator[Section]:
    """Return a table for every scale, one line per estimand."""
    groups = (g for g in curve.results.groups() if len(curve.results.order(g)))
    for group, (title, header, lines) in zip(groups, estimate_tables(curve), strict=True):
        without = _without_error(curve.results, curve.results.order(group))
        said = shares_note(curve, group)
        yield Section(title, (*table(header, lines), *(("", said) if said else ()), *without))
    if not curve.counts.ok:
        yield Section("Estimates", ("No specification could be estimated.",))


def estimate_tables(curve: Curve) -> Iterator[tuple[str, tuple[str, ...], Lines]]:
    """Return title, header and one line per estimand of every scale that has estimates.

    Shares significant are those of the specifications that a null tested, beside what it expects.
    """
    results, alpha = curve.results, curve.results.planned.alpha
    for group in results.groups():
        found = results.families_of(group)
        if not found:
            continue
        shares = [curve.null_shares.get(family.key) for family in found]
        header: tuple[str, ...] = ("estimand", "n", "median", "lowest", "highest")
        lines = [_line(results, family) for family in found]
        if any(shares):
            header += ("tested", f"p < {alpha:g}, < 0", "under the null", f"p < {alpha:g}, > 0", "under the null")
            header += ("the null",)
            lines = [(*line, *shares_cells(s)) for line, s in zip(lines, shares, strict=True)]
        yield f"{'Estimates in' if group.scale else 'Effect on'} {group.shown}", header, tuple(lines)


def shares_cells(shares: NullShares | None) -> tuple[str, ...]:
    """Write how many were tested, by sign their share significant and that under the null, and which null it is."""
    if shares is None:
        return ("0", "–", "–", "–", "–", "–")
    numbers = (shares.negative, shares.null_negative, shares.positive, shares.null_positive)
    return (f"{shares.tested:,}", *(f"{s:.1%}" for s in numbers), shares.null or "–")


def null_asked(curve: Curve) -> bool:
    """Say whether a null was asked for: it tested something, or warnings say why it did not."""
    return bool(curve.joint) or any(c.code in ("untested", "no_test", "no_primary") for c in curve.warnings)


def shares_words(covered: Sequence[NullShares], kinds: int, asked: bool) -> str:
    """Say of so many kinds of estimates why no share is printed, or under which errors; or nothing."""
    if not covered:
        return (NULL_WITHOUT if asked else NO_SHARES) if kinds else ""
    errors = f"Shares are under the null's standard errors, clustered by `{covered[0].errors}`."
    return " ".join([*([errors] if covered[0].errors else []), *([SOME_SHARES] if len(covered) < kinds else [])])


def shares_note(curve: Curve, group: ScaleGroup) -> str:
    """Say of a scale why no share significant is printed, or under which errors they are; or nothing."""
    found = {family.key for family in curve.results.families_of(group)}
    covered = [shares for key, shares in curve.null_shares.items() if key in found]
    return shares_words(covered, len(found), null_asked(curve))


def _line(results: Results, family: Family) -> tuple[str, ...]:
    decimals = decimals_for(results.estimate[family.places])
    numbers = (minus(f"{v:,.{decimals}f}") for v in results.spread(family))
    return family.estimand, f"{len(family.places):,}", *numbers


def _without_error(results: Results, order: NDArray[np.int64]) -> tuple[str, ...]:
    n = int(np.sum(np.isnan(results.first("std_error")[order])))
    label = results.planned.vcovs[0]
    return ("", f"{n:,} of them have no standard error under `{label}`; their rows say why.") if n else ()


def _preferred(results: Results) -> Section:
    """Return the preferred specification's number, or why it has none."""
    written, place = results.planned.preferred, results.preferred
    if written < 0:
        return Section("Preferred specification", ())
    within = results.planned.within(written)
    formula = _markdown.code(results.planned.formulas(written, written + 1)[0])
    lines = [f"{formula} ({within})" if within else formula, ""]
    if results.status[place] != Status.OK:
        status, why = Status(int(results.status[place])).name.lower(), results.message.at(place)
        return Section("Preferred specification", (*lines, f"It has no estimate ({status}): {why}."))
    if place != written:
        twin = results.planned.spec_id(place)
        lines += [f"It is the same model as specification {place + 1} ({twin}), which has its numbers.", ""]
    return Section("Preferred specification", (*lines, _number(results, place)))


def preferred_line(results: Results) -> str:
    """Return the preferred specification's estimate, interval, rank and sample; empty where it has no estimate."""
    place = results.preferred
    if place < 0 or results.status[place] != Status.OK:
        return ""
    within = results.planned.within(results.planned.preferred)
    return f"{_number(results, place).removesuffix('.')}{f' ({within})' if within else ''}."


def _number(results: Results, place: int) -> str:
    estimate = float(results.estimate[place])
    low, high, p = (float(results.first(n)[place]) for n in ("conf_low", "conf_high", "p_value"))
    decimals = decimals_for(np.array([estimate]))
    rank, of = results.rank(place)
    level = f"{100 * (1 - results.planned.alpha):g}%"
    interval = f" ({level} CI {minus(f'{low:,.{decimals}f} to {high:,.{decimals}f}')}, {p_text(p)})"
    beside = interval if np.isfinite(low) else " (no standard error)"
    instruments = beside_estimate(results.extra, place, results.planned.alpha)
    said = f"{minus(f'{estimate:,.{decimals}f}')}{beside}: {ordinal(rank)} of {of:,}, from the lowest estimate."
    return said + instruments


def _rows(results: Results) -> Section:
    """Return the range of sample sizes and what was dropped from the samples."""
    labels = {
        "nobs": "rows",
        "n_units": "units",
        "n_treated": "treated units",
        "n_clusters": "clusters",
        "n_missing": "rows dropped as missing",
        "n_log0": "rows dropped as the log of a non-positive value",
        "n_singletons": "rows dropped as singletons",
    }
    if "n_separated" in results.extra:
        labels["n_separated"] = "rows dropped as predicted perfectly (separated, of Poisson and logit)"
    lines = []
    for name, words in labels.items():
        low, high = results.span(name) or (0, 0)
        if high > 0:
            upper = f" to {high:,}" if high > low else " in every specification"
            lines.append(f"- {words}: {low:,}{upper}")
    return Section("Samples", tuple(lines))


def _reasons(results: Results, status: Status, title: str) -> Section:
    """Count the specifications of a status by code and message, most frequent first."""
    found = [r for r in results.reasons() if r.status == status]
    lines = [f"- {len(r.places):,} `{r.code}`: {r.message}" for r in found[:_MOST]]
    if rest := found[_MOST:]:
        n = sum(len(r.places) for r in rest)
        lines.append(f"- {n:,} more for {len(rest):,} other reasons: see `message` in the results")
    return Section(title, tuple(lines))


def _estimation(curve: Curve) -> Section:
    """Say what was estimated how, and how the audit came out."""
    lines = []
    if curve.one_by_one:
        lines.append(f"- {specifications(curve.one_by_one, 'were')} estimated one by one, not in batches")
    if curve.audit:
        lines.append(_audit(curve.audit))
        found = [c for c in of_audit(curve.audit) if c.code == "audit_disagrees"]
        lines += [f"- **disagrees**: {c}" for c in found[:_MOST]]
    return Section("Estimation and audit", tuple(lines))


def _audit(audit: Audit) -> str:
    if audit.not_done:
        return f"- audit: **NOT DONE**: {audit.not_done}"
    gaps = f"largest differences |Δβ|/se {audit.estimate_gap:.1e}, |Δse|/se {audit.se_gap:.1e}"
    verdict = (
        f"**AUDIT FAILED for {len(audit.disagreeing):,}**: do not use these results"
        if audit.disagreeing
        else f"all within {audit.limit:g}"
    )
    checked = f"{audit.checked:,} of {audit.eligible:,} estimated again by {audit.reference}"
    drawn = f"; {audit.parts_again:,} parts of draws of an earlier run drawn again" if audit.parts_differing else ""
    drawn += f", **{audit.parts_differing:,} come out otherwise**" if drawn else ""
    return f"- audit: {checked}; {gaps}; {verdict}{drawn}"


def table(header: Sequence[str], lines: Sequence[Sequence[str]], texts: int = 1) -> tuple[str, ...]:
    """Write a Markdown table whose columns are aligned as text; all but the first ``texts`` to the right."""
    safe = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    columns = list(zip(header, *safe, strict=True))
    widths = [max(3, *(_width(cell) for cell in column)) for column in columns]
    rule = [("-" * w) if k < texts else "-" * (w - 1) + ":" for k, w in enumerate(widths)]

    def row(cells: Sequence[str]) -> str:
        padded = [
            cell + " " * (w - _width(cell)) if k < texts else " " * (w - _width(cell)) + cell
            for k, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    return (row(header), row(rule), *(row(line) for line in safe))


def _width(text: str) -> int:
    """Count a text's columns in a terminal: Chinese characters take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def choice_section(choices: Choices, alone: bool) -> Section:
    """Write shares, changes and spread of one family; ``alone`` where the curve has no other."""
    family = choices.family
    where = "" if alone else f": {family.shown}; {family.estimand}"
    lines = [*_shares(choices), "", *_changes(choices), "", *_spread(choices.spread, choices)]
    return Section(f"Which choices matter{where}", tuple(lines), on_page=True)


def _shares(choices: Choices) -> list[str]:
    how = "exact: the grid is balanced" if choices.shares.balanced else choices.averaged
    shares = choices.shares.share
    order = np.argsort(-shares, kind="stable")[:_SHARES].tolist()
    rows = [(_name(choices.factors[f].dimension, choices.factors[f].name), f"{shares[f]:.1%}") for f in order]
    left = len(shares) - len(order)
    if left:
        rest = float(shares.sum() - shares[order].sum())
        rows.append((f"{left:,} other choices", f"{rest:.1%}"))
    rows.append(("combinations of choices", f"{choices.shares.rest:.1%}"))
    return [*table(("choice", "share of the variance of the estimates"), rows), "", f"Shares are {how}."]


def _changes(choices: Choices) -> list[str]:
    """Tabulate the largest changes, a few of every dimension."""
    found = sorted((c for c in choices.changes if c.pairs), key=lambda c: -abs(c.mean))
    if not found:
        return []
    seen: Counter[str] = Counter()
    shown: list[Change] = []
    for change in found:
        seen[change.factor.dimension] += 1
        if seen[change.factor.dimension] <= _PER_DIMENSION and len(shown) < _CHANGES:
            shown.append(change)
    decimals = decimals_for(np.array([c.mean for c in shown]))
    rows = [(*_option(c), minus(f"{c.mean:+,.{decimals}f}"), f"{c.pairs:,}") for c in shown]
    left = len(found) - len(shown)
    more = ["", f"{left:,} more in choices.csv."] if left else []
    return [*table(("option", "instead of", "mean change", "pairs"), rows), *more]


def _option(change: Change) -> tuple[str, str]:
    factor = change.factor
    name = _name(factor.dimension, factor.name)
    return f"{name}: {_short(factor.words(change.level))}", _short(factor.words(factor.reference))


def _name(dimension: str, name: str) -> str:
    words = dimension.replace("_", " ")
    return words if dimension == name else f"{words}: {_short(name)}"


def _short(label: str) -> str:
    """Cut a long label after its first words: sets of controls differ at their ends."""
    if len(label) <= _LONGEST:
        return label
    tail = 3 * _LONGEST // 4
    first, last = label[: _LONGEST - tail], label[-tail:]
    if label[_LONGEST - tail] != " " and " " in first:
        first = first[: first.rindex(" ")]
    if label[-tail - 1] != " " and " " in last:
        last = last[last.index(" ") :]
    return f"{first.rstrip(' +')} … {last.lstrip(' +')}"


def _spread(spread: Spread, choices: Choices) -> list[str]:
    of = "the preferred estimate" if spread.of_preferred else "the median estimate"
    if not np.isfinite(spread.ratio):
        return [f"{spread.sign:.0%} of {len(choices.family.places):,} estimates have the sign of {of}."]
    return [
        f"Choices move the estimates {spread.ratio:.2f} times as much as sampling does (standard deviation "
        f"over specifications by the root mean squared standard error). {spread.sign:.0%} of "
        f"{len(choices.family.places):,} estimates have the sign of {of}, which is "
        f"{abs(spread.robustness):.2f} total standard errors from zero (robustness ratio; "
        "2 or more counts as robust)."
    ]


def sensitivity_section(found: Sensitivity | None, why_not: str = "") -> Section:
    """Write what an omitted confounder would have to be, each measure with a sentence."""
    title = "Sensitivity of the preferred specification"
    if found is None:
        return Section(title, (why_not,) if why_not else (), on_page=True)
    lines = [
        f"- partial R² of the treatment with the outcome: {found.partial_r2:.2%}. A confounder that explains "
        "all the rest of the outcome would have to explain this share of the treatment to take the "
        "estimate to zero.",
        f"- robustness value: {found.rv:.1%}. A confounder that explains less than this share of what is left "
        "of both treatment and outcome cannot take the estimate to zero.",
        f"- robustness value at p = {found.alpha:g}: {found.rv_alpha:.1%}. "
        + (
            "One that explains less than this share of both leaves it significant (classical errors)."
            if found.rv_alpha > 0
            else "It is not significant as it stands (classical errors)."
        ),
        _delta(found),
    ]
    return Section(title, tuple(lines), on_page=True)


def _delta(found: Sensitivity) -> str:
    if not np.isfinite(found.delta):
        return "- Oster's δ: not defined, since the preferred specification has no controls."
    head = f"- Oster's δ: {found.delta:.2f}, with R² up to {found.r_max:.3g} (1.3 times that within the fixed effects)."
    if found.delta < 0:
        return f"{head} Unobservables must select the other way than the controls do to take the effect to zero."
    return (
        f"{head} Unobservables must select on treatment {found.delta:.2f} times as strongly as the controls do "
        "to take the effect to zero; 1 is the usual mark."
    )
