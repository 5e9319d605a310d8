"""What users of Stata, R and Python type, and the help that each gets: golden/habits.csv, one line each.

Where the help proposes a spelling, it is put where the habit stood: it must pass, and mean what
was meant, by what is written in MEANT beside it without any code of specdid. After a wanted
change of words: SPECDID_UPDATE_GOLDEN=1 pytest tests/check/test_habits.py, then read the diff.
"""

from __future__ import annotations

import csv
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import specdid
from specdid._records.collect import formula_writer
from specdid._run.prepare import prepare
from specdid.language import bind, in_our_spelling, parse
from specdid.language.scope import Scope
from specdid.panel import Evaluator

GOLDEN = Path(__file__).with_name("golden") / "habits.csv"
UPDATE = os.environ.get("SPECDID_UPDATE_GOLDEN") == "1"


@cache
def panel() -> pl.DataFrame:
    """20 states, 8 years; x1 to x3, divx1 to divx17; texts and gaps."""
    rng = np.random.default_rng(1)
    st, year = np.repeat(np.arange(1, 21), 8), np.tile(np.arange(1984, 1992), 20)
    d = ((st <= 10) & (year >= 1988)).astype(int)
    columns = {"st": st, "year": year, "treated": (st <= 10).astype(int), "d": d}
    columns |= {name: rng.normal(size=160) for name in ("y", "x", "x1", "x2", "x3", "z")}
    columns |= {f"divx{k}": rng.normal(size=160) for k in range(1, 18)}
    columns |= {"stpop": rng.uniform(1, 2, 160), "region": np.where(st % 2, "East", "West")}
    columns |= {"law": np.where(d, "yes", "no"), "gap": np.where(rng.random(160) < 0.2, np.nan, rng.normal(size=160))}
    return pl.DataFrame(columns).with_columns(pl.col("gap").fill_nan(None))


def study(place: str, text: str) -> dict:
    made: dict = {
        "study": {"unit": "st", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "inference": {"draws": 0},
    }
    table, _, key = place.partition(".")
    if place == "formula":
        return {"study": {**made["study"], "formula": text}, "inference": {"draws": 0}}
    if table == "inference":
        made["inference"] = {"draws": 0, key: text}
    elif table == "study":
        made["study"][key] = text
    else:
        made[table] = {"new" if table == "derive" else "o": text}
    return made


def lines() -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(place: str, text: str) -> tuple[str, str]:
    """The first error, and its help."""
    errors = specdid.check(study(place, text), panel()).errors
    assert errors, "accepted"
    return errors[0].message, errors[0].help or ""


def proposed(help: str) -> str | None:
    found = re.match(r"write `(.+?)`(?: for|, and the clusters|, of periods|$)|write \"(.+?)\"$", help)
    return None if found is None else found[1] or found[2]


TABLE = lines() if GOLDEN.exists() else []


@pytest.mark.parametrize("line", TABLE, ids=[f"{row['place']}: {row['typed']}" for row in TABLE])
def test_the_help_is_the_stored_one(line):
    message, help = told(line["place"], line["typed"])
    if UPDATE:
        return
    assert (message, help) == (line["message"], line["help"])


def test_the_table_is_worth_having():
    if UPDATE:
        rows = [(row["place"], row["typed"], *told(row["place"], row["typed"]), row["meant"]) for row in lines()]
        with GOLDEN.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("place", "typed", "message", "help", "meant"), *rows])
    assert len(TABLE) >= 200
    assert all(proposed(row["help"]) is None or row["meant"] for row in TABLE)
    assert sum(proposed(row["help"]) is not None for row in TABLE) >= 120


PROPOSALS = [row for row in TABLE if proposed(row["help"]) is not None]
TAKES_NO_MORE = ("formula", "controls", "fixed_effects", "treatment")


@pytest.mark.parametrize("line", PROPOSALS, ids=[f"{row['place']}: {row['typed']}" for row in PROPOSALS])
def test_what_is_proposed_passes_and_means_what_was_meant(line):
    place, new = line["place"], proposed(line["help"])
    assert new is not None
    errors = [f.message for f in specdid.check(study(place, new), panel()).errors]
    if new.startswith(".."):
        assert errors == [f"no macro `{new}`"]
        return
    assert not [e for e in errors if not e.startswith(("nothing can be estimated", "the treatment is"))], (new, errors)
    meant = line["meant"]
    if place in ("sample", "derive"):
        check_values(new, meant)
    elif place in TAKES_NO_MORE and not errors:
        prepared = prepare(study(place, new), panel())
        assert formula_writer(prepared.plan)(0, 1)[0] == meant
    else:
        assert new == meant


def check_values(text: str, meant: str) -> None:
    """Compare with polars' expression of what was meant, ``c`` being its column."""
    prepared = prepare(study("controls", "1"), panel())
    found = Evaluator(prepared.panel).column(bind(parse(text), Scope.of(tuple(prepared.panel.columns)))).numbers
    expected = panel().select(eval(meant, {"c": pl.col, "pl": pl, "lit": pl.lit}).alias("e"))["e"]
    values = np.broadcast_to(expected.cast(pl.Float64).fill_null(float("nan")).to_numpy(), (160,))
    np.testing.assert_allclose(np.asarray(found, float), values, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("mod(year - 1980, 4)", "(year - 1980) %% 4"),
        ("mod(m, 3)^2", "(m %% 3)^2"),
        ("-mod(m, 3)", "-(m %% 3)"),
        ("100/mod(m, 4)", "100/m %% 4"),
        ("inrange(m - 2, 1, 3) == 1", "(m - 2 >= 1 & m - 2 <= 3) == 1"),
        ("inrange(m, 1, 3) & year > 2", "m >= 1 & m <= 3 & year > 2"),
        ("inlist(m + 1, 1, 2)", "(m + 1) %in% c(1, 2)"),
        ("m^inlist(year, 1, 2)", None),
    ],
)
def test_what_takes_the_place_of_a_call_is_one_operand(typed, proposed):
    assert in_our_spelling(typed, "value") == proposed


@pytest.mark.parametrize("typed", ["region == 2 | 3", "1980 < year < 1990", "m == c(1, 2)", "max(m, 2) > 1"])
def test_of_code_that_was_run_nothing_is_mended(typed):
    assert in_our_spelling(typed, "condition") is not None
    assert in_our_spelling(typed, "condition", meant=False) is None
