"""summary.md and details.md: what a reader must know, as Markdown that is also read in a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from unicodedata import east_asian_width
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from specdid._curve import Curve
from specdid._describe.choices import Change, Choices, Spread
from specdid._describe.curve_tests import primary_lines
from specdid._describe.instruments import beside_estimate
from specdid._describe.sensitivity import Sensitivity
from specdid._records import Audit, Family, NullShares, Results, ScaleGroup, Section, Status
from specdid._records.cautions import AGAINST, Against, against, capital, of_audit
from specdid._records.numerals import decimals_for, p_text, percent, signed
from specdid._records.results import NotEstimated
from specdid._study import file_stem
from specdid._words import later, say, say_choice, sentences, told

_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_CELLS = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_ACTIVE = re.compile(r"\\(?!\|)|<(?=[A-Za-z/!?])|\](?=[(\[:])|&(?=#?\w+;)|:(?=//)|(?<=www)\.|@|`", re.IGNORECASE)
"""What begins a tag, ends the text of a link or image, or is one by itself on some pages; and a lone backtick."""
_ESCAPED_OR_CODE = re.compile(rf"\\([\\<\]&:.@`])|{_CODE.pattern.replace('1', '2')}")


def as_code(text: str) -> str:
    """Write text as code, whatever backticks it has."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    marks, room = "`" * (longest + 1), " " * bool(longest)
    return f"{marks}{room}{text}{room}{marks}"


def harmless(line: str) -> str:
    r"""Escape what of a line of Markdown would act; bold, lists, tables and code stay, and ``\|`` in a cell."""
    if not line.startswith("|"):
        return _escaped(line)
    parts, at = [], 0  # code ends with its cell
    for bar in _CELLS.finditer(line):
        parts += [_escaped(line[at : bar.end() - 1]), "|"]
        at = bar.end()
    return "".join([*parts, _escaped(line[at:])])


def _escaped(text: str) -> str:
    parts, at = [], 0
    for span in _CODE.finditer(text):
        parts += [_ACTIVE.sub(r"\\\g<0>", text[at : span.start()]), span.group()]
        at = span.end()
    return "".join([*parts, _ACTIVE.sub(r"\\\g<0>", text[at:])])


def plain(line: str) -> str:
    """Undo `harmless`, for a terminal."""
    return _ESCAPED_OR_CODE.sub(lambda found: found[1] or found[0], line)


NO_SHARES = later(
    "No share significant is printed, since [inference] asks for no null: by default it is the wild one with 999 draws."
)
NULL_WITHOUT = later(
    "No share significant is printed, since no null tested these specifications; the warnings say why."
)
SOME_SHARES = later(
    "–: no share significant is printed, since no null tested these specifications; the warnings say why."
)
NOT_COUNTED = later(
    "A control counts in regressions that were estimated with it, not where it was left out as collinear or absorbed "
    "(`dropped` of the results); one of several columns, as a factor, counts as long as one of them was estimated."
)
_MOST = 12
"""Reasons listed under one heading; the rest is counted."""
STAYING = later(
    "The permutation null asks something else here: whether a curve like this would arise if the treatment did nothing "
    "to the levels that other draws can treat otherwise, while the treated levels that keep their treatment in every "
    "draw keep the effect that they have."
)
TextRows = tuple[tuple[str, ...], ...]
_SHARES, _CHANGES, _PER_DIMENSION = 8, 12, 3
_LONGEST = 48
_MOVE = 3
"""Choices and reasons that a terminal shows."""
_READ_ON = (
    ("details.md", later("all of it in words: samples, tests, choices, sensitivity, analyses, every warning")),
    ("report.html", later("the curve to look through, in a browser")),
    ("curve.pdf", later("the curve in print")),
    ("curve.png", later("the curve as a picture")),
    ("appendix.tex", later("the appendix for a paper; appendix_main.tex compiles it alone")),
    ("appendix.md", later("the same as Markdown")),
    ("appendix.docx", later("the same for Word")),
    ("results.csv", later("every specification, estimated or with the reason why not")),
    ("inference.csv", later("the joint tests")),
    ("choices.csv", later("what each choice changes")),
    ("warnings.csv", later("what stands against the numbers, worst first")),
)
"""Files of a run and what they hold, in the order in which they are read."""
_STATUSES = (later("failed"), later("excluded"), later("duplicate"), later("error"), later("serious"))
"""What statuses and severities are called; they are said by their names."""
_LEFT_OUT = later("the null")
"""The column of the estimates that a terminal shows only where several nulls were drawn."""


def details_md(curve: Curve) -> str:
    """Write details.md, which is also `Curve.summary()`.

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
        _preferred(curve),
        _rows(curve.results),
        _reasons(curve.results, Status.FAILED, say("Failed")),
        _reasons(curve.results, Status.EXCLUDED, say("Excluded")),
        _reasons(curve.results, Status.DUPLICATE, say("Duplicates")),
        _estimation(curve),
        *curve.sections,
        Section(say("Warnings"), tuple(_warned(curve))),
    ]
    head = [*_failed(found), f"# {curve.title or say('Specification curve')}", "", str(curve.counts)]
    if found.verdict:
        # Read before the test that comes first.
        head += ["", f"**{found.verdict}**"]
    for line in primary_lines(curve.joint, curve.counts.ok, curve.results.shown_statistic, curve.results.planned.shown):
        head += ["", line]
    head += _doubts(found)
    for section in sections:
        if section.lines:
            head += ["", f"## {section.title}", "", *section.lines]
    return joined(head) + "\n"


def joined(lines: Sequence[str]) -> str:
    """Put lines together; what a study or its data say in them is text, whatever it looks like."""
    return "\n".join(harmless(one) for line in lines for one in line.split("\n"))


def terminal_summary(curve: Curve) -> str:
    """Write a run in a screen, for the terminal; summary.md begins with it.

    Returns
    -------
    str
        Markdown: the account; per scale and estimand n, median, range and shares beside the null; the primary
        test; the preferred estimate; what moves the estimates; why some have no number; how the audit came
        out; what stands against the numbers, last, where a terminal shows it.
    """
    found, results = against(curve.warnings), curve.results
    lines = [*_failed(found), f"# {curve.title or say('Specification curve')}", ""]
    if found.verdict:
        lines += [f"**{found.verdict}**", ""]
    lines.append(str(curve.counts))
    groups = (g for g in results.groups() if len(results.order(g)))
    tables = tuple(estimate_tables(curve))
    nulls = {line[-1] for _, header, rows in tables for line in rows if header[-1] == say(_LEFT_OUT)} - {"–"}
    several = len(nulls) > 1 or (bool(nulls) and len({test.null for test in curve.joint}) > 1)
    for group, (title, header, rows) in zip(groups, tables, strict=True):
        shown = [k for k, name in enumerate(header) if name != say(_LEFT_OUT) or several]
        cells = ([line[k] for k in shown] for line in rows)
        lines += ["", *table((title, *(header[k] for k in shown[1:])), list(cells))]
        for said in filter(None, (shares_note(curve, group), by_vcov(results, group))):
            lines += ["", said]
    lines.append("")
    lines += primary_lines(curve.joint, curve.counts.ok, results.shown_statistic, results.planned.shown)
    if said := preferred_line(results):
        lines.append(say("Preferred: {said}", said=said))
    lines += _none_preferred(curve)
    lines += (_moved(c, len(curve.choices) > 1) for c in curve.choices if results.preferred in c.family)
    for status in (Status.FAILED, Status.EXCLUDED):
        lines += _first_reasons(results, status)
    lines += (capital(told(c.message)) for c in curve.warnings if c.code == "time_gaps")
    lines += (capital(_audit(audit).removeprefix("- ")) for audit in ([curve.audit] if curve.audit else []))
    notes = sum(c.severity == "note" for c in curve.warnings)
    if notes and not found.verdict:
        lines += [
            "",
            say(
                "{notes:,} note is in details.md and warnings.csv."
                if notes == 1
                else "{notes:,} notes are in details.md and warnings.csv.",
                notes=notes,
            ),
        ]
    return joined([*lines, *_doubts(found)]) + "\n"


def summary_md(curve: Curve, files: Collection[str]) -> str:
    """Write summary.md: what the screen says on one page, and where to read on among the ``files`` of the run."""
    lines = [terminal_summary(curve).rstrip("\n"), "", say("## Where to read on"), ""]
    for name, what in _READ_ON:
        if name in files:
            lines.append(say("- {link}: {what}", link=f"[{name}]({name})", what=say(what)))
    for analysed in curve.analyses:
        suffixes = [*(t.suffix for t in analysed.finding.tables), *(c.suffix for c in analysed.finding.charts)]
        stems = {file_stem(analysed.stem, suffix or None) for suffix in suffixes}
        mine = sorted(f for f in files if f.rpartition(".")[0] in stems and not f.endswith(".tex"))
        said = say("it could not be run: {failure}", failure=told(analysed.failure, True)) if analysed.failure else ""
        links = ", ".join(f"[{name}]({quote(name)})" for name in mine)
        if said or links:
            lines.append(say("- {link}: {what}", link=harmless(told(analysed.heading)), what=harmless(said) or links))
    return "\n".join(lines) + "\n"


def _moved(choices: Choices, several: bool) -> str:
    """Return the choices that explain most of the variance of a family's estimates."""
    shares = choices.shares.share
    order = [f for f in np.argsort(-shares, kind="stable")[:_MOVE].tolist() if shares[f] >= 0.001]
    parts = [f"{_name(choices.factors[f].dimension, choices.factors[f].name)} {shares[f]:.1%}" for f in order]
    where = say(" ({kind})", kind=choices.family.name) if several else ""
    said = say(
        "What moves the estimates{where}: {shares} of their variance.",
        where=where,
        shares=say(", ").join(parts) or say("no choice"),
    )
    return sentences([said, *([say(NOT_COUNTED)] if choices.left_out else [])])


def _first_reasons(results: Results, status: Status) -> Iterator[str]:
    """Count the specifications of a status, with the most frequent reasons."""
    found = _kinds(results, status)
    if found:
        parts = [
            say("{n:,} `{code}` ({why})", n=n, code=r.code, why=told(r.message, r.ours) + _alike(like))
            for n, r, like in found[:_MOVE]
        ]
        more = [say("{n:,} other reasons", n=len(found) - _MOVE)] if len(found) > _MOVE else []
        yield say(
            "{where}: {message}", where=capital(say(status.name.lower())), message=say("; ").join([*parts, *more])
        ) + say(".")


def _kinds(results: Results, status: Status) -> list[tuple[int, NotEstimated, int]]:
    """Return how many specifications reasons of a status have, the first of them, and how many messages there are.

    Messages of a failure that differ in numbers alone are one; in backticks stand names, whose digits tell them apart.
    """
    found: dict[tuple[str, str], list[NotEstimated]] = {}
    for reason in (r for r in results.reasons() if r.status == status):
        failed = status == Status.FAILED
        text = _NUMBERS.sub(lambda m: m[1] or "0", reason.message) if failed else reason.message
        found.setdefault((reason.code, text), []).append(reason)
    kinds = [(sum(len(r.places) for r in of), of[0], len(of)) for of in found.values()]
    return sorted(kinds, key=lambda kind: -kind[0])


_NUMBERS = re.compile(r"(`[^`]*`)|\d[\d.,]*(?<=\d)")


