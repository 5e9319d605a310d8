"""A check as a whole: sound studies, all faults in the order of the file, without data, without heavy libraries."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import specdid
from checked_studies import faults, write
from slips import MARK, SLIPS, Spec
from small_studies import small_panel
from specdid._run.prepare import examine


def test_a_sound_study_has_no_faults(tmp_path):
    prepared, found = examine(write(tmp_path, controls='"x" = "x"'))
    assert tuple(found) == ()
    assert len(prepared.plan) == 1


def test_all_faults_at_once_in_file_order(tmp_path):
    found = faults(
        tmp_path,
        derive='a = "nope"',
        controls='"c" = "xx + text2"',
        sample='"s" = "zone == 1"',
        weights='"w" = "-w"',
        estimator='"s" = { method = "sunab", zz = 1 }',
        **{"[exclude]": 'when = { outcome = "Y" }\nbecause = "x"'},
    )
    lines = [f.place.line for f in found]
    assert lines == sorted(lines)
    assert [f.code for f in found.errors] == [
        "no_column",
        "no_column",
        "no_column",
        "column_type",
        "weights_negative",
        "unknown_key",
        "unknown_name",
    ]


def test_faults_of_the_study_are_said_where_the_data_cannot_be_read(tmp_path):
    path = write(tmp_path, estimator='"s" = { method = "sunab", zz = 1 }')
    (tmp_path / "d.csv").unlink()
    assert [f.code for f in examine(path)[1]] == ["no_file", "unknown_key"]


@pytest.mark.parametrize("written", [None, "id + year"])
def test_who_wrote_no_fixed_effects_is_told_which_there_are(written):
    """In a cross section each row is alone in its unit."""
    study = {"study": {"title": "a", "data": "a.csv", "unit": "id", "time": "year"}, "outcome": {"y": "y"}}
    study |= {"treatment": {"x": "x1"}, "sample": {"s": "year == 2001"}}
    study |= {"fixed_effects": {"a": written}} if written else {}
    told = [f.help for f in specdid.check(study, small_panel()) if f.code == "nothing_estimable"]
    help_ = 'without [fixed_effects] they are `id + year`; for none write there "none" = "1"'
    assert told == [None if written else help_]


def test_a_check_loads_no_heavy_library(tmp_path):
    path = write(
        tmp_path,
        controls='"c" = "poly(x, 2) + factor(state)"',
        treatment='"d" = { term = "d", cohort = "first" }',
        estimator='"a" = "feols"\n"b" = "sunab"\n"c" = "lpdid"\n"d" = "did2s"\n"e" = "fepois"',
    )
    code = (
        "import sys; from specdid._run.prepare import examine;"
        f"assert not examine({str(path)!r})[1].errors;"
        "print([m for m in ('pandas', 'scipy', 'formulaic', 'pyfixest', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SPECS = Path(__file__).parents[2] / "specs"
BASES = {"castle": ("poverty", "state"), "minimum_wage": ("lpop", ""), "smart_city": ("ind2", "province")}
DRAWS = 3
"""Files a base; SLIPS are gone through about three times."""


def base(name: str, directory: Path) -> Spec:
    """An example's file beside its data, whose paths lead to the repository."""
    number, text = BASES[name]
    written = (SPECS / f"{name}.toml").read_text("utf-8").replace('"data/', f'"{(SPECS / "data").as_posix()}/')
    return Spec(written.split("\n"), number, text)


def planted(name: str, which: list[str], directory: Path) -> tuple[str, specdid.Faults]:
    spec = base(name, directory)
    for slip in which:
        SLIPS[slip](spec, f"{MARK} {slip}")
    path = directory / "s.toml"
    path.write_text(spec.written, "utf-8")
    return spec.written, specdid.check(path)


def fitting(name: str) -> list[str]:
    return [slip for slip, plant in SLIPS.items() if BASES[name][1] or "TEXT" not in plant.wants]


def check_all_named(name: str, which: list[str], directory: Path) -> None:
    written, found = planted(name, which, directory)
    marked = {k: line.split(MARK)[1].strip() for k, line in enumerate(written.split("\n"), 1) if MARK in line}
    assert sorted(marked.values()) == sorted(which)
    told = {fault.place.line: fault.message for fault in found.errors if fault.place}
    missed = [slip for line, slip in marked.items() if line not in told]
    more = {f"{line}: {written.split(chr(10))[line - 1]}": said for line, said in told.items() if line not in marked}
    assert not missed, (missed, which)
    assert not more, (more, which)
    assert all(fault.place for fault in found.errors), [f.message for f in found.errors if not f.place]


def test_the_catalogue_is_worth_having():
    assert len(SLIPS) >= 40


@pytest.mark.parametrize("name", BASES)
def test_the_bases_are_right(name, tmp_path):
    assert not planted(name, [], tmp_path)[1].errors


@pytest.mark.parametrize("slip", SLIPS)
def test_each_slip_is_named_alone(slip, tmp_path):
    check_all_named("castle", [slip], tmp_path)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("draw", range(DRAWS))
