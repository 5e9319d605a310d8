"""Size and power of both nulls by simulation, and a case in which few clusters are treated.

Run as ``python tests/bench/size.py [--replications N] [--until HH:MM] [--designs FIRST:LAST] [--quick]``.

A panel has G units and 10 periods, unit and period effects, AR(1) errors with rho .5 and four
AR(1) controls, two of which move the outcomes. A study has 32 specifications: 16 sets of
controls by two outcomes whose errors correlate at .7, all with unit and period effects; B = 199.
Treatment is absorbing and starts at period 6, or at 4, 6 or 8. With selection, a unit's trait
makes its treatment more likely (.6 against .2) and its errors twice as large; permutation then
moves paths within strata of the trait, except in the design that says it does not.

"null": the effect is 0. "power": EFFECT on both outcomes. "mixed": EFFECT on the second outcome
only, the family-wise error is that of rejecting a specification of the first.
"""

from __future__ import annotations

import csv
import datetime
import sys
from collections import Counter
from functools import cache

import _bench
import numpy as np
from _size_panels import DESIGNS, EFFECT, HOLDING, PERIODS, Design, Drawn, draw_panel
from specdid._describe.curve_tests import adjust, median_estimate, statistic_tests
from specdid.inference import wild
from specdid.inference._base import NullDraws
from specdid.inference._batches import draw_batches
from specdid.inference._draw_tables import DrawTable
from specdid.inference._partialled_out import draw_simple
from specdid.inference._wild_draws import draw_part
from specdid.inference.wild import slice_batches

DRAWS, LEVEL = 199, 0.05
Rejections = Counter[tuple[str, str, str]]
BAND = (0.03, 0.07)
NULLS = ("wild", "permutation")
SIZES = ("median estimate", "median t", "share significant, dominant sign", "Stouffer's Z")
FAMILY = "step-down, any true null rejected"
HEADER = [
    "clusters", "treated", "adoption", "errors", "null", "replications",
    *SIZES, FAMILY, "the same, half the nulls true", *(f"power, {name}" for name in SIZES),
]  # fmt: skip


