"""A small study and its refits by pyfixest, against which nulls are compared draw by draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pyfixest as pf
from small_studies import small_panel, small_study
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan
from specdid.inference._base import Context
from specdid.language import bind
from specdid.language.tree import Name

DRAWS = 5
TIGHT = pf.MapDemeaner(fixef_tol=1e-12)
EFFECTS = {
    "none": "0", "unit": "id", "two-way": "id + year", "crossed": "id + group^year", "three": "id + year + group^half",
}  # fmt: skip


def panel(units: int = 24) -> pl.DataFrame:
    return small_panel(3, units).with_columns(half=(pl.col("year") > 2003).cast(pl.Int64))


def with_rule(work, ssc: str, distribution: str | None):
    """Return permutation work whose one vcov corrects and judges in another way."""
    (vcov,) = work.problem.vcovs
    problem = replace(work.problem, vcovs=(replace(vcov, ssc=ssc, distribution=distribution),))
    return replace(work, problem=problem, token=work.token + ssc.encode())


def context(cluster: str, frame: pl.DataFrame, **changes) -> Context:
    base = {
        "outcome": {"y": "y"},
        "weights": {"none": "1", "w": "w"},
        "controls": {"none": "1", "two": "x1 + x2", "three": "x1 + x3 + x2"},
        "fixed_effects": EFFECTS,
        "inference": {"draws": DRAWS, "cluster": cluster, "assign": "cohort", "null": ["wild", "permutation"]},
        "derive": {"d": "(cohort > 0) & (year >= cohort)"},
    }
    study = small_study(**{**base, **changes})
    prepared = prepare(study, frame)
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    codes = prepared.evaluator.codes((_bound(prepared, cluster),))
    chosen = np.arange(len(compiled.members))
    return Context(prepared.plan, prepared.panel, prepared.evaluator, compiled, chosen, codes, DRAWS, 11)


def _bound(prepared, name):
    return bind(Name(name), prepared.plan.grid.settings[0].scope)


def model(ctx: Context, place: int) -> tuple[str, str, str | None]:
    """Right-hand side beside the treatment, fixed effects, weights of a specification."""
    row = ctx.plan.codes[place]
    labels = [d.labels[c] for d, c in zip(ctx.plan.dimensions, row, strict=True)]
    controls = {"none": "", "two": " + x1 + x2", "three": " + x1 + x3 + x2"}[labels[2]]
    effects = {"none": "", "unit": " | id", "two-way": " | id + year", "crossed": " | id + gy"}
    effects["three"] = " | id + year + gh"
    return controls, effects[labels[3]], "w" if labels[5] == "w" else None


def frame_of(data: pl.DataFrame):
    return data.with_columns(
        d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(pl.Float64),
        gy=pl.struct("group", "year").rank("dense"),
        gh=pl.struct("group", "half").rank("dense"),
    ).to_pandas()


def t_of(formula: str, frame, weights: str | None, cluster: str, outcome: str) -> tuple[float, float]:
    given = {"weights": weights} if weights else {}
    fit = pf.feols(f"{outcome} ~ {formula}", frame, vcov={"CRV1": cluster}, demeaner=TIGHT, **given).tidy()
    return fit.loc["d", "Estimate"], fit.loc["d", "t value"]


def clean(frame, controls: str, effects: str):
    """Rows a model uses, singletons gone, so that every refit has the same ones."""
    keep = frame.dropna(subset=[c for c in ("x1", "x2", "x3") if c in controls.split(" + ")])
    names = [e for e in effects.replace(" | ", "").split(" + ") if e]
    while True:
        counts = [keep.groupby(e)[e].transform("size") for e in names]
        alone = np.any([c == 1 for c in counts], axis=0) if names else np.zeros(len(keep), bool)
        if not alone.any():
            return keep.reset_index(drop=True)
        keep = keep[~alone]
