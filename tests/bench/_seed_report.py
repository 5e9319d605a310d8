"""Tables and plot of tests/bench/two_hundred_seeds.py."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import _bench
import numpy as np
from _seed_studies import BASE, DRAWS, OUTCOMES, known_of

NAME = "two_hundred_seeds"
LEVEL = 0.05
KEYS = ("outcome", "treatment", "estimator", "fixed_effects", "controls", "sample")
COVERAGE = (
    *KEYS, "misses by design", "seeds", "mean truth", "bias", "standard error of the bias", "SD of estimate - truth",
    "mean std. error, city", "mean std. error, province", "coverage, city", "coverage, province",
)  # fmt: skip
RATES = ("test", "model", "outcome", "seeds", "rejected at 5%", "mean p", "KS p of a uniform p")
KINDS = (
    ("pretrend", "p_value", "joint test of the leads"),
    ("noise", "p_value", "joint test of the leads"),
    ("placebo", "p_permutation", "placebo, by estimate"),
    ("placebo", "p_permutation_t", "placebo, by t"),
    ("equality", "p_value", "equality of groups"),
)
"""What a seed keeps, the key of its p-value, and the test's name."""
Row = list[Any]


def coverage_rows(found: Sequence[dict[str, Any]]) -> list[Row]:
    """Give a row per outcome and specification, in the order of the studies."""
    cells: dict[tuple[str, ...], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for seed in found:
        for one in seed["coverage"]:
            cells[tuple(one[key] for key in KEYS)][one["vcov"]].append(one)
    rows = []
    for key, by_vcov in cells.items():
        city = by_vcov["city"]
        true, estimate = (np.array([one[name] for one in city]) for name in ("true", "estimate"))
        gap, spec = estimate - true, dict(zip(KEYS, key, strict=True))
        errors = [np.mean([one["std_error"] for one in by_vcov[v]]) for v in BASE["vcov"]]
        covered = [
            np.mean([one["conf_low"] <= one["true"] <= one["conf_high"] for one in by_vcov[v]]) for v in BASE["vcov"]
        ]
        spread = gap.std(ddof=1)
        rows.append(
            [
                *key,
                known_of(spec),
                len(gap),
                true.mean(),
                gap.mean(),
                spread / np.sqrt(len(gap)),
                spread,
                *errors,
                *covered,
            ]
        )
    return sorted(rows, key=lambda row: list(OUTCOMES).index(row[0]))


def rate_rows(found: Sequence[dict[str, Any]]) -> list[Row]:
    """Give a row per test, model and outcome: how often it rejects, and whether its p is uniform."""
    from scipy.stats import kstest

    rows = []
    for kind, key, words in KINDS:
        cells: dict[tuple[str, str], list[float]] = defaultdict(list)
        for seed in found:
            for one in seed[kind]:
                vcov = (f"errors {one['vcov']}",) if kind == "noise" else ()
                model = ", ".join((one["analysis"].split(": ")[1], one["estimator"], one["fixed_effects"], *vcov))
                cells[model.replace("feols", "OLS"), one["outcome"]].append(one[key])
        for (model, outcome), values in cells.items():
            p = np.array(values, dtype=float)
            p = p[np.isfinite(p)]
            rows.append([words, model, outcome, len(p), np.mean(p <= LEVEL), p.mean(), kstest(p, "uniform").pvalue])
    return rows


def write(found: Sequence[dict[str, Any]]) -> None:
    """Write results/two_hundred_seeds.md, two csv files and the plot; with --quick print the tables only."""
    covered, rates = coverage_rows(found), rate_rows(found)
    seconds = sum(seed["seconds"] for seed in found)
    page = "\n\n".join(
        [
            f"# The smart-city generator over {len(found)} seeds",
            _about(covered, len(found)),
            "## Coverage of 95% intervals",
            *(part for name in OUTCOMES for part in (f"### {name}", _coverage_table(covered, name))),
            "## Rejections at a nominal 5%",
            TESTS,
            _markdown(RATES, [[*row[:4], *map("{:.3f}".format, row[4:])] for row in rates]),
            f"{seconds:,.0f} seconds of one processor. {_bench.conditions()}",
            "",
        ]
    )
    print(page)
    if _bench.quick():
        return
    (_bench.RESULTS / f"{NAME}.md").write_text(page, encoding="utf-8")
    for name, header, rows in (("coverage", COVERAGE, covered), ("tests", RATES, rates)):
        with (_bench.RESULTS / f"{NAME}_{name}.csv").open("w", newline="", encoding="utf-8") as file:
            written = [[f"{v:.5g}" if isinstance(v, float) else v for v in row] for row in rows]
            csv.writer(file, lineterminator="\n").writerows([header, *written])
    _plot(covered, found)


def _about(covered: Sequence[Row], seeds: int) -> str:
    right = {name: [row for row in covered if row[0] == name and not row[len(KEYS)]] for name in OUTCOMES}
    error = 100 * np.sqrt(0.95 * 0.05 / seeds)
    ranges = ", ".join(
        f"{name} in {min(r[-2] for r in rows):.1%} to {max(r[-2] for r in rows):.1%} of the seeds "
        f"({len(rows)} specifications, {np.mean([r[-2] for r in rows]):.1%} on average)"
        for name, rows in right.items()
    )
    return f"""\
Every number is of `specdid.run`, with the example's dirt. **Truth** is the average true effect over the treated rows
of the specification's sample, by its weights: the difference of two clean panels of one seed, with and without effect.
**Bias** is the mean of estimate - truth (its standard error is SD / √{seeds}: the same seeds everywhere, so biases
share their luck), **SD** their standard deviation, **std. error** the mean reported one (by city). The Monte Carlo
standard error of a coverage of 95% is {error:.1f} points.

What a specification misses by design:

- *zone's decline*: the two-control-zone (80% of pilots, 42% of others) lowers its SO2 by .4 from 2009 on, whoever is a
  pilot. City and year effects read that as an effect; zone-by-year effects, the zone's cities alone, or matching on the
  zone do not. Wastewater has no such decline. Sun-Abraham and LP-DiD compare with the year before the pilot alone, when
  the decline was over: they are right on average, though the test of their leads fails as the others' does.
- *treated among the controls*: the batches of 2013 and 2014 are controls of the first.
- *TWFE, staggered*: effects ramp over three years, and least squares compares with cities already treated. Two thirds
  of the cities are never treated here, so it costs little.
- *bad control*: last year's outcome answers to the pilot. The tertiary share does as well, but does not move emissions
  here, so holding it does no harm.

Where nothing is missed, 95% intervals by city cover {ranges}.
Wastewater is covered a little too often by least squares: its effects differ widely between sizes of cities (.15 to
-.37); errors by city allow for another draw of treated cities, and the truth is that of the cities drawn. PSM-DID does
not count the matching in its errors, and is covered all the same. LP-DiD averages over six years, which only the first
batch fills, or over four years of all batches."""


TESTS = f"""\
The leads are tested on the panel with effect, placebos ({DRAWS} draws) and equality on the panel without.

- **Leads.** *noise* has independent normal errors in place of the outcome. With iid errors the test is exact there, so
  what clustered errors reject beyond that is what 33 treated cities (29 provinces) are too few for. Of the outcomes,
  SO2 without zone-by-year effects has a pre-trend, and the test finds it in half of the seeds.
- **Placebos** are dealt out within provinces, as specs/smart_city.toml has it, or within provinces and zones. Without
  any effect p is uniform wherever the zone is in the effects or in the strata. Where it is in neither (SO2, year,
  province) it is not: the pilots' zone is then what the placebos lack.
- **Equality** of effects that are all zero: about right in halves and thirds (16 and 11 treated cities a group), and
  far too often rejected in the paper's four groups, some of which hold fewer than 6 treated cities. The tool warns of
  them, and of the test that rests on them. Seeds without a p have a group whose effect has no variance."""


def _coverage_table(rows: Sequence[Row], outcome: str) -> str:
    header = (
        "treatment",
        "estimator",
        "effects",
        "controls",
        "sample",
        "misses by design",
        "truth",
        "bias",
        "SD",
        "std. error",
        "coverage, city",
        "coverage, province",
    )
    lines = []
    for row in (r for r in rows if r[0] == outcome):
        _, *spec, design, _, true, bias, _, spread, city, _, by_city, by_province = row
        numbers = [f"{v:.3f}".replace("-", "−") for v in (true, bias, spread, city)]
        lines.append([*spec, design, *numbers, f"{by_city:.1%}", f"{by_province:.1%}"])
    return _markdown(header, lines)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _plot(rows: Sequence[Row], found: Sequence[dict[str, Any]]) -> None:
    """Draw coverage by specification, and the tests' p-values."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axis, outcome in zip(both, OUTCOMES, strict=True):
        _plot_coverage(axis, [row for row in rows if row[0] == outcome], outcome)
    figure.legend(*both[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    figure.savefig(_bench.RESULTS / f"{NAME}_coverage.png", dpi=130)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _plot_placebos(left, found)
    _plot_rates(right, [row for row in rate_rows(found) if not row[0].startswith("placebo")])
    figure.savefig(_bench.RESULTS / f"{NAME}_tests.png", dpi=130)


def _plot_coverage(axis: Any, rows: Sequence[Row], outcome: str) -> None:
    error = np.sqrt(0.95 * 0.05 / rows[0][len(KEYS) + 1])
    axis.axvspan(0.95 - 2 * error, 0.95 + 2 * error, color="0.9", lw=0)
    axis.axvline(0.95, color="0.5", lw=0.8)
    wrong = np.array([bool(row[len(KEYS)]) for row in rows])
    heights = np.arange(len(rows))
    looks = (("C0", "nothing missed by design", ~wrong), ("C1", "misses something by design", wrong))
    for colour, words, mine in looks:
        for marker, column, by in (("o", -2, "city"), ("x", -1, "province")):
            shares = np.array([row[column] for row in rows])
            axis.plot(shares[mine], heights[mine], marker, color=colour, ms=4.5, ls="none", label=f"{words}, by {by}")
    names = [", ".join((r[1], r[2], r[3], *(() if r[4] == "none" else (r[4],)), r[5])) for r in rows]
    names = [name.replace(f"{outcome} last year", "outcome last year") for name in names]
    axis.set_yticks(heights, names, fontsize=6.5)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel("coverage of 95% intervals", fontsize=8)
    axis.tick_params(axis="x", labelsize=7)
    axis.set_title(outcome, fontsize=9)


def _plot_placebos(axis: Any, found: Sequence[dict[str, Any]]) -> None:
    axis.plot([0, 1], [0, 1], color="0.5", lw=0.8)
    cells: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in (one for seed in found for one in seed["placebo"]):
        cells[one["analysis"].split(": ")[1], one["fixed_effects"], one["outcome"]].append(one["p_permutation"])
    said = set()
    for name, values in cells.items():
        p = np.sort(values)
        confounded = name == ("province", "year", "SO2")
        words = "SO2, year effects, within provinces" if confounded else f"the {len(cells) - 1} others"
        colour, width = ("C1", 1.6) if confounded else ("C0", 0.7)
        label = "_" if words in said else words
        said.add(words)
        axis.step(p, np.arange(1, len(p) + 1) / len(p), where="post", color=colour, lw=width, label=label)
    axis.set_title("placebo p-values without any effect", fontsize=9)
    axis.set_xlabel("p", fontsize=8)
    axis.set_ylabel("share of seeds at or below", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=7, loc="lower right")


def _plot_rates(axis: Any, rows: Sequence[Row]) -> None:
    heights = np.arange(len(rows))
    rates = np.array([row[4] for row in rows])
    margins = 2 * np.sqrt(rates * (1 - rates) / [row[3] for row in rows])
    axis.axvline(LEVEL, color="0.5", lw=0.8)
    axis.errorbar(rates, heights, xerr=margins, fmt="o", ms=4, lw=0.8, color="C0")
    axis.set_yticks(heights, [f"{row[1]}: {row[2]}" for row in rows], fontsize=6)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlabel("rejected at 5%", fontsize=8)
    axis.set_title("tests of the leads, of equality", fontsize=9)