def _alike(messages: int) -> str:
    return say(", and the same with other numbers") if messages > 1 else ""


def _failed(found: Against) -> Iterator[str]:
    """Write, before anything else, that the numbers must not be used, and why."""
    if found.failed:
        yield from (f"# {found.failed}", "", *(f"- {line}" for line in found.details), "")


def _doubts(found: Against) -> Iterator[str]:
    """Write what stands against the estimates, before them."""
    if found.verdict:
        yield from ("", f"## {say(AGAINST)}", "")
        yield from (say("- **{clause}**: {text}", clause=capital(clause), text=text) for clause, text in found.items)
    if found.rest:
        yield say("- Besides: {listed}", listed=say("; ").join(found.rest))


def _warned(curve: Curve) -> Iterator[str]:
    """List every caution, worst first; notes without a word before them."""
    for c in curve.warnings:
        yield f"- {c}" if c.severity == "note" else say("- **{clause}**: {text}", clause=say(c.severity), text=c)


def _estimates(curve: Curve) -> Iterator[Section]:
    """Return a table for every scale, one line per estimand."""
    groups = (g for g in curve.results.groups() if len(curve.results.order(g)))
    for group, (title, header, lines) in zip(groups, estimate_tables(curve), strict=True):
        without = _without_error(curve.results, curve.results.order(group))
        said = [n for one in (shares_note(curve, group), by_vcov(curve.results, group)) if one for n in ("", one)]
        yield Section(title, (*table(header, lines), *said, *without))
    if not curve.counts.ok:
        yield Section(say("Estimates"), (say("No specification could be estimated."),))


