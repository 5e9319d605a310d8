"""What every figure of the shelf is drawn of in tests: plain data, and data that ask for more room than there is.

A figure of every run (``FigureKind.curve``) is drawn of the synthetic curves below, a figure of an
analysis of what the analysis's example gives. What neither reaches has its data in ``OWN``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from analysis_examples import table_of
from curves import plan_of, results_of, smart_city, subsets
from specdid import _plugins
from specdid._compare import compare_results
from specdid._describe.curve_tests import NullMedian
from specdid._records import Results
from specdid._run.prepare import prepare
from specdid.analyses._base import Chart
from specdid.figures.compared_curves import compared_data
from specdid.figures.decomposition import KINDS, ComparisonPanel, DecompositionData, TwoByTwo
from specdid.figures.event_study import EventData, EventPanel, EventSeries
from specdid.figures.forest import ForestBlock, ForestData, ForestRow
from specdid.figures.love_plot import LoveBlock, LoveData, LoveRow
from specdid.figures.marginal_effect import EffectData, EffectPanel
from specdid.figures.placebo_density import PlaceboData, PlaceboPanel
from specdid.figures.score_overlap import ScoreData, score_block
from specdid.figures.spec_curve import FIGURE as SPEC_CURVE
from studies import run_prepared, spec_file

LONG = "all prefecture-level cities but the four municipalities and Tibet, 2003 to 2016"
CHINESE = "剔除直辖市、省会城市与计划单列市之后的全部地级市样本"
NOTE = f"{LONG}. {LONG}: {CHINESE}."


@cache
def samples(name: str) -> tuple[tuple[str, Any], ...]:
    """Give (what it is, data) of figure ``name``; there is one at least.

    Raises
    ------
    AssertionError
        Nothing gives data of this figure.
    """
    figure, found = _plugins.load("figures", name), []
    if figure.curve is not None:
        for what, (results, null_medians) in curves().items():
            data = figure.curve(results, null_medians)
            if data.panels:
                found.append((what, data))
    for what, data in (*charts(name), *OWN.get(name, {}).items()):
        found.append((what, data() if callable(data) else data))
    assert found, f"nothing draws {name}: an example of its analysis in analysis_examples.py, or data in OWN here"
    return tuple(found)


@cache
def curves() -> Mapping[str, tuple[Results, tuple[NullMedian, ...]]]:
    """Results with the nulls of their curves."""
    long = {"OLS": "average effect", "local projections": f"average effect on the treated ({LONG})"}
    given = {
        "plain": results_of(smart_city(3, preferred=100)),
        "ten thousand": results_of(smart_city(8)),
        "one": results_of(plan_of({"sample": ["all"]}, preferred=0)),
        "Chinese": results_of(
            plan_of(
                {
                    "outcome": ["二氧化硫", "废水"],
                    "样本": ["全部城市", CHINESE, LONG],
                    "estimator": ["OLS", "双重稳健"],
                },
                subsets("人均GDP", "开放度", "专利", "财政"),
                scales={"二氧化硫": "对数点", "废水": "对数点"},
                estimands={"OLS": "加权平均效应", "双重稳健": "处理组平均效应"},
                title="智慧城市试点与工业污染" * 4,
                preferred=5,
            )
        ),
        "long": results_of(
            plan_of(
                {"outcome": ["a", LONG, "c"], "estimator": list(long), "sample": [LONG, f"{LONG}, south", "x" * 90]},
                subsets("young_black_men", "older_white_men", always=("unemployment_rate", "police_per_head")),
                scales={"a": f"log points, {LONG}"},
                estimands=long,
                types={"sample": {LONG: "uncertain", "x" * 90: "nonequivalent"}},
                title=LONG + LONG,
                preferred=2,
                vcovs=(LONG,),
            )
        ),
        "without errors": results_of(smart_city(1, preferred=3)),
    }
    for key in ("std_error", "p_value", "conf_low", "conf_high", "df"):
        given["without errors"].numbers[key][:] = np.nan
    return {what: (results, nulls(results)) for what, results in given.items()}


def nulls(results: Results) -> tuple[NullMedian, ...]:
    """Two nulls of every curve of the results."""
    rng = np.random.default_rng(5)
    quantiles = np.quantile(rng.normal(0, 0.02, 999), np.linspace(0, 1, 201))
    titles = ("wild cluster bootstrap", "permutation of the assignment, specifications fitted again in every draw")
    return tuple(
        NullMedian(
            title.split()[0], title, f.group, f.estimand, len(f.places), -1234.567, 0.004, quantiles, 0.03, 0.02, (1, 0)
        )
        for f in results.families
        for title in titles
    )


def charts(name: str) -> Iterator[tuple[str, Any]]:
    """Give the data of ``name`` among the charts of the analyses' examples."""
    for kind in _plugins.names("analyses"):
        yield from ((kind, chart.data) for chart in _charts(kind) if chart.figure == name)


@cache
def _charts(kind: str) -> tuple[Chart, ...]:
    with tempfile.TemporaryDirectory() as directory:
        (done,) = run_prepared(prepare(spec_file(Path(directory), table_of(kind))))
    return done.finding.charts


def _event(labels: tuple[str, ...], span: tuple[int, int], panels: int = 1, **looks: Any) -> EventData:
    periods = np.array([k for k in range(span[0], span[1] + 1) if k != looks.get("reference", -1)], float)
    half = np.full(len(periods), 0.2)
    curves = tuple(
        EventSeries(
            label,
            periods,
            1e4 * np.sin(periods + k),
            half,
            1.5 * half,
            (looks.get("reference", -1),),
            (2.5, 12, 1049.0, 0.0927),
            500,
            preferred=k == 1,
            bins=span,
        )
        for k, label in enumerate(labels)
    )
    given = {"reference": -1, "window": span, "alpha": 0.05, "vcov": LONG, "unit": "year", **looks}
    return EventData(LONG + LONG, (EventPanel(f"{LONG} {CHINESE}", curves),) * panels, **given)


