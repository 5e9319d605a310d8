"""From a file to a Study: every table, every key."""

import pytest
import tomli
from read_studies import study_of, words
from specdid._decode import read_study
from specdid._study import Meta
from specdid.analyses.table import _correction


def test_study_table(study, tmp_path):
    assert study.stem == "my study"
    assert study.title == "Smart-city pilots and industrial pollution"
    assert study.data == tmp_path / "data" / "smart_city.csv"
    assert (study.unit, study.time, study.step, study.seed) == ("city_id", "year", None, 20121201)
    assert (study.missing, study.never.text) == ("common", '"default"')
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


def test_a_study_can_be_pickled(study):
    import pickle

    again = pickle.loads(pickle.dumps(study))
    assert again == study


def test_a_vcov_may_name_its_correction_and_distribution():
    text = """
[study]
outcome = "y"
treatment = "d"
[vcov]
"a" = { formula = "~city_id", ssc = "areg" }
"b" = { formula = "~city_id + year", ssc = "none", distribution = "normal" }
"c" = { formula = "hetero", distribution = "t" }
"d" = "~city_id"
"""
    study, faults = read_study(tomli.loads(text))
    assert not faults
    assert [(v.kind, v.ssc, v.distribution, v.text, _correction(v)) for v in study.vcov] == [
        ("cluster", "areg", None, "~city_id, ssc areg", ", small-sample correction as areg"),
        (
            "cluster",
            "none",
            "normal",
            "~city_id + year, ssc none, normal",
            ", without a small-sample correction, normal distribution",
        ),
        ("hetero", "fixest", "t", "hetero, t", ", t distribution"),
        ("cluster", "fixest", None, "~city_id", ""),
    ]


def test_a_vcov_in_study_may_be_a_table():
    vcov = {"formula": "~city_id", "ssc": "glm"}
    study, faults = read_study({"study": {"outcome": "y", "treatment": "d", "vcov": vcov}})
    assert not faults
    assert [(v.label, v.text) for v in study.vcov] == [(None, "~city_id, ssc glm")]