def draw_wild(drawn: Drawn, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give estimate and t, (S, 1 + B), and standard error, (S,), under the wild null."""
    problem, members = drawn.problem, drawn.members
    cluster = problem.codes[:, 0]
    estimate, statistic = np.empty((2, len(members), DRAWS + 1))
    error = np.empty(len(members))
    for batch in slice_batches(draw_batches(problem, members), len(members))[0]:
        found = draw_part((problem, members, {}, cluster, signs), [batch])
        estimate[found.places], statistic[found.places] = found.estimate, found.statistic
        error[found.places] = found.error
    return estimate, statistic, error


def draw_permuted(
    drawn: Drawn, rng: np.random.Generator, strata: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the same when whole paths move between units within strata."""
    units = len(strata)
    moved = np.empty((units, PERIODS, DRAWS + 1))
    moved[:, :, 0] = drawn.paths
    for b in range(DRAWS):
        source = np.arange(units)
        for stratum in np.unique(strata):
            mine = np.flatnonzero(strata == stratum)
            source[mine] = rng.permutation(mine)
        moved[:, :, b + 1] = drawn.paths[source]
    treatment = int(drawn.members.treatment[0])
    treatments = {treatment: moved.reshape(units * PERIODS, DRAWS + 1)}
    estimate, statistic, error = draw_simple(drawn.problem, drawn.members, {}, treatments)
    return estimate, statistic, error[:, 0]


def reject(name: str, units: int, tables: tuple[np.ndarray, np.ndarray, np.ndarray], outcome: np.ndarray) -> Rejections:
    """Count the tests that reject in one panel, by (null, what)."""
    count: Rejections = Counter()
    families = {"null": (0, 1), "power": (2, 3), "mixed": (0, 3)}
    for family, (first, second) in families.items():
        inside = np.flatnonzero((outcome == first) | (outcome == second))
        estimate, statistic, error = (table[inside] for table in tables)
        draws = NullDraws(
            name,
            inside,
            estimate[:, 0],
            statistic[:, 0],
            error,
            np.full(len(inside), units - 1.0),
            DrawTable.of(estimate[:, 1:]),
            DrawTable.of(statistic[:, 1:]),
        )
        everything = np.ones(len(inside), dtype=bool)
        if family != "mixed":
            tests = (median_estimate(draws, everything, SIZES[0]), *statistic_tests(draws, everything, LEVEL, ""))
            for size, test in zip(SIZES, tests, strict=True):
                count[name, family, size] = int(test.p_value <= LEVEL)
        true = np.ones(len(inside), bool) if family == "null" else outcome[inside] == 0
        if family != "power":
            count[name, family, FAMILY] = int((adjust(draws, LEVEL).p_adjusted[true] <= LEVEL).any())
    return count


def replicate(design: Design, place: int, replication: int) -> Rejections:
    """Draw one panel and both nulls."""
    rng = np.random.default_rng([20121201, place, replication])
    drawn = draw_panel(rng, design)
    signs = wild.cluster_signs(drawn.problem.codes[:, 0], DRAWS, 1_000_000 * place + replication)
    strata = drawn.trait if design.selection and design.strata else np.zeros(design.units, np.int64)
    outcome = drawn.members.outcome
    return reject("wild", design.units, draw_wild(drawn, signs), outcome) + reject(
        "permutation", design.units, draw_permuted(drawn, rng, strata), outcome
    )


def rows_of(designs: tuple[Design, ...], counts: list[Rejections], done: int) -> list[list[str]]:
    """Lay out the rates: one row a design and null."""
    rows = []
    keys = [("null", s) for s in (*SIZES, FAMILY)] + [("mixed", FAMILY)] + [("power", s) for s in SIZES]
    for design, count in zip(designs, counts, strict=True):
        for null in NULLS:
            rates = [f"{count[null, family, what] / done:.3f}" for family, what in keys]
            rows.append([*design.words, null, str(done), *rates])
    return rows


def merge(rows: list[list[str]]) -> list[list[str]]:
    """Put new rows in the place of the table's, in the order of DESIGNS."""
    path = _bench.RESULTS / "size.csv"
    old = list(csv.reader(path.open(encoding="utf-8")))[1:] if path.exists() else []
    of_design = {tuple(row[:5]): row for row in [*old, *rows]}
    keys = [(*design.words, null) for design in DESIGNS for null in NULLS]
    return [of_design[key] for key in keys if key in of_design]


@cache
def said_by_the_tool() -> str:
    """Run specdid on a panel with 5 treated clusters; give the warnings and joint tests it prints."""
    import polars as pl
    import specdid

    design = Design(40, False, False, treated=5)
    problem = draw_panel(np.random.default_rng(20121201), design).problem
    frame = pl.DataFrame({name: problem.values[:, k] for k, name in enumerate(problem.labels)})
    frame = frame.with_columns(id=problem.codes[:, 0], period=problem.codes[:, 1], first=pl.lit(0.0))
    frame = frame.with_columns(first=pl.col("d").max().over("id") * 5)
    spec = {
        "study": {"data": "-", "unit": "id", "time": "period"},
        "derive": {"did": "(first > 0) & (period >= first)"},
        "outcome": {name: {"formula": name, "scale": "units"} for name in ("a", "b")},
        "treatment": {"d": "did"},
        "controls": {"any subset": "mvsw(x0, x1, x2, x3)"},
        "fixed_effects": {"two-way": "id + period"},
        "inference": {"draws": DRAWS, "null": list(NULLS), "assign": "first", "level": "id"},
    }
    return "\n".join(f"- {line}" for line in specdid.run(spec, frame, jobs=1, audit=0).warnings)


def write(rows: list[list[str]]) -> None:
    """Write the table as csv and md; called again and again while the program runs."""
    lines = ["| " + " | ".join(line) + " |" for line in [HEADER, ["---"] * len(HEADER), *rows]]
    assert __doc__ is not None
    held = rows[: 2 * HOLDING]
    rates = [float(rate) for row in held for rate in row[6 : 6 + len(SIZES)]]
    families = [float(rate) for row in held for rate in row[10:12]]
    done = min(int(row[5]) for row in held)
    error = np.sqrt(LEVEL * (1 - LEVEL) / done)
    note = (
        f"Of the first {HOLDING} designs, which are to hold their size, the {len(rates)} rejection rates of the joint "
        f"tests lie between {min(rates):.3f} and {max(rates):.3f} (to be within {BAND[0]:.2f} and {BAND[1]:.2f}), the "
        f"family-wise errors between {min(families):.3f} and {max(families):.3f} (to be at most {BAND[1]:.2f}). The "
        f"Monte Carlo standard error of a rate of .05 is {error:.4f}; the errors' standard deviation is 1, EFFECT is "
        f"{EFFECT}. The other designs are for honesty: few treated clusters, and permutation without strata. "
        "A share has few values: ties are ordered by |median t|, since counting all as extreme rejects too rarely."
    )
    title = f"# Rejection rates at a nominal 5%: {done:,} replications of each design (the last: see the column)"
    few = "What specdid prints of a study of one panel of the design with 5 treated clusters:\n\n" + said_by_the_tool()
    page = [title, __doc__.split("\n\n", 2)[2].strip(), note, "\n".join(lines), few, _bench.conditions()]
    _bench.RESULTS.mkdir(exist_ok=True)
    (_bench.RESULTS / "size.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    with (_bench.RESULTS / "size.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


def draw_plot(rows: list[list[str]]) -> None:
    """Draw every rate of rejection under the null with the band it is to lie in."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    names = [_name(row) for row in rows[::2]]
    markers = dict(zip((*SIZES, FAMILY), "os^Dx", strict=True))
    for axis, null in zip(axes, NULLS, strict=True):
        axis.axvspan(*BAND, color="0.88", lw=0)
        axis.axvline(LEVEL, color="0.5", lw=0.8)
        axis.axhline(HOLDING - 0.5, color="0.5", lw=0.8, ls=":")
        mine = [row for row in rows if row[4] == null]
        for k, (what, marker) in enumerate(markers.items()):
            rates = [float(row[HEADER.index(what)]) for row in mine]
            heights = np.arange(len(mine)) + (k - 2) * 0.13
            axis.plot(rates, heights, marker, ms=4, color=f"C{k}", ls="none", label=what)
        axis.set_title(null, fontsize=9)
        axis.set_xlabel("rejection rate under the null", fontsize=8)
        axis.set_xlim(left=0)
        axis.tick_params(labelsize=7)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7, frameon=False)
    figure.savefig(_bench.RESULTS / "size.png", dpi=150)


def _name(row: list[str]) -> str:
    units, treated, dates, errors = row[:4]
    few = "" if treated == "40%" else f", {treated} treated"
    words = errors.replace("selection on a trait", "selection").replace("permuted without", "no")
    return f"G = {units}{few}, {dates},\n{words}"


def main(places: range, replications: int, until: str | None) -> None:
    """Replicate design by design in turn, so that the table is whole whenever the time is up."""
    designs = DESIGNS[places.start : places.stop]
    counts: list[Rejections] = [Counter() for _ in designs]
    done = 0
    while done < replications:
        if until is not None and datetime.datetime.now().strftime("%H:%M") >= until:
            break
        for place, count in zip(places, counts, strict=True):
            count.update(replicate(DESIGNS[place], place, done))
        done += 1
        if done % 50 == 0 and not _bench.quick():
            write(merge(rows_of(designs, counts, done)))
            print(done, datetime.datetime.now().strftime("%H:%M:%S"), flush=True)
    rows = rows_of(designs, counts, done)
    if _bench.quick():
        for row in rows:
            print(*row)
        return
    rows = merge(rows)
    write(rows)
    draw_plot(rows)


def _places() -> range:
    text = _option("--designs") or f"0:{len(DESIGNS)}"
    first, last = map(int, text.split(":"))
    return range(first, last)


def _option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


if __name__ == "__main__":
    main(_places(), int(_option("--replications") or (20 if _bench.quick() else 2000)), _option("--until"))
