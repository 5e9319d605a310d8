"""From a file or a dict to a Study: every table, every short form, every default."""

import dataclasses
import textwrap
from pathlib import Path

import pytest
import tomli
from specdid._decode import read_study
from specdid._study import FigureOptions, Inference, Meta, RunOptions
from specdid.language import write

CONTRACT = """
[study]
title     = "Smart-city pilots and industrial pollution"
data      = "data/smart_city.csv"
unit      = "city_id"
time      = "year"
seed      = 20121201
one_at_a_time = ["winsorizing", "zone trends"]
missing   = "common"

[derive]
c12   = "ifelse(batch == 2012, 2012, 0)"
dudt  = "pilot * (year >= 2012)"

[macros]
economy = "pgdp + I(pgdp^2)"

[outcome]
"ln SO2"        = { formula = "log(so2 / pop)", scale = "log points" }
"SO2"           = "so2 / pop"

[treatment]
"batch 1, 2012" = { term = "dudt", cohort = "c12", estimand = "effect in years 3–4" }
"by share"      = { term = "dudt:ind3", with = "dudt + ind3" }

[controls]
"none"       = "1"
"any subset" = { formula = "..economy + mvsw(ind2, ln_open)", type = "uncertain", why = "nobody knows" }

[fixed_effects]
"city + province×year" = "city_id + province^year"

[sample]
"all cities"        = "TRUE"
[sample."matched"]
where = "municipality == 0"
match = { on = "pgdp + ind2", treated = "pilot", at = "year == 2011", ratio = 1, caliper = 0.05 }
[sample."matched all"]
match = { on = "pgdp", method = "kernel", bandwidth = 0.1 }

[weights]
"unweighted" = "1"
"population" = "pop"

[estimator]
"OLS"         = "feols"
"Sun-Abraham" = { method = "sunab", control = "never", type = "equivalent" }

[variant."winsorizing"]
"none" = {}
"1%"   = { derive = { so2 = "winsorize(so2, 0.01)" }, why = "slips" }
[variant."zone trends"]
"no"  = {}
"yes" = { absorb = "tcz^year", add = "tcz", where = "year < 2016" }

[vcov]
"city"     = "~city_id"
"two-way"  = "~city_id+year"
"robust"   = "hetero"

[[exclude]]
when    = { estimator = "PPML", outcome = ["ln SO2", "ln ww"] }
because = "PPML takes the outcome in levels"
[[exclude]]
when    = { controls = { has = "pgdp", lacks = "ind2" } }
unless  = { estimator = "OLS" }
because = "levels only for PPML"

[preferred]
outcome  = "ln SO2"
controls = "pgdp + ind2"
winsorizing = "1%"

[inference]
alpha   = 0.1
draws   = 499
null    = ["wild", "permutation"]
cluster = "city_id"
assign  = "pilot + batch"
level   = "city_id"
strata  = "province"

[run]
jobs    = 2
backend = "serial"
limit   = 5000

[figure]
sort    = "zone trends"
formats = ["pdf"]

[labels]
pgdp = "GDP per capita"

[event_study]
window = [-7, 5]
reference = -1
[event_study."by batch"]
fix = { treatment = "by share" }

[table."Table 3"]
vary = ["controls"]

[heterogeneity.groups]
small = "at(pop, year == 2011) <= 100"

[placebo]
periods = [1, 2]
"""

SMALL = """
[study]
data = "p.csv"
unit = "city id"
outcome = "log(y)"
treatment = "d"
"""