def test_all_slips_are_named_in_one_check(name, draw, tmp_path):
    rng = random.Random(f"{name} {draw}")
    slips = fitting(name)
    check_all_named(name, rng.sample(slips, rng.randint(2, 20)), tmp_path)


def test_no_order_of_lines_hides_any(tmp_path):
    """All that fit beside each other at once, in two orders: [study] unit aside, of which much depends."""
    slips = [s for s in fitting("smart_city") if s != "unit"]
    check_all_named("smart_city", slips, tmp_path)
    check_all_named("smart_city", slips[::-1], tmp_path)


def test_a_check_that_breaks_hides_no_fault_of_the_others(tmp_path, monkeypatch):
    """Of a faulty file what else is wrong is looked for; an analysis that cannot be checked is named."""
    from specdid import _plugins

    event = _plugins.load("analyses", "event_study")

    def broken(bench, request):
        raise RuntimeError("an index out of bounds")

    monkeypatch.setattr(
        _plugins,
        "load",
        lambda shelf, name, load=_plugins.load: (
            dataclasses.replace(event, check=broken) if name == "event_study" else load(shelf, name)
        ),
    )
    text = (
        '[study]\ndata = "d.csv"\nunit = "id"\ntime = "year"\n[outcome]\ny = "y"\n'
        '[treatment]\nd = { term = "d", cohort = "first" }\n[controls]\nnone = "1"\nwrong = "nothere"\n'
        "[event_study]\nreference = -1\nwindow = [-2, 1]\n"
        '[heterogeneity."h"]\ngroups = { a = "x > 0", b = "alsonot > 0" }\n[inference]\ndraws = 0\n'
    )
    (tmp_path / "s.toml").write_text(text)
    lines = ["id,year,y,d,x,first"]
    lines += [
        f"{i},{t},{i * t % 7},{int(i < 4 and t > 2002)},{i - 4},{2003 if i < 4 else 0}"
        for i in range(9)
        for t in range(2000, 2006)
    ]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    found = specdid.check(tmp_path / "s.toml")
    said = {f.code: f.message for f in found}
    assert "no column `alsonot`" in " ".join(f.message for f in found.errors)
    assert said["not_checked"] == (
        "[event_study] could not be checked beside these errors (RuntimeError: an index out of bounds)"
    )
    assert [f.severity for f in found if f.code == "not_checked"] == ["warning"]


