"""`init --from`: what commands become, that drafts pass `check`, and that their numbers are those of the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import specdid
from command import call_specdid
from specdid._draft import Facts, code_draft, read_code, treatment_of
from specdid._draft.of_code import kept_of, unit_and_time
from specdid._draft.regression import Regression
from specdid._draft.stata import statements
from specdid._draft.stata_condition import condition
from specdid._run.prepare import prepare
from specdid.language import bind, parse
from specdid.language.scope import Scope
from specdid.panel import Evaluator

ROOT = Path(__file__).parents[2]
CASTLE = ROOT / "specs/data/castle.csv"
FACTS = Facts(
    ("y", "d", "x1", "x2", "x3", "z", "id", "t", "r", "w", "post"), frozenset({"d", "post"}), frozenset({"id"})
)


def of_stata(text: str, facts: Facts = FACTS) -> list[Regression]:
    return read_code(text, ".do", facts).regressions


def of_r(text: str, facts: Facts = FACTS) -> list[Regression]:
    return read_code(text, ".R", facts).regressions


@pytest.mark.parametrize(
    ("command", "terms", "effects", "vcov", "ssc"),
    [
        ("reghdfe y d x1, absorb(id t) vce(cluster id)", "d x1", "id t", "~id", "reghdfe"),
        ("reghdfe y d, a(id i.r#i.t) cluster(id r)", "d", "id r^t", "~id + r", "reghdfe"),
        ("reghdfe y d, absorb(i.id##c.t, savefe) vce(robust)", "d", "id[t]", "hetero", "reghdfe"),
        ("reghdfe y d, absorb(FE = id id#c.t) vce(cl r#t)", "d", "id id[[t]]", "~r^t", "reghdfe"),
        ("reghdfe y d, noabsorb", "d", "", "iid", "reghdfe"),
        ("xtset id t\nxtreg y d i.t, fe vce(robust)", "d", "id t", "~id", ""),
        ("xtreg y d, fe i(id) cluster(r)", "d", "id", "~r", ""),
        ("areg y d [pw=w], absorb(id)", "d", "id", "hetero", "areg"),
        ("reg y d i.r, r", "d", "r", "hetero", "lsdv"),
        ("quietly regress y i.d", "d", "", "iid", "lsdv"),
        ("eststo m1: qui reghdfe y d, absorb(id)", "d", "id", "iid", "reghdfe"),
        ("bysort r: eststo: reg y d", "d", "", "iid", "lsdv"),
        ("ppmlhdfe y d, absorb(id t)", "d", "id t", "hetero", "reghdfe"),
        ("reg y i.d##i.post", "d post d:post", "", "iid", "lsdv"),
        ("reg y 1.d#1.post c.x1#c.x1 2.r", "d:post I(x1^2) I(r == 2)", "", "iid", "lsdv"),
        ("reg y L.d L(1/2).x1 F2.x2", "l(d, 1) l(x1, 1:2) f(x2, 2)", "", "iid", "lsdv"),
        ("reg y d i.r#c.x1", "d i(r, x1)", "", "iid", "lsdv"),
        ("reg y d c.(x1 x2)##c.z", "d x1 z x1:z x2 x2:z", "", "iid", "lsdv"),
        ("reg y d x*", "d x1 x2 x3", "", "iid", "lsdv"),
        ("reg y d x1-x3", "d x1 x2 x3", "", "iid", "lsdv"),
        ("reg y d q*", 'd regex("^q")', "", "iid", "lsdv"),
        ("global c x1 x2\nlocal all $c z\nreg y d `all'", "d x1 x2 z", "", "iid", "lsdv"),
        ("local i = 1 + 1\nreg y d x`i'", "d x2", "", "iid", "lsdv"),
        ('if "a" == "b" {\nreg y z\n}\nelse {\nreg y d\n}', "d", "", "iid", "lsdv"),
        ("xi: reg y i.d*i.post i.d|x1", "d post d:post x1 d:x1", "", "iid", "lsdv"),
        ("reg y i.year x1, cluster(q)", "x1", "year", "~q", "lsdv"),
        ("xi: reg y i.q*x1 d, cluster(q)", "x1 i(q, x1) d", "q", "~q", "lsdv"),
        ("reg y i.d##c.L(0/2).x1", "d l(x1, 0:2) d:l(x1, 0:2)", "", "iid", "lsdv"),
        ("#delimit ;\nreg y d\n  x1 ;\n", "d x1", "", "iid", "lsdv"),
        ("reg y d /// first\n x1 // second\n", "d x1", "", "iid", "lsdv"),
    ],
)
def test_a_command_of_stata_becomes_a_regression(command, terms, effects, vcov, ssc):
    (found,) = of_stata(command)
    assert " ".join(found.regressors) == terms
    assert " ".join(found.absorbed) == effects
    assert (found.outcome, found.vcov, found.ssc) == ("y", vcov, ssc)
    assert not any("COMPLETE" in one for one in found.doubts)


def test_instruments_stand_apart_and_what_they_instrument_first():
    (found,) = of_stata("ivreghdfe y x1 (d = z x2), absorb(id) cluster(id)")
    assert (found.regressors, found.instruments, found.absorbed) == (("d", "x1"), ("z", "x2"), ("id",))


def test_a_command_that_cannot_be_read_is_left_to_a_person():
    assert [r.outcome for r in of_stata("ivreghdfe y (d x1 = z x2), absorb(id)")] == ["outcome"]
    code = read_code("reg y d\nivreghdfe y (d x1 = z x2), absorb(id)\nxtreg y d, re", ".do", FACTS)
    assert [len(code.regressions), len(code.left), len(code.others)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("head", "outcomes"),
    [
        ("foreach v in a b {", "a b"),
        ("foreach v of varlist x* {", "x1 x2 x3"),
        ("local l a b\nforeach v of local l {", "a b"),
        ("foreach v of numlist 1/3 {", "1 2 3"),
        ("forvalues v = 1(2)5 {", "1 3 5"),
        ("forv v=2/3{", "2 3"),
        ("foreach v of varlist q* {", "v"),
    ],
)
def test_literal_loops_are_written_out(head, outcomes):
    body = "reg y_`v' d" if outcomes[0].isdigit() else "reg `v' d"
    found = [r.outcome.removeprefix("y_") for r in of_stata(f"{head}\n{body}\n}}")]
    assert found == outcomes.split()


def test_a_macro_that_the_file_does_not_set_stands_under_its_name_and_is_told():
    (found,) = of_stata("reg y d $controls")
    assert found.regressors == ("d", "controls")
    assert "COMPLETE `controls`" in found.doubts[0]
    assert of_stata("reg y d `nothing'")[0].regressors == ("d",)


def test_comments_and_quotes_end_no_command_early():
    text = '* first\nreg y d /* in */ x1\ndi "/* no comment"\nreg y d // x9\n/*\nreg y z\n*/\nreg y x1\n'
    found = of_stata(text)
    assert [(r.line, r.regressors) for r in found] == [(2, ("d", "x1")), (4, ("d",)), (8, ("x1",))]
    assert found[0].above == "first"
    assert [one.line for one in statements("a\n{\nb\n}\n")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("year >= 2000", "year >= 2000 | is.na(year)"),
        ("known > 3", "known > 3"),
        ("x < 5", "x < 5"),
        ("!(x < 5)", "x >= 5 | is.na(x)"),
        ("x != 2", "x != 2 | is.na(x)"),
        ("x == 2", "x == 2"),
        ("x == .", "is.na(x)"),
        ('x < . & s != ""', "!is.na(x) & !is.na(s)"),
        ("!missing(x, known)", "!is.na(x) & !is.na(known)"),
        ("inlist(x, 1, 2) | known", "x %in% c(1, 2) | known != 0"),
        ("inrange(x, 1, 2)", "(x >= 1 | is.na(x)) & x <= 2"),
        ("known == 1 | 2", "known == 1 | TRUE"),
        ("known < x", "known < x | is.na(x)"),
        ('s == "CA" & ~known', 's == "CA" & known == 0'),
    ],
)
def test_conditions_choose_the_rows_of_stata(text, translated):
    def may_be_missing(expression: str) -> bool:
        return "x" in expression or expression == "s" or "year" in expression

    assert condition(text, may_be_missing) == translated


def test_conditions_agree_with_stata_on_drawn_rows():
    """By Stata's order of numbers, with missing above all."""
    rng = np.random.default_rng(39)
    a, b = (np.where(rng.random(300) < 0.3, np.nan, rng.integers(0, 3, 300).astype(float)) for _ in range(2))
    big = 1e9
    sa, sb = np.nan_to_num(a, nan=big), np.nan_to_num(b, nan=big)
    cases = {
        "a > b": sa > sb,
        "a >= b": sa >= sb,
        "a < b | a == 1": (sa < sb) | (sa == 1),
        "a != b": sa != sb,
        "a == b": sa == sb,
        "!(a > b & b <= 1)": ~((sa > sb) & (sb <= 1)),
        "!inlist(a, 1, 2)": ~np.isin(sa, [1, 2]),
        "!inrange(b, 1, 2) & a": ~((sb >= 1) & (sb <= 2)) & (sa != 0),
        "!(a + 1 > 2)": ~(np.where(sa == big, big, sa + 1) > 2),
    }
    panel = pd.DataFrame(
        {"a": a, "b": b, "id": np.arange(300), "t": 1, "y": rng.normal(size=300), "d": rng.normal(size=300)}
    )
    for text, stata in cases.items():
        sample = condition(text, lambda _: True)
        study = {
            "study": {"unit": "id", "time": "t"}, "outcome": {"y": "y"}, "treatment": {"d": "d"},
            "fixed_effects": {"none": "0"}, "sample": {"own": sample}, "vcov": {"iid": "iid"},
            "inference": {"draws": 0},
        }  # fmt: skip
        prepared = prepare(study, panel)
        found = Evaluator(prepared.panel).column(bind(parse(sample), Scope.of(tuple(prepared.panel.columns)))).numbers
        np.testing.assert_array_equal(
            np.nan_to_num(np.broadcast_to(np.asarray(found, float), (300,))) == 1, stata, text
        )