def estimate_tables(curve: Curve) -> Iterator[tuple[str, tuple[str, ...], TextRows]]:
    """Return title, header and one line per estimand, and kind apart, of every scale that has estimates.

    Shares significant are those of the specifications that a null tested, beside what it expects.
    """
    results, alpha = curve.results, curve.results.planned.alpha
    for group in results.groups():
        found = _pools(results, group)
        if not found:
            continue
        shares = [family.shares(curve.null_shares) for family in found]
        header: tuple[str, ...] = (say("estimand"), "n", say("median"), say("lowest"), say("highest"))
        lines = [_line(results, family) for family in found]
        if any(shares):
            header += (
                say("tested"),
                f"p < {alpha:g}, < 0",
                say("under the null"),
                f"p < {alpha:g}, > 0",
                say("under the null"),
            )
            header += (say("the null"),)
            lines = [(*line, *shares_cells(s)) for line, s in zip(lines, shares, strict=True)]
        yield _title(group), header, tuple(lines)


def _title(group: ScaleGroup) -> str:
    return say("Estimates in {name}" if group.scale else "Effect on {name}", name=group.shown)


def _pools(results: Results, group: ScaleGroup) -> tuple[Family, ...]:
    return tuple(f for f in results.pools if (f.group, f.scaled) == (group.name, group.scale is not None))


