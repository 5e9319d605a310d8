"""The event studies and placebos of specs/castle.toml and specs/minimum_wage.toml, recomputed by hand."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from specdid._run.analyse import run_one
from specdid._run.prepare import prepare
from studies import bench_of, columns

SPECS = Path(__file__).parents[2] / "specs"
DRAWS = 49


def analyses(name, **changes):
    """Run a spec file's analyses alone, by kind; ``changes`` replace keys of a table."""
    spec = tomllib.loads((SPECS / name).read_text("utf-8"))
    spec["study"]["data"] = str(SPECS / spec["study"]["data"])
    spec["placebo"]["draws"] = DRAWS
    for kind, keys in changes.items():
        spec[kind] = {**spec[kind], **keys}
    prepared = prepare(spec)
    found = {r.table.kind: run_one(bench_of(prepared), r) for r in prepared.requests}
    assert {kind: one.failure for kind, one in found.items()} == dict.fromkeys(("event_study", "placebo"))
    return {kind: one.finding for kind, one in found.items()}


def effects(finding, vcov, **labels):
    """Give (estimate, standard error) by period of a curve."""
    table = columns(finding.tables[0])
    mine = [
        all(table[name][k] == label for name, label in {"vcov": vcov, "term": "period", **labels}.items())
        for k in range(len(table["period"]))
    ]
    return {table["period"][k]: (table["estimate"][k], table["std_error"][k]) for k, own in enumerate(mine) if own}


@pytest.fixture(scope="module")
def minimum_wage():
    return analyses("minimum_wage.toml", event_study={"window": [-4, 3]})


@pytest.fixture(scope="module")
def mpdta():
    frame = pd.read_csv(SPECS / "data" / "mpdta.csv")
    frame["relative"] = np.where(frame["first_treat"] > 0, frame["year"] - frame["first_treat"], np.nan)
    return frame


@pytest.mark.parametrize(("vcov", "cluster"), [("county", "countyreal"), ("state", "state")])
def test_sunab_by_period_averages_cohorts_by_their_rows(minimum_wage, mpdta, vcov, cluster):
    """fixest's definition: cohort × period cells, each period's averaged by the cohorts' shares of its rows."""
    pairs = mpdta[["first_treat", "relative"]].dropna().drop_duplicates().to_numpy()
    cells = sorted((int(g), int(k)) for g, k in pairs if k != -1)
    names = [f"cell{n}" for n in range(len(cells))]
    dummies = {
        name: ((mpdta["first_treat"] == g) & (mpdta["relative"] == k)).astype(float)
        for name, (g, k) in zip(names, cells, strict=True)
    }
    formula = f"lemp ~ {' + '.join(names)} | countyreal + year"
    fit = pf.feols(formula, mpdta.assign(**dummies), vcov={"CRV1": cluster})
    assert list(fit._coefnames) == names
    ours = effects(minimum_wage["event_study"], vcov, estimator="Sun-Abraham")
    assert ours[-1] == (0, None)
    assert sorted(ours) == [-4, -3, -2, -1, 0, 1, 2, 3]
    for period in set(ours) - {-1}:
        rows = np.array([dummies[name].sum() * (k == period) for name, (_, k) in zip(names, cells, strict=True)])
        share = rows / rows.sum()
        np.testing.assert_allclose(ours[period], (share @ fit.coef(), np.sqrt(share @ fit._vcov @ share)), rtol=1e-8)


def test_sunab_by_period_is_differences_of_means(minimum_wage, mpdta):
    """The panel is balanced and without controls: a cell is its cohort's change less that of the never treated."""
    means = mpdta.pivot_table(index="first_treat", columns="year", values="lemp", aggfunc="mean")
    change, size = means.sub(means.loc[0]), mpdta.groupby("first_treat").size()
    ours = effects(minimum_wage["event_study"], "county", estimator="Sun-Abraham")
    for period in set(ours) - {-1}:
        cohorts = [g for g in (2004, 2006, 2007) if g + period in change.columns]
        by_hand = [change.loc[g, g + period] - change.loc[g, g - 1] for g in cohorts]
        assert ours[period][0] == pytest.approx(np.average(by_hand, weights=size[cohorts]), rel=1e-9)


def test_minimum_wages_are_dealt_out_between_states(minimum_wage, mpdta):
    table, draws = (columns(t) for t in minimum_wage["placebo"].tables[:2])
    data = mpdta.assign(raised=((mpdta["first_treat"] > 0) & (mpdta["year"] >= mpdta["first_treat"])).astype(float))
    fit = pf.feols("lemp ~ raised | countyreal + year", data, vcov={"CRV1": "state"})
    assert table["estimate"] == pytest.approx([fit.coef()["raised"]], rel=1e-8)
    assert table["std_error"] == pytest.approx([fit.se()["raised"]], rel=1e-8)
    extreme = sum(abs(e) >= abs(table["estimate"][0]) for e in draws["estimate"])
    assert table["p_permutation"] == [(1 + extreme) / (DRAWS + 1)]
    # A state's law goes to all its counties: far fewer assignments differ than counties could make.
    said = minimum_wage["placebo"].tables[0].print.notes[0]
    assert said.startswith("In each placebo every state takes the year of the raise of another state, drawn at random")


def test_the_castle_event_study_is_a_regression_on_dummies():
    found = analyses("castle.toml")
    frame = pd.read_csv(SPECS / "data" / "castle.csv")
    adopted = frame[frame["post"] == 1].groupby("sid")["year"].min()
    relative = (frame["year"] - frame["sid"].map(adopted)).clip(-5, 3)
    names = [f"at{k}".replace("-", "m") for k in range(-5, 4) if k != -1]
    for name in names:
        frame[name] = (relative == int(name[2:].replace("m", "-"))).astype(float)
    controls = tomllib.loads((SPECS / "castle.toml").read_text("utf-8"))["macros"].values()
    frame["y"], frame["region_year"] = np.log(frame["homicide"]), frame["region"] + frame["year"].astype(str)
    fit = pf.feols(
        f"y ~ {' + '.join([*names, *controls])} | sid + region_year", frame, vcov={"CRV1": "sid"}, weights="popwt"
    )
    ours = effects(found["event_study"], "state", outcome="ln homicide")
    for name in names:
        period = int(name[2:].replace("m", "-"))
        np.testing.assert_allclose(ours[period], (fit.coef()[name], fit.se()[name]), rtol=1e-6)
    placebo = columns(found["placebo"].tables[0])
    plain = pf.feols(
        f"y ~ post + {' + '.join(controls)} | sid + region_year", frame, vcov={"CRV1": "sid"}, weights="popwt"
    )
    at = placebo["outcome"].index("ln homicide")
    assert placebo["estimate"][at] == pytest.approx(plain.coef()["post"], rel=1e-7)
    assert placebo["draws"][at] == DRAWS
