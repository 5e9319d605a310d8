"""`specdid init --from`: regressions of do-files and R scripts, and everything of them that is not understood."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
import specdid
from command import call_specdid
from specdid._draft.code import read_code
from specdid._run.plan_columns import formula_writer

CASTLE = Path(__file__).parents[2] / "specs/data/castle.csv"
DO = """\
* Tables 4 and 5
import delimited using "castle.csv", clear
xtset sid year
global demo blackm_15_24 whitem_15_24 ///
    blackm_25_44
local econ l_income unemployrt
gen l_hom = log(homicide)
keep if year >= 2000
global crimes homicide robbery
foreach y in $crimes {
    gen ln`y' = ln(`y')   // logs
    eststo: reghdfe ln`y' post [aw=popwt], absorb(sid year) vce(cluster sid)
    eststo m2: qui reghdfe ln`y' post `econ' $demo [aw=popwt], absorb(sid i.region#i.year) vce(cluster sid)
    xtreg ln`y' post `econ' i.year if year > 2001 & post != ., fe vce(robust)
}
/* areg l_hom post, a(sid)
*/ areg l_hom post l_police i.year, a(sid) cluster(sid)
#delimit ;
reghdfe l_hom post
  L.l_police, absorb(sid year)
  vce(cluster sid year);
#delimit cr
reghdfe l_hom post trend_1-trend_9, absorb(sid year) cluster(sid)
xtreg l_hom post i.year, re
ivreghdfe l_hom (post = l_police), absorb(sid)
reghdfe l_hom post `unknown', absorb(sid)
reghdfe l_hom post [fw=popwt], absorb(sid)
esttab using t.tex
"""
R = """\
df <- read.csv("castle.csv")  # feols(y ~ x, df)
m1 <- feols(log(homicide) ~ post | sid + year, data = df, cluster = ~sid, weights = ~popwt)
m2 = fixest::feols(log(homicide) ~ post + csw0(poverty, unemployrt)
            | sid + region^year, df, vcov = ~sid)
m3 <- felm(log(murder) ~ post + l_income + factor(year) | sid | 0 | sid, data = subset(df, state != "Florida"))
m4 <- feols(c(log(robbery), log(assault)) ~ post | sid[year] + year, df, vcov = "hetero")
m5 <- fepois(homicide ~ post | sid + year, other, cluster = "sid")
m6 <- feols(as.formula(f), df)
m7 <- felm(log(homicide) ~ 1 | sid | (post ~ l_police) | sid, df)
m8 <- feols(log(homicide) ~ i(year, post, ref = 2005) | sid + year, df)
"""


@pytest.fixture
def drafted(tmp_path):
    def make(code: str, name: str, *options: str):
        shutil.copy(CASTLE, tmp_path / "castle.csv")
        (tmp_path / name).write_text(code, "utf-8")
        done = call_specdid(["init", "new", "--from", name, *options], tmp_path)
        return done, tmp_path / "new/new.toml"

    return make


def formulas(spec: Path) -> list[str]:
    plan = specdid.plan(spec)
    write = formula_writer(plan)
    return [write(k, k + 1)[0] for k in range(len(plan))]


def test_a_do_file_is_planned_as_it_stands(drafted):
    done, spec = drafted(DO, "a.do")
    assert done.returncode == 0, done.stderr
    assert sorted(formulas(spec)) == sorted(
        [
            *(f"ln{y} ~ post | sid + year" for y in ("homicide", "robbery")),
            *(
                f"ln{y} ~ post + l_income + unemployrt + blackm_15_24 + whitem_15_24 + blackm_25_44 | sid + region^year"
                for y in ("homicide", "robbery")
            ),
            *(f"ln{y} ~ post + l_income + unemployrt | sid + year" for y in ("homicide", "robbery")),
            "l_hom ~ post + l_police | sid + year",
            "l_hom ~ post + l(l_police, 1) | sid + year",
        ]
    )
    found = tomllib.loads(spec.read_text("utf-8"))
    assert found["study"] | {"title": ""} == {"title": "", "data": "../castle.csv", "unit": "sid", "time": "year"}
    assert found["derive"] == {"l_hom": "log(homicide)", "lnhomicide": "log(homicide)", "lnrobbery": "log(robbery)"}
    assert list(found["sample"].values()) == ["TRUE", "year > 2001 & !is.na(post)"]
    assert list(found["weights"]) == ["popwt", "unweighted"]
    assert {"formula": "~sid", "ssc": "areg"} in found["vcov"].values()
    assert {"formula": "~sid + year", "ssc": "reghdfe"} in found["vcov"].values()
    assert found["inference"]["cluster"] == "sid"
    text = spec.read_text("utf-8")
    for line, why in (
        (8, "changes rows"), (23, "is a range of columns"), (24, "xtreg without fe"), (25, "ivreghdfe is not read"),
        (26, "a macro is not known"), (27, "not frequencies"),
    ):  # fmt: skip
        part = text.split("# Not understood")[1].split(f"#   {line}: ")[1].split("\n#   2")[0]
        assert why in " ".join(part.replace("#", " ").split()), line


def test_an_r_script_is_planned_as_it_stands(drafted):
    done, spec = drafted(R, "a.R", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    assert formulas(spec) == [
        "log(homicide) ~ post | sid + year",
        "log(homicide) ~ post | sid + region^year",
        "log(homicide) ~ post + poverty | sid + region^year",
        "log(homicide) ~ post + poverty + unemployrt | sid + region^year",
        "log(murder) ~ post + l_income | sid + year",
        "log(robbery) ~ post | sid[year] + year",
        "log(assault) ~ post | sid[year] + year",
        "homicide ~ post | sid + year",
    ]
    found = tomllib.loads(spec.read_text("utf-8"))
    assert found["estimator"] == {"OLS": "feols", "Poisson": "fepois"}
    assert list(found["sample"].values()) == ["TRUE", 'state != "Florida"']
    assert list(found["vcov"].values()) == ["~sid", "hetero"]
    text = " ".join(spec.read_text("utf-8").replace("#", " ").split())
    assert "its formula is not written out" in text
    assert "instrumental variables are not covered" in text
    assert "its data are `other`: other rows?" in text
    assert "without `post`" in text


def test_whose_effect_it_is_must_be_sure(drafted):
    done, spec = drafted(R, "a.R")
    assert done.returncode == 2
    assert "`post` in 5 of 6" in done.stderr
    assert not spec.parent.exists()
    done, _ = drafted(R, "a.R", "--treatment", "law")
    assert "`law` is a term of no regression" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("a.do", "summarize y\nivreg2 y (x = z)\n", "ivreg2 is not read"),
        ("a.R", "lm(y ~ x)\n", "no regression of a.R is understood"),
        ("a.py", "feols()", "code is read from .do and .R files"),
    ],
)
def test_code_without_a_regression_is_refused(drafted, name, code, said):
    done, spec = drafted(code, name)
    assert done.returncode == 2
    assert said in done.stderr
    assert not spec.exists()


def test_without_its_data_a_draft_says_that_it_was_not_checked(tmp_path):
    (tmp_path / "a.do").write_text(
        "use https://example.org/x.dta\nreghdfe y d x, absorb(id year) cluster(id)\n", "utf-8"
    )
    done = call_specdid(["init", "new", "--from", "a.do"], tmp_path)
    assert done.returncode == 0
    assert "not checked" in done.stdout
    text = (tmp_path / "new/new.toml").read_text("utf-8")
    assert "The code reads https://example.org/x.dta." in text
    assert tomllib.loads(text)["treatment"] == {"d": "d"}
    assert call_specdid(["init", "new", "--from", "a.do"], tmp_path).returncode == 5
    assert call_specdid(["init", "other", "--from", "a.do", "--unit", "id"], tmp_path).returncode == 2


@pytest.mark.parametrize("ending", [".do", ".R"])
def test_any_text_is_read_without_an_error(ending):
    for code in (
        "",
        "feols(",
        "reghdfe",
        "reghdfe y [aw=",
        "foreach x in a b {",
        "}\n}",
        "`a'" * 50,
        "felm(y ~ | | |)",
        "/*",
        "\x00",
    ):
        read_code(code, ending)
    macro = "local a `a'`a'\nreghdfe y `a', absorb(i)\n"
    assert len(read_code("local a x x\n" + macro * 30, ".do").regressions) <= 30
    assert len(read_code("feols(" * 3_000, ending).skipped) <= 2
    nested = "foreach a in 1 2 3 4 5 6 7 8 9 {\n" * 8 + "reghdfe y x, a(i)\n" + "}\n" * 8
    assert len(read_code(nested, ending).regressions) <= 2_000


def test_interactions_of_xi_are_fixed_effects_and_no_pattern(drafted):
    """`xi: reg y i.a*i.b` has both and their interaction; `i.a*x` slopes, which are not taken over."""
    code = """\
use castle.csv
xi: reg homicide post i.region*i.year i.sid [aw=popwt], cluster(sid)
xi: reg homicide post i.region*poverty i.sid, cluster(sid)
reghdfe homicide post blackm_*, absorb(sid year)
"""
    done, spec = drafted(code, "a.do")
    assert done.returncode == 0, done.stderr
    found = tomllib.loads(spec.read_text("utf-8"))
    assert list(found["fixed_effects"].values()) == ["region^year + sid", "sid + year"]
    assert 'regex("^blackm_.*$")' in found["controls"].values()
    text = " ".join(spec.read_text("utf-8").replace("#", " ").split())
    assert "`i.region*poverty`, an interaction of xi, is not taken over" in text