def shares_cells(shares: NullShares | None) -> tuple[str, ...]:
    """Write how many were tested, by sign their share significant and that under the null, and which null it is."""
    if shares is None:
        return ("0", "–", "–", "–", "–", "–")
    numbers = (shares.negative, shares.null_negative, shares.positive, shares.null_positive)
    return (f"{shares.tested:,}", *(percent(s, 1) for s in numbers), told(shares.null) or "–")


def null_asked(curve: Curve) -> bool:
    """Say whether a null was asked for: it tested something, or warnings say why it did not."""
    return bool(curve.joint) or any(c.code in ("untested", "no_test", "no_primary") for c in curve.warnings)


def shares_words(covered: Sequence[NullShares], kinds: int, asked: bool) -> str:
    """Say of so many kinds of estimates why no share is printed, or under which errors; or nothing."""
    if not covered:
        return say(NULL_WITHOUT if asked else NO_SHARES) if kinds else ""
    errors = say("Shares are under the null's standard errors, clustered by `{errors}`.", errors=covered[0].errors)
    return sentences([*([errors] if covered[0].errors else []), *([say(SOME_SHARES)] if len(covered) < kinds else [])])


def shares_note(curve: Curve, group: ScaleGroup) -> str:
    """Say of a scale why no share significant is printed, or under which errors they are; or nothing."""
    found = _pools(curve.results, group)
    covered = [shares for family in found if (shares := family.shares(curve.null_shares))]
    return shares_words(covered, len(found), null_asked(curve))


def by_vcov(results: Results, group: ScaleGroup) -> str:
    """Count the estimates of a scale that are significant by each vcov, where these do not agree on every one.

    Beside other scales it is named, since the counts are of no other.
    """
    labels, alpha = results.planned.vcovs, results.planned.alpha
    pools = _pools(results, group)
    if len(labels) < 2 or not pools:
        return ""
    p = np.asarray(results.numbers["p_value"], np.float64)[np.concatenate([family.places for family in pools])]
    below = (p < alpha)[~np.isnan(p).any(axis=1)]
    if (below == below[:, :1]).all():
        return ""
    counts = [
        say("{n:,} of {m:,} by `{vcov}`", n=int((p[:, v] < alpha).sum()), m=int((~np.isnan(p[:, v])).sum()), vcov=label)
        for v, label in enumerate(labels)
    ]
    said = say(
        "Errors decide what is significant: p < {alpha:g} for {counts}.", alpha=alpha, counts=say(", ").join(counts)
    )
    several = sum(len(_pools(results, g)) > 0 for g in results.groups()) > 1
    return f"{_title(group)}{say(': ')}{said}" if several else said


