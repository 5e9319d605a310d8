"""Short forms of a spec file: defaults, [study] keys, and the formula."""

import pytest
from read_studies import SMALL, study_of, words
from specdid._study import FigureOptions, Inference, Never, RunOptions


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
    assert (study.title, study.missing, study.never) == ("my study", "listwise", Never((0.0,)))
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
    assert [(o.label, words(o.formula), o.scale) for o in study.outcome] == [(None, "c(log(so2), ww)", "log points")]
    assert [(t.label, words(t.term), words(t.cohort)) for t in study.treatment] == [(None, "sw(d1, d2)", "batch")]
    assert words(study.controls[0].formula) == "pgdp + mvsw(ind2, ln_open)"
    assert words(study.fixed_effects[0].formula) == "sw(city_id + year, city_id + province^year)"
    assert (study.sample[0].label, words(study.sample[0].where)) == (None, "year > 2005")
    assert (words(study.weights[0].formula), study.estimator[0].method) == ("pop", "fepois")
    assert (study.vcov[0].label, study.vcov[0].text) == (None, "~city_id")
    assert (study.never, study.step, study.one_at_a_time[0][0]) == (Never((0.0,), True), "month", "controls")


@pytest.mark.parametrize(
    ("lines", "outcomes", "treatments", "controls", "effects"),
    [
        (
            'formula = "c(log(so2/pop), log(ww/pop)) ~ dudt + mvsw(ind2, ln_open)'
            ' | sw(city_id + year, city_id + province^year)"',
            ["log(so2 / pop)", "log(ww / pop)"],
            ["dudt"],
            "mvsw(ind2, ln_open)",
            "sw(city_id + year, city_id + province^year)",
        ),
        ('formula = "y ~ d"', ["y"], ["d"], "1", "0"),
        ('formula = "y ~ x + d + z | f"\ntreatment = "d"', ["y"], ["d"], "x + z", "f"),
        ('formula = "y ~ x + z | f"\ntreatment = "d"', ["y"], ["d"], "x + z", "f"),
        ('formula = "a + b ~ 0 + d + x + z - z | 0"', ["a + b"], ["d"], "0 + x + z - z", "0"),
        ('formula = "sw(y1, y2) ~ sw(d1, d2) + x"', ["y1", "y2"], ["sw(d1, d2)"], "x", "0"),
        ('formula = "y ~ d:ind3 + d + ind3"', ["y"], ["d:ind3"], "d + ind3", "0"),
        ('formula = "y ~ d + x"\nfixed_effects = "city_id"', ["y"], ["d"], "x", "city_id"),
    ],
)
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
