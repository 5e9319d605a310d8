"""What a notebook shows of a study, a plan, faults and a curve: numbers, and labels as text."""

from __future__ import annotations

import re
from html import escape

import matplotlib as mpl
import pandas as pd
import pytest
import specdid
from small_studies import small_panel, small_study

pytestmark = pytest.mark.usefixtures("undrawn")

HOSTILE = '<script>alert(1)</script> & "b"'


@pytest.fixture(scope="module")
def hostile():
    study = specdid.read(
        small_study(
            study={"title": HOSTILE, "unit": "id", "time": "year", "seed": 7},
            outcome={HOSTILE: {"formula": "y", "scale": HOSTILE}},
            controls={HOSTILE: "x1", "none": "1"},
            sample={"all": "TRUE", "x": "year > 2001"},
            inference={"draws": 19},
            exclude=[{"when": {"sample": "x", "controls": "none"}, "because": HOSTILE}],
            preferred={"controls": HOSTILE},
        )
    )
    plan = specdid.plan(study, small_panel())
    return study, plan, specdid.run(study, small_panel(), jobs=1, audit=0)


def test_labels_are_text(hostile):
    for thing in hostile:
        html = thing._repr_html_()
        assert "<script" not in html
        assert escape(HOSTILE) in html
        inside = re.sub(r'src="data:image/png;base64,[A-Za-z0-9+/=]*"', "", html)
        tags = set(re.findall(r"<(\w+)", inside))
        assert tags <= {"div", "p", "strong", "table", "tr", "th", "td", "ul", "li", "img"}


def test_a_study_tells_its_options_and_a_plan_its_account(hostile):
    study, plan, _ = hostile
    assert "outcome 1" in repr(study)
    assert "sample 2" in repr(study)
    assert repr(plan).endswith(f"{plan.account}>")
    assert plan.account == "8 planned = 6 to estimate + 2 excluded + 0 duplicate"
    assert "2 excluded: " in plan._repr_html_()


def test_options_without_a_label_are_called_by_their_content():
    study = specdid.read(
        {
            "study": {
                "title": "t",
                "formula": "log(z) ~ d + x1 | id",
                "unit": "id",
                "time": "year",
                "estimator": "feols",
                "sample": "year > 2001",
                "vcov": "hetero",
            },
        }
    )
    assert study.written["outcome"] == ("log(z)",)
    assert study.written["treatment"] == ("d",)
    assert study.written["sample"] == ("year > 2001",)
    assert study.written["vcov"] == ("hetero",)


def test_the_curve_shows_figure_numbers_and_joint_tests(hostile):
    curve = hostile[2]
    html = curve._repr_html_()
    assert len(html) < 600_000
    assert str(curve.counts) in html
    assert "Joint tests" in html
    for row in curve.test().to_dict("records"):
        assert f"{row['value']:.4g}" in html
        assert "<td" in html
        assert f"{row['p_value']:.3f}" in html


def test_the_joint_tests_are_the_rows_of_inference_csv(tmp_path):
    study = small_study(controls={"none": "1", "x": "x1"}, inference={"draws": 19}, figure={"formats": ["png"]})
    curve = specdid.run(study, small_panel(), out=tmp_path, jobs=1, audit=0)
    stored = pd.read_csv(tmp_path / "inference.csv")
    pd.testing.assert_frame_equal(curve.test(), stored, check_exact=False, rtol=1e-11)


def test_without_a_test_there_are_no_rows():
    curve = specdid.run(small_study(controls={"none": "1"}), small_panel(), jobs=1, audit=0)
    assert len(curve.test()) == 0
    assert list(curve.test().columns) == [
        "null",
        "statistic",
        "value",
        "low",
        "high",
        "p_value",
        "draws",
        "role",
        "direction",
        "specifications",
        "side",
    ]
    assert "Joint tests" not in curve._repr_html_()


def test_a_curve_without_estimates_has_no_picture(monkeypatch):
    monkeypatch.setattr("specdid._check.possible.MOST_TRIED", 0)  # else `check` refuses it
    curve = specdid.run(small_study(sample={"untreated": "year == 2001"}), small_panel(), jobs=1, audit=0)
    assert curve.counts.ok == 0
    assert "<img" not in curve._repr_html_()
    assert str(curve.counts) in curve._repr_html_()


def test_a_figure_is_a_picture_whatever_the_users_settings(hostile):
    with mpl.rc_context({"savefig.bbox": "tight", "savefig.facecolor": "red"}):
        one = hostile[2].plot()._repr_png_()
    assert one == hostile[2].plot()._repr_png_()


def test_faults_say_what_where_and_what_to_do(tmp_path):
    spec = tmp_path / "s.toml"
    spec.write_text('[study]\ntitle = "<b>"\nunitt = "id"\n', "utf-8")
    with pytest.raises(specdid.SpecError) as caught:
        specdid.read(spec)
    faults = caught.value.faults
    text, html = repr(faults), faults._repr_html_()
    assert text.splitlines()[0] == f"{len(faults.errors)} errors"
    assert "did you mean `unit`?" in text
    assert f"{spec}:3:1" in text or "s.toml:3:1" in text
    assert "did you mean `unit`?" in html
    assert repr(specdid.check(small_study(), small_panel())).startswith("no faults")


def test_show_in_python_is_the_commands_text(tmp_path):
    text = specdid.show(small_study(preferred={"controls": "x1"}), "preferred", small_panel(), out=tmp_path)
    for words in ("y ~ d + x1 | id + year", "pyfixest", "fixest", "reghdfe"):
        assert words in text
    code = specdid.show(small_study(preferred={"controls": "x1"}), "preferred", small_panel(), code="r")
    assert code.startswith(("#", "if (!l10n_info()"))
    assert code.strip() in text
    with pytest.raises(specdid.SpecError, match="is no id"):
        specdid.show(small_study(), "zzz", small_panel())


def test_show_is_the_commands_text_in_a_notebook_too(tmp_path):
    study = small_study(controls={HOSTILE: "x1"}, preferred={"controls": HOSTILE})
    shown = specdid.show(study, "preferred", small_panel(), out=tmp_path)
    assert isinstance(shown, str)
    html = shown._repr_html_()
    assert "<script" not in html
    assert "<pre>" in html
    assert "reghdfe" in html
    assert specdid.show(study, "preferred", small_panel(), code="r")._repr_html_().startswith("<pre>")
