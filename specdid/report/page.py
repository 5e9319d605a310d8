"""report.html: the results as one page that needs no network, no server and no other file.

The page is a skeleton (``browser/page.html``) with the tables written here as HTML, the
specifications as encoded columns (``_points``), and the scripts that draw them with uPlot.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from specdid._curve import Curve
from specdid._records import CODES, Results, Status
from specdid._records.cautions import against
from specdid.report._analyses import block_parts, markdown, picture
from specdid.report._finding import estimates_table, family_numbers, finding, tests_table
from specdid.report._html import element, inside, markup, table, written
from specdid.report._input import AnalysisBlock, Picture, Report
from specdid.report._points import ENDS, MOST, PageCurve, curve_columns, drawn, embedded
from specdid.report.summary import null_asked

__all__ = ["AnalysisBlock", "Picture", "Report", "write_page"]

_BROWSER = Path(__file__).parent / "browser"
_STYLES = ("vendor/uplot/uPlot.min.css", "style.css")
_SCRIPTS = (
    "vendor/uplot/uPlot.iife.min.js", "data.js", "words.js", "state.js", "curve.js", "paint.js",
    "choices.js", "filters.js", "table.js", "detail.js", "move.js", "main.js",
)  # fmt: skip


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
    title, failed = report.curve.title or "Specification curve", against(report.curve.warnings).failed
    curves = drawn(report.curve.results, report.curve.tests, most)
    found = family_numbers(report.curve)
    content = embedded(curve_columns(report.curve.results, curves, report.curve.tests))
    styles, alpha = [_read(name) for name in _STYLES], report.curve.results.planned.alpha
    scripts = [_read(name) for name in _SCRIPTS]
    return Template(_read("page.html")).substitute(
        policy=_policy(styles, scripts),
        title=_escaped(title),
        strip=markup([element("p", failed, class_="strip")] if failed else []),
        head=_escaped(f"{failed} – {title}" if failed else title),
        styles="\n".join(f"<style>{s}</style>" for s in styles),
        licence=_read("vendor/uplot/LICENSE"),
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


def _read(name: str) -> str:
    return (_BROWSER / name).read_text(encoding="utf-8")


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
            f"This page holds {kept:,} of {n:,} estimates: even steps along the curve, the {ENDS} lowest and {ENDS} "
            "highest of every estimand, the lowest and highest with every option, and the preferred. What changes "
            "with filters is of these; the figures above and the tests below are of all. All are in results.parquet.",
            class_="notice",
        )


def _tests(report: Report) -> Iterator[Element]:
    if not report.curve.tests:
        yield element("p", "No joint test was run.")
        return
    yield element(
        "p",
        "A joint test asks whether a curve like this would arise without any effect. The null range holds 95% of the "
        "draws; p is the share of draws, the data among them, that are at least as far from zero. The study names "
        "one statistic as its primary test; the others are secondary.",
    )
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
        return f"<article>{heading}{markup([element('p', f'It could not be run: {block.failure}')])}</article>"
    return f"<article>{heading}{markdown(block.lines)}{markup(block_parts(block))}</article>"


def _contents(report: Report) -> Iterator[Element]:
    """List the analyses with links to them."""
    if not report.blocks:
        yield element("p", "The spec file asks for no further analysis.")
        return
    listed = element("ul", class_="contents")
    for k, block in enumerate(report.blocks):
        inside(inside(listed, "li"), "a", block.heading, href=f"#analysis-{k + 1}")
    yield listed


def _warnings(curve: Curve) -> Iterator[Element]:
    if not curve.warnings:
        yield element("p", "None.")
        return
    for severity, heading in (("error", "Errors"), ("serious", "Serious"), ("note", "Notes")):
        mine = [c for c in curve.warnings if c.severity == severity]
        if mine:
            yield element("h3", f"{heading} ({len(mine):,})")
            listed = element("ul")
            for caution in mine:
                written(listed, "li", str(caution))
            yield listed


def _provenance(report: Report) -> Iterator[Element]:
    """Tabulate what made these results; nothing that differs between two runs of the same."""
    yield table("What made these results", ("What", "Value"), list(_made(report.manifest)), numeric_from=2)


def _audited(audit: Mapping[str, Any]) -> str:
    if "why" in audit:
        return f"NOT DONE: {audit['why']}"
    verdict = "all agree" if not audit["disagreements"] else f"{len(audit['disagreements']):,} DISAGREE"
    return f"{audit['checked']:,} of {audit['eligible']:,} estimated again by {audit['reference']}: {verdict}"


def _made(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "specdid", str(manifest["specdid"] or "not installed")
    spec = manifest["spec"]
    file = f"{spec['stem']}.toml, SHA-256 {spec['sha256']}" if spec["sha256"] else "not from a file"
    yield "study", spec["name"]
    yield "spec file", file
    data = manifest["data"]
    yield "data", f"{data['file'] or 'a data frame'}, {data['rows']:,} rows, SHA-256 {data['sha256'] or 'none'}"
    yield "code of specdid", f"SHA-256 {manifest['code_sha256']}"
    yield "seed", str(manifest["seed"])
    yield "missing values", str(manifest["run"]["missing"])
    if audit := manifest["audit"]:
        yield "audit", _audited(audit)
    yield "versions", ", ".join(f"{name} {number}" for name, number in manifest["versions"].items() if number)


_MOST = 200
_SHOWN = 5


def account(results: Results) -> Iterator[Element]:
    """Write the accounting line and a table of reasons."""
    yield element("p", f"{results.counts}.")
    reasons = list(_reasons(results))
    if not reasons:
        yield element("p", "Nothing was excluded, nothing failed, and no model was reached twice.")
        return
    header = ("Status", "Reason", "In words", "What they share", "Specifications", "Places in the plan")
    caption = "Specifications without an estimate of their own"
    yield table(caption, header, reasons[:_MOST], numeric_from=4, messages=(2,))
    if len(reasons) > _MOST:
        yield element("p", f"{len(reasons) - _MOST:,} more reasons: see `message` in results.csv.")


def _reasons(results: Results) -> Iterator[tuple[str, ...]]:
    """Return a row per status, code and message, most frequent first within a status."""
    places = np.flatnonzero(results.status != Status.OK)
    if not len(places):
        return
    kinds = np.stack([results.status[places], results.code[places], results.message.codes[places]], axis=1).astype(
        np.int64
    )
    found, first, inverse, counts = np.unique(kinds, axis=0, return_index=True, return_inverse=True, return_counts=True)
    order = sorted(range(len(found)), key=lambda k: (int(found[k, 0]), -int(counts[k]), int(first[k])))
    by_kind = np.split(places[np.argsort(inverse.reshape(-1), kind="stable")], np.cumsum(counts)[:-1])
    for k in order:
        status, code, message = found[k].tolist()
        words = results.message.words[message] if message >= 0 else ""
        mine = by_kind[k]
        yield (
            Status(status).name.lower(),
            CODES[code],
            words,
            _shared(results, mine),
            f"{len(mine):,}",
            _places(mine),
        )


def _shared(results: Results, places: NDArray[np.int64]) -> str:
    """Return the options that all of these have, of the dimensions in which others differ."""
    planned = results.planned
    shared = []
    for d, name in enumerate(planned.dimensions):
        codes = planned.codes[places, d]
        if (codes == codes[0]).all() and (planned.codes[:, d] != codes[0]).any():
            shared.append(f"{name}: {planned.shown(planned.labels[d][codes[0]])}")
    return "; ".join(shared)


def _places(places: NDArray[np.int64]) -> str:
    text = ", ".join(f"{p + 1}" for p in places[:_SHOWN].tolist())
    return text + (", …" if len(places) > _SHOWN else "")
