"""What a notebook shows of a curve: the account, the figure, key numbers and the joint tests."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator
from html import escape

from specdid import _html
from specdid._curve import Curve
from specdid._describe.curve_tests import marked, primary_lines
from specdid._records import Caution
from specdid._records.cautions import AGAINST, against, capital
from specdid._records.numerals import p_digits
from specdid._words import say
from specdid.figures._style import png
from specdid.inference._base import null_words
from specdid.report.summary import estimate_tables, preferred_line, shares_note

_DOTS, _SHOWN = 160, 100
"""Dots an inch of the picture, some 150 kB, and at how many it is shown: sharp on a fine screen."""
_NOTES = 5


def curve_html(curve: Curve) -> str:
    """Write the curve as one block of HTML without scripts; every label is escaped."""
    return f"<div>{''.join(_parts(curve))}</div>"


def _parts(curve: Curve) -> Iterator[str]:
    found = against(curve.warnings)
    if found.failed:
        yield _html.framed(found.failed, (("", line) for line in found.details), failed=True)
    yield _html.heading(curve.title or say("Specification curve"))
    yield _html.paragraph(str(curve.counts))
    if found.verdict:
        rest = (("", say("Besides: {listed}", listed=say("; ").join(found.rest))),) if found.rest else ()
        yield _html.framed(say(AGAINST), (*((capital(clause), text) for clause, text in found.items), *rest))
    if curve.counts.ok:
        yield _picture(curve)
    groups = (g for g in curve.results.groups() if len(curve.results.order(g)))
    for group, (title, header, lines) in zip(groups, estimate_tables(curve), strict=True):
        yield _html.heading(title)
        yield _html.table(header, lines)
        if said := shares_note(curve, group):
            yield _html.paragraph(said.replace("`", ""))
    preferred = preferred_line(curve.results)
    if preferred:
        yield _html.paragraph(say("Preferred: {preferred}", preferred=preferred))
    if curve.joint:
        yield _html.heading(say("Joint tests"))
        yield from map(
            _html.paragraph,
            primary_lines(curve.joint, curve.counts.ok, curve.results.shown_statistic, curve.results.planned.shown),
        )
        header, shown = (
            (say("null"), say("statistic"), say("value"), say("null range"), "p"),
            curve.results.shown_statistic,
        )
        rows = (
            (
                null_words(t.null),
                marked(t, shown(t.statistic)),
                f"{t.value:.4g}",
                f"{t.low:.4g} to {t.high:.4g}",
                p_digits(t.p_value),
            )
            for t in curve.joint
        )
        yield _html.table(header, rows, texts=2)
    yield from _notes(curve.warnings)


def _picture(curve: Curve) -> str:
    """Return the figure as a picture inside the HTML."""
    with warnings.catch_warnings():
        # A missing font is among the curve's own warnings.
        warnings.simplefilter("ignore", UserWarning)
        figure = curve.plot()
        data = base64.b64encode(png(figure, _DOTS)).decode("ascii")
    words = escape(say("Specification curve: {title}", title=curve.title), quote=True)
    width = round(figure.get_size_inches()[0] * _SHOWN)
    return f'<img width="{width}" style="max-width:100%" alt="{words}" src="data:image/png;base64,{data}">'


def _notes(found: tuple[Caution, ...]) -> Iterator[str]:
    """List the first notes, which stand against nothing."""
    said = [str(c) for c in found if c.severity == "note"]
    if said:
        yield _html.heading(say("Notes"))
        rest = len(said) - _NOTES
        yield _html.listing([*said[:_NOTES], *([say("{n:,} more in summary()", n=rest)] if rest > 0 else [])])