def read(text, tmp_path, name="my study.toml"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_study(path)


def study_of(text, tmp_path):
    study, faults = read(text, tmp_path)
    assert [f.message for f in faults] == []
    return study


@pytest.fixture
def study(tmp_path):
    return study_of(CONTRACT, tmp_path)


def words(expression):
    return None if expression is None else write(expression.tree)


def test_study_table(study, tmp_path):
    assert study.stem == "my study"
    assert study.title == "Smart-city pilots and industrial pollution"
    assert study.data == tmp_path / "data" / "smart_city.csv"
    assert (study.unit, study.time, study.step, study.seed) == ("city_id", "year", None, 20121201)
    assert (study.missing, study.never) == ("common", "default")
    assert [name for name, _ in study.one_at_a_time] == ["winsorizing", "zone trends"]
    assert study.document.name == (tmp_path / "my study.toml").as_posix()


def test_definitions(study):
    assert {k: words(v) for k, v in study.derive.items()} == {
        "c12": "ifelse(batch == 2012, 2012, 0)",
        "dudt": "pilot * (year >= 2012)",
    }
    assert words(study.macros["economy"]) == "pgdp + I(pgdp^2)"
    assert study.labels == {"pgdp": "GDP per capita"}


def test_outcomes_and_treatments(study):
    assert [(o.label, words(o.formula), o.scale) for o in study.outcome] == [
        ("ln SO2", "log(so2 / pop)", "log points"),
        ("SO2", "so2 / pop", None),
    ]
    first, second = study.treatment
    assert (first.label, words(first.term), words(first.cohort)) == ("batch 1, 2012", "dudt", "c12")
    assert (first.estimand, first.with_) == ("effect in years 3–4", None)
    assert (words(second.term), words(second.with_), second.cohort) == ("dudt:ind3", "dudt + ind3", None)


def test_right_hand_sides(study):
    assert [(c.label, words(c.formula)) for c in study.controls] == [
        ("none", "1"),
        ("any subset", "..economy + mvsw(ind2, ln_open)"),
    ]
    assert study.controls[1].meta == Meta("uncertain", "nobody knows")
    assert [words(f.formula) for f in study.fixed_effects] == ["city_id + province^year"]
    assert [words(w.formula) for w in study.weights] == ["1", "pop"]


def test_samples(study):
    everything, matched, matched_all = study.sample
    assert (everything.label, words(everything.where), everything.match) == ("all cities", "TRUE", None)
    assert words(matched.where) == "municipality == 0"
    match = matched.match
    assert (words(match.on), words(match.treated)) == ("pgdp + ind2", "pilot")
    assert words(match.at) == "year == 2011"
    assert (match.method, match.ratio, match.caliper, match.replace) == ("nearest", 1, 0.05, None)
    assert (words(matched_all.where), matched_all.match.method) == ("TRUE", "kernel")
    assert matched_all.match.bandwidth == 0.1


def test_estimators(study):
    ols, sunab = study.estimator
    assert (ols.label, ols.method, dict(ols.options)) == ("OLS", "feols", {})
    assert (sunab.method, dict(sunab.options)) == ("sunab", {"control": "never"})
    assert sunab.meta == Meta("equivalent")


def test_variants(study):
    assert [(v.name, [o.label for o in v.options]) for v in study.variants] == [
        ("winsorizing", ["none", "1%"]),
        ("zone trends", ["no", "yes"]),
    ]
    none, winsorized = study.variants[0].options
    assert not none.derive
    assert words(winsorized.derive["so2"]) == "winsorize(so2, 0.01)"
    assert winsorized.meta == Meta(None, "slips")
    trend = study.variants[1].options[1]
    assert (words(trend.absorb), words(trend.add), words(trend.where)) == ("tcz^year", "tcz", "year < 2016")


def test_vcovs(study):
    assert [(v.label, v.kind, v.text) for v in study.vcov] == [
        ("city", "cluster", "~city_id"),
        ("two-way", "cluster", "~city_id + year"),
        ("robust", "hetero", "hetero"),
    ]
    assert [c.text for c in study.vcov[1].clusters] == ["city_id", "year"]
    second = study.vcov[1].clusters[1]
    place = second.origin.place(second.tree.span)
    assert place.line_text[place.column - 1 :][: place.length] == "year"


def test_rules_and_preference(study):
    first, second = study.exclude
    assert {k: [s.text for s in v] for k, v in first.when.items()} == {
        "estimator": ["PPML"],
        "outcome": ["ln SO2", "ln ww"],
    }
    assert (first.unless, first.because) == ({}, "PPML takes the outcome in levels")
    (selector,) = second.when["controls"]
    assert (selector.text, words(selector.has), words(selector.lacks)) == (None, "pgdp", "ind2")
    assert second.unless["estimator"][0].text == "OLS"
    assert {k: v[0].text for k, v in study.preferred.items()} == {
        "outcome": "ln SO2",
        "controls": "pgdp + ind2",
        "winsorizing": "1%",
    }


def test_settings(study):
    inference = study.inference
    assert (inference.alpha, inference.draws, inference.null) == (0.1, 499, ("wild", "permutation"))
    assert [words(inference.cluster), words(inference.assign)] == ["city_id", "pilot + batch"]
    assert [words(inference.level), words(inference.strata)] == ["city_id", "province"]
    assert inference.written
    assert (study.run.jobs, study.run.backend, study.run.limit) == (2, "serial", 5000)
    assert study.run.limit_origin.place().line_text == "limit   = 5000"
    assert (study.figure.sort, study.figure.formats) == ("zone trends", ("pdf",))


def test_analyses_named_and_not(study):
    found = [(a.kind, a.name, dict(a.values)) for a in study.analyses]
    assert found == [
        ("event_study", None, {"window": [-7, 5], "reference": -1}),
        ("event_study", "by batch", {"fix": {"treatment": "by share"}}),
        ("table", "Table 3", {"vary": ["controls"]}),
        ("heterogeneity", None, {"groups": {"small": "at(pop, year == 2011) <= 100"}}),
        ("placebo", None, {"periods": [1, 2]}),
    ]
    event_study, by_batch, _, heterogeneity, _ = study.analyses
    assert event_study.origins["window", "[1]"].place().column == len("window = [-7, ") + 1
    assert event_study.keys["reference",].place().line_text == "reference = -1"
    assert by_batch.origin.place().line_text == '[event_study."by batch"]'
    group = heterogeneity.origins["groups", "small"]
    assert group.place().line_text.startswith("small = ")
    assert heterogeneity.keys["groups", "small"].place().length == len("small")


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        ("[balance]\n[balance.a]\n", [None, "a"]),
        ("[balance.a]\n[balance]\n", [None, "a"]),
        ('[balance]\n[balance."a"]\nvary = ["sample"]\n[balance.b]\n', [None, "a", "b"]),
        ("[balance.a]\n", ["a"]),
        ("[balance.a]\n[balance.b]\n", ["a", "b"]),
        ("[balance]\na = {}\n", ["a"]),
        ("[balance]\na = {}\nvary = ['sample']\n", [None, "a"]),
        ("[balance]\n", [None]),
    ],
)
def test_an_analysis_without_keys_beside_named_ones_is_not_dropped(tables, names, tmp_path):
    start = '[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n'
    assert [a.name for a in study_of(start + tables, tmp_path).analyses] == names


