"""The finding in one line, the key figures under it, and the table of estimates by estimand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from specdid._curve import Curve
from specdid._describe.joint_tests import marked, towards
from specdid._records import CODES, Group, JointTest, NullShares, Results, Status
from specdid._records.cautions import AGAINST, Against, against, capital
from specdid._records.numerals import decimals_for, minus, ordinal, p_text
from specdid.inference._curve_tests import CurveTests
from specdid.report._html import element, inside, table, written
from specdid.report._input import Report
from specdid.report.summary import shares_cells, shares_words


@dataclass(frozen=True, slots=True)
class Family:
    """The estimates that share a scale and an estimand.

    ``shares`` are those significant of the specifications tested, with those expected without
    any effect; None where no null has them. ``shown`` is the scale or outcome as readers know it.
    """

    group: str
    scaled: bool
    estimand: str
    n: int
    decimals: int
    median: float
    lowest: float
    highest: float
    shares: NullShares | None
    shown: str

    def written(self, value: float) -> str:
        """Write a number with the decimals of this family."""
        return minus(f"{value:,.{self.decimals}f}")

    @property
    def unit(self) -> str:
        """The scale as it stands after a number."""
        return f" {self.shown}" if self.scaled else ""


def families(curve: Curve) -> tuple[Family, ...]:
    """Return the estimates of every scale by estimand, in order of appearance."""
    results = curve.results
    found = []
    for group in results.groups():
        places = group.members[results.status[group.members] == Status.OK]
        codes = results.planned.estimand.codes[places]
        for code in np.unique(codes).tolist():
            words = results.planned.estimand.words[code]
            found.append(_family(curve, group, words, places[codes == code]))
    return tuple(found)


def _family(curve: Curve, group: Group, estimand: str, places: NDArray[np.int64]) -> Family:
    results = curve.results
    estimate = results.estimate[places]
    return Family(
        group.name,
        group.scale is not None,
        estimand,
        len(places),
        decimals_for(estimate),
        float(np.median(estimate)),
        float(estimate.min()),
        float(estimate.max()),
        curve.null_shares.get((group.name, estimand)),
        group.shown,
    )


def lead(found: Sequence[Family], results: Results) -> Family:
    """Return the family of the preferred specification, or the largest."""
    place = results.preferred
    if place >= 0 and results.status[place] == Status.OK:
        words = results.planned.estimand.at(place)
        group = next(g.name for g in results.groups() if place in g.members)
        return next(f for f in found if (f.group, f.estimand) == (group, words))
    return max(found, key=lambda f: f.n)


def finding(report: Report, found: Sequence[Family]) -> Iterator[Element]:
    """Write the sentence, which begins with what stands against it, that in a box, and the key figures."""
    results = report.curve.results
    doubts = against(report.curve.warnings)
    if not found:
        yield _told(doubts, "No specification could be estimated; the account below says why.")
        yield from _box(doubts)
        return
    family = lead(found, results)
    primary = next(_primary(report.curve.tests, family), None)
    yield _told(doubts, _sentence(family, results.planned.alpha, primary))
    yield from _box(doubts)
    facts = element("dl", class_="facts")
    for label, value, note in _facts(report, family):
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


def _primary(joints: Sequence[CurveTests], family: Family) -> Iterator[tuple[str, JointTest]]:
    """Return every null's title and primary test; of several medians that of the family."""
    own = ((family.group, family.estimand), ("", ""))
    for joint in joints:
        mine = [t for t in joint.tests if t.role == "primary"]
        found = next((t for t in mine if (t.group, t.estimand) in own), None)
        if found is not None:
            yield joint.title, found


def _shortly(test: JointTest) -> str:
    """Name a statistic without its scale and estimand, and say which way it points where one is expected."""
    return test.kind + towards(test)


def _sentence(family: Family, alpha: float, primary: tuple[str, JointTest] | None) -> str:
    many = f"{family.n:,} estimates" if family.n > 1 else "The one estimate"
    of = "" if family.scaled else f" on {family.shown}"
    head = f"{many} of the {family.estimand}{of}: median {family.written(family.median)}{family.unit}"
    parts = [head]
    if family.shares is not None:
        sign, share, null = _dominant(family, family.shares)
        of = f" of the {family.shares.tested:,} tested" if family.shares.tested < family.n else ""
        parts.append(f"{share:.1%}{of} {sign} with p < {alpha:g}, where {null:.1%} would be without any effect")
    if primary is not None:
        parts.append(f"primary test, {_shortly(primary[1])}: {p_text(primary[1].p_value)} under the {primary[0]}")
    return f"{'; '.join(parts)}."


def _dominant(family: Family, shares: NullShares) -> tuple[str, float, float]:
    """Return the sign of most significant estimates (without any, of the median), their share, that under the null."""
    if (shares.positive, family.median) > (shares.negative, 0.0):
        return "positive", shares.positive, shares.null_positive
    return "negative", shares.negative, shares.null_negative


def _facts(report: Report, family: Family) -> Iterator[tuple[str, str, str]]:
    results = report.curve.results
    counts = report.curve.counts
    yield "Median", family.written(family.median), family.shown
    yield "Range", f"{family.written(family.lowest)} to {family.written(family.highest)}", f"{family.n:,} estimates"
    if family.shares is not None:
        sign, share, null = _dominant(family, family.shares)
        of = f"; {family.shares.tested:,} tested" if family.shares.tested < family.n else ""
        yield f"Significant, {sign}", f"{share:.1%}", f"p < {results.planned.alpha:g}; {null:.1%} under the null{of}"
    for title, test in _primary(report.curve.tests, family):
        yield f"Primary test: {_shortly(test)}", p_text(test.p_value), title
    if results.planned.preferred >= 0:
        yield "Preferred", *_preferred(results, family)
    yield "Specifications", f"{counts.ok:,}", f"of {counts.planned:,} planned"


def _preferred(results: Results, family: Family) -> tuple[str, str]:
    place = results.preferred
    if results.status[place] != Status.OK:
        return "–", f"no estimate: {CODES[results.code[place]]}"
    rank, of = results.rank(place)
    p = float(results.first("p_value")[place])
    beside = f"; {p_text(p)}" if np.isfinite(p) else ""
    return family.written(float(results.estimate[place])), f"{ordinal(rank)} of {of:,}{beside}"


def estimates_table(found: Sequence[Family], alpha: float, asked: bool) -> Iterator[Element]:
    """Tabulate every scale and estimand; shares only beside what the null of the same specifications expects."""
    header: tuple[str, ...] = ("Scale", "Estimand", "n", "Median", "Lowest", "Highest")
    rows: list[tuple[str, ...]] = [
        (f.shown, f.estimand, f"{f.n:,}", *(f.written(v) for v in (f.median, f.lowest, f.highest))) for f in found
    ]
    covered = [f.shares for f in found if f.shares]
    if covered:
        signs = (f"p < {alpha:g}, {sign}" for sign in ("negative", "positive"))
        header = (*header, "Tested", *(words for sign in signs for words in (sign, "Under the null")))
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
    caption = f"{joint.title[:1].upper()}{joint.title[1:]}: {len(joint.index):,} specifications, {joint.draws:,} draws"
    caption += f". {joint.direction}" if joint.direction else ""
    return table(caption, ("Statistic", "Value", "95% of the null", "p", "Draws"), rows)
