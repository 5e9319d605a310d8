"""The finding in one line, the key figures under it, and the table of estimates by estimand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np

from specdid._curve import Curve
from specdid._describe.joint_tests import marked, share_words, towards
from specdid._records import CODES, Family, JointTest, NullShares, Results, Status
from specdid._records.cautions import AGAINST, Against, against, capital
from specdid._records.numerals import decimals_for, minus, ordinal, p_text
from specdid._records.results import statistic_name
from specdid.inference._curve_tests import CurveTests
from specdid.report._html import element, inside, table, written
from specdid.report._input import Report
from specdid.report.summary import shares_cells, shares_words


@dataclass(frozen=True, slots=True)
class FamilyNumbers:
    """A family and its numbers.

    ``shares`` are those significant of the specifications tested, with those expected without
    any effect; None where no null has them.
    """

    family: Family
    decimals: int
    median: float
    lowest: float
    highest: float
    shares: NullShares | None

    @property
    def n(self) -> int:
        """How many estimates it has."""
        return len(self.family.places)

    def written(self, value: float) -> str:
        """Write a number with the decimals of this family."""
        return minus(f"{value:,.{self.decimals}f}")

    @property
    def unit(self) -> str:
        """The scale as it stands after a number."""
        return f" {self.family.shown}" if self.family.scaled else ""


def family_numbers(curve: Curve) -> tuple[FamilyNumbers, ...]:
    """Return the numbers of every family."""
    return tuple(_numbers(curve, family) for family in curve.results.families)


def _numbers(curve: Curve, family: Family) -> FamilyNumbers:
    estimate = curve.results.estimate[family.places]
    spread = float(np.median(estimate)), float(estimate.min()), float(estimate.max())
    return FamilyNumbers(family, decimals_for(estimate), *spread, curve.null_shares.get(family.key))


def lead(found: Sequence[FamilyNumbers], results: Results) -> FamilyNumbers:
    """Return the family of the preferred specification, or the largest."""
    return next((f for f in found if results.preferred in f.family), max(found, key=lambda f: f.n))


def finding(report: Report, found: Sequence[FamilyNumbers]) -> Iterator[Element]:
    """Write the sentence, which begins with what stands against it, that in a box, and the key figures."""
    results = report.curve.results
    doubts = against(report.curve.warnings)
    if not found:
        yield _told(doubts, "No specification could be estimated; the account below says why.")
        yield from _box(doubts)
        return
    mine = lead(found, results)
    primary = next(_primary(report.curve.tests, mine), None)
    yield _told(doubts, _sentence(mine, results.planned.alpha, primary))
    yield from _box(doubts)
    facts = element("dl", class_="facts")
    for label, value, note in _facts(report, mine):
        box = inside(facts, "div")
        inside(box, "dt", label)
        inside(box, "dd", value)
        inside(box, "dd", note, class_="note")
    yield facts


def _told(doubts: Against, sentence: str) -> Element:
    """Write the finding; where something stands against it, that is read first."""
    first = f"{doubts.failed}." if doubts.failed else doubts.verdict
    if not first:
        return element("p", sentence, class_="finding")
    made = element("p", class_="finding")
    inside(made, "strong", first, class_="wrong" if doubts.failed else "doubt").tail = f" {sentence}"
    return made


def _box(doubts: Against) -> Iterator[Element]:
    """List why the numbers must not be used, and the serious warnings with their numbers."""
    if doubts.failed:
        box = element("div", class_="against wrong", role="alert")
        inside(box, "h2", doubts.failed)
        listed = inside(box, "ul")
        for line in doubts.details:
            written(listed, "li", line)
        yield box
    if doubts.verdict:
        box = element("div", class_="against")
        inside(box, "h2", AGAINST)
        listed = inside(box, "ul")
        for clause, found in doubts.items:
            item = written(listed, "li", f": {found}")
            item.insert(0, element("strong", capital(clause)))
            item[0].tail, item.text = item.text, None
        if doubts.rest:
            inside(listed, "li", f"Besides: {'; '.join(doubts.rest)}")
        last = inside(box, "p", class_="note")
        inside(last, "a", "All warnings", href="#warnings")
        yield box


def _primary(joints: Sequence[CurveTests], mine: FamilyNumbers) -> Iterator[tuple[str, JointTest]]:
    """Return every null's title and primary test; of several medians that of the family."""
    own = (mine.family.key, ("", ""))
    for joint in joints:
        primary = (t for t in joint.tests if t.role == "primary")
        found = next((t for t in primary if (t.group, t.estimand) in own), None)
        if found is not None:
            yield joint.title, found


def _shortly(test: JointTest) -> str:
    """Name a statistic without its scale and estimand, and say which way it points where one is expected."""
    return statistic_name(test.kind, direction=test.direction) + towards(test)