@pytest.mark.parametrize("text", ["e(sample)", "_n < 5", "x == .3", 'regexm(s, "a")', "1 < x < 3 +", "x > ."])
def test_what_has_no_translation_stays_open(text):
    (found,) = of_stata(f"reg y d if {text}")
    assert found.condition == "TRUE"
    assert text in found.open_rows


@pytest.mark.parametrize(
    ("call", "terms", "effects", "vcov"),
    [
        ("feols(y ~ d + x1 | id + t, df)", "d x1", "id t", "~id"),
        ("feols(y ~ d | id^t, data = df, vcov = 'iid')", "d", "id^t", "iid"),
        ("feols(y ~ d | id[t], df, cluster = ~r)", "d", "id[t]", "~r"),
        ("fixest::feols(y ~ d, df, vcov = ~id + t)", "d", "", "~id + t"),
        ("feols(y ~ d * post, df, se = 'hetero')", "d post d:post", "", "hetero"),
        ("felm(y ~ d | id + t | 0 | id, data = df)", "d", "id t", "~id"),
        ("felm(y ~ d | id:t | 0 | 0, df)", "d", "id^t", "iid"),
        ("lm(y ~ d + factor(r) - 1, df)", "d", "r", "iid"),
        ("plm(y ~ d, df, index = c('id', 't'), model = 'within', effect = 'twoways')", "d", "id t", "iid"),
        ("fml <- y ~ d + x1\nfeols(fml, df, vcov = 'iid')", "d x1", "", "iid"),
        ('x <- c("x1", "x2")\nlm(as.formula(paste("y ~ d +", paste(x, collapse = " + "))), df)', "d x1 x2", "", "iid"),
        ("setFixest_fml(..c = ~ x1 + x2)\nfeols(y ~ d + ..c, df)", "d x1 x2", "", "iid"),
        ("df %>% filter(t > 3) %>%\n  feols(y ~ d, data = .)", "d", "", "iid"),
        ("v <- c('x1', 'd')\nfor (k in 2:length(v)) {\n lm(paste('y ~', v[k]), df)\n}", "d", "", "iid"),
        ("assign('f', paste0('y ~ ', 'd'))\nlm(as.formula(f), df)", "d", "", "iid"),
        ("plm(y ~ lag(d, 2), df, index = c('id', 't'))", "l(d, 2)", "id", "iid"),
        ("m <- feols(\n  y ~ d, # outcome\n  df\n)", "d", "", "iid"),
    ],
)
def test_a_call_of_r_becomes_a_regression(call, terms, effects, vcov):
    (found,) = of_r(call)
    assert (" ".join(found.regressors), " ".join(found.absorbed), found.vcov) == (terms, effects, vcov)
    assert found.outcome == "y"
    assert not any("COMPLETE" in one for one in found.doubts)


