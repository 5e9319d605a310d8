"""Five published analyses whose choices belong together: their sizes, and the same models as crossing everything."""

import tomllib
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import specdid
from specdid._plan import PlanStatus

SPECS = Path(__file__).parents[1] / "specs"
DRAW = np.random.default_rng(2016)


def columns(n, **given):
    """Made-up data under the published names: a function of n, or levels that are drawn."""
    made = {name: DRAW.choice(v, n) if isinstance(v, tuple) else v(n) for name, v in given.items()}
    return pl.DataFrame(made)


def normal(n):
    return DRAW.normal(size=n)


def positive(n):
    return np.exp(DRAW.normal(size=n))


def counts(n):
    return DRAW.poisson(20, n).astype(float)


def cities():
    city, year = (a.reshape(-1) for a in np.meshgrid(np.arange(80), np.arange(2006, 2020), indexing="ij"))
    batch = np.array([0, 0, 2010, 2012, 2017])[city % 5]
    own = {name: positive(len(city)) for name in ("co2", "pop", "pgdp", "ind2", "fdi")}
    return pl.DataFrame({"city": city, "year": year, "batch": batch, **own})


SCHOOL = ("hours", "age", "grade", "collgrad", "married", "south", "smsa", "c_city", "ttl_exp", "tenure")
DATA = {
    "union": columns(300, wage=positive, union=(0, 1), **dict.fromkeys(SCHOOL, normal)),
    "hurricanes": columns(
        94, Name=("Katrina", "Audrey", "Sandy", "Andrew", "Donna", "Easy", "King"), Year=tuple(range(1950, 2013)),
        deaths=counts, NDAM=positive, MasFem=positive, Gender=(0, 1), Minpressure=normal,
        Category=(1, 2, 3), Wind=normal,
    ),
    "durante": columns(
        500, LastPeriod=(20, 30, 40), PeriodBefore=(-10, -6, 0, 4), ReportedLength=(24, 28, 32), NextStart=(50, 60, 70),
        Testing=(30, 35, 45, 50, 55), Relationship=(1, 2, 3, 4), Rel1=counts, Rel2=counts, Rel3=counts,
        Sure1=(5, 8), Sure2=(5, 8),
    ),
    "crime": columns(47, y=positive, **dict.fromkeys(("Ineq", "Po1", "M", "Ed", "U1", "MF", "Pop", "GDP"), positive)),
    "low_carbon": cities(),
}  # fmt: skip
SIZES = {  # crossed, planned
    "union": (4096, 2048),
    "hurricanes": (6912, 2016),
    "durante": (270, 210),
    "crime": (1024, 256),
    "low_carbon": (288, 40),
}


def sizes(plan):
    return int(np.prod([len(d) for d in plan.dimensions])), len(plan)


def crossed(spec):
    """The same file with a rule of [[exclude]] for everything that stands in no row of a tie."""
    ties = spec.pop("together")
    rules = []
    for tie in ties:
        names = tie["dimensions"]
        tables = [spec.get(name) or spec["variant"][name] for name in names]
        rows = [[[cell] if isinstance(cell, str) else cell for cell in row] for row in tie["options"]]
        for labels in product(*tables):
            if not any(all(o in cell for o, cell in zip(labels, row, strict=True)) for row in rows):
                rules.append({"when": dict(zip(names, labels, strict=True)), "because": "not meant"})
    return spec | {"exclude": rules}


@pytest.mark.parametrize("name", SIZES)
def test_the_models_are_those_of_the_crossed_grid(name):
    spec = tomllib.loads((SPECS / f"{name}.toml").read_text("utf-8"))
    tied = specdid.plan(spec, DATA[name])
    whole = specdid.plan(crossed(spec), DATA[name])
    assert sizes(tied) == SIZES[name]
    assert len(whole) == SIZES[name][0]
    rules = np.array([r.code == "rule" for r in whole.reasons] + [False])[whole.reason]
    assert tied.ids.tolist() == whole.ids[~rules].tolist()
    assert tied.status.tolist() == whole.status[~rules].tolist()


def test_no_batch_alone_is_staggered():
    plan = specdid.plan(tomllib.loads((SPECS / "low_carbon.toml").read_text("utf-8")), DATA["low_carbon"])
    assert {r.code for r in plan.reasons} == {"no_cohort"}
    assert int((plan.status == PlanStatus.EXCLUDED).sum()) == 3 * 2 * 2
