"""Joint tests of the curve as they are written: in the summary, and as inference.csv and its companions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specdid._describe.joint_tests import marked
from specdid._records import Results, Section
from specdid._run.bands import write_bands
from specdid._run.infer import null_figure
from specdid._run.write import write_text
from specdid.inference._curve_tests import CurveTests


def sections(tests: tuple[CurveTests, ...], results: Results) -> tuple[Section, ...]:
    """Write the tests for the summary."""
    return tuple(
        Section(
            f"Joint test: {t.title}",
            (
                f"{t.draws:,} draws; {len(t.index):,} specifications; null range is 2.5% to 97.5%.",
                "",
                "| statistic | value | null range | p |",
                "|---|---:|---:|---:|",
                *(
                    f"| {marked(r, results.shown_statistic(r.statistic))} | {r.value:.4g} "
                    f"| {r.low:.4g} to {r.high:.4g} | {r.p_value:.3f} |"
                    for r in t.tests
                ),
                "",
                "The other tests are secondary." if len(t.tests) > 1 else "",
                *([t.direction] if t.direction else []),
                _family(t),
                band_words(t),
                *(f"- {note.message}" for note in t.notes),
            ),
        )
        for t in tests
    )


def _family(tests: CurveTests) -> str:
    significant = int(np.count_nonzero(tests.adjusted.p_adjusted <= tests.alpha))
    alpha, critical = f"{tests.alpha:g}".removeprefix("0"), tests.adjusted.critical
    if np.isnan(critical):
        least = f"{1 / (tests.draws + 1):.3g}".removeprefix("0")
        return f"{tests.draws:,} draws are too few for a p of at most {alpha}: the smallest p is {least}."
    return (
        f"{significant:,} of {len(tests.index):,} specifications have a step-down adjusted p of at most "
        f"{alpha} (max|t|, critical value {critical:.2f})."
    )


def band_words(tests: CurveTests) -> str:
    """Say how far the simultaneous band reaches, by what it was made, or why there is none."""
    band, level = tests.adjusted.band, f"{100 * (1 - tests.alpha):g}%"
    ends = [
        f"{z:.2f} standard errors {side} the estimates"
        for z, side in ((band.below, "below"), (band.above, "above"))
        if not np.isnan(z)
    ]
    if not ends:
        return f"No simultaneous band: {band.reason}."
    made = f"joint inversion, errors clustered by `{tests.cluster}`"
    rest = f"; {band.reason}" if band.reason else ""
    return f"Simultaneous {level} band: {' and '.join(ends)} ({made}){rest}."


def write_inference(results: Results, tests: tuple[CurveTests, ...], directory: Path) -> None:
    """Write inference.csv, per specification and null inference_specifications.csv, and the null curves."""
    write_bands({t.null: t.bands for t in tests}, null_figure(tests), directory)
    if not tests:
        return
    lines = ["null,statistic,value,low,high,p_value,draws,role,direction,specifications"]
    for test in tests:
        lines += [
            f"{r.null},{_cell(r.statistic)},{r.value:.12g},{r.low:.12g},{r.high:.12g},{r.p_value:.12g},{r.draws},"
            f"{r.role},{r.direction},{r.specifications}"
            for r in test.tests
        ]
    write_text("\n".join(lines), directory / "inference.csv")
    lines = ["null,index,spec_id,p_null,p_adjusted,band_low,band_high"]
    for test in tests:
        a = test.adjusted
        for k, place in enumerate(test.index.tolist()):
            numbers = (a.p_null[k], a.p_adjusted[k], a.band_low[k], a.band_high[k])
            spec_id = results.planned.spec_id(place)
            cells = ("" if np.isnan(n) else f"{n:.12g}" for n in numbers)
            lines.append(",".join([test.null, str(place + 1), spec_id, *cells]))
    write_text("\n".join(lines), directory / "inference_specifications.csv")


def _cell(text: str) -> str:
    r"""Quote a text cell as CSV asks; one that a spreadsheet would run gets a leading ``'``."""
    guarded = f"'{text}" if text[:1] in "=+-@\t\r" else text
    return '"' + guarded.replace('"', '""') + '"' if any(c in guarded for c in ',"\n\r') else guarded