def test_several_regressions_of_one_call_are_written_out():
    found = of_r("feols(c(y, z) ~ d + csw0(x1, x2) | sw(id, id + t), df)")
    assert len(found) == 2 * 3 * 2
    assert {r.absorbed for r in found} == {("id",), ("id", "t")}


@pytest.mark.parametrize(
    "code",
    [
        'for (v in c("x1", "x2")) {\n feols(.[v] ~ d, df)\n}',
        'for (v in c("x1", "x2")) print(lm(paste0(v, " ~ d"), df))',
        'lapply(c("x1", "x2"), function(v) feols(as.formula(paste0(v, "~ d")), df))',
        'a <- c("x1", "x2")\nfor (v in a)\n{\n m <- lm(reformulate("d", v), data = df)\n}',
    ],
)
def test_loops_over_literals_of_r_are_written_out(code):
    assert [r.outcome for r in of_r(code)] == ["x1", "x2"]


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("lm(y ~ d, df, subset = t > 3)", "t > 3"),
        ("lm(y ~ d, data = df[df$t > 3 & df$r == 'a', ])", "t > 3 & r == 'a'"),
        ("feols(y ~ d, subset(df, t > 3))", "t > 3"),
        ("feols(y ~ d, df, subset = ~ t > 3)", "t > 3"),
        ("small <- df %>% filter(t > 3)\nlm(y ~ d, small)\nlm(y ~ x1, df)\nlm(y ~ z, df)", "t > 3"),
        ("first <- 3\nlm(y ~ d, subset(df, t > first))", "t > 3"),
    ],
)
def test_rows_of_r_are_conditions(code, rows):
    assert of_r(code)[0].condition.replace('"', "'") == rows
    assert of_r(code)[0].open_rows == ""


