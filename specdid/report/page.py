"""report.html: the results as one page that needs no network, no server and no other file.

The page is a skeleton (``browser/page.html``) with the tables written here as HTML, the
specifications as encoded columns (``_data``), and the scripts that draw them on canvases.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from specdid._curve import Curve
from specdid._describe.curve_tests import CurveTests, floor, marked, pooled_with, share_words, towards
from specdid._records import CODES, Family, JointTest, NullShares, Results, Status
from specdid._records.cautions import AGAINST, Against, against, capital
from specdid._records.numerals import counted, decimals_for, minus, p_digits, p_text, percent, signed
from specdid._records.results import MEDIAN, statistic_name
from specdid._words import ENGLISH, page_words, say, spoken, told
from specdid.report._data import (
    ENDS,
    MOST,
    NO_PROGRAMS,
    PageCurve,
    Programs,
    Step,
    curve_columns,
    drawn,
    embedded,
    encoded_programs,
    encoded_steps,
    families,
    steps,
)
from specdid.report._html import csv_rows, element, inside, markdown, markup, printed, table, written
from specdid.report.summary import STAYING, null_asked, shares_cells, shares_words
from specdid.tables._base import TidyTable

_BROWSER = Path(__file__).parent / "browser"
_STYLES = ("style.css",)
_SCRIPTS = (
    "data.js", "words.js", "state.js", "plot.js", "curve.js", "paint.js", "tiles.js", "pen.js", "filters.js",
    "table.js", "answer.js", "choices.js", "steps.js", "code.js", "detail.js", "pins.js", "move.js", "address.js",
    "main.js",
)  # fmt: skip
_MOST = 200
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure; ``kind`` is the last word of its media type, ``files`` are CSVs of what it is of."""

    stem: str
    title: str
    content: bytes = field(repr=False)
    kind: str = "svg+xml"
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysisBlock:
    """An analysis: Markdown lines, tables with the names of their files, figures, or why there is none."""

    heading: str
    lines: tuple[str, ...]
    tables: tuple[tuple[str, TidyTable], ...] = ()
    pictures: tuple[Picture, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows.

    Attributes
    ----------
    curve : the results with their sections and warnings.
    blocks : the analyses, in file order.
    pictures : figures of the whole curve other than the curve itself.
    manifest : of manifest.json, whose versions and hashes are shown.
    programs : of some specifications, to copy.
    """

    curve: Curve
    blocks: tuple[AnalysisBlock, ...]
    pictures: tuple[Picture, ...]
    manifest: Mapping[str, Any] = field(repr=False)
    programs: Programs = field(default=NO_PROGRAMS, repr=False)


def write_page(report: Report, most: int = MOST) -> str:
    """Write the page.

    Parameters
    ----------
    report
        The curve with its tests, analyses, figures and provenance.
    most
        Above so many estimates the page holds a part of them, and says so.

    Returns
    -------
    str
        HTML. Every text is escaped, scripts and styles are allowed by their hashes alone,
        and the policy forbids every connection.
    """
    title, failed = report.curve.title or say("Specification curve"), against(report.curve.warnings).failed
    found = family_numbers(report.curve)
    near = steps(report.curve)
    kept = [*(s.place for s in near), *report.programs.of]
    curves = drawn(report.curve.results, report.curve.tests, most, kept)
    content = embedded(_content(report, curves, near))
    styles, alpha = [_read(name) for name in _STYLES], report.curve.results.planned.alpha
    scripts = [_read(name) for name in _SCRIPTS]
    return Template(_in_language(_read("page.html"))).substitute(
        policy=_policy(styles, scripts),
        title=_escaped(title),
        strip=markup([element("p", failed, class_="strip")] if failed else []),
        head=_escaped(f"{failed} – {title}" if failed else title),
        styles="\n".join(f"<style>{s}</style>" for s in styles),
        finding=markup(finding(report, found)),
        thinned=markup(_thinned(curves)),
        estimates=markup(estimates_table(found, alpha, null_asked(report.curve)) if found else []),
        tests=markup(_tests(report)),
        choices=_sections(report.curve) + markup(picture(p) for p in report.pictures),
        analyses="\n".join(_block(k, b) for k, b in enumerate(report.blocks)),
        contents=markup(_contents(report)),
        account=markup(account(report.curve.results)),
        warnings=markup(_warnings(report.curve)),
        provenance=markup(_provenance(report)),
        data=content,
        scripts="\n".join(f"<script>{s}</script>" for s in scripts),
    )


def _content(report: Report, curves: Sequence[PageCurve], near: Sequence[Step]) -> dict[str, Any]:
    """Return what the scripts read."""
    curve = report.curve
    places = np.concatenate([c.places for c in curves]) if curves else np.empty(0, np.int64)
    return {
        **curve_columns(curve.results, curves, curve.tests),
        "families": list(families(curve, [c.group.name for c in curves], places)),
        "steps": encoded_steps(curve.results, near, places),
        "spec_path": report.programs.path,
        "programs": encoded_programs(report.programs, places),
        **({} if spoken() == ENGLISH else {"words": page_words()}),
    }


def _read(name: str) -> str:
    return (_BROWSER / name).read_text(encoding="utf-8")


_PLACE = re.compile(r"(?<=>)[^<>]+(?=<)|(?<=aria-label=\")[^\"]+(?=\")")
"""A text of page.html: between tags, or the name of an element."""


def _in_language(page: str) -> str:
    """Put the texts of page.html in the language that is written in."""
    if spoken() == ENGLISH:
        return page

    def said(found: re.Match[str]) -> str:
        text = found[0].strip()
        return found[0].replace(text, page_words().get(text, text)) if text else found[0]

    return _PLACE.sub(said, page).replace('<html lang="en">', f'<html lang="{spoken()}">')


def _escaped(text: str) -> str:
    return markup([element("span", text)]).removeprefix("<span>").removesuffix("</span>")


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy: these styles and scripts, images within the page, nothing else."""

    def hashes(texts: Sequence[str]) -> str:
        return " ".join(f"'sha256-{b64encode(sha256(t.encode()).digest()).decode('ascii')}'" for t in texts)

    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _thinned(curves: Sequence[PageCurve]) -> Iterator[Element]:
    """Say that the page holds a part of the curve, where it does."""
    kept, n = (sum(len(part) for part in parts) for parts in ([c.kept for c in curves], [c.order for c in curves]))
    if kept < n:
        yield element(
            "p",
            say(
                "This page holds {kept:,} of {n:,} estimates: even steps along the curve, the {ends} lowest and "
                "{ends} highest of every estimand, the lowest and highest with every option, the preferred and "
                "its neighbours. What changes with filters and selection is of these, each weighed by the "
                "stretch of the curve around it (“about”); the figures above, the changes by choice and the "
                "tests are of all. All are in results.parquet.",
                kept=kept,
                n=n,
                ends=ENDS,
            ),
            class_="notice",
        )


def _tests(report: Report) -> Iterator[Element]:
    if not report.curve.tests:
        yield element("p", say("No joint test was run."))
        return
    yield element(
        "p",
        say(
            "A joint test asks whether a curve like this would arise without any effect. The null range is "
            "by distance from zero: 95% of the draws are no farther from it, and their own middle may lie elsewhere; "
            "p is the share of draws, the data among them, that are at least as far from zero. The study names one "
            "statistic as its primary test; the others are secondary."
        ),
    )
    if any(c.code == "treated_stay" for c in report.curve.warnings):
        yield element("p", say(STAYING), class_="notice")
    for joint in report.curve.tests:
        yield tests_table(joint, report.curve.results)


def _sections(curve: Curve) -> str:
    """Write the summary's sections on choices and sensitivity."""
    shown = [s for s in curve.sections if s.lines and s.on_page]
    return "\n".join(f"{markup([element('h3', s.title)])}\n{markdown(s.lines)}" for s in shown)


def _block(k: int, block: AnalysisBlock) -> str:
    """Write an analysis as an article of its own."""
    heading = markup([element("h3", block.heading, id=f"analysis-{k + 1}")])
    if block.failure is not None:
        why = say("It could not be run: {failure}", failure=told(block.failure, True))
        return f"<article>{heading}{markup([element('p', why)])}</article>"
    return f"<article>{heading}{markdown(block.lines)}{markup(block_parts(block))}</article>"


def _contents(report: Report) -> Iterator[Element]:
    """List the analyses with links to them."""
    if not report.blocks:
        yield element("p", say("The spec file asks for no further analysis."))
        return
    listed = element("ul", class_="contents")
    for k, block in enumerate(report.blocks):
        inside(inside(listed, "li"), "a", block.heading, href=f"#analysis-{k + 1}")
    yield listed


def _warnings(curve: Curve) -> Iterator[Element]:
    if not curve.warnings:
        yield element("p", say("None."))
        return
    for severity, heading in (("error", say("Errors")), ("serious", say("Serious")), ("note", say("Notes"))):
        mine = [c for c in curve.warnings if c.severity == severity]
        if mine:
            yield element("h3", f"{heading} ({len(mine):,})")
            listed = element("ul")
            for caution in mine:
                written(listed, "li", str(caution))
            yield listed


def _provenance(report: Report) -> Iterator[Element]:
    """Tabulate what made these results; nothing that differs between two runs of the same."""
    yield table(
        say("What made these results"), (say("What"), say("Value")), list(_made(report.manifest)), numeric_from=2
    )


def _audited(audit: Mapping[str, Any]) -> str:
    if "why" in audit:
        return say("NOT DONE: {why}", why=told(audit["why"], True))
    verdict = say("all agree") if not audit["disagreements"] else say("{n:,} DISAGREE", n=len(audit["disagreements"]))
    return say(
        "{checked:,} of {eligible:,} estimated again by {reference}: {verdict}",
        checked=audit["checked"],
        eligible=audit["eligible"],
        reference=told(audit["reference"]),
        verdict=verdict,
    )


def _made(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "specdid", str(manifest["specdid"] or say("not installed"))
    spec = manifest["spec"]
    file = f"{spec['stem']}.toml, SHA-256 {spec['sha256']}" if spec["sha256"] else say("not from a file")
    yield say("study"), spec["name"]
    yield say("spec file"), file
    data = manifest["data"]
    yield (
        say("data"),
        say(
            "{file}, {rows:,} rows, SHA-256 {sha256}",
            file=data["file"] or say("a data frame"),
            rows=data["rows"],
            sha256=data["sha256"] or say("none"),
        ),
    )
    if "reshaped" in data:
        yield say("reshaped"), data["reshaped"]
    for one in data.get("joined", ()):
        reshaped = f" ({one['reshaped']})" if "reshaped" in one else ""
        rows = say(
            "{rows:,} rows, {unused:,} of them unused{reshaped}",
            rows=one["rows"],
            unused=one["rows_unused"],
            reshaped=reshaped,
        )
        lone = say("{n:,} rows of the study without a partner", n=one["rows_without_partner"])
        yield (
            say("joined: {name}", name=one["name"]),
            say("; ").join((say("{file}, {rows}", file=one["file"], rows=rows), lone, f"SHA-256 {one['sha256']}")),
        )
    yield say("code of specdid"), f"SHA-256 {manifest['code_sha256']}"
    yield say("seed"), str(manifest["seed"])
    yield say("missing values"), str(manifest["run"]["missing"])
    if audit := manifest["audit"]:
        yield say("audit"), _audited(audit)
    yield say("versions"), ", ".join(f"{name} {number}" for name, number in manifest["versions"].items() if number)


def account(results: Results) -> Iterator[Element]:
    """Write the accounting line and a table of reasons."""
    yield element("p", say("{sample}.", sample=results.counts))
    reasons = list(_reasons(results))
    if not reasons:
        yield element("p", say("Nothing was excluded, nothing failed, and no model was reached twice."))
        return
    header = (
        say("Status"),
        say("Reason"),
        say("In words"),
        say("What they share"),
        say("Specifications"),
        say("Places in the plan"),
    )
    caption = say("Specifications without an estimate of their own")
    yield table(caption, header, reasons[:_MOST], numeric_from=4, messages=(2,))
    if len(reasons) > _MOST:
        yield element("p", say("{n:,} more reasons: see `message` in results.csv.", n=len(reasons) - _MOST))


def _reasons(results: Results) -> Iterator[tuple[str, ...]]:
    """Return a row per status, code and message, most frequent first within a status."""
    for found in results.reasons():
        words = (say(found.status.name.lower()), found.code, told(found.message, found.ours))
        yield (*words, _shared(results, found.places), f"{len(found.places):,}", _places(found.places))


def _shared(results: Results, places: NDArray[np.int64]) -> str:
    """Return the options that all of these have, of the dimensions in which others differ."""
    planned = results.planned
    shared = []
    for d, name in enumerate(planned.dimensions):
        codes = planned.codes[places, d]
        if (codes == codes[0]).all() and (planned.codes[:, d] != codes[0]).any():
            words = name if spoken() == ENGLISH else planned.shown_choice(name)
            shared.append(say("{words}: {name}", words=words, name=planned.shown(planned.labels[d][codes[0]])))
    return say("; ").join(shared)


def _places(places: NDArray[np.int64]) -> str:
    text = ", ".join(f"{p + 1}" for p in places[:_SHOWN].tolist())
    return text + (", …" if len(places) > _SHOWN else "")


def picture(shown: Picture) -> Element:
    """Show a figure; who does not see it is told which files have numbers of what it is of, if any."""
    figure = element("figure")
    source = f"data:image/{shown.kind};base64,{b64encode(shown.content).decode('ascii')}"
    files = say(", ").join(shown.files)
    alt = say("{title}; numbers beside it: {files}", title=shown.title, files=files) if files else shown.title
    inside(figure, "img", src=source, alt=alt)
    inside(figure, "figcaption", f"{shown.title} ({shown.stem})")
    return figure


def block_parts(block: AnalysisBlock) -> Iterator[Element]:
    """Return figures and tables of an analysis."""
    for shown in block.pictures:
        yield picture(shown)
    for name, tidy in block.tables:
        if tidy.print is not None:
            yield from printed(tidy.print)
        yield csv_rows(name, tidy)


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
        return signed(f"{value:,.{self.decimals}f}")

    @property
    def unit(self) -> str:
        """The scale as it stands after a number."""
        return f" {self.family.shown}" if self.family.scaled else ""


def family_numbers(curve: Curve) -> tuple[FamilyNumbers, ...]:
    """Return the numbers of every family, by kind."""
    return tuple(_numbers(curve, family) for family in curve.results.pools)


def _numbers(curve: Curve, family: Family) -> FamilyNumbers:
    decimals = decimals_for(curve.results.estimate[family.places])
    return FamilyNumbers(family, decimals, *curve.results.spread(family), family.shares(curve.null_shares))


def lead(found: Sequence[FamilyNumbers], results: Results) -> FamilyNumbers:
    """Return the family of the preferred specification, or the largest of those that joint tests take, where any."""
    largest = max(found, key=lambda f: (not f.family.apart, f.n))
    return next((f for f in found if results.preferred in f.family), largest)


def finding(report: Report, found: Sequence[FamilyNumbers]) -> Iterator[Element]:
    """Write the sentence with the key figures, and beside them in a box what stands against them."""
    results = report.curve.results
    doubts = against(report.curve.warnings)
    boxes = list(_box(doubts))
    if not found:
        yield _finding(doubts, say("No specification could be estimated; the account below says why."))
        yield from boxes
        return
    mine = lead(found, results)
    primary = next(_primary(report.curve.tests, mine), None)
    own = next(_own_median(report.curve.tests, mine), None)
    verdict = element("div", class_="verdict doubted" if boxes else "verdict")
    said = inside(verdict, "div")
    said.append(_finding(doubts, _sentence(mine, results.planned.alpha, primary, own)))
    facts = inside(said, "dl", class_="facts")
    for label, value, note in _facts(report, mine):
        box = inside(facts, "div", **({"class_": "wide"} if len(note) > 60 else {}))
        inside(box, "dt", label)
        inside(box, "dd", value)
        inside(box, "dd", note, class_="note")
    if boxes:
        beside = inside(verdict, "div")
        beside.extend(boxes)
    yield verdict


def _finding(doubts: Against, sentence: str) -> Element:
    """Write the finding; where something stands against it, that is read first."""
    first = say("{sample}.", sample=doubts.failed) if doubts.failed else doubts.verdict
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
        inside(box, "h2", say(AGAINST))
        listed = inside(box, "ul")
        for clause, found in doubts.items:
            item = written(listed, "li", say(": ") + found)
            item.insert(0, element("strong", capital(clause)))
            item[0].tail, item.text = item.text, None
        if doubts.rest:
            inside(listed, "li", say("Besides: {listed}", listed=say("; ").join(doubts.rest)))
        last = inside(box, "p", class_="note")
        inside(last, "a", say("All warnings"), href="#warnings")
        yield box


def _primary(joints: Sequence[CurveTests], mine: FamilyNumbers) -> Iterator[tuple[str, JointTest]]:
    """Return every null's title and primary test; of several medians that of the family."""
    own = (("", ""),) if mine.family.apart else (mine.family.key, ("", ""))
    for joint in joints:
        primary = (t for t in joint.tests if t.role == "primary")
        found = next((t for t in primary if (t.group, t.estimand) in own), None)
        if found is not None:
            yield joint.title, found


def _own_median(joints: Sequence[CurveTests], mine: FamilyNumbers) -> Iterator[tuple[str, JointTest]]:
    """Return every null's title and test of the family's median, where its primary test is of others too."""
    for joint in joints:
        primary = next((t for t in joint.tests if t.role == "primary"), None)
        for test in joint.tests:
            own = test.kind == MEDIAN and (test.group, test.estimand) == mine.family.key and not mine.family.apart
            if own and primary is not None and pooled_with(test, primary):
                yield joint.title, test


def _beyond(test: JointTest, own: JointTest | None) -> str:
    """Say of how many specifications a primary test is where it is not of the family's alone."""
    if own is None:
        return ""
    return say(", of all {n:,} specifications tested", n=test.specifications)


def _shortly(test: JointTest) -> str:
    """Name a statistic without its scale and estimand, and say which way it points where one is expected."""
    return told(statistic_name(test.kind, direction=test.direction)) + towards(test)


def _sentence(
    mine: FamilyNumbers,
    alpha: float,
    primary: tuple[str, JointTest] | None,
    own: tuple[str, JointTest] | None,
) -> str:
    many = say("{n:,} estimates", n=mine.n) if mine.n > 1 else say("The one estimate")
    of = "" if mine.family.scaled else say(" on {outcome}", outcome=mine.family.shown)
    head = say(
        "{many} of the {estimand}{of}: median {median}{unit}",
        many=many,
        estimand=mine.family.what,
        of=of,
        median=mine.written(mine.median),
        unit=mine.unit,
    )
    parts = [head]
    if mine.shares is not None:
        sign, share, null = _dominant(mine, mine.shares)
        of = say(" of the {tested:,} tested", tested=mine.shares.tested) if mine.shares.tested < mine.n else ""
        under = say(" ({kind})", kind=told(mine.shares.null)) if mine.shares.null else ""
        parts.append(
            say(
                "{share}{of} {sign} with p < {alpha:g}, where {null} would be under the null{under}",
                share=percent(share, 1),
                of=of,
                sign=sign,
                alpha=alpha,
                null=percent(null, 1),
                under=under,
            )
        )
    if own is not None:
        test, null_title = own[1], told(own[0])
        parts.append(
            say("test of this median: {p} under the {null}", p=p_text(test.p_value), null=null_title + floor(test))
        )
    if primary is not None:
        parts.append(
            say(
                "primary test, {test}: {p} under the {null}",
                test=_shortly(primary[1]) + _beyond(primary[1], own and own[1]),
                p=p_text(primary[1].p_value),
                null=told(primary[0]) + floor(primary[1]),
            )
        )
    return say("{sample}.", sample=say("; ").join(parts))


def _dominant(mine: FamilyNumbers, shares: NullShares) -> tuple[str, float, float]:
    """Return the sign of most significant estimates (without any, of the median), their share, that under the null."""
    if (shares.positive, mine.median) > (shares.negative, 0.0):
        return say("positive"), shares.positive, shares.null_positive
    return say("negative"), shares.negative, shares.null_negative


def _facts(report: Report, mine: FamilyNumbers) -> Iterator[tuple[str, str, str]]:
    results = report.curve.results
    counts = report.curve.counts
    several = len(report.curve.results.pools) > 1
    yield say("Median"), mine.written(mine.median), mine.family.name if several else mine.family.shown
    yield say("Range"), _between(mine), say("{n:,} estimates", n=mine.n)
    if mine.shares is not None:
        sign, share, null = _dominant(mine, mine.shares)
        of = say("; {tested:,} tested", tested=mine.shares.tested) if mine.shares.tested < mine.n else ""
        yield (
            say("Significant, {sign}", sign=sign),
            percent(share, 1),
            say("p < {alpha:g}; {null} under the null{of}", alpha=results.planned.alpha, null=percent(null, 1), of=of),
        )
    medians = dict(_own_median(report.curve.tests, mine))
    for title, test in medians.items():
        yield say("Test of this median"), p_text(test.p_value), told(title) + floor(test)
    for title, test in _primary(report.curve.tests, mine):
        beyond = _beyond(test, medians.get(title))
        yield say("Primary test: {test}", test=_shortly(test)), p_text(test.p_value), told(title) + beyond + floor(test)
    if results.planned.preferred >= 0:
        yield say("Preferred"), *_preferred(results, mine)
    yield say("Specifications"), f"{counts.ok:,}", say("of {planned:,} planned", planned=counts.planned)


def _between(mine: FamilyNumbers) -> str:
    return say("{low} to {high}", low=mine.written(mine.lowest), high=mine.written(mine.highest))


def _preferred(results: Results, mine: FamilyNumbers) -> tuple[str, str]:
    place = results.preferred
    if results.status[place] != Status.OK:
        return "–", say("no estimate: {why}", why=CODES[results.code[place]])
    rank, of = results.place_among(place)
    p = float(results.first("p_value")[place])
    beside = p_text(p) if np.isfinite(p) else ""
    within = results.planned.within(results.planned.preferred)
    said = (say("{rank} of {of:,}{among}", rank=rank, of=of, among=""), beside, within)
    return mine.written(float(results.estimate[place])), say("; ").join(filter(None, said))


def estimates_table(found: Sequence[FamilyNumbers], alpha: float, asked: bool) -> Iterator[Element]:
    """Tabulate every scale and estimand; shares only beside what the null of the same specifications expects."""
    header: tuple[str, ...] = (say("Scale"), say("Estimand"), "n", say("Median"), say("Lowest"), say("Highest"))
    rows: list[tuple[str, ...]] = [
        (f.family.shown, f.family.what, f"{f.n:,}", *(f.written(v) for v in (f.median, f.lowest, f.highest)))
        for f in found
    ]
    covered = [f.shares for f in found if f.shares]
    if covered:
        signs = (say("p < {alpha:g}, {sign}", alpha=alpha, sign=sign) for sign in (say("negative"), say("positive")))
        header = (
            *header,
            say("Tested"),
            *(words for sign in signs for words in (sign, say("Under the null"))),
            say("The null"),
        )
        rows = [(*row, *shares_cells(f.shares)) for row, f in zip(rows, found, strict=True)]
    yield table(say("Estimates by scale and estimand"), header, rows, numeric_from=2)
    said = shares_words(covered, len(found), asked)
    if said:
        yield written(element("div"), "p", said)


def tests_table(joint: CurveTests, results: Results) -> Element:
    """Tabulate one null's rows of inference.csv."""
    rows = [
        (
            marked(r, told(results.shown_statistic(r.statistic))),
            minus(f"{r.value:.4g}"),
            minus(say("{low} to {high}", low=f"{r.low:.4g}", high=f"{r.high:.4g}")),
            p_digits(r.p_value),
            f"{r.draws:,}",
        )
        for r in joint.tests
    ]
    caption = say(
        "{title}: {specifications}, {drawn}",
        title=capital(told(joint.title)),
        specifications=counted(len(joint.index)),
        drawn=told(joint.drawn, True),
    )
    texts = (caption, told(joint.direction, True), share_words(joint.tests))
    caption = say(". ").join(text.rstrip(".。") for text in texts if text)
    return table(caption, (say("Statistic"), say("Value"), say("95% of the null"), "p", say("Draws")), rows)