def test_a_dict_says_the_same_as_a_file(study):
    of_dict, faults = read_study(tomli.loads(CONTRACT))
    assert not faults
    assert of_dict.document is None
    assert of_dict.data == Path("data/smart_city.csv")
    for field in ("outcome", "treatment", "controls", "sample", "variants", "exclude", "preferred", "vcov"):
        assert content(getattr(of_dict, field)) == content(getattr(study, field))


def content(value):
    """A record without places."""
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value) if "origin" not in f.name]
        return {name: content(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [content(one) for one in value]
    if isinstance(value, dict):
        return {key: content(one) for key, one in value.items()}
    return value


def test_defaults(tmp_path):
    study = study_of(SMALL.replace("city id", "city_id") + 'time = "year"\n', tmp_path)
    assert [(c.label, words(c.formula)) for c in study.controls] == [(None, "1")]
    assert [(f.label, words(f.formula)) for f in study.fixed_effects] == [(None, "city_id + year")]
    assert [(s.label, words(s.where), s.match) for s in study.sample] == [("all", "TRUE", None)]
    assert [(w.label, words(w.formula)) for w in study.weights] == [("unweighted", "1")]
    assert [(e.label, e.method) for e in study.estimator] == [(None, "feols")]
    assert [(v.label, v.kind, v.text) for v in study.vcov] == [(None, "cluster", "~city_id")]
    assert (study.variants, study.exclude, study.preferred, study.analyses) == ((), (), {}, ())
    assert study.inference == Inference()
    assert not study.inference.written
    assert (study.run, study.figure) == (RunOptions(), FigureOptions())
    assert (study.title, study.missing, study.never) == ("my study", "listwise", "default")
    assert (study.outcome[0].label, study.treatment[0].label) == (None, None)


def test_defaults_without_unit_and_time(tmp_path):
    study = study_of('[study]\noutcome = "y"\ntreatment = "d"\n', tmp_path)
    assert [words(f.formula) for f in study.fixed_effects] == ["0"]
    assert [v.text for v in study.vcov] == ["hetero"]
    assert (study.unit, study.time, study.data) == (None, None, None)


def test_a_unit_with_spaces_stands_in_backticks(tmp_path):
    study = study_of(SMALL.replace("city id", "`city id`") + 'time = "年份"\n', tmp_path)
    assert (study.unit, study.time) == ("city id", "年份")
    assert words(study.fixed_effects[0].formula) == "`city id` + 年份"
    assert study.vcov[0].text == "~`city id`"


def test_short_forms(tmp_path):
    study = study_of(
        """
        [study]
        outcome = "c(log(so2), ww)"
        treatment = "sw(d1, d2)"
        cohort = "batch"
        scale = "log points"
        controls = "pgdp + mvsw(ind2, ln_open)"
        fixed_effects = "sw(city_id + year, city_id + province^year)"
        sample = "year > 2005"
        weights = "pop"
        estimator = "fepois"
        vcov = "~city_id"
        never = "empty"
        step = "month"
        one_at_a_time = "controls"
        """,
        tmp_path,
    )
    assert [(o.label, words(o.formula), o.scale) for o in study.outcome] == [
        (None, "c(log(so2), ww)", "log points")
    ]
    assert [(t.label, words(t.term), words(t.cohort)) for t in study.treatment] == [
        (None, "sw(d1, d2)", "batch")
    ]
    assert words(study.controls[0].formula) == "pgdp + mvsw(ind2, ln_open)"
    assert words(study.fixed_effects[0].formula) == "sw(city_id + year, city_id + province^year)"
    assert (study.sample[0].label, words(study.sample[0].where)) == (None, "year > 2005")
    assert (words(study.weights[0].formula), study.estimator[0].method) == ("pop", "fepois")
    assert (study.vcov[0].label, study.vcov[0].text) == (None, "~city_id")
    assert (study.never, study.step, study.one_at_a_time[0][0]) == ("empty", "month", "controls")


@pytest.mark.parametrize(
    ("lines", "outcomes", "treatments", "controls", "effects"),
    [
        (
            'formula = "c(log(so2/pop), log(ww/pop)) ~ dudt + mvsw(ind2, ln_open)'
            ' | sw(city_id + year, city_id + province^year)"',
            ["log(so2 / pop)", "log(ww / pop)"], ["dudt"], "mvsw(ind2, ln_open)",
            "sw(city_id + year, city_id + province^year)",
        ),
        ('formula = "y ~ d"', ["y"], ["d"], "1", "0"),
        ('formula = "y ~ x + d + z | f"\ntreatment = "d"', ["y"], ["d"], "x + z", "f"),
        ('formula = "y ~ x + z | f"\ntreatment = "d"', ["y"], ["d"], "x + z", "f"),
        ('formula = "a + b ~ 0 + d + x - z | 0"', ["a + b"], ["d"], "0 + x - z", "0"),
        ('formula = "sw(y1, y2) ~ sw(d1, d2) + x"', ["y1", "y2"], ["sw(d1, d2)"], "x", "0"),
        ('formula = "y ~ d:ind3 + d + ind3"', ["y"], ["d:ind3"], "d + ind3", "0"),
        ('formula = "y ~ d + x"\nfixed_effects = "city_id"', ["y"], ["d"], "x", "city_id"),
    ],
)  # fmt: skip
def test_formula(lines, outcomes, treatments, controls, effects, tmp_path):
    study = study_of(f"[study]\n{lines}\n", tmp_path)
    assert [words(o.formula) for o in study.outcome] == outcomes
    assert [words(t.term) for t in study.treatment] == treatments
    assert [words(c.formula) for c in study.controls] == [controls]
    assert [words(f.formula) for f in study.fixed_effects] == [effects]
    for expression in (study.outcome[0].formula, study.treatment[0].term, study.controls[0].formula):
        for node in [expression.tree]:
            assert 0 <= node.span.start <= node.span.stop <= len(expression.text)


def test_formula_beside_a_treatment_table(tmp_path):
    text = '[study]\nformula = "y ~ x + d1 | f"\n[treatment]\n"one" = "d1"\n"two" = "d2"\n'
    study = study_of(text, tmp_path)
    assert [t.label for t in study.treatment] == ["one", "two"]
    assert words(study.controls[0].formula) == "x"


def test_places_inside_a_formula(tmp_path):
    study = study_of('[study]\nformula = "log(y) ~ d + x1 | f1 + f2"\n', tmp_path)
    for expression, text in [
        (study.outcome[0].formula, "log(y)"),
        (study.treatment[0].term, "d"),
        (study.controls[0].formula, "x1"),
        (study.fixed_effects[0].formula, "f1 + f2"),
    ]:
        place = expression.origin.place(expression.tree.span)
        assert place.line_text[place.column - 1 :][: place.length] == text


def test_what_is_wrong_is_left_out_and_missed_once(tmp_path):
    study, faults = read(
        """
        [study]
        data = "p.csv"
        [derive]
        z = "log(y"
        [macros]
        m = "a +"
        [outcome]
        "bad" = "log("
        "good" = "z"
        [treatment]
        "d" = "d"
        [variant."v"]
        "off" = {}
        "on" = 1
        [[exclude]]
        when = { outcome = "bad" }
        because = "b"
        [preferred]
        outcome = "bad"
        v = "on"
        """,
        tmp_path,
    )
    assert [f.place.line for f in faults] == [5, 7, 9, 15]
    assert [o.label for o in study.outcome] == ["good"]
    assert list(study.derive) == ["z"]
    assert list(study.macros) == ["m"]
    assert (study.exclude, study.preferred) == ((), {})


def test_several_faults_of_every_kind_at_once(tmp_path):
    study, faults = read(
        """
        [study]
        dta = "p.csv"
        unit = 3
        [outcome]
        "y" = "lgo(y)"
        [treatment]
        "d" = { term = "d", type = "equal" }
        [controls]
        "x" = 无
        [estimator]
        "o" = "feol"
        [[exclude]]
        when = { smaple = "a" }
        [inference]
        alpha = 2
        [nonsense]
        """,
        tmp_path,
    )
    assert study is None
    assert [(f.place.line, f.code) for f in faults] == [
        (3, "unknown_key"), (4, "wrong_type"), (6, "unknown_function"), (8, "bad_choice"), (10, "toml"),
        (12, "no_estimator"), (16, "out_of_range"), (17, "unknown_key"),
    ]  # fmt: skip


BOTH = {"outcome": "y", "treatment": "d"}


@pytest.mark.parametrize(
    ("mapping", "path", "code"),
    [
        ({"study": {**BOTH, 3: "x"}}, "study", "wrong_type"),
        ({"study": {**BOTH, "outcome": ["y"]}}, "study.outcome", "wrong_type"),
        ({"study": {**BOTH, "data": object()}}, "study.data", "wrong_type"),
        ({"study": BOTH, "controls": {"a": None}}, 'controls."a"', "wrong_type"),
        ({"study": {**BOTH, "seed": float("nan")}}, "study.seed", "wrong_type"),
        ({"study": BOTH, "inference": {"alpha": float("inf")}}, "inference.alpha", "wrong_type"),
        ({}, "", "missing_study"),
    ],
)
def test_a_dict_that_is_wrong_is_named_by_its_path(mapping, path, code):
    from specdid._render import written_path

    _, faults = read_study(mapping)
    assert (written_path(faults[0].path), faults[0].code) == (path, code)
    assert faults[0].place is None


def test_a_dict_may_hold_what_python_has(tmp_path):
    import numpy as np

    mapping = {
        "study": {"outcome": "y", "treatment": "d", "data": tmp_path / "p.csv", "seed": np.int64(3),
                  "one_at_a_time": ("sample",)},
        "inference": {"alpha": np.float64(0.1)},
    }  # fmt: skip
    study, faults = read_study(mapping)
    assert not faults
    assert (study.data, study.seed, study.inference.alpha) == (tmp_path / "p.csv", 3, 0.1)
    assert study.one_at_a_time[0][0] == "sample"


def test_a_dict_that_holds_itself():
    mapping = {"study": {"outcome": "y", "treatment": "d"}}
    mapping["controls"] = mapping
    _, faults = read_study(mapping)
    assert "too_deep" in {f.code for f in faults}


def test_neither_path_nor_dict():
    with pytest.raises(TypeError, match="a path or a dict, not int"):
        read_study(3)


def test_a_study_can_be_pickled(study):
    import pickle

    again = pickle.loads(pickle.dumps(study))
    assert again == study
