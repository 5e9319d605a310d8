"""Eleven warnings about the smart-city paper's tables: what was printed, and what specdid shows in its place."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import NormalDist
from typing import Any

import specdid

Warned = tuple[str, str, str]
SO2, WW = "ln SO2 per head", "ln wastewater per head"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [r for r in csv.DictReader(file) if r.get("vcov", "city") == "city"]


def _percent(log_points: float) -> str:
    return f"{100 * math.expm1(log_points):.1f}%".replace("-", "−")


def _n(number: float | str, places: int = 3) -> str:
    small = abs(float(number)) < 0.5 * 10**-places
    return f"{float(number):{'.1e' if small else f'.{places}f'}}".replace("-", "−")


def _p(p: float | str) -> str:
    return "p < .001" if float(p) < 0.001 else f"p {float(p):.3f}"


def _full(rows: list[dict[str, str]], outcome: str, term: str) -> dict[str, str]:
    return next(r for r in rows if r["outcome"] == outcome and r["controls"] != "1" and r["term"] == term)


def _moved(out: Path, dimension: str) -> Iterator[str]:
    """Give the preferred specification's estimate under every option of one dimension."""
    rows = _rows(out / "results.csv")
    at = next(r for r in rows if r["preferred"] == "true")
    names = list(at)[list(at).index("outcome") : list(at).index("vcov")]
    for r in rows:
        if r["status"] == "ok" and all(r[n] == at[n] for n in names if n != dimension):
            yield f"“{r[dimension]}” {_n(r['estimate'])} ({_p(r['p_value'])})"