DATA = small_panel().with_columns(
    x2=pl.col("x2").fill_null(0.0),
    pilot=(pl.col("cohort") > 0).cast(pl.Int64),
    post=(pl.col("year") >= 2004).cast(pl.Int64),
    neg=-pl.col("z"),
    none=pl.lit(None, dtype=pl.Float64),
    one=pl.lit(1),
    text=pl.when(pl.col("id") % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
)
PANEL = {"data": "given.csv", "unit": "id", "time": "year"}
D, BARE, DOSE = {"d": {"term": "d", "cohort": "cohort"}}, {"d": "d"}, {"d": {"term": "x1", "cohort": "cohort"}}
PERMUTED = {"draws": 19, "null": ["permutation"], "assign": "d + cohort"}
NEAREST = {"on": "x1", "at": "year == 2001", "method": "nearest"}
METHODS = ("sunab", "lpdid", "did2s", "fepois", "logit")

BAD = {
    **{f"{m} without a cohort": {"treatment": BARE, "estimator": {"e": m}} for m in ("sunab", "lpdid")},
    **{f"{m} with a dose": {"treatment": DOSE, "estimator": {"e": m}} for m in ("sunab", "lpdid", "did2s")},
    **{
        f"{m} of a cross-section": {"study": {"data": "given.csv"}, "estimator": {"e": m}, "fixed_effects": {"n": "0"}}
        for m in ("sunab", "lpdid")
    },
    "constant within units": {"treatment": {"d": "pilot"}},
    "constant within periods": {"treatment": {"d": "post"}},
    "constant within units, fepois": {"treatment": {"d": "pilot"}, "estimator": {"e": "fepois"}, "outcome": {"z": "z"}},
    "constant in the sample": {"sample": {"s": "d == 1"}},
    "untreated only": {"sample": {"s": "d == 0"}},
    "all treated at once": {"sample": {"s": "cohort == 2004"}},
    "no never treated for sunab": {"sample": {"s": "cohort > 0"}, "estimator": {"e": "sunab"}},
    "one cohort alone for sunab": {"sample": {"s": "cohort == 2004"}, "estimator": {"e": "sunab"}},
    "effects that absorb cohorts": {"fixed_effects": {"f": "id + cohort^year"}},
    "effects of single rows": {"fixed_effects": {"f": "id^year"}},
    "an absorbing variant": {"variant": {"v": {"a": {"absorb": "cohort^year"}}}},
    "outcome missing": {"outcome": {"y": "none"}},
    "outcome constant": {"outcome": {"y": "one"}},
    "outcome is the treatment": {"outcome": {"y": "d"}},
    "negative outcome for Poisson": {"outcome": {"y": "neg"}, "estimator": {"e": "fepois"}},
    "outcome for logit": {"estimator": {"e": "logit"}},
    "control missing": {"controls": {"c": "none"}},
    "control missing, common": {"study": {**PANEL, "missing": "common"}, "controls": {"a": "none", "b": "1"}},
    "polynomial of a constant": {"controls": {"c": "poly(one, 2)"}},
    "empty sample": {"sample": {"s": "x1 > 1e9"}},
    "everything excluded": {"exclude": [{"when": {"outcome": "y"}, "because": "so"}]},
    "one cluster": {"vcov": {"c": "~one"}},
    "window of lpdid": {"estimator": {"e": {"method": "lpdid", "post_window": 50}}},
    "window of lpdid below 0": {"estimator": {"e": {"method": "lpdid", "post_window": -3}}},
    "name too long for a file": {"table": {"n" * 300: {"vary": ["controls"]}}},
    "name too long in Chinese": {"table": {"城" * 90: {"vary": ["controls"]}}},
    "names of one file": {"table": {"a b": {"vary": ["controls"]}, "a_b": {"vary": ["controls"]}}},
    "fix without a meaning": {"table": {"fix": {"controls": "zzz"}}},
    "event study without a cohort": {"treatment": BARE, "event_study": {}},
    "balance without a match": {"balance": {}},
    "empty group": {"heterogeneity": {"groups": {"a": "x1 > 1e9", "b": "x1 < 1e9"}}},
    "placebo before the data": {"placebo": {"draws": 19, "periods": [9]}},
    "match without treated": {"sample": {"m": {"match": {**NEAREST, "treated": "x1 > 1e9"}}}},
    "match without rows": {"sample": {"m": {"where": "x1 > 1e9", "match": NEAREST}}},
    "strata that are no column": {"inference": {**PERMUTED, "strata": "zzz"}},
    "strata of units": {"inference": {**PERMUTED, "strata": "id"}},
    "one level": {"inference": {**PERMUTED, "level": "one"}},
    "assign by half": {"inference": {**PERMUTED, "assign": "d"}},
    "too many": {"controls": {"c": "mvsw(x1, x2, x3, z, w)"}, "run": {"limit": 3}},
    "negative weights": {"weights": {"w": "neg"}},
    "text as weights": {"weights": {"w": "text"}},
    "repeated rows": {"study": {"data": "given.csv", "unit": "year", "time": "year"}},
    "lag without a unit": {"study": {"data": "given.csv"}, "treatment": BARE, "controls": {"c": "l(x1)"}},
    "no such specification": {"appendix": {"show": ["abcd"]}},
}


def study(changes):
    base = {"study": PANEL, "outcome": {"y": "y"}, "treatment": D, "inference": {"draws": 0}}
    return {**base, **changes}


@pytest.mark.parametrize("case", BAD)
def test_check_refuses_it(case):
    asked = study(BAD[case])
    errors = specdid.check(asked, DATA).errors
    assert errors
    assert all(f.message and (f.path or f.place) is not None for f in errors)
    for refuse in (specdid.plan, lambda s, d: specdid.run(s, d, audit=0)):
        with pytest.raises(specdid.SpecError) as caught:
            refuse(asked, DATA)
        assert {f.message for f in caught.value.faults} >= {f.message for f in errors}


GOOD = {
    "least squares": {},
    "without any effect": {"treatment": {"d": "pilot"}, "fixed_effects": {"n": "0"}},
    "a dose": {"treatment": {"d": "x1"}},
    "one option of two": {"treatment": {"a": "pilot", "b": "d"}},
    "a sample of two": {"sample": {"a": "x1 > 1e9", "b": "TRUE"}},
    "an estimator of two": {"treatment": BARE, "estimator": {"a": "feols", "b": "sunab"}},
    "a control of two": {"controls": {"a": "none", "b": "1"}},
    "a further vcov": {"vcov": {"a": "~id", "b": "~one"}},
    "slopes of a constant": {"fixed_effects": {"f": "id[one] + year"}},
    "no never treated": {"sample": {"s": "cohort > 0"}, "estimator": {"e": {"method": "sunab", "control": "notyet"}}},
    **{m: {"estimator": {"e": m}, "outcome": {"y": "x1 > 0" if m == "logit" else "z"}} for m in METHODS},
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_check_passes_has_a_number(case):
    asked = study(GOOD[case])
    assert not specdid.check(asked, DATA).errors
    table = specdid.run(asked, DATA, audit=0).table
    assert (table["status"] == "ok").any(), table["message"].tolist()


UNUSED = {
    "one option of two": ("option_fails", "the treatment `a` will fail: the treatment `pilot` does not vary within"),
    "a sample of two": ("empty_sample", "no row satisfies this condition"),
    "an estimator of two": ("option_unused", "the estimator `b`: sunab needs a cohort and `d` declares none"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSED)
def test_an_option_that_no_specification_can_use_is_named(case):
    code, words = UNUSED[case]
    (said,) = (f for f in specdid.check(study(GOOD[case]), DATA) if f.code == code)
    assert said.severity == "warning"
    assert words in said.message