def _line(results: Results, family: Family) -> tuple[str, ...]:
    decimals = decimals_for(results.estimate[family.places])
    numbers = (signed(f"{v:,.{decimals}f}") for v in results.spread(family))
    return family.what, f"{len(family.places):,}", *numbers


def _without_error(results: Results, order: NDArray[np.int64]) -> tuple[str, ...]:
    n = int(np.sum(np.isnan(results.first("std_error")[order])))
    label = results.planned.vcovs[0]
    return (
        ("", say("{n:,} of them have no standard error under `{label}`; their rows say why.", n=n, label=label))
        if n
        else ()
    )


def _preferred(curve: Curve) -> Section:
    """Return the preferred specification's number, or why it has none, or that none of several is preferred."""
    results = curve.results
    written, place = results.planned.preferred, results.preferred
    if written < 0:
        return Section(say("Preferred specification"), _none_preferred(curve))
    within = results.planned.within(written)
    formula = as_code(results.planned.formulas(written, written + 1)[0])
    lines = [formula + say(" ({kind})", kind=within) if within else formula, ""]
    if results.status[place] != Status.OK:
        status, why = Status(int(results.status[place])).name.lower(), results.message.at(place)
        return Section(
            say("Preferred specification"),
            (*lines, say("It has no estimate ({status}): {why}.", status=say(status), why=told(why or "", True))),
        )
    if place != written:
        twin = results.planned.spec_id(place)
        lines += [
            say(
                "It is the same model as specification {place} ({twin}), which has its numbers.",
                place=place + 1,
                twin=twin,
            ),
            "",
        ]
    return Section(say("Preferred specification"), (*lines, _number(results, place)))


def _none_preferred(curve: Curve) -> tuple[str, ...]:
    """Say that none of several specifications is preferred, or why the one that [preferred] names is not planned."""
    if curve.results.planned.preferred >= 0:
        return ()
    if named := [c.message for c in curve.warnings if c.code == "preferred_not_planned"]:
        return tuple(capital(told(said)) + "." for said in named)
    if len(curve.results) < 2:
        return ()
    return (say("No specification is preferred: a table [preferred] in the spec file names one."),)


def preferred_line(results: Results) -> str:
    """Return the preferred specification's estimate, interval, rank and sample; empty where it has no estimate."""
    place = results.preferred
    if place < 0 or results.status[place] != Status.OK:
        return ""
    return _number(results, place, results.planned.within(results.planned.preferred))


def _number(results: Results, place: int, kind: str = "") -> str:
    """Return an estimate, its interval and rank, the kind within which it has that, and what stands behind it."""
    estimate = float(results.estimate[place])
    low, high, p = (float(results.first(n)[place]) for n in ("conf_low", "conf_high", "p_value"))
    decimals = decimals_for(np.array([estimate]))
    rank, of = results.place_among(place)
    level = f"{100 * (1 - results.planned.alpha):g}%"
    ends = {"low": signed(f"{low:,.{decimals}f}"), "high": signed(f"{high:,.{decimals}f}")}
    interval = say(" ({level} CI {low} to {high}, {p})", level=level, **ends, p=p_text(p))
    beside = interval if np.isfinite(low) else say(" (no standard error)")
    said = say(
        "{estimate}{beside}: {rank} of {of:,}, from the lowest estimate.",
        estimate=signed(f"{estimate:,.{decimals}f}"),
        beside=beside,
        rank=rank,
        of=of,
    )
    if kind:
        said = said.removesuffix(say(".")) + say(" ({kind})", kind=kind) + say(".")
    # What stands behind an estimate with instruments, and behind an error of two clusters.
    return said + told(beside_estimate(results.extra, place, results.planned.alpha))