def test_other_data_and_other_rows_are_left_to_a_person():
    first, second, third = of_r("lm(y ~ d, df)\nlm(y ~ d + z, df)\nlm(y ~ d, other)")
    assert first.open_rows == second.open_rows == ""
    assert "other" in third.open_rows
    (split,) = of_r("feols(y ~ d, df, split = ~r)")
    assert "split" in split.open_rows


@pytest.mark.parametrize(
    ("lines", "open_"),
    [
        ("reg y d\nreg y d x1\nkeep if t > 3\nreg y d", [False, False, True]),
        ("keep if t > 3\nreg y d\nreg y d x1", [False, False]),
        ("reg y d\npreserve\nkeep if t > 3\nreg y d\nrestore\nreg y d", [False, True, False]),
        ('use "a", clear\nreg y d\nreg y d x1\nuse "b", clear\nreg y d', [False, False, True]),
        ("reg y d\ndrop x9\nreg y d x1", [False, False]),
    ],
)
def test_regressions_on_other_rows_than_most_are_told(lines, open_):
    assert [bool(r.open_rows) for r in of_stata(lines)] == open_


def test_what_is_crossed_is_not_tied():
    text = "".join(f"reghdfe {y} d{x}, a(id)\nreghdfe {y} d{x}, a(id t)\n" for y in ("y", "z") for x in ("", " x1"))
    assert "[[together]]" not in drafted(text, ".do")
    draft = drafted("reghdfe y d, a(id)\nreghdfe y d x1, a(t)\nreghdfe z d, a(id)\nreghdfe z d x1, a(t)", ".do")
    assert 'dimensions = ["controls", "fixed_effects"]' in draft


def drafted(text: str, ending: str, treatment: str | None = None, facts: Facts = FACTS) -> str:
    code = read_code(text, ending, facts)
    return code_draft(code, f"a{ending}", treatment_of(code, f"a{ending}", treatment), None, "a")


def test_the_treatment_is_what_most_regressions_have_or_what_is_given():
    text = "reg y x1 d\nreg y d x2\nreg y d\n"
    code = read_code(text, ".do", FACTS)
    assert treatment_of(code, "a.do", None) == ("d", False)
    assert [r.line for r in kept_of(code, "x2")] == [2]
    assert "COMPLETE the treatment" in drafted(text, ".do")
    assert "COMPLETE the treatment" not in drafted(text, ".do", "x2")
    with pytest.raises(specdid.SpecError):
        treatment_of(code, "a.do", "nothing")


def test_lines_of_preparation_stand_above_what_uses_them():
    draft = drafted("gen ly = log(y)\nkeep if t > 3\ngen unused = 1\nreg ly d\n", ".do").splitlines()
    assert draft.index("# line 1: gen ly = log(y)") == draft.index("[outcome]") + 1
    assert any("line 2: keep if t > 3" in line for line in draft)
    assert not any("unused" in line for line in draft)


def test_unit_and_time_are_those_of_xtset_or_of_the_effects():
    code = read_code("xtset id t\nreg y d", ".do", FACTS)
    assert unit_and_time(code, code.regressions) == ("id", "t")
    code = read_code("reghdfe y d, absorb(state year)\nreghdfe y d, absorb(state)", ".do", FACTS)
    assert unit_and_time(code, code.regressions) == ("state", "year")