def _significance(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    (so2, p), (ww, _) = paper["T3"]["dudt"][2:]
    tech = [cell[1] for cell in paper["T3"]["tech"][2:]]
    here = _full(_rows(out / "table_Table_3.csv"), SO2, "did12")
    return (
        "Significance and percent.",
        f"“Significantly reduced by 9.67%” has p {p}; the effects of innovation have p {tech[0]} and {tech[1]}. "
        f"Log points are read as percent: {_n(so2, 4)} is {_percent(so2)}, {_n(ww, 4)} is {_percent(ww)}.",
        f"every coefficient stands with its p-value, and the scale is named: {_n(here['estimate'])} log points are "
        f"{_percent(float(here['estimate']))}, {_p(here['p_value'])}.",
    )


def _headings(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    wrong = [
        f"column {k} is headed “{head}” and is {meant}"
        for k, (head, meant) in enumerate(zip(paper["T3"]["cols_printed"], paper["T3"]["cols_meant"], strict=True), 1)
        if (head == "waste water") != (meant == "ww")
    ]
    kinds = ", ".join(f"{p} in Table {n}" for n, p in ((n, paper[f"T{n}_paren"]) for n in (3, 4, 6, 7, 8)))
    return (
        "Headings and parentheses.",
        f"In Table 3 {'; '.join(wrong)}. Parentheses are {kinds}.",
        "headings are the spec file's own labels; every table says in a note what its parentheses are, "
        "and its CSV has a column each for the standard error and the p-value.",
    )


def _trends(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    years = {k: v for k, v in paper["T4"].items() if k.isdigit()}
    early = [f"{k} (p {p})" for k, (_, p) in years.items() if int(k) < 2012 and p < 0.1]
    errors = [abs(b) / NormalDist().inv_cdf(1 - p / 2) for b, p in years.values()]
    tests = [r for r in _rows(out / "event_study_zone_trends_pretrend.csv") if r["controls"] != "1"]
    told = [
        f"{r['outcome']}, zone trends {r['zone trends']}: F {_n(r['statistic'], 2)}, {_p(r['p_value'])}" for r in tests
    ]
    return (
        "Pre-trends and the base period.",
        f"Stable trends are claimed, but {' and '.join(early)} differ from a base that is not named; 2016 and "
        "2017 are "
        f"missing. Implied standard errors run from {_n(min(errors))} to {_n(max(errors))}, as constant as those of "
        "independent errors.",
        "the base is 2011, on the figure too, all thirteen years are shown, and the leads are tested jointly "
        f"({'; '.join(told)}).",
    )


def _after(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    return (
        "“After 2012”, and later batches.",
        "The list was published in January 2013, so the first treated year may be 2012 or 2013; the batches "
        "of 2013 and "
        "2014 stay among the controls.",
        f"both are dimensions of the curve. Treatment: {', '.join(_moved(out, 'treatment'))}. Later batches: "
        f"{', '.join(_moved(out, 'later batches'))}.",
    )


def _per_head(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    rows = _rows(out / "table_Table_3.csv")
    constants = [next(r for r in rows if r["outcome"] == o and r["term"] == "Constant") for o in (SO2, WW)]
    found = " and ".join(_n(r["estimate"], 2) for r in constants)
    printed = " and ".join(str(cell[0]) for cell in paper["T6"]["const"][:2])
    return (
        "Totals or per head.",
        f"The text says total emissions; the constants of Table 6 ({printed}) fit emissions per head.",
        "outcomes are formulas of the spec file, log(so2 / pop) and log(ww / pop), and labelled per head; "
        f"constants are {found}.",
    )


def _balance(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    t, c, bias = paper["T5"]["ind2"]["U"]
    rows = [r for r in _rows(out / "balance.csv") if r["stage"] == "after" and r["variable"] != "Propensity score"]
    worst = max(rows, key=lambda r: abs(float(r["bias"])))
    opened, tech = paper["T5"]["open"]["M"][2], [paper["T5"]["tech"][k][2] for k in "UM"]
    return (
        "Balance that is not there.",
        f"A difference of {t - c:.1f} that is a bias of {bias}% implies a standard deviation of "
        f"{(t - c) / bias * 100:.0f}: secondary “share” is a level. After matching openness keeps a bias of "
        f"{opened}%, and "
        f"technology goes from {tech[0]}% to {_n(tech[1], 1)}%.",
        "a bias above 10% after matching and one that matching made larger are warnings; the largest left in three "
        f"matched samples is {_n(worst['bias'], 1)}% ({worst['variable']}, {worst['sample']}).",
    )


def _not_different(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    pairs = zip(paper["T6"]["dudt"][2:], paper["T3"]["dudt"][2:], strict=True)
    told = ", ".join(f"{_n(a[0])} against {_n(b[0], 4)}" for a, b in pairs)
    rows = [_full(_rows(out / f"table_Table_{n}.csv"), o, "did12") for o in (SO2, WW) for n in (6, 3)]
    here = ", ".join(f"{_n(a['estimate'])} ({a['nobs']} rows) against {_n(b['estimate'])} ({b['nobs']})"
                     for a, b in (rows[:2], rows[2:]))  # fmt: skip
    return (
        "“Not much different.”",
        f"Table 6 against Table 3: {told}. Column 1 of Table 6 fits a regression without year effects.",
        f"the same choices on matched and on all rows: {here}; each table says for every column which fixed "
        "effects are in.",
    )


def _inverted_u(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    level, square = paper["T6"]["pgdp"][2][0], paper["T6"]["pgdp2"][2][0]
    rows = _rows(out / "table_Table_3.csv")
    told = []
    for outcome in (SO2, WW):
        b, c = (_full(rows, outcome, term) for term in ("pgdp", "I(pgdp^2)"))
        level_here = f"{_n(b['estimate'])} ({_p(b['p_value'])})"
        told.append(f"{outcome} {level_here} and {_n(c['estimate'], 4)} ({_p(c['p_value'])})")
    return (
        "The inverted U.",
        f"In Table 6 both GDP ({level}) and its square ({square}) are positive, which is no inverted U; labels "
        "look swapped.",
        f"terms are labelled by their formula, `pgdp` and `I(pgdp^2)`: {'; '.join(told)}.",
    )


def _faults(study: dict[str, Any]) -> str:
    """Give what `specdid check` raises, as quotations."""
    found = specdid.check(specdid.read(study))
    return "; ".join(dict.fromkeys(f"“{f.message}”" for f in found if f.severity == "error"))


def _part(specs: Path, *tables: str) -> dict[str, Any]:
    """Give some tables of the study's spec file, as a study of their own."""
    spec = tomllib.loads((specs / "smart_city.toml").read_text("utf-8"))
    spec["study"]["data"] = str((specs / spec["study"]["data"]).resolve())
    spec["study"].pop("one_at_a_time")
    return {name: spec[name] for name in ("study", "derive", *tables)}


def _groups(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    conditions = ("pop <= 100", "pop > 100", "pop > 100 & pop <= 500", "pop > 500 & pop <= 1000", "pop > 1000")
    table = {"Table 7": {"groups": dict(zip(paper["T7"]["bins"], conditions, strict=True))}}
    raised = _faults({**_part(specs, "outcome", "treatment"), "heterogeneity": table})
    small = [r for r in _rows(out / "heterogeneity_City_size.csv") if r["outcome"] == SO2 and int(r["n_treated"]) < 10]
    told = ", ".join(f"{r['group']}: {r['n_treated']} of {r['n_units']}" for r in small)
    return (
        "Groups that overlap, and small ones.",
        "“>100” overlaps three other bins, equality is not tested, ≤100 and >1000 hold a dozen cities each.",
        f"the paper's bins are faults: {raised}. With bins of 2011 that do not overlap, equality is tested, "
        "and groups with "
        f"fewer than 10 treated cities are warned of ({told}).",
    )


def _logged(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    study = {**_part(specs), "outcome": {"y": "ln_so2"}}
    study["derive"] = study["derive"] | {"ln_int": "log(did12 * ind3)"}
    lost = specdid.run(specdid.read({**study, "treatment": {"t": "ln_int"}}), audit=0).table["n_log0"].iloc[0]
    raised = _faults({**study, "treatment": {"t": "did12:ind3"}})
    return (
        "The log of an interaction.",
        "Table 8's regressor is the log of an interaction that is 0 for untreated units, and neither main "
        "effect is in.",
        f"the log of 0 is missing and counted: log(did12 * ind3) would lose {int(lost):,} rows. The "
        "interaction alone is "
        f"a fault: {raised}. [mechanism] has both main effects; the baseline share's own is absorbed by the "
        "city effects, "
        "and the table says so.",
    )


def _sizes(paper: dict[str, Any], out: Path, specs: Path) -> Warned:
    r = _full(_rows(out / "table_Table_3.csv"), SO2, "did12")
    return (
        "Nothing to judge by.",
        "No N, R², fixed effects, cluster level, matching method or matched N anywhere.",
        f"always printed. Column 3: {r['nobs']} rows, {r['n_units']} cities, {r['n_treated']} treated, "
        f"{r['n_clusters']} "
        f"clusters, R² {_n(r['r2'])}, within R² {_n(r['r2_within'])}, {r['fixed_effects']}; matched N on both "
        "sides in Table 5.",
    )


ALL: tuple[Callable[[dict[str, Any], Path, Path], Warned], ...] = (
    _significance, _headings, _trends, _after, _per_head, _balance, _not_different, _inverted_u, _groups, _logged,
    _sizes,
)  # fmt: skip


def warnings(paper: dict[str, Any], out: Path, specs: Path) -> Iterator[Warned]:
    """Give title, what the paper does, what specdid shows; in the order of the field notes.

    Parameters
    ----------
    paper : the printed numbers, ``specs/data/paper_tables.json``
    out : the study's outputs
    specs : the directory of the spec file
    """
    yield from (one(paper, out, specs) for one in ALL)