def _rows(results: Results) -> Section:
    """Return the range of sample sizes and what was dropped from the samples."""
    always = (results.span("n_always_treated") or (0, 0))[1] > 0
    labels = {
        "nobs": say("rows"),
        "n_units": say("units"),
        "n_treated": say("treated units (not always)" if always else "treated units"),
        "n_always_treated": say("always treated units"),
        "n_clusters": say("clusters"),
        "n_missing": say("rows dropped as missing"),
        "n_log0": say("rows dropped as the log of a non-positive value"),
        "n_singletons": say("rows dropped as singletons"),
    }
    if "n_separated" in results.extra:
        labels["n_separated"] = say("rows dropped as predicted perfectly (separated)")
    lines = []
    for name, words in labels.items():
        low, high = results.span(name) or (0, 0)
        if high > 0:
            upper = say(" to {high:,}", high=high) if high > low else say(" in every specification")
            lines.append(f"- {words}: {low:,}{upper}")
    return Section(say("Samples"), tuple(lines))


def _reasons(results: Results, status: Status, title: str) -> Section:
    """Count the specifications of a status by code and message, most frequent first."""
    found = _kinds(results, status)
    lines = [f"- {n:,} `{r.code}`: {r.message}{_alike(like)}" for n, r, like in found[:_MOST]]
    if rest := found[_MOST:]:
        n = sum(of for of, *_ in rest)
        lines.append(say("- {n:,} more for {rest:,} other reasons: see `message` in the results", n=n, rest=len(rest)))
    return Section(title, tuple(lines))


def _estimation(curve: Curve) -> Section:
    """Say what was estimated how, and how the audit came out."""
    lines = []
    if curve.one_by_one:
        lines.append(
            say(
                "- {n:,} specification was estimated one by one, not in batches"
                if curve.one_by_one == 1
                else "- {n:,} specifications were estimated one by one, not in batches",
                n=curve.one_by_one,
            )
        )
    if curve.audit:
        lines.append(_audit(curve.audit))
        found = [c for c in of_audit(curve.audit) if c.code == "audit_disagrees"]
        lines += [say("- **disagrees**: {c}", c=c) for c in found[:_MOST]]
    return Section(say("Estimation and audit"), tuple(lines))


def _audit(audit: Audit) -> str:
    if audit.not_done:
        return say("- audit: **NOT DONE**: {why}", why=told(audit.not_done, True))
    gaps = say(
        "largest differences |Δβ|/se {estimate_gap:.1e}, |Δse|/se {se_gap:.1e}",
        estimate_gap=audit.estimate_gap,
        se_gap=audit.se_gap,
    )
    verdict = (
        say("**AUDIT FAILED for {disagreeing:,}**: do not use these results", disagreeing=len(audit.disagreeing))
        if audit.disagreeing
        else say("all within {limit:g}", limit=audit.limit)
    )
    checked = say(
        "{checked:,} of {eligible:,} estimated again by {reference}",
        checked=audit.checked,
        eligible=audit.eligible,
        reference=told(audit.reference),
    )
    if audit.units[1]:
        units = say("on {drawn:,} of {units:,} units by both", drawn=audit.units[0], units=audit.units[1])
        checked = f"{checked} {units}"
    if audit.not_audited:
        left = say("{n:,} not audited ({why})", n=audit.not_audited, why=told(audit.why_not))
        checked = f"{checked}; {left}"
    drawn = (
        say("; {parts_again:,} parts of draws of an earlier run drawn again", parts_again=audit.parts_again)
        if audit.parts_differing
        else ""
    )
    drawn += say(", **{parts_differing:,} come out otherwise**", parts_differing=audit.parts_differing) if drawn else ""
    return say("- audit: {checked}; {gaps}; {verdict}{drawn}", checked=checked, gaps=gaps, verdict=verdict, drawn=drawn)


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
    where = "" if alone else say(": {family}", family=family.name)
    lines = [*_shares(choices), "", *_changes(choices), "", *_spread(choices.spread, choices)]
    return Section(say("Which choices matter{where}", where=where), tuple(lines), on_page=True)