def _sentence(mine: FamilyNumbers, alpha: float, primary: tuple[str, JointTest] | None) -> str:
    many = f"{mine.n:,} estimates" if mine.n > 1 else "The one estimate"
    of = "" if mine.family.scaled else f" on {mine.family.shown}"
    head = f"{many} of the {mine.family.estimand}{of}: median {mine.written(mine.median)}{mine.unit}"
    parts = [head]
    if mine.shares is not None:
        sign, share, null = _dominant(mine, mine.shares)
        of = f" of the {mine.shares.tested:,} tested" if mine.shares.tested < mine.n else ""
        under = f" ({mine.shares.null})" if mine.shares.null else ""
        parts.append(f"{share:.1%}{of} {sign} with p < {alpha:g}, where {null:.1%} would be without any effect{under}")
    if primary is not None:
        parts.append(f"primary test, {_shortly(primary[1])}: {p_text(primary[1].p_value)} under the {primary[0]}")
    return f"{'; '.join(parts)}."


def _dominant(mine: FamilyNumbers, shares: NullShares) -> tuple[str, float, float]:
    """Return the sign of most significant estimates (without any, of the median), their share, that under the null."""
    if (shares.positive, mine.median) > (shares.negative, 0.0):
        return "positive", shares.positive, shares.null_positive
    return "negative", shares.negative, shares.null_negative


def _facts(report: Report, mine: FamilyNumbers) -> Iterator[tuple[str, str, str]]:
    results = report.curve.results
    counts = report.curve.counts
    yield "Median", mine.written(mine.median), mine.family.shown
    yield "Range", f"{mine.written(mine.lowest)} to {mine.written(mine.highest)}", f"{mine.n:,} estimates"
    if mine.shares is not None:
        sign, share, null = _dominant(mine, mine.shares)
        of = f"; {mine.shares.tested:,} tested" if mine.shares.tested < mine.n else ""
        yield f"Significant, {sign}", f"{share:.1%}", f"p < {results.planned.alpha:g}; {null:.1%} under the null{of}"
    for title, test in _primary(report.curve.tests, mine):
        yield f"Primary test: {_shortly(test)}", p_text(test.p_value), title
    if results.planned.preferred >= 0:
        yield "Preferred", *_preferred(results, mine)
    yield "Specifications", f"{counts.ok:,}", f"of {counts.planned:,} planned"


def _preferred(results: Results, mine: FamilyNumbers) -> tuple[str, str]:
    place = results.preferred
    if results.status[place] != Status.OK:
        return "–", f"no estimate: {CODES[results.code[place]]}"
    rank, of = results.rank(place)
    p = float(results.first("p_value")[place])
    beside = f"; {p_text(p)}" if np.isfinite(p) else ""
    return mine.written(float(results.estimate[place])), f"{ordinal(rank)} of {of:,}{beside}"


def estimates_table(found: Sequence[FamilyNumbers], alpha: float, asked: bool) -> Iterator[Element]:
    """Tabulate every scale and estimand; shares only beside what the null of the same specifications expects."""
    header: tuple[str, ...] = ("Scale", "Estimand", "n", "Median", "Lowest", "Highest")
    rows: list[tuple[str, ...]] = [
        (f.family.shown, f.family.estimand, f"{f.n:,}", *(f.written(v) for v in (f.median, f.lowest, f.highest)))
        for f in found
    ]
    covered = [f.shares for f in found if f.shares]
    if covered:
        signs = (f"p < {alpha:g}, {sign}" for sign in ("negative", "positive"))
        header = (*header, "Tested", *(words for sign in signs for words in (sign, "Under the null")), "The null")
        rows = [(*row, *shares_cells(f.shares)) for row, f in zip(rows, found, strict=True)]
    yield table("Estimates by scale and estimand", header, rows, numeric_from=2)
    said = shares_words(covered, len(found), asked)
    if said:
        yield written(element("div"), "p", said)


def tests_table(joint: CurveTests, results: Results) -> Element:
    """Tabulate one null's rows of inference.csv."""
    rows = [
        (
            marked(r, results.shown_statistic(r.statistic)),
            minus(f"{r.value:.4g}"),
            minus(f"{r.low:.4g} to {r.high:.4g}"),
            f"{r.p_value:.3f}",
            f"{r.draws:,}",
        )
        for r in joint.tests
    ]
    caption = f"{joint.title[:1].upper()}{joint.title[1:]}: {len(joint.index):,} specifications, {joint.drawn}"
    caption = ". ".join(text.rstrip(".") for text in (caption, joint.direction, share_words(joint.tests)) if text)
    return table(caption, ("Statistic", "Value", "95% of the null", "p", "Draws"), rows)
