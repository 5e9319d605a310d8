"""What the figure of the curve says in words: names, facts beside a curve, and the note below all."""

from __future__ import annotations

from specdid.figures._choice_axes import separate
from specdid.figures._curve_axes import THIN, beyond, few, fixed
from specdid.figures._curve_panel import CurveData, Panel
from specdid.figures._layout import Layout


def names(panel: Panel) -> tuple[str, ...]:
    """Name a panel, from long to short."""
    return (f"Effect in {panel.name}" if panel.scaled else f"Effect on {panel.name}", panel.name)


def facts(panel: Panel) -> list[tuple[str, ...]]:
    """Return facts about a panel, each in spellings from long to short."""
    said: list[tuple[str, ...]] = [(f"{len(panel):,} specifications", f"{len(panel):,} specs")]
    if len(panel.series) == 1:
        said.append((f"median {fixed(panel.series[0].median, panel.decimals)}",))
    return said


def share_facts(panel: Panel, alpha: float) -> list[tuple[str, ...]]:
    """Return the shares significant of the specifications that a null tested; none without a null."""
    if (s := panel.null_shares) is None:
        return []
    said: list[tuple[str, ...]] = []
    if s.tested < len(panel):
        said.append((*(3 * [f"of the {s.tested:,} tested:"]), f"{s.tested:,} tested:"))
    for share, word, short, null in (
        (s.negative, "negative", "−", s.null_negative),
        (s.positive, "positive", "+", s.null_positive),
    ):
        long = (f"{share:.0%} {word}, p < {alpha:g}", f"{share:.0%} sig. {word}", f"{share:.0%} sig. {short}")
        said.append((*(f"{text} (null: {null:.0%})" for text in long), f"{share:.0%} {short} (null {null:.0%})"))
    return said


def note(data: CurveData, layout: Layout) -> str:
    """Say what is drawn, in sentences."""
    longest = max(stop - start for p in data.panels for start, stop in p.pieces)
    widths = [(p, layout.panel_width(len(b.panels))) for b in layout.bands for p in b.panels]
    failed = sum(p.failed for p in data.panels)
    cut = sum(beyond(p) for p in data.panels)
    bars = {few(p, width) for p, width in widths}
    shape = "Bars and ribbons" if len(bars) > 1 else "Bars" if True in bars else "Ribbons"
    parts = [f"{shape}: 90% and 95% confidence intervals (standard errors: {data.vcov})."]
    if longest > THIN:
        parts.append("Drawn are medians of neighbouring specifications.")
    if not all(separate(p, width) for p, width in widths):
        parts.append("Below: the darker a tile, the larger the share of neighbours that take the option.")
    nulls = list(dict.fromkeys(p.null_shares.null for p in data.panels if p.null_shares and p.null_shares.null))
    if any(p.null_band is not None for p in data.panels):
        parts.append("Dashed: median and 95% band of the curve under the null.")
    if nulls:
        parts.append(f"The null: {' and '.join(nulls)}.")
    if any(p.apart for p in data.panels):
        parts.append("Uncertain and nonequivalent: specifications with an option of that type; in no joint test.")
    errors = sorted({p.null_shares.errors for p in data.panels if p.null_shares} - {""})
    if errors:
        parts.append(f"Shares with p < {data.alpha:g}: standard errors of the null, by {errors[0]}.")
    if cut:
        parts.append(f"{cut:,} interval{'s go' if cut > 1 else ' goes'} beyond the axis.")
    if failed:
        parts.append(f"{failed:,} planned specification{'s' * (failed > 1)} could not be estimated.")
    return " ".join([*parts, data.absent]).strip()