def _shares(choices: Choices) -> list[str]:
    how = say("exact: the grid is balanced") if choices.shares.balanced else told(choices.averaged, True)
    shares = choices.shares.share
    order = np.argsort(-shares, kind="stable")[:_SHARES].tolist()
    rows = [(_name(choices.factors[f].dimension, choices.factors[f].name), f"{shares[f]:.1%}") for f in order]
    left = len(shares) - len(order)
    if left:
        rest = float(shares.sum() - shares[order].sum())
        rows.append((say("{left:,} other choices", left=left), f"{rest:.1%}"))
    rows.append((say("combinations of choices"), f"{choices.shares.rest:.1%}"))
    return [
        *table((say("choice"), say("share of the variance of the estimates")), rows),
        "",
        sentences([say("Shares are {how}.", how=how), *([say(NOT_COUNTED)] if choices.left_out else [])]),
    ]


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
    rows = [(*_option(c), signed(f"{c.mean:+,.{decimals}f}"), f"{c.pairs:,}") for c in shown]
    left = len(found) - len(shown)
    more = ["", say("{left:,} more in choices.csv.", left=left)] if left else []
    return [*table((say("option"), say("instead of"), say("mean change"), say("pairs")), rows), *more]


def _option(change: Change) -> tuple[str, str]:
    factor = change.factor
    name = _name(factor.dimension, factor.name)
    return say("{words}: {name}", words=name, name=_short(factor.words(change.level))), _short(
        factor.words(factor.reference)
    )


def _name(dimension: str, name: str) -> str:
    words = say_choice(dimension)
    return words if dimension == name else say("{words}: {name}", words=words, name=_short(name))


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
    of = say("the preferred estimate") if spread.of_preferred else say("the median estimate")
    if not np.isfinite(spread.ratio):
        return [
            say(
                "{sign} of {places:,} estimates have the sign of {of}.",
                sign=percent(spread.sign),
                places=spread.n,
                of=of,
            )
        ]
    return [
        say(
            "Choices move the estimates {ratio:.2f} times as much as sampling does (standard deviation over "
            "specifications by the root mean squared standard error). {sign} of {places:,} estimates "
            "have the sign of {of}, which is {robustness:.2f} total standard errors from zero (robustness "
            "ratio; 2 or more counts as robust).",
            ratio=spread.ratio,
            sign=percent(spread.sign),
            places=spread.n,
            of=of,
            robustness=abs(spread.robustness),
        )
    ]


def sensitivity_section(found: Sensitivity | None, why_not: str = "") -> Section:
    """Write what an omitted confounder would have to be, each measure with a sentence."""
    title = say("Sensitivity of the preferred specification")
    if found is None:
        return Section(title, (why_not,) if why_not else (), on_page=True)
    lines = [
        say(
            "- partial R² of the treatment with the outcome: {partial_r2:.2%}. A confounder that explains "
            "all the rest of the outcome would have to explain this share of the treatment to take the "
            "estimate to zero.",
            partial_r2=found.partial_r2,
        ),
        say(
            "- robustness value: {rv:.1%}. A confounder that explains less than this share of what is left "
            "of both treatment and outcome cannot take the estimate to zero.",
            rv=found.rv,
        ),
        say("- robustness value at p = {alpha:g}: {rv_alpha:.1%}. ", alpha=found.alpha, rv_alpha=found.rv_alpha)
        + (
            say("One that explains less than this share of both leaves it significant (classical errors).")
            if found.rv_alpha > 0
            else say("It is not significant as it stands (classical errors).")
        ),
        _delta(found),
    ]
    return Section(title, tuple(lines), on_page=True)


def _delta(found: Sensitivity) -> str:
    if not np.isfinite(found.delta):
        return say("- Oster's δ: not defined, since the preferred specification has no controls.")
    head = say(
        "- Oster's δ: {delta:.2f}, with R² up to {r_max:.3g} (1.3 times that within the fixed effects).",
        delta=found.delta,
        r_max=found.r_max,
    )
    if found.delta < 0:
        return say(
            "{head} Unobservables must select the other way than the controls do to take the effect to zero.", head=head
        )
    return say(
        "{head} Unobservables must select on treatment {delta:.2f} times as strongly as the controls do "
        "to take the effect to zero; 1 is the usual mark.",
        head=head,
        delta=found.delta,
    )