@pytest.mark.parametrize(
    "text", ["", "reg", "reg y", "reghdfe y d if", "reg `", "foreach v in {\nreg y d", "xtreg y d, re"]
)
def test_any_text_is_read(text):
    read_code(text, ".do", FACTS)
    read_code(f"lm({text}", ".R", FACTS)


STATA = """
import delimited using "castle.csv", clear
xtset sid year
global demo blackm_15_24 whitem_15_24
foreach y in homicide robbery {
  reghdfe `y' post [aw=popwt], absorb(sid year) vce(cluster sid)
  reghdfe `y' post $demo [aw=popwt], absorb(sid i.region#i.year) vce(cluster sid)
}
xtreg homicide post i.year if year > 2001, fe vce(cluster sid)
ppmlhdfe murder post, absorb(sid year) vce(cluster sid)
"""
R = """
df <- read.csv("castle.csv")
feols(homicide ~ post + csw0(l_income, poverty) | sid + year, df, cluster = ~sid)
felm(homicide ~ post | sid + year | 0 | sid, subset(df, year >= 2004), weights = df$popwt)
fepois(murder ~ post | sid + year, df, vcov = ~sid)
"""


@pytest.mark.parametrize(
    ("text", "ending", "expected"),
    [
        (STATA, ".do", [
            ("feols", "homicide ~ post | sid + year", "TRUE", "popwt"),
            ("feols", "homicide ~ post + blackm_15_24 + whitem_15_24 | sid + region^year", "TRUE", "popwt"),
            ("feols", "robbery ~ post | sid + year", "TRUE", "popwt"),
            ("feols", "robbery ~ post + blackm_15_24 + whitem_15_24 | sid + region^year", "TRUE", "popwt"),
            ("feols", "homicide ~ post | sid + year", "year > 2001", None),
            ("fepois", "murder ~ post | sid + year", "TRUE", None),
        ]),
        (R, ".R", [
            ("feols", "homicide ~ post | sid + year", "TRUE", None),
            ("feols", "homicide ~ post + l_income | sid + year", "TRUE", None),
            ("feols", "homicide ~ post + l_income + poverty | sid + year", "TRUE", None),
            ("feols", "homicide ~ post | sid + year", "year >= 2004", "popwt"),
            ("fepois", "murder ~ post | sid + year", "TRUE", None),
        ]),
    ],
)  # fmt: skip
def test_a_draft_is_estimated_to_the_numbers_of_the_commands(text, ending, expected, tmp_path):
    (tmp_path / f"tables{ending}").write_text(text, "utf-8")
    (tmp_path / "castle.csv").write_bytes(CASTLE.read_bytes())
    done = call_specdid(["init", "study", "--from", f"tables{ending}", "--data", "castle.csv"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    toml = (tmp_path / "study/study.toml").read_text("utf-8").replace("draws = 999", "draws = 0")
    (tmp_path / "study/study.toml").write_text(toml, "utf-8")
    table = specdid.run(tmp_path / "study/study.toml", out=tmp_path / "out", jobs=1, audit=0).table
    table = table[table["vcov"] == table["vcov"].iloc[0]]

    data = pd.read_csv(CASTLE)
    estimates = []
    for method, formula, rows, weights in expected:
        part = data if rows == "TRUE" else data.query(rows)
        more = {"weights": weights} if weights else {}
        fit = getattr(pf, method)(formula, part, **more)
        estimates.append(float(fit.coef()["post"]))
    np.testing.assert_allclose(np.sort(table["estimate"].to_numpy(float)), np.sort(estimates), rtol=1e-6)


@pytest.mark.parametrize("data", [True, False])
def test_a_file_with_one_command_gives_a_draft(data, tmp_path):
    (tmp_path / "a.do").write_text("encode state, gen(st)\nreghdfe homicide age if e(sample), a(st)\n", "utf-8")
    more = ["--data", str(CASTLE)] if data else []
    done = call_specdid(["init", "study", "--from", "a.do", *more], tmp_path)
    assert (tmp_path / "study/study.toml").exists()
    assert done.returncode == (2 if data else 0)  # no column `age`


def test_a_file_without_a_command_is_refused(tmp_path):
    (tmp_path / "a.do").write_text("summarize\n", "utf-8")
    assert call_specdid(["init", "study", "--from", "a.do"], tmp_path).returncode != 0
    assert not (tmp_path / "study").exists()