def _months() -> EventData:
    first, last = 2012 * 12, 2014 * 12 + 11
    ticks = tuple(f"{k // 12}{k % 12 + 1:02d}" for k in range(first, last + 1))
    looks = {"reference": 2013 * 12 - 1, "starts": (2013 * 12, 2013 * 12 + 6), "ticks": ticks, "unit": "month"}
    return _event(("OLS", LONG), (first, last), **looks)


def _forest(blocks: int, facts: tuple[str, ...]) -> ForestData:
    rows = tuple(
        ForestRow(label, 1234.5 * k, 1234.5 * k - 900 * 5**k, 1234.5 * k + 900, facts, whole=not k)
        for k, label in enumerate(("all", LONG, CHINESE, "x" * 80))
    )
    names = ("estimate", "p", "N", "treated cities")[: len(facts)]
    return ForestData(LONG + LONG, names, (ForestBlock(LONG + LONG, "a", rows, LONG + LONG),) * blocks, NOTE)


def _love() -> LoveData:
    rows = tuple(LoveRow(label, 1234.5 * k, -3.1 * k) for k, label in enumerate((LONG, CHINESE, "pgdp", "x" * 80)))
    return LoveData(
        LONG + LONG, (LoveBlock(LONG + LONG, rows, f"{LONG}, {CHINESE}, {LONG}"), LoveBlock("a", rows[:1])), 12.5, NOTE
    )


def _times(data: Any, times: int) -> Any:
    return replace(data, blocks=data.blocks * times)


def _decomposition(panels: int, pairs: int, scale: float = 1.0) -> DecompositionData:
    rng = np.random.default_rng(4)
    weights = rng.dirichlet(np.ones(pairs))
    found = tuple(
        TwoByTwo("2012", "2014", KINDS[k % 4], scale * float(rng.normal()), float(weights[k])) for k in range(pairs)
    )
    names = (f"{LONG}: {CHINESE}", "ln SO2", CHINESE, "b", "c")[:panels]
    return DecompositionData(LONG, tuple(ComparisonPanel(name, 0.2 * scale, found) for name in names), NOTE)


def _scores() -> ScoreData:
    rng = np.random.default_rng(1)
    score, treated = rng.uniform(size=200_000), rng.random(200_000) < 0.3
    score[treated] += 0.2
    block = score_block(f"{CHINESE} {LONG}", score, treated, np.ones(200_000))
    narrow = score_block("b", 1e-5 * score, treated, np.ones(200_000))
    return ScoreData(LONG + LONG, (block, narrow), NOTE)


def _effects(values: int, panels: int) -> EffectData:
    rng = np.random.default_rng(2)
    at = np.linspace(0, 123456.7, values)
    panel = EffectPanel(
        LONG + LONG, (LONG, CHINESE, "F(12, 1049) = 2.50"), at, -at, -2 * at, 0.5 * at,
        rng.uniform(0, 123456, 99), rng.uniform(0, 123456, 300), -5e4, LONG,
    )  # fmt: skip
    return EffectData(LONG + LONG, LONG + LONG, "95%", (panel,) * panels, NOTE)


def _placebos(panels: int) -> PlaceboData:
    rng = np.random.default_rng(3)
    panel = PlaceboPanel(
        LONG + LONG, ("1,000,000 null_medians", LONG, LONG), -12345.6, "−12,345.6", 1e3 * rng.normal(size=999),
        rng.uniform(size=999), LONG,
    )  # fmt: skip
    return PlaceboData(LONG + LONG, 0.05, (panel,) * panels, NOTE)


def _compared(key: str) -> Any:
    old, new = curves()[key][0], curves()["plain"][0]
    return compared_data(compare_results(old, new, (f"outputs/{LONG}", f"outputs/{LONG}/after")))


OWN: Mapping[str, Mapping[str, Callable[[], Any]]] = {
    "spec_curve": {key: (lambda key=key: SPEC_CURVE.data(curves()[key][0])) for key in curves()},
    "compared_curves": {key: (lambda key=key: _compared(key)) for key in ("plain", "Chinese", "long")},
    "decomposition": {
        "few": lambda: _decomposition(1, 4),
        "many": lambda: _decomposition(5, 120, 98_765.4),
        "too many for a page": lambda: replace(_decomposition(1, 9), panels=_decomposition(1, 9).panels * 12),
    },
    "event_study": {
        "long": lambda: _event((LONG, CHINESE, f"{LONG}, too"), (-12, 15), 2),
        "many": lambda: _event(tuple(f"{LONG} {k}" for k in range(40)), (-60, 40), 3),
        "too many for a page": lambda: _event((LONG, "OLS"), (-5, 5), 12),
        "short": lambda: _event(("OLS",), (-2, 1)),
        "months": _months,
    },
    "forest": {
        "long": lambda: _forest(2, ("−12,345.6 (1,234.5)", "0.001", "1,234,567", "1,234")),
        "bare": lambda: _forest(1, ()),
        "too many for a page": lambda: _forest(12, ("1.2",)),
    },
    "love_plot": {"long": _love, "too many for a page": lambda: _times(_love(), 6)},
    "score_overlap": {"long": _scores, "too many for a page": lambda: _times(_scores(), 5)},
    "marginal_effect": {"long": lambda: _effects(50, 3), "values": lambda: _effects(6, 1)},
    "placebo_density": {"long": lambda: _placebos(1), "twelve": lambda: _placebos(12)},
}
"""Data of figures by name, where they are drawn neither of every run nor of an example."""
