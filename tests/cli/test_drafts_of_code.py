"""`specdid init --from`: regressions of do-files and R scripts, and everything of them that is not understood."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from command import call_specdid
from frames_as_panels import panel_of, values
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import estimated
from specdid._draft.memory import FIRST, DataFacts, NotReadError, ReadCode
from specdid._draft.of_code import code_draft, code_findings, facts_of, read_code
from specdid._draft.r import _refuse_ungrouped
from specdid._draft.r_numbers import text_in_r
from specdid._records.collect import formula_writer
from specdid._run.prepare import examine, prepare
from specdid.panel.files import (
    cells_as_written,
    has_extended_missing,
    read_columns,
)
from stata_reader import Program

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
m5 <- fepois(homicide ~ post | sid + year, df, cluster = "sid")
m6 <- feols(as.formula(f), df)
m7 <- felm(log(homicide) ~ 1 | sid | (post ~ l_police) | sid, df)
m9 <- feols(log(homicide) ~ post | sid, other)
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


def two_units() -> DataFacts:
    """Give what a file shows of two units in two years, with `base` fixed within them."""
    columns = {
        "y": [1.0, 2, 4, 3],
        "x": [1.0, 2, 3, 5],
        "base": [0.5, 0.5, 2, 2],
        "id": [1.0, 1, 2, 2],
        "year": [2000.0, 2001, 2000, 2001],
        "d": [0.0, 1, 0, 0],
    }
    return facts_of(panel_of(columns, "id", "year").columns, "a.csv")


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
            "l_hom ~ post + l(l_police_kept, 1) | sid + year",
        ]
    )
    found = tomllib.loads(spec.read_text("utf-8"))
    assert found["study"] | {"title": ""} == {"title": "", "data": "../castle.csv", "unit": "sid", "time": "year"}
    assert found["derive"] == {
        "l_hom": "log(homicide)",
        "lnhomicide": "log(homicide)",
        "lnrobbery": "log(robbery)",
        "l_police_kept": "ifelse(year >= 2000, l_police, NA)",
    }
    assert list(found["sample"].values()) == ["year >= 2000", "year >= 2000 & year > 2001 & !is.na(post)"]
    assert list(found["weights"]) == ["popwt", "unweighted"]
    assert {"formula": "~sid", "ssc": "areg"} in found["vcov"].values()
    assert {"formula": "~sid + year", "ssc": "reghdfe"} in found["vcov"].values()
    assert found["inference"]["cluster"] == "sid"
    text = spec.read_text("utf-8")
    for line, why in (
        (23, "is a range of columns"), (24, "[hausman]"), (25, "Here: [instruments]"),
        (26, "no line sets the local `unknown`"), (27, "not frequencies"),
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
    assert "its data are `other`, those of most regressions `df`" in text
    assert "`post` is no term of its own, but a part of `i(year, post, ref = 2005)`" in text


def test_whose_effect_it_is_must_be_sure(drafted):
    done, spec = drafted(R, "a.R")
    assert done.returncode == 2
    assert "`post` in 5 of 6" in done.stderr
    assert not spec.parent.exists()
    done, _ = drafted(R, "a.R", "--treatment", "law")
    assert "`law` is a term of no regression" in done.stderr


@pytest.mark.parametrize(
    ("right", "given", "controls"),
    [
        ("csw(post, poverty, l_police)", ["--treatment", "post"], ["1", "poverty", "poverty + l_police"]),
        ("csw(post, poverty)", [], ["1", "poverty"]),
        ("l_police + sw(post, poverty)", ["--treatment", "post"], ["l_police"]),
        ("csw0(post, poverty)", ["--treatment", "post"], ["1", "poverty"]),
    ],
)
def test_a_treatment_in_stepwise_terms_is_a_term(drafted, right, given, controls):
    code = f'df <- read.csv("castle.csv")\nfeols(homicide ~ {right} | sid + year, df, cluster = ~sid)\n'
    done, spec = drafted(code, "a.R", *given)
    assert done.returncode == 0, done.stderr
    parsed = tomllib.loads(spec.read_text("utf-8"))
    assert parsed["treatment"] == {"post": "post"}
    assert [*parsed["controls"].values()] == controls
    assert len(specdid.plan(spec)) == len(controls)


@pytest.mark.parametrize(
    ("change", "term"), [("df <- df %>% mutate(post = post * 2)", "post_2"), ("df$post <- odd(df$post)", "post_line_2")]
)
def test_a_treatment_may_be_named_as_the_code_does(drafted, change, term):
    lines = "".join(
        f"feols(homicide ~ post + poverty{k} | sid + year, df, cluster = ~sid)\n" for k in ("", " + l_police")
    )
    _, spec = drafted(f'df <- read.csv("castle.csv")\n{change}\n{lines}', "a.R", "--treatment", "post")
    text = spec.read_text("utf-8")
    assert (
        f"[treatment]\n# Chosen: named by you as `post`, which line 2 makes anew: from there on it is `{term}`" in text
    )
    assert f'"{term}" = "{term}"' in text


def test_every_reason_of_a_line_is_listed(drafted):
    made = ", ".join(f"x{k} = odd{k}(post)" for k in range(30))
    code = f'df <- read.csv("castle.csv")\ndf <- df %>% mutate({made})\n'
    _, spec = drafted(code + "feols(homicide ~ post | sid + year, df, cluster = ~sid)\n", "a.R")
    text = spec.read_text("utf-8")
    assert all(f"odd{k}(post)" in text for k in range(30))


def test_check_points_to_the_line_that_a_draft_has_left_open(drafted):
    code = 'df <- read.csv("castle.csv")\ndf <- df %>% mutate(n_years = odd(year))\n'
    _, spec = drafted(code + "feols(homicide ~ post + n_years | sid + year, df, cluster = ~sid)\n", "a.R")
    told = " ".join(call_specdid(["check", str(spec)], spec.parent).stderr.split())
    (at,) = [k for k, line in enumerate(spec.read_text("utf-8").splitlines(), 1) if line.startswith("# n_years =")]
    assert f"line {at} has it as a comment" in told


def test_what_a_count_a_default_and_arguments_of_reading_are_is_said():
    code = """\
df <- read_csv("a.csv", n_max = 9, na = "-")
df[, k := .N]
df[, m := .N, by = id]
df[, j := shift(z, fill = w), by = id]
feols(y ~ d + k + m + j | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert found.derived["m"] == "sum(ifelse(rows_line_1, 1, NA), by = id)"
    told = {line: why for line, _, why in found.skipped}
    assert "`n_max`, `na`" in told[1]
    assert "count()" in told[2]
    assert "ifelse(year == min(year, by = id), w, l(z, 1))" in told[4]


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


CHANGES = """\
use castle.csv, clear
winsor2 income police, cuts(1 99) replace
by sid: replace police = police[_n-1]
bysort sid (year): keep if _N==11
duplicates drop
tsfill
recode poverty (1=0) if homicide
rename a b
encode state, gen(code)
destring robbery, replace
bysort sid (year): gen late = _n
bootstrap, reps(50): reghdfe homicide post, absorb(sid)
svy: regress homicide post
bysort region: reghdfe homicide post, absorb(sid)
collect: regress homicide post
predict r, resid
merge 1:1 sid year using other
tabulate region, gen(r_)
mycommand homicide, gen(z)
mvdecode poverty, mv(9)
drop in 1/3
do other.do
if `a' {
}
xi i.region
quietly: capture fillin sid year
"""
HARMLESS = """\
set more off
cap log close
lab var post "x"
su homicide, d
twoway line homicide year
qui estpost summarize homicide
eststo clear
esttab using t.tex, replace label
est store m1
outreg2 using t, replace
di "done: reg"
bysort sid: sum homicide
sort sid year
cap drop z
drop z
compress
save out, replace
test post = 0
gr export f.pdf, replace
"""


def test_every_statement_that_may_change_rows_or_values_is_listed():
    last = "reghdfe homicide post, absorb(sid year)\n"
    code = read_code(CHANGES + HARMLESS + last, ".do")
    taken = ("}", "use castle.csv, clear", "winsor2 income police, cuts(1 99) replace", "rename a b")
    lines = [k for k, text in enumerate(CHANGES.splitlines(), 1) if text not in taken]
    assert sorted(line for line, _, _ in code.skipped) == lines
    assert len(code.regressions) == 1


def test_every_statement_of_r_that_assigns_to_the_data_is_listed():
    changes = """\
df <- df %>%
  filter(year > 2001)
df$y <- log(df$homicide)
df[["z"]] <- 1
df <- subset(df, post == 1)
df[, w := 1]
names(df)[2] <- "k"
df |> mutate(q = 1) -> df
setnames(df, "a", v)
other <- merge(raw, extra)
df <- rbind(df, other)
source("more.R")
for (i in 1:3) {
  df$v <- df$v + i
}
if (any(df$v > 1)) df$v <- 0
"""
    harmless = """\
library(fixest)
red <- "#ff0000"  # a colour
p <- ggplot(df, aes(year, homicide)) + geom_line(color = "#aaa")
summary(df)
setFixest_dict(c(post = "Law"))
"""
    code = read_code(harmless + 'df <- read.csv("castle.csv")\n' + changes + "m <- feols(y ~ post | sid, df)\n", ".R")
    assert sorted(line - 6 for line, _, _ in code.skipped) == [7, 9, 10, 11, 12, 14, 16]
    assert code.data == "castle.csv"
    assert [r.outcome for r in code.regressions] == ["y"]


@pytest.mark.parametrize(
    ("code", "outcomes", "derived"),
    [
        ("gen y = ln(a)\nREG\ndrop y\ngen y = ln(b)\nREG", ["y", "y_2"], {"y": "log(a)", "y_2": "log(b)"}),
        ("gen y = ln(a)\ndrop y\ngen y = ln(b)\nREG", ["y"], {"y": "log(b)"}),
        ("foreach v in a b a {\ncap drop y\ngen y = ln(`v')\nREG\n}", ["y", "y_2", "y"],
         {"y": "log(a)", "y_2": "log(b)"}),
        ("REG\nreplace y = 0 if a > 1\nREG", ["y", "y_2"], {"y_2": "ifelse(a > 1 | is.na(a), 0, y)"}),
        ("gen y = 0\nreplace y = 1 if a > 1\nREG", ["y"], {"y": "ifelse(a > 1 | is.na(a), 1, 0)"}),
        ("REG\nwinsor2 y, replace\nREG", ["y", "y_2"], {"y_2": "winsorize(y, 0.01, type = 2)"}),
        ("REG\nwinsor2 y, replace by(x)\nREG", ["y", "y_2"], {}),
        ("gen y = x\nreplace x = 2\ngen z = x\nreg y post z", ["y"], {"y": "x", "x_2": "2", "z": "x_2"}),
        ("gen y = a\npreserve\nreplace y = b\nREG\nrestore\nREG", ["y_2", "y"], {"y": "a", "y_2": "b"}),
        ("gen y = a\nREG\ngen y_2 = 1\nreplace y = b\nreg y post y_2", ["y", "y_3"],
         {"y": "a", "y_2": "1", "y_3": "b"}),
    ],
)  # fmt: skip
def test_a_regression_has_the_definition_in_force_at_its_line(code, outcomes, derived):
    found = read_code(code.replace("REG", "reg y post"), ".do")
    assert [r.outcome for r in found.regressions] == outcomes
    assert found.derived == derived
    assert all(f"`{name}`" in " ".join(text for _, text in found.notes) for name in {*outcomes} - {"y"})


def test_another_definition_in_r_is_another_column():
    found = read_code("df$y <- g(1)\nfeols(y ~ d, df)\ndf$y <- g(2)\nfeols(y ~ d | y, df)\n", ".R")
    assert [(r.outcome, r.effects) for r in found.regressions] == [("y", "0"), ("y_2", "y_2")]
    assert "has to be in the data" in found.notes[0][1]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("use a\nREG\ncollapse y, by(post)\nREG", [2]),
        ("use a\npreserve\ncollapse y, by(post)\nREG\nrestore\nREG", [6]),
        ("use a\nREG\nREG\nduplicates drop\nREG", [2, 3]),
        ("use a\nREG\nREG\nkeep if x\nREG", [2, 3, 5]),
        ("use a\nkeep in 1/9\nREG\nREG", [3, 4]),
        ("use a\nREG\nuse b\nREG\nREG", [4, 5]),
        ("use a\ngen z = 1\nsave t\nREG\nuse b\nREG\nuse t\nREG", [4, 8]),
        ("use a\ncollapse y, by(post)\nsave small\nuse small\nREG", [5]),
        ("use a in 1/9\nREG\nuse a\nREG\nREG", [4, 5]),
        ("use a if post == 1\nREG\nuse a\nREG\nREG", [2, 4, 5]),
    ],
)
def test_regressions_on_other_data_or_rows_than_most_are_left_out_and_listed(code, lines):
    found = read_code(code.replace("REG", "reg y post"), ".do")
    assert [r.line for r in found.regressions] == lines
    statements = code.split("\n")
    left = {k for k, text in enumerate(statements, 1) if text == "REG"} - {*lines}
    assert left <= {line for line, _, _ in found.skipped}


def test_other_rows_in_r_are_another_draft():
    found = read_code("feols(y ~ d, df)\nfeols(y ~ d + x, df)\ndf <- unique(df)\nfeols(y ~ d, df)\n", ".R")
    assert [r.line for r in found.regressions] == [1, 2]
    assert [line for line, _, _ in found.skipped] == [3, 4]
    found = read_code("df |> filter(a > 1) |> feols(y ~ d)\n", ".R")
    assert not found.regressions
    assert len(found.skipped) == 1


SAME = """\
use castle.csv
xtset sid year
REG poverty l_income, absorb(sid year) cluster(sid)
REG l_income poverty, absorb(year sid) cluster(region#year)
areg homicide post i.year, absorb(sid) vce(cluster sid)
forvalues k = 1/2 {
    REG, absorb(sid year) cluster(sid)
}
""".replace("REG", "reghdfe homicide post")


def test_what_is_one_specification_is_said(drafted):
    done, spec = drafted(SAME, "a.do")
    assert done.returncode == 0, done.stderr
    assert len(specdid.plan(spec)) == 2
    found = tomllib.loads(spec.read_text("utf-8"))
    assert list(found["fixed_effects"].values()) == ["sid + year"]
    assert list(found["controls"].values()) == ["poverty + l_income", "1"]
    assert {"formula": "~region^year", "ssc": "reghdfe"} in found["vcov"].values()
    text = " ".join(spec.read_text("utf-8").replace("#", " ").split())
    assert "Lines 3 and 4 are the same specification, but for the standard errors." in text
    assert "Lines 5 and 7 (2 times) are the same specification, but" in text
    assert "Which regression had which is said by line below" in text
    assert "its error as the code has it is in results.csv" in text
    assert "5 regressions are 2 specifications" in done.stdout
    assert "are planned" not in done.stdout


def test_a_sample_for_each_level_is_said_to_be_several_specifications(drafted):
    line = "feols(log(homicide) ~ post | sid + year, df, cluster = ~sid"
    code = f'df <- read.csv("castle.csv")\n{line})\n{line})\n{line}, split = ~region)\n'
    done, spec = drafted(code, "a.R")
    assert "3 regressions are 2 specifications; the draft says" in done.stdout
    assert "more than 2 specifications are planned: `each(region)` stands for one for each level" in done.stdout
    assert len(specdid.plan(spec)) > 2


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (("i.treat##i.post poverty", "treat post 1.treat#1.post"), "treat:post"),
        (("i.treat##i.post", "treat poverty"), None), (("treat poverty", "treat"), None),
        (("treat##post##odd", "treat##post##odd poverty"), "treat:post:odd"),
    ],
)  # fmt: skip
def test_an_interaction_of_the_term_that_is_chosen_is_offered_as_the_treatment(drafted, rows, told):
    made = "gen treat = sid < 20\ngen post = year > 2005\ngen odd = mod(sid, 2) == 1\n"
    code = "use castle\n" + made + "".join(f"reg homicide {row}, cluster(sid)\n" for row in rows)
    done, spec = drafted(code, "a.do")
    assert "have `treat`, the treatment" in done.stdout
    offered = re.findall(r"; where `(\S+)` is the effect, .* say --treatment (\S+)", done.stdout)
    assert offered == ([(told, told)] if told else [])
    if told:
        spec.unlink()
        again, _ = drafted(code, "a.do", "--treatment", told)
        assert "named by you; in 2 of 2" in again.stdout


def test_lines_that_lack_a_term_are_named(drafted):
    rows = ("y d x", "y d x", "y x z", "y x", "y z w")
    done, _ = drafted("".join(f"reghdfe {row}, a(i)\n" for row in rows), "a.do")
    assert done.returncode == 2
    assert "help: say it: --treatment d or --treatment x or --treatment z; a draft is of one" in " ".join(
        done.stderr.split()
    )
    assert "`d` stands first in 2 of 5, lines 1 and 2" in done.stderr
    assert "`z` stands first in 1 of 5, line 5" in done.stderr
    assert "`x` in 4 of 5, not in line 5" in done.stderr
    assert "`z` in 2 of 5, not in lines 1, 2 and 4" in done.stderr


@pytest.mark.parametrize(
    ("loop", "conditions"),
    [
        ('foreach s in "inrange(y, 1, 3)" "south == 0" {', ["y >= 1 & y <= 3", "south == 0"]),
        ("""foreach s in `"a == "x""' `"b == 1"' {""", ['a == "x"', "b == 1"]),
        ("forvalues k = 1990/1992 {\nlocal s y <= `k'", ["y <= 1990", "y <= 1991", "y <= 1992"]),
        ("forv k=2(-1)1 {\nlocal s y <= `k'", ["y <= 2", "y <= 1"]),
        ("forvalues k = .5(.5)1 {\nlocal s y <= `k'", ["y <= 0.5", "y <= 1"]),
        ("forvalues k = 1 3 to 6 {\nlocal s y <= `k'", ["y <= 1", "y <= 3", "y <= 5"]),
        ("foreach k of numlist 1/2 9 {\nlocal s y <= `k'", ["y <= 1", "y <= 2", "y <= 9"]),
        ("local n 2\nforvalues k = 1/`n' {\nlocal s y <= `k'", ["y <= 1", "y <= 2"]),
        ("foreach k in 1 2 {\nlocal l `l' a`k'\nlocal s y <= `k'", ["y <= 1", "y <= 2"]),
        ("forvalues k = 1/`=_N' {\nlocal s y <= `k'", []),
        ("foreach v of varlist x* {\nlocal s `v' > 1", []),
        ("levelsof x, local(s)\nforeach s of local s {", []),
        ("""foreach s in "a == 1" "b != `"S"'" {""", []),
    ],
)
def test_loops_are_written_out_or_listed(loop, conditions):
    found = read_code(f"{loop}\nreg y d if `s'\n}}", ".do")
    assert [r.condition for r in found.regressions] == conditions
    assert bool(found.skipped) == (not conditions)


def test_operators_of_time_series_may_have_small_letters_in_stata_alone():
    found = read_code("reg d.y l.x l2d.z f.w if l.x > 1, cluster(s)\ngen v = d.y\nreg v l.x", ".do")
    assert found.regressions[0].outcome == "d(y, 1)"
    assert found.regressions[0].terms == ("l(x, 1)", "l(d(z, 1), 2)", "f(w, 1)")
    assert found.regressions[0].condition == "l(x, 1) > 1 | is.na(l(x, 1))"
    assert found.derived == {"v": "d(y, 1)"}
    assert read_code("feols(d.y ~ l.x, df)", ".R").regressions[0].outcome == "d.y"


@pytest.mark.parametrize(
    "call",
    [
        "feols(y ~ d, data = mutate(df, y = log(y)))",
        "feols(y ~ d, df, split = ~region, fsplit = ~region)",
        "feols(y ~ d, df, ssc = ssc(K.fixef = 'full', G.adj = FALSE), cluster = ~region)",
        "feols(y ~ d, df, ssc = mine)",
        "feols(y ~ d, df, cluster = ~region + id + year)",
        "felm(y ~ d | id | 0 | region + id + year, df)",
        "felm(y ~ d | id | 0 | id, df, exactDOF = TRUE)",
        "feols(y ~ d, df, subset = 1:100)",
        "feols(y ~ scale(d), df, subset = ~x > 1)",
        "map(unique(df$g), ~ feols(y ~ d, df[df$g == .x, ]))",
        "purrr::map(split(df, df$g), ~ feols(y ~ d, data = .x))",
        "df %>% group_by(g) %>% do(m = feols(y ~ d, data = .))",
        "feols(y ~ lag(d), df)",
        "feols(y ~ sunab(first, year) | id + year, df)",
        "lapply(split(df, df$g), function(one) feols(y ~ d, one))",
        "f <- function(one) {\n  one <- one[a > 1]\n  feols(y ~ d, one)\n}",
        "fepois(y ~ d, df, offset = ~log(pop))",
        "felm(y ~ d, na.omit(df))",
    ],
)
def test_a_call_with_a_part_that_is_not_read_is_left_out(call):
    found = read_code(call, ".R")
    assert not found.regressions
    assert found.skipped


@pytest.mark.parametrize(
    ("code", "listed"),
    [
        ("for (k in 1:3) {\n  z <- k\n  feols(y ~ d, df)\n}\nfeols(y ~ d, df)", [1]),
        ("for (k in 1:3) feols(y ~ d, df)", [1]),
        ("m <- lapply(1:3, function(k) feols(y ~ d, df))", [1]),
        ("for (k in 1:3) {\n  print(k)\n}\nfeols(y ~ d, df)", []),
        ("f <- function(x) {\n  x + 1\n}\nfeols(y ~ d, df)", []),
    ],
)
def test_loops_of_r_are_said_to_be_read_once(code, listed):
    assert [line for line, _, _ in read_code(code, ".R").skipped] == listed


@pytest.mark.parametrize("option", ["exposure(pop)", "offset(z)", "noconstant", "group(g) individual(i)"])
def test_an_option_that_makes_other_numbers_is_not_passed_over(option):
    found = read_code(f"ppmlhdfe y d, a(i) {option}", ".do")
    assert not found.regressions
    assert "is not read" in found.skipped[0][2]


def test_a_missing_value_of_stata_is_one_here():
    found = read_code("gen y = .\nreplace y = 1 if a == 1\ngen z = cond(a > 2, ., y)\nreghdfe y z, a(i, savefe)", ".do")
    assert found.derived["y"] == "ifelse(a == 1 & !is.na(a), 1, NA)"
    assert found.derived["z"] == "ifelse(a > 2 | is.na(a), NA, y)"
    assert found.regressions[0].effects == "i"


VALUES = [
    *(f"{x} {sign} {y}" for x in "xyz" for sign in ("==", "!=", "<", "<=", ">", ">=") for y in ("1", "y", "(x + z)")),
    "!missing(x)", "missing(y)", "(z != .)", "x", "inlist(x, 1, 2)", "cond(x > 1, y, z)", "(max(x, y) > 1)", "(-x < y)",
]  # fmt: skip
EVERY_ROW = [(*cells, float(k), 1.0) for k, cells in enumerate(itertools.product((0.0, 1.0, 2.0, None), repeat=3))]
TRUTHS = st.recursive(
    st.sampled_from(VALUES),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("&|"), inner) | st.builds("!({})".format, inner)
    ),
    max_leaves=4,
)


def of_stata(panel: pl.DataFrame, lines: list[str], name: str) -> list[float | None]:
    """The values of a column after lines of Stata, by a reader that shares nothing with the draft's."""
    program = Program()
    program.load(panel)
    program.run("\n".join(lines))
    return [None if v != v else float(v) for v in program.data[name]]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=TRUTHS, known=st.sets(st.sampled_from("xyz")))
def test_comparisons_with_missing_values_are_what_stata_makes_of_them(text, known):
    """Every combination of 0, 1, 2 and missing in three columns, as a value, in `replace` and as a condition of rows.

    `known` are columns that have no missing value, of which the file says so.
    """
    rows = [row for row in EVERY_ROW if not any(row["xyz".index(name)] is None for name in known)]
    panel = pl.DataFrame(rows, schema=["x", "y", "z", "id", "t"], orient="row")
    lines = [f"generate v = {text}", "generate w = 5", f"replace w = x if {text}", f"generate k = 1 if {text}"]
    facts = DataFacts(frozenset(panel.columns), frozenset(known) | {"id", "t"})
    found = read_code("\n".join([*lines, f"keep if {text}", "reg v id w k"]), ".do", facts)
    assert not found.skipped
    ours = panel_of(panel.to_dict(as_series=False), "id", "t")
    for name in "vwk":
        assert values(ours, name, **found.derived) == of_stata(panel, lines, name), found.derived[name]
    kept = values(ours, f"ifelse({found.regressions[0].condition}, 1, 0)", **found.derived)
    assert [v == 1 for v in kept] == [v == 1 for v in of_stata(panel, lines, "k")], found.regressions[0].condition


OF_NUMBERS = st.recursive(
    st.sampled_from(["x", "y", "z", "t", "2", "3", "0.5"]),
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("{}{}".format, inner, st.sampled_from(["^-1", "/2", " / 4", "^2", "^3", "/2/2"]))
        | st.builds("{}({})".format, st.sampled_from(["abs", "int", "floor", "ceil", "sign", "-", "", ""]), inner)
        | st.builds("-{}".format, inner)
        | st.builds("{}({}, {})".format, st.sampled_from(["mod", "max", "min"]), inner, inner)
        | st.builds("mod({}, {})".format, inner, st.sampled_from("234"))
        | st.builds("cond({} {} {}, {}, {})".format, inner, st.sampled_from(["<", ">=", "=="]), *[inner] * 3)
        | st.builds("{}({}, {}, {})".format, st.sampled_from(["inrange", "inlist"]), inner, inner, inner)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["<", ">", "<=", ">=", "==", "!="]), inner)
        | st.builds("!missing({})".format, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(text=OF_NUMBERS)
def test_expressions_of_stata_keep_their_brackets(text):
    """What is pasted together of any expressions has the value that a reader with Stata's precedence gives it."""
    panel = pl.DataFrame(EVERY_ROW, schema=["x", "y", "z", "id", "t"], orient="row").with_columns(t=pl.lit(5.0))
    lines = [f"generate v = {text}", f"generate k = 1 if ({text}) > 1"]
    found = read_code("\n".join([*lines, f"reg v id k if ({text}) > 1"]), ".do", DataFacts(frozenset(panel.columns)))
    if found.skipped:
        assert all("comparison" in why or "nested" in why or "range" in why for _, _, why in found.skipped), (
            found.skipped
        )
        return
    ours = panel_of(panel.to_dict(as_series=False), "id", "t")
    with np.errstate(all="ignore"):
        expected = of_stata(panel, lines, "v"), [v == 1 for v in of_stata(panel, lines, "k")]
    assert values(ours, "v", **found.derived) == pytest.approx(expected[0], nan_ok=True), found.derived["v"]
    kept = values(ours, f"ifelse({found.regressions[0].condition}, 1, 0)", **found.derived)
    assert [v == 1 for v in kept] == expected[1], found.regressions[0].condition


@pytest.mark.parametrize(
    ("of_stata", "here"),
    [
        ("mod(year - 1980, 4)", "(year - 1980) %% 4"),
        ("mod(m, 3)^2", "(m %% 3)^2"),
        ("-mod(m, 3)", "-(m %% 3)"),
        ("100/mod(m + 1, 4)", "ifelse((m + 1) %% 4 == 0, NA, 100 / (m + 1) %% 4)"),
        ("z - mod(m, 1000)/10", "z - m %% 1000 / 10"),
        ("m^3^2", "(m^3)^2"),
        ("inlist(z - 1, m, 2) + 1", "(z - 1 == m | z - 1 == 2) + 1"),
        ("substr(name, 2, 2)", 'ifelse(substr(name, 2, 3) == "", NA, substr(name, 2, 3))'),
        ("z == float(.3)", "z == 0.30000001192092896"),
    ],
)
def test_a_function_of_stata_is_one_operand(of_stata, here):
    facts = DataFacts(frozenset({"z", "m", "year"}), frozenset({"z", "m", "year"}))
    found = read_code(f"use a\ngen v = {of_stata}\nreg y v\nreg y v if v > {of_stata}", ".do", facts)
    assert found.derived == {"v": here}


@pytest.mark.parametrize(
    ("lines", "here"),
    [
        ("gen v = -100/x", "ifelse(x == 0, NA, -100 / x)"),
        ("gen v = 100/y", "100/y"),
        ("gen v = x/(2*12)", "x/(2*12)"),
        ("gen d = 2*abs(y)\ngen v = x/d", "x/d"),
        ("gen v = x/L.y", "x / l(y, 1)"),
        ("gen v = D.y/L.x", "ifelse(l(x, 1) == 0, NA, d(y, 1) / l(x, 1))"),
        ("gen v = (y - L.y)/(x - L.x)", "ifelse(x - l(x, 1) == 0, NA, (y - l(y, 1)) / (x - l(x, 1)))"),
        ("gen d = y\nreplace d = 0 if x == 2\ngen v = 1/d", "ifelse(d == 0, NA, 1 / d)"),
        ("gen v = 1 if y/x > 1", "ifelse(ifelse(x == 0, NA, y / x) > 1 | is.na(ifelse(x == 0, NA, y / x)), 1, NA)"),
        ("gen v = x/y\nreplace v = y/x if x != 2", None),
        ("egen v = mean(y/x), by(id)", "mean(ifelse(x == 0, NA, y / x), by = id)"),
        ("gen v = x^-1 + y^-1", "ifelse(x == 0, NA, x^-1) + y^-1"),
        ("gen r = y/x\ngen v = r\nreplace v = 0 if r == .", None),
    ],
)
def test_what_is_divided_by_zero_is_missing_as_in_stata(lines, here):
    rows = [(k // 3, k % 3, x, y) for k, (x, y) in enumerate(itertools.product((0.0, 1.0, 2.0), (1.0, -2.0, 4.0)))]
    panel = pl.DataFrame(rows, schema=["id", "t", "x", "y"], orient="row")
    facts = facts_of(panel_of(panel.to_dict(as_series=False), "id", "t").columns)
    found = read_code(f"xtset id t\n{lines}\nreghdfe y v, absorb(id t)", ".do", facts)
    assert not found.skipped
    assert here in (None, found.derived["v"])
    if "egen" not in lines and "L." not in lines:
        ours = panel_of(panel.to_dict(as_series=False), "id", "t")
        assert values(ours, "v", **found.derived) == of_stata(
            panel, lines.replace("gen ", "generate ").split("\n"), "v"
        )


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("region == 2 | 3", "always true in Stata: `| 3` asks whether 3 is other than 0; if you meant one of several "
         "values, write `inlist(region, 2, 3)`"),
        ("1980 < year < 1990", "always true in Stata: `1980 < year < 1990` is `(1980 < year) < 1990`; if you meant "
         "both bounds, write `1980 < year & year < 1990`"),
        ("a == 1 & 2", "a part that decides nothing in Stata: `& 2` asks whether 2 is other than 0; leave it out"),
        ("a > year > 3", "never true in Stata: `a > year > 3` is `(a > year) > 3`; if you meant both bounds, write "
         "`a > year & year > 3`"),
        ("round(a/4) == 2", "Stata rounds halves up, and here as in R to the even number"),
        ("sum(a) == 2", "sum() of generate is a running sum in the order of rows"),
        ("strlen(a) == 2", "the length of a missing text is 0 in Stata"),
    ],
)  # fmt: skip
def test_conditions_that_are_something_else_in_stata_are_listed(condition, told):
    for line in (
        f"reg y x if {condition}",
        f"gen v = {condition}",
        f"gen v = 1 if {condition}",
        f"drop if !({condition})",
    ):
        found = read_code(f"use a\n{line}\nreg y x\n", ".do")
        assert [at for at, _, _ in found.skipped] == [2]
        assert told in found.skipped[0][2]


@pytest.mark.parametrize(
    ("made", "condition", "listed"),
    [
        ("gen g = m/10", "g == .3", True),
        ("gen float g = m/10", "g >= .7", True),
        ("gen g = m/10", "inlist(g, .5, .7)", True),
        ("gen g = m/10", "g == float(.3)", True),
        ("gen g = m/10\nrename g k", "k > .1", True),
        ("gen g = m/10", "g*10 == 3", True),
        ("egen g = mean(m), by(id)", "g != .1", True),
        ("gen g = m/10\nreplace g = g*2", "g < .1", True),
        ("gen g = m/10", "g >= .5", False),
        ("gen double g = m/10", "g == .3", False),
        ("set type double\ngen g = m/10", "g == .3", False),
        ("gen g = m + 1", "g*10 == 3.1", False),
        ("gen g = m > 1", "g*2 > .3", False),
        ("clear", "m == .3", False),
    ],
)
def test_comparisons_that_single_precision_decides_are_listed(made, condition, listed):
    """Stata has 0.3 of single precision as 0.300000012, which is not 0.3; numbers that it holds are compared."""
    columns = frozenset({"id", "t", "m", "y", "x"})
    facts = DataFacts(columns, columns, whole=frozenset({"id", "t", "m"}))
    for line in (f"reg y x if {condition}", f"gen v = {condition}", f"keep if {condition}"):
        found = read_code(f"use a\nxtset id t\n{made}\n{line}\nreg y x", ".do", facts)
        assert bool(found.skipped) == listed, found.skipped
        assert all("single precision" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("made", "condition", "listed"),
    [
        ("egen g = max(z), by(id)", "z < g", True),
        ("egen g = max(z), by(id)", "g > z", True),
        ("egen g = mean(cond(t == 1, z, .)), by(id)", "z <= g", True),
        ("gen g = z", "z - g >= 0", True),
        ("gen g = z", "z >= L.g", True),
        ("gen g = z\nrename z k", "k > g", True),
        ("gen g = z\ngen double k = z", "k > g", True),
        ("egen g = mean(z), by(id)\ngen k = z - g", "k > 0", True),
        ("egen g = max(z), by(id)\ngen double k = g - z", "k == 0", True),
        ("egen g = max(z), by(id)\ngen k = z/g", "k < 1", True),
        ("egen g = max(z), by(id)", "z/g < 1", True),
        ("egen g = max(z), by(id)\ngen k = z - g", "abs(k) > 0", True),
        ("egen g = max(z), by(id)\ngen k = z - g", "k & x > 1", True),
        ("egen g = max(z), by(id)\ngen k = z - g", "k > 1", False),
        ("egen g = max(s), by(id)\ngen k = s - g", "k < 0", False),
        ("gen g = z\ngen k = g - L.g", "k > 0", False),
        ("gen g = z/10\ngen k = g*m", "k & x > 1", False),
        ("egen double g = max(z), by(id)", "z < g", False),
        ("egen g = max(z), by(id)\negen k = min(z), by(id)", "k < g", False),
        ("egen g = max(m), by(id)", "m < g", False),
        ("egen g = mean(m), by(id)", "m < g", False),
        ("egen g = max(s), by(id)", "s < g", False),
        ("egen g = mean(z), by(id)\negen k = sd(z), by(id)", "z > g + 3*k", False),
        ("egen g = max(z), by(id)", "m < g", False),
    ],
)
def test_columns_that_are_ordered_by_their_rounding_alone_are_listed(made, condition, listed):
    """6.3 of single precision is more than 6.3: the largest value of a double column is less than its own maximum."""
    columns = frozenset({"id", "t", "m", "s", "z", "y", "x"})
    facts = DataFacts(columns, columns, whole=frozenset({"id", "t", "m"}), short=frozenset({"id", "t", "m", "s"}))
    for line in (f"reg y x if {condition}", f"gen v = {condition}", f"drop if {condition}"):
        found = read_code(f"use a\nxtset id t\n{made}\n{line}\nreg y x", ".do", facts)
        assert bool(found.skipped) == listed, found.skipped
        assert all("single precision" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("code", "listed"),
    [
        ("import delimited a.csv, clear\nreg y x if z > 6.3", True),
        ("import delim using a.csv\nkeep if z <= .7", True),
        ("insheet using a.csv, clear\nreg y x if inlist(z, .5, .7)", True),
        ("import delimited a.csv\nrename z k\nreg y x if k > 6.3", True),
        ("import delimited a.csv\nclonevar k = z\nreg y x if k > 6.3", True),
        ("import delimited a.csv\nreplace z = z/2\nreg y x if z > 6.3", True),
        ("import delimited a.csv\nreg y x if z*10 == 63", True),
        ("import delimited a.csv\npreserve\nuse b, clear\nrestore\nreg y x if z > 6.3", True),
        ("import delimited a.csv, asdouble clear\nreg y x if z > 6.3", False),
        ("insheet using a.csv, double\nreg y x if z > 6.3", False),
        ("set type double\nimport delimited a.csv\nreg y x if z > 6.3", False),
        ("import excel a.xlsx, firstrow\nreg y x if z > 6.3", False),
        ("use a\nreg y x if z > 6.3", False),
        ("import delimited a.csv\nuse b, clear\nreg y x if z > 6.3", False),
        ("import delimited a.csv\nreg y x if z > 6.5", False),
        ('import delimited a.csv\nreg y x if z == "DE"', False),
        ('import delimited a.csv\nreg y x if inlist(z, "AL", "UT") | z != ""', False),
        ("import delimited a.csv\nreg y x if substr(z, 1, 1) == substr(x, 1, 1)", False),
        ("import delimited a.csv\nreg y x if z == .", False),
        ("import delimited a.csv\nreg y x if z*10 > 63", True),
        ("import delimited a.csv\nreg y x if z - 6.3 > 0", True),
        ("import delimited a.csv\nreg y x if z/100 >= .063", True),
        ("import delimited a.csv\ngen double k = z\nreg y x if k > 6.3", True),
        ("import delimited a.csv\ngen double k = z\nreg y x if k == float(6.3)", True),
        ("import delimited a.csv\ngen double k = z*10\nreg y x if k > 65", False),
        ("import delimited a.csv\nreg y x if z*10 > 65", False),
        ("import delimited a.csv\nreg y x if z/3 > 1", False),
        ("import delimited a.csv\nreg y x if m*10 > 63", False),
        ("import delimited a.csv\nreg y x if t > 2000.1 & m == 3", False),
        ("import delimited a.csv\nreg y x if z > x", False),
        ("import delimited a.csv\nreg y x if z == x", False),
        ("import delimited a.csv\negen g = max(z), by(id)\nreg y x if z < g", False),
        ("import delimited a.csv\negen double g = max(z), by(id)\nreg y x if z < g", False),
    ],
)
def test_decimals_of_text_files_are_compared_in_single_precision(code, listed):
    """Without asdouble, `import delimited` stores them by `set type`, which is float."""
    columns = frozenset({"id", "t", "m", "z", "y", "x"})
    found = read_code(f"{code}\n", ".do", DataFacts(columns, columns, whole=frozenset({"id", "t", "m"})))
    told = [why for _, _, why in found.skipped if "single precision" in why]
    assert bool(told) == listed, found.skipped
    assert all(re.search(r"line \d reads", why) for why in told)


@pytest.mark.parametrize(
    ("made", "condition", "here"),
    [
        ("use a\ngen q = z", "q > float(6.3)", "q > 6.3"),
        ("use a\ngen q = z", "L.q == float(-.1) | q < float(6.3)", "l(q, 1) == -0.1 | q < 6.3"),
        ("import delimited a.csv", "z >= float(6.3)", "z >= 6.3"),
        ("use a", "z >= float(.5)", "z >= 0.5"),
        ("use a\ngen q = z/10", "q > float(6.3)", None),
    ],
)
def test_float_of_a_number_is_that_number_beside_what_is_copied_in_single_precision(made, condition, here):
    """The draft's column is not rounded, and Stata's is, as is the number that it meets there."""
    columns = frozenset({"id", "t", "z", "y", "x"})
    facts = DataFacts(columns, columns, whole=frozenset({"id", "t"}))
    found = read_code(f"{made}\nxtset id t\nreg y x if {condition}\n", ".do", facts)
    assert [r.condition for r in found.regressions] == ([here] if here else [])


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("gen byte pct = 100*k\nreg y d if pct >= 70", True),
        ("gen int pct = 10*k if t > 1\nreg y d if pct >= 7", True),
        ("reg y d if int(z*10) >= 23", True),
        ("reg y d if floor(z*10) >= 23", True),
        ("reg y d if ceil(k*10) <= 1", True),
        ("reg y d if mod(z*10, 1) == 0", True),
        ("gen double h = k*10\nreg y d if floor(h) == 7", True),
        ("gen g = t/10\nreg y d if int(g*10) >= 23", True),
        ("merge m:1 t using b\nreg y d if int(z*10) >= 23", True),
        ("reg y d if int(z) >= 3", False),
        ("reg y d if floor(e*10) >= 5", False),
        ("gen byte half = e*2\nreg y d if half >= 1", False),
        ("gen double g = t/10\nreg y d if int(g*10) >= 23", False),
        ("gen decade = floor(t/10)*10\nreg y d if decade == 20", False),
        ("merge m:1 t using b\nreg y d if int(z) >= 3", False),
    ],
)
def test_decimals_that_single_precision_cuts_off_are_listed(lines, listed):
    """0.7 of single precision is 0.699999988, of which 100 times is 69 in a byte; e has numbers that it holds."""
    columns = {"k": [0.7, 0.9, 0.1], "z": [2.3, 3.2, 3.3], "e": [0.5, 1.0, 0.25], "y": [1, 2, 3], "d": [0, 1, 0]}
    facts = facts_of(panel_of({**columns, "id": [1, 1, 1], "t": [21, 23, 26]}, "id", "t").columns)
    found = read_code(f"import delimited a.csv\n{lines}\n", ".do", facts)
    assert any("single precision" in why for _, _, why in found.skipped) == listed, found.skipped


@pytest.mark.parametrize(
    ("condition", "listed"),
    [
        ("z - k > 2", True),
        ("z + k >= 3", True),
        ("z/k >= 3", True),
        ("abs(z - k) <= 1", True),
        ("floor(z/k) == 3", True),
        ("z*k >= .2", True),
        ("D.z >= 1", True),
        ("double_sum >= 3", True),
        ("sum >= 3", False),
        ("L.z + k >= 3", True),
        ("z - k > 20", False),
        ("z/k >= 3000", False),
        ("e + h >= 1", False),
        ("z - k > 0", False),
        ("D.z > 0", False),
        ("D.y >= 1", False),
    ],
)
def test_columns_that_are_computed_with_others_in_single_precision_are_listed_where_rounding_decides(condition, listed):
    """In a row of each a sum, difference, product or ratio is the number itself, and by its rounding is not."""
    columns = {"k": [0.7, 0.3, 0.1, 0.7, 0.2, 1.3, 0.4], "z": [2.7, 0.9, 0.3, 2.3, 1.2, 2.3, 0.5]}
    columns |= {"e": [0.5] * 7, "h": [0.25] * 7, "y": [1, 2, 3, 4, 5, 6, 7], "d": [0, 1, 0, 1, 0, 1, 1]}
    facts = facts_of(panel_of({**columns, "id": [1] * 7, "t": [*range(7)]}, "id", "t").columns)
    made = "gen double double_sum = z + k\ngen sum = z + k"
    found = read_code(f"import delimited a.csv\nxtset id t\n{made}\nreg y d if {condition}\n", ".do", facts)
    assert any("single precision" in why for _, _, why in found.skipped) == listed, found.skipped


def test_a_column_in_single_precision_is_called_as_the_code_calls_it():
    code = "import delimited a.csv\nreg y x if z > 6.3\nreg y x if z*10 > 63\n"
    found = read_code(code, ".do", DataFacts(frozenset({"Y", "X", "Z"})))
    assert ["reads `z` in single precision" in why for _, _, why in found.skipped] == [True, True]


def test_numbers_that_single_precision_holds_are_known_of_the_data():
    columns = {"a": [0.5, 2.0, None], "b": [0.5, 6.3, None], "c": [1e300, 0.0, 1.0], "id": [1, 2, 3], "t": [1, 1, 1]}
    assert facts_of(panel_of(columns, "id", "t").columns).short == {"a", "id", "t"}


def test_whole_types_of_stata_cut_decimal_places_off():
    found = read_code("use a\ngen int v = z/2\ngen byte w = z > 2\ngen long u = 7\nreg y v w u", ".do")
    assert found.derived == {
        "v": "ifelse(as.integer(z/2) > 32740 | as.integer(z/2) < -32767, NA, as.integer(z/2))",
        "w": "z > 2 | is.na(z)",
        "u": "7",
    }


TWICE = """\
import delimited "raw.csv", clear
xtset sid year
replace homicide = homicide*10
gen l_homicide = ln(homicide)
merge m:1 sid using regions
USE
reghdfe l_homicide post if poverty > 1, absorb(sid year) vce(cluster sid)
reghdfe l_homicide post, absorb(sid year) vce(robust)
"""


def test_data_that_hold_what_the_code_makes_are_refused(drafted):
    code = TWICE.replace("USE", "")
    done, spec = drafted(code, "a.do", "--data", "castle.csv")
    assert "line 5 of a.do may change rows or values" in " ".join(done.stderr.split())
    answer = '# rows_line_5 = "TRUE"'
    spec.write_text(spec.read_text("utf-8").replace(answer, answer[2:]), "utf-8")
    assert not specdid.check(spec).errors
    assert "line 3: changes `homicide` of raw.csv by itself" in done.stdout
    header, _, rest = CASTLE.read_text("utf-8").partition("\n")
    (spec.parent.parent / "clean.csv").write_text(header.replace("robbery", "l_homicide") + "\n" + rest, "utf-8")
    done = call_specdid(["init", "other", "--from", "a.do", "--data", "clean.csv"], spec.parent.parent)
    assert done.returncode != 0
    assert "`clean.csv` has `l_homicide` already, which line 4 of a.do makes" in done.stderr
    assert not (spec.parent.parent / "other").exists()


def test_use_in_the_middle_takes_the_place_of_what_stands_before(drafted):
    """Here `l_homicide` and `homicide` are those of the file, whose columns are known, and no line is listed."""
    done, spec = drafted(
        TWICE.replace("USE", "use castle.csv, clear").replace("l_homicide post", "homicide post"), "a.do"
    )
    assert done.returncode == 0, done.stderr
    found, text = tomllib.loads(spec.read_text("utf-8")), spec.read_text("utf-8")
    assert found["study"]["data"] == "../castle.csv"
    assert "derive" not in found
    assert "Not understood" not in text
    assert list(found["sample"].values()) == ["poverty > 1", "TRUE"]
    assert "7: homicide ~ post | sid + year; if poverty > 1; vcov ~sid, reghdfe" in text
    assert "8: homicide ~ post | sid + year; vcov hetero, reghdfe" in text


def test_a_column_that_was_dropped_or_renamed_is_made_once(drafted):
    code = (
        "import delimited raw.csv\nxtset sid year\ndrop robbery\nrename poverty old\ngen robbery = 1\ngen poverty = old"
    )
    done, _ = drafted(f"{code}\nreghdfe homicide post poverty robbery, a(sid year)", "a.do", "--data", "castle.csv")
    assert "already" not in done.stderr


def test_a_column_that_a_listed_line_makes_is_said_by_that_line(drafted):
    code = "import delimited castle.csv\nxtset sid year\negen l_incom = mad(l_income)\n"
    done, _ = drafted(f"{code}reghdfe homicide post l_incom, a(sid year)", "a.do")
    assert "line 3 of a.do makes `l_incom`, and how is not read" in done.stderr
    assert "did you mean" not in done.stderr


def test_a_listed_regression_names_columns_as_the_draft_does():
    code = "use a\ngen post = x > 1\nreg y post\nreplace post = 1 if z == 1\nreg y post\nappend using b\nreg w post\n"
    found = read_code(code, ".do")
    assert (7, "w ~ post_2") in [(line, text) for line, text, _ in found.skipped]


def test_code_that_is_not_there_is_said_with_its_directory(tmp_path):
    done = call_specdid(["init", "new", "--from", "none.do"], tmp_path)
    assert str(tmp_path) in done.stderr


@pytest.mark.parametrize("condition", ["region == c(2, 3)", "region == 2 | 3", "region == 2:3", "max(a, 3) > 1"])
def test_what_r_takes_for_something_else_is_not_mended(condition):
    found = read_code(f"feols(y ~ d, subset(df, {condition}))", ".R")
    assert not found.regressions
    assert found.skipped


@pytest.mark.parametrize(
    ("before", "condition", "derived"),
    [
        ("keep if year >= 2000", "year >= 2000", {}),
        ("drop if x > 3", "!(x > 3 | is.na(x))", {}),
        ("drop if missing(x) | state == \"\"", "!(is.na(x) | is.na(state))", {}),
        ("qui drop if year < 2000\nkeep if x <= 2 | x == 5", "!(year < 2000) & (x <= 2 | x == 5)", {}),
        ("keep if year > 2000\negen x = mean(z), by(id)", "year > 2000",
         {"x": "mean(ifelse(year > 2000, z, NA), by = id)"}),
        ("egen x = mean(z), by(id)\nkeep if year > 2000", "year > 2000", {"x": "mean(z, by = id)"}),
        ("gen x = 1\nkeep if x == 1\nreplace x = 2", "x == 1", {"x": "1", "x_2": "2"}),
        ("keep if year > 2000\nwinsor2 x, replace cuts(5 95)", "year > 2000",
         {"x_2": "winsorize(ifelse(year > 2000, x, NA), 0.05, type = 2)"}),
        ("egen x = max(z) if post == 1, by(id year)", "TRUE",
         {"x": "ifelse(post == 1, max(ifelse(post == 1, z, NA), by = id^year), NA)"}),
        ("bysort id (year): egen x = total(z)", "TRUE", {"x": "coalesce(sum(z, by = id), 0)"}),
        ("egen x = rowtotal(z w)", "TRUE", {"x": "coalesce(z, 0) + coalesce(w, 0)"}),
        ("xtile x = z if year > 2000, nq(4)", "TRUE", {"x": "quantile_group(ifelse(year > 2000, z, NA), 4, type = 2)"}),
        ("rename (z w) (x v)", "TRUE", {"x": "z"}),
        ("gen byte first = x\ngen treated = year >= first\nrename x old\ngen x = treated * 2", "TRUE",
         {"first": "ifelse(as.integer(x) > 100 | as.integer(x) < -127, NA, as.integer(x))",
          "treated": "year >= first & !is.na(first)", "x_2": "treated * 2"}),
        ("keep if year > 2000\ndrop if L.z < 1",
         "year > 2000 & !(l(ifelse(year > 2000, z, NA), 1) < 1 & !is.na(l(ifelse(year > 2000, z, NA), 1)))", {}),
        ("egen x = max(ln(z)) if !missing(w), by(id)", "TRUE",
         {"x": "ifelse(!is.na(w), max(ifelse(!is.na(w), log(z), NA), by = id), NA)"}),
        ("gen x = max(z, w, 1)", "TRUE", {"x": "coalesce(pmax(coalesce(pmax(1, z), 1), w), coalesce(pmax(1, z), 1))"}),
    ],
)  # fmt: skip
def test_rows_and_columns_of_stata_are_taken_over(before, condition, derived):
    found = read_code(f"use a\nxtset id year\n{before}\nreg y post x, cluster(id)\n", ".do", DataFacts())
    if "max(z" not in before or "egen" in before:
        assert not found.skipped
    assert [r.condition for r in found.regressions] == [condition]
    assert found.derived == derived


@pytest.mark.parametrize(
    "line",
    [
        "gen x = sum(z)", "gen x = group(4)", "gen x = round(z)", "gen x = z > .", "gen x = strlen(name)",
        "gen x = substr(name, -2, 2)", "gen x = (!z == 2)", "egen x = cut(z), group(4)", "egen x = tag(id)",
        "xtile x = z [aw=w], nq(4)", "winsor2 x, replace by(id)", "rename x*, lower", "keep if _n == 1", "keep in 1/5",
        "keep if `if'", "drop if e(sample)", "by id: drop if x == 1", "merge 1:1 id using b",
        'gen x = name > "B"', 'gen x = "B" <= name', "replace x = 1 in 5", "replace x = L.x if missing(x)",
    ],
)  # fmt: skip
def test_what_means_something_else_in_stata_is_listed(line):
    found = read_code(f"use a\nxtset id year\n{line}\nreg y post x, cluster(id)\n", ".do")
    assert [at for at, _, _ in found.skipped] == [3]
    assert not any("x" in text for text in found.derived)


def test_cuts_before_rows_are_brought_are_to_be_done_before():
    found = read_code("use a\nkeep if x == 1\nappend using b\nkeep if z == 1\nreg y x\n", ".do")
    assert [r.condition for r in found.regressions] == ["rows_line_3 & z == 1"]
    assert sorted(line for line, _, _ in found.skipped) == [2, 3]
    assert any("before line 3" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("merge 1:1 id using b", True), ("qui duplicates drop id, force", True), ("keep in 1/9", True),
        ("duplicates report id", False), ("missings list y", False), ("duplicates tag id, gen(t)", False),
        ("preserve\nmerge 1:1 id using b\nrestore", False), ("append using b\nsave c\nuse c", False),
    ],
)  # fmt: skip
def test_lines_of_stata_that_change_rows_are_an_open_question(line, asked):
    found = read_code(f"use a\n{line}\nreg y x\n", ".do")
    assert [r.condition for r in found.regressions] == ["rows_line_2" if asked else "TRUE"]
    assert [*found.unread] == ["rows_line_2"] * asked


def test_cuts_that_restore_undid_are_not_listed():
    code = "use a\nREG\nkeep if w\npreserve\nkeep if x\nREG\nrestore\npreserve\nkeep if e(sample)\nREG\nrestore\nREG"
    found = read_code(code.replace("REG", "reg y x"), ".do")
    assert [r.line for r in found.regressions] == [2, 6, 12]
    assert [line for line, _, _ in found.skipped] == [9, 10]


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ('foreach y in a b {\nif "`y\'" == "a" {\nreg y d\n}\nelse {\nreg z d\n}\n}', [3, 6]),
        ("if 1 > 2 reg y d\nelse if 2 == 2 reg z d\nelse reg w d", [2]),
        ("if (1 != 2) {\nreg y d\n}\nelse if `x' {\nreg z d\n}", [2]),
        ("local k = 3\nif `k' >= 3 {\nreg y d\n}\nreg z d", [3, 5]),
    ],
)
def test_conditions_of_numbers_and_texts_are_decided(code, lines):
    found = read_code(code, ".do")
    assert [r.line for r in found.regressions] == lines
    assert not found.skipped


def test_a_lag_after_a_cut_does_not_see_the_rows_that_are_gone():
    found = read_code("use a\nxtset id year\nkeep if year > 2000\nreg y L.x, cluster(id)\n", ".do")
    assert found.regressions[0].terms == ("l(x_kept, 1)",)
    assert found.derived == {"x_kept": "ifelse(year > 2000, x, NA)"}
    found = read_code("use a\nxtset id year\nkeep if year > 2000\nreg y L(1/2).x, cluster(id)\n", ".do")
    assert found.regressions[0].terms == ("l(x_kept, 1:2)",)
    found = read_code("use a\nxtset id year\ngen x_kept = 1\nkeep if year > 2000\nreg y L.x x_kept\n", ".do")
    assert found.regressions[0].terms == ("l(x_kept_2, 1)", "x_kept")
    code = "use a\nxtset id t\nkeep if t > 2\nreg y L.x\npreserve\ndrop if y > 1\nreg y L.x\nrestore\nreg y L2.x\n"
    found = read_code(code, ".do")
    assert [r.terms for r in found.regressions] == [("l(x_kept, 1)",), ("l(x_kept_2, 1)",), ("l(x_kept, 2)",)]
    assert not found.notes


BEHIND_A_CUT = """\
egen m = mean(poverty) if year != 2006, by(region)
bysort sid: egen top = max(l_police)
xtile q = l_income, nq(4)
winsor2 homicide, replace cuts(5 95)
gen jump = D.homicide
gen rich = L.unemployrt > 5
egen double lagged = mean(L.poverty), by(region year)
egen double before = mean(l_income) if L3.poverty < ., by(region)
xtile half = l_income if L.post == 0, nq(2)
reghdfe homicide post m L.poverty i.q, absorb(sid year) cluster(sid)
reghdfe jump post F.poverty top if q != 2, absorb(sid year) cluster(sid)
reghdfe homicide post rich, absorb(sid year) cluster(sid)
reghdfe homicide post lagged half if before != ., absorb(sid year) cluster(sid)
reghdfe homicide post if L.unemployrt > 5, absorb(sid year) cluster(sid)
reghdfe homicide post if L.post == 0 & !missing(L3.poverty), absorb(sid year) cluster(sid)
reghdfe homicide post [aw=L3.popwt], absorb(sid year) cluster(sid)
reghdfe homicide post cL.poverty#c.l_income if FD.poverty < 9, absorb(sid i.region#i.year L2.post) cluster(sid)
"""


def test_behind_a_cut_everything_is_made_of_the_rows_that_are_left(tmp_path):
    """Rows that the code drops give the same numbers as a file without them."""
    castle = pl.read_csv(CASTLE)
    castle = castle.with_columns(
        pl.when(pl.col("unemployrt") < 4).then(None).otherwise(pl.col("unemployrt")).alias("unemployrt")
    )
    castle.write_csv(tmp_path / "all.csv")
    castle.filter((pl.col("year") > 2002) & (pl.col("poverty") <= 18)).write_csv(tmp_path / "less.csv")
    estimates = []
    for name, cut in (("all", "keep if year > 2002\ndrop if poverty > 18\n"), ("less", "")):
        (tmp_path / f"{name}.do").write_text(f"use {name}.csv\nxtset sid year\n{cut}{BEHIND_A_CUT}", "utf-8")
        done = call_specdid(["init", name, "--from", f"{name}.do"], tmp_path)
        assert done.returncode == 0, done.stderr
        assert "lines" not in done.stdout
        results = estimated(prepare(tmp_path / name / f"{name}.toml"))
        estimates.append([*zip(results.estimate.tolist(), results.numbers["std_error"][:, 0].tolist(), strict=True)])
    np.testing.assert_allclose(estimates[0], estimates[1], rtol=1e-9)
    assert np.isfinite(estimates[0]).all()
    assert len(estimates[0]) == 8


def test_what_restore_undoes_is_one_line():
    code = "use a\nREG\npreserve\ncollapse y, by(x)\nkeep in 1\nmerge 1:1 x using b\nhausman a b\nrestore\nREG\n"
    found = read_code(code.replace("REG", "reg y x"), ".do")
    assert [line for line, _, _ in found.skipped] == [7, 3]
    assert "3 statements up to `restore` in line 8" in found.skipped[1][2]
    assert [r.condition for r in found.regressions] == ["TRUE", "TRUE"]
    found = read_code("use a\npreserve\nduplicates drop\nreg y x\nrestore\n", ".do")
    assert "for the regressions between" in found.skipped[0][2]


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("ivreghdfe y (x = z), absorb(id)", "[instruments]"), ("ivreg2 y (x = z)", "[instruments]"),
        ("csdid y x, ivar(id) time(t) gvar(g)", "`csdid`"), ("eventstudyinteract y g_*, cohort(g)", "`sunab`"),
        ("psmatch2 d x", "`match`"), ("teffects psmatch (y) (d x)", "`match`"), ("bacondecomp y d", "[decomposition]"),
        ("honestdid, pre(1/3)", "[honest]"), ("boottest d", "`null"), ("hausman fe re", "[hausman]"),
        ("xtreg y x, re", "[hausman]"), ("qreg y x", "nothing here"), ("merge m:1 id using b", '[data."name"]'),
        ("xtscc y x", "Driscoll and Kraay are not here"),
        ("newey y x, lag(2)", "Newey and West are not here"), ("acreg y x", "Conley are not here"),
        ("reg y x, absorb(id) exposure(pop)", "offset(log(x))"), ("by g: reg y x", "each(g)"),
    ],
)  # fmt: skip
def test_what_is_not_taken_over_is_told_with_its_part_here(line, table):
    ((_, _, why),) = read_code(line, ".do").skipped
    assert table in why


@pytest.mark.parametrize(
    ("word", "terms", "effects"),
    [
        ("i.post", ("post",), "0"), ("i.treat##i.post", ("treat", "post", "treat:post"), "0"),
        ("treat##post", ("treat", "post", "treat:post"), "0"), ("c.x##c.x", ("x + I(x^2)",), "0"),
        ("i.region", (), "region"), ("i.region#i.year", (), "region^year"),
        ("1.treat#1.post", ("treat:post",), "0"), ("1.treat#1.region", ("(treat == 1):(region == 1)",), "0"),
        (
            "treat##post##i.odd",
            ("treat", "post", "odd", "treat:post", "treat:odd", "post:odd", "treat:post:odd"),
            "0",
        ),
        ("treat##post#odd", None, ""),
        ("ib2000.year#i.treat", None, ""), ("ib2000.year#c.treat", ("i(year, treat)",), "0"),
        ("i.treat#i.post", None, ""), ("treat#c.x", ("i(treat, x)",), "0"), ("c.x#region", ("i(region, x)",), "0"),
        ("treat##c.x", ("treat", "x", "treat:x"), "0"),
        ("i.L.treat", ("l(treat, 1)",), "0"), ("iL.treat", ("l(treat, 1)",), "0"), ("L.i.treat", ("l(treat, 1)",), "0"),
        ("1.L2.treat", ("l(treat, 2)",), "0"), ("i.L2.odd##i.treat", ("treat", "l(odd, 2)", "treat:l(odd, 2)"), "0"),
        ("i.F.treat##c.x", None, ""),
        ("iL.region", (), "l(region, 1)"), ("ib2L.region", (), "l(region, 1)"), ("i.L.region#c.x", None, ""),
        ("2L.region", None, ""), ("i2.L.region", None, ""), ("i.D.treat", None, ""), ("D.i.treat", None, ""),
        ("i2.region", ("(region == 2)",), "0"), ("i2.region#c.x", ("(region == 2):x",), "0"),
        ("i0.treat", ("(treat == 0)",), "0"), ("i1.treat", ("treat",), "0"), ("i2000.year", ("(year == 2000)",), "0"),
        ("ib0.treat##c.x", ("treat", "x", "treat:x"), "0"), ("b1.treat##i.odd", None, ""),
        ("ib(last).treat##c.x", None, ""), ("ib(first).treat##c.x", ("treat", "x", "treat:x"), "0"),
        ("LL.x", ("l(x, 2)",), "0"), ("L2F.x", ("l(x, 1)",), "0"), ("FL.x", ("x",), "0"),
        ("LD.x", ("l(d(x, 1), 1)",), "0"),
        ("i.(treat region)", ("treat",), "region"), ("L.(x treat)", ("l(x, 1)", "l(treat, 1)"), "0"),
        ("c.(x treat)", ("x", "treat"), "0"), ("(i.treat i.odd)##c.x", ("treat", "x", "treat:x", "odd", "odd:x"), "0"),
        ("i.treat##(i.odd c.x)", ("treat", "odd", "treat:odd", "x", "treat:x"), "0"),
        ("i(2 3).region", ("(region == 2)", "(region == 3)"), "0"),
        ("i(2/3).region#c.x", ("(region == 2):x", "(region == 3):x"), "0"), ("(x treat)", ("x", "treat"), "0"),
        ("(x = treat)", None, ""),
        ("region##c.x", ("factor(region)", "x", "factor(region):x"), "0"),
        ("i.region##c.x", ("factor(region)", "x", "factor(region):x"), "0"),
        ("ib(first).region##c.x", ("factor(region)", "x", "factor(region):x"), "0"),
        ("ib3.region##c.x", ("i(region, ref = 3)", "x", "i(region, x, ref = 3)"), "0"),
        ("c.x##b3.region", ("i(region, ref = 3)", "x", "i(region, x, ref = 3)"), "0"),
        ("ib3.region##c.L.x", ("i(region, ref = 3)", "l(x, 1)", "i(region, ref = 3):l(x, 1)"), "0"),
        ("ib(last).region##c.x", None, ""),
        ("ibn.region##c.x", None, ""),
        ("ib1.treat##c.x", ("i(treat, ref = 1)", "x", "i(treat, x, ref = 1)"), "0"),
    ],
)  # fmt: skip
def test_factors_of_two_values_are_terms_and_no_fixed_effects(word, terms, effects):
    names = frozenset({"treat", "region", "x", "y"})
    facts = DataFacts(names, names, frozenset({"treat"}))
    made = "gen post = year > 2000\ngen odd = mod(year, 2) == 1"
    code = f"use a\nxtset id year\n{made}\nreg y {word}, cluster(id)\n"
    found = read_code(code, ".do", facts)
    assert [(r.terms, r.effects) for r in found.regressions] == ([] if terms is None else [(terms, effects)])
    assert bool(found.skipped) == (terms is None)


@pytest.mark.parametrize(
    ("lines", "derived"),
    [
        (
            "qui sum x, d\ngen v = x > r(p99)",
            {"x_p99": "quantile(x, 0.99, type = 2)", "v": "x > x_p99 & !is.na(x_p99)"},
        ),
        ("su x if d == 1\ngen v = x - r(mean)", {"x_mean": "mean(ifelse(d == 1, x, NA))", "v": "x - x_mean"}),
        ("summ x, meanonly\nlocal m = r(max)\ngen v = x - `m'", {"x_max": "max(x)", "v": "x - x_max"}),
        ("sum x\nscalar m = r(min)\ngen v = x - m", {"x_min": "min(x)", "v": "x - x_min"}),
        ("sum x\ngen w = 1\nglobal m = r(N)\ngen v = d * $m", {"x_N": "sum(!is.na(x))", "v": "d * x_N"}),
        ("drop if d > 3\nsum x\ngen v = x - r(mean)", {"x_mean": "mean(ifelse(!(d > 3), x, NA))", "v": "x - x_mean"}),
    ],
)
def test_what_summarize_leaves_is_read_of_the_rows_at_its_line(lines, derived):
    names = frozenset({"x", "d", "y", "id", "t"})
    found = read_code(f"use a\nxtset id t\n{lines}\nreg y d v\n", ".do", DataFacts(names, names))
    assert not found.skipped
    assert {name: found.derived[name] for name in derived} == derived


@pytest.mark.parametrize(
    "lines",
    [
        "sum x\ntab d\ngen v = x - r(mean)", "sum x\ngen v = x - r(p99)", "sum x [aw=d]\ngen v = x - r(mean)",
        "sum x d\ngen v = x - r(mean)", "bysort id: sum x\ngen v = x - r(mean)", "count if x > 1\ngen v = d / r(N)",
        "sum x in 1/9\ngen v = x - r(mean)", "sum x\ngen v = x - r(Var)",
        "sum x if e(sample)\ngen v = x - r(mean)", "sum x\nreg y x\nlocal m = r(mean)\ngen v = x - `m'",
        "sum x\nqui sum d if d > 9, mean\negen w = mean(x)\ngen v = x - r(mean)",
    ],
)  # fmt: skip
def test_what_another_command_may_have_left_is_listed(lines):
    names = frozenset({"x", "d", "y", "id", "t"})
    found = read_code(f"use a\nxtset id t\n{lines}\nreg y d v\n", ".do", DataFacts(names, names))
    assert found.skipped
    assert "v" not in found.derived


def test_a_scalar_that_cuts_a_columns_name_down_is_the_column_in_stata():
    facts = DataFacts(names := frozenset({"y", "d", "weeks", "married"}), names)
    for made, listed in (("weeks/m", True), ("weeks/scalar(m)", False), ("weeks/k", False)):
        code = f"use a\nscalar m = 20\nscalar k = 3\ngen v = {made}\nreg y d v\n"
        found = read_code(code, ".do", facts)
        assert [line for line, _, why in found.skipped if "is the column `married` in Stata" in why] == [4] * listed
    found = read_code("use a\nset varabbrev off\nscalar m = 20\ngen v = weeks/m\nreg y d v\n", ".do", facts)
    assert found.derived == {"v": "weeks/20"}


@pytest.mark.parametrize(
    ("sets", "word", "terms"),
    [
        ("fvset base 1 treat", "i.treat##c.x", ("i(treat, ref = 1)", "x", "i(treat, x, ref = 1)")),
        ("fvset base 1 treat", "i.odd##i.treat", None), ("fvset base last treat odd", "treat##odd", None),
        ("fvset base 0 treat", "i.treat##c.x", ("treat", "x", "treat:x")), ("fvset base 1 odd", "i.treat", ("treat",)),
        ("char treat[omit] 1", "i.treat##c.x", ("i(treat, ref = 1)", "x", "i(treat, x, ref = 1)")),
    ],
)  # fmt: skip
def test_a_base_level_that_a_line_sets_is_that_of_the_regressions_behind_it(sets, word, terms):
    facts = DataFacts(names := frozenset({"treat", "odd", "x", "y"}), names, frozenset({"treat", "odd"}))
    found = read_code(f"use a\n{sets}\nreg y {word}\n", ".do", facts)
    assert [r.terms for r in found.regressions] == ([] if terms is None else [terms])
    assert bool(found.skipped) == (terms is None)
    assert any(
        "of 1 against 0" in why
        for _, why in read_code("use a\nfvset base 1 treat\nreg y i.treat x\n", ".do", facts).notes
    )


@pytest.mark.parametrize(("word", "noted"), [("ib1.treat", True), ("ib0.treat", False), ("i.treat", False)])
def test_a_base_of_one_turns_the_sign_of_a_column_of_0_and_1_and_that_is_noted(word, noted):
    names = frozenset({"treat", "x", "y"})
    found = read_code(f"use a\nreg y {word} x\n", ".do", DataFacts(names, names, frozenset({"treat"})))
    assert [r.terms for r in found.regressions] == [("treat", "x")]
    assert [line for line, told in found.notes if "of 1 against 0" in told] == [2] * noted


def test_names_cut_down_to_their_first_letters_are_written_out_and_noted():
    facts = DataFacts(
        names := frozenset({"outcome", "treat", "income", "inhabitants", "year", "state", "popul"}), names
    )
    code = (
        "use a\ngen lincome = log(income)\n"
        'reghdfe outc tre L.inc lin if yea > 2000 & state != "yea" [aw=pop], absorb(st i.yea) vce(cluster st)\n'
        "reg outc treat in_x\n"  # in_x is no column and cuts none down
    )
    found = read_code("xtset state year\n" + code, ".do", facts)
    first, second = found.regressions
    assert (first.outcome, first.terms, first.effects) == (
        "outcome",
        ("treat", "l(income, 1)", "lincome"),
        "state + year",
    )
    assert (first.condition, first.weights, first.vcov) == ('year > 2000 & state != "yea"', "popul", "~state")
    assert second.terms == ("treat", "in_x")
    assert (4, "`inc` is `income`, as Stata reads it") in found.notes
    assert len([told for _, told in found.notes if "as Stata reads it" in told]) == 7


SHORT = DataFacts(_SHORT := frozenset({"income", "inhabitants", "state", "year", "y", "d"}), _SHORT)


@pytest.mark.parametrize(
    ("lines", "name", "made"),
    [
        ("gen ly = log(inc)", "ly", "log(income)"),
        ("egen m = mean(inc), by(sta)", "m", "mean(income, by = state)"),
        (
            "bys sta yea: egen m = max(inc) if yea > 5",
            "m",
            "ifelse(year > 5, max(ifelse(year > 5, income, NA), by = state^year), NA)",
        ),
        ("bys sta: gen n = _N", "n", "count(by = state)"),
        ("gen z = inc*yea if sta == 3", "z", "ifelse(state == 3, income * year, NA)"),
        ("gen z = cond(inc > 3, L.inc, F2.inc)", "z", "ifelse(income > 3, l(income, 1), f(income, 2))"),
        ("gen z = income\nreplace z = inh if inc < 3", "z", "ifelse(income < 3, inhabitants, income)"),
        ("clonevar z = inc", "z", "income"),
        ("rename inc z", "z", "income"),
        ("su inc\ngen z = inc - r(mean)", "z", "income - inc_mean"),
        ("egen z = rowmiss(inc inh)", "z", "(is.na(income)) + (is.na(inhabitants))"),
    ],
)
def test_names_cut_down_in_what_makes_a_column_are_read_as_stata_reads_them(lines, name, made):
    found = read_code(f"use a\nxtset sta yea\n{lines}\nreghdfe y d {name}, a(sta)\n", ".do", SHORT)
    assert (found.unit, found.time) == ("state", "year")
    assert found.derived[name].replace(" ", "") == made.replace(" ", "")
    assert not found.skipped


@pytest.mark.parametrize(
    "line", ["gen z = log(i)", "egen z = mean(2*i), by(state)", "keep if i*3 > 3", "clonevar z = i"]
)
def test_a_name_that_may_be_several_columns_is_listed(line):
    found = read_code(f"use a\n{line}\nreghdfe y d, a(state)\n", ".do", SHORT)
    assert [at for at, _, _ in found.skipped] == [2]
    assert "clonevar" in line or "`i` may be `income` or `inhabitants`" in found.skipped[0][2]


@pytest.mark.parametrize(
    "line",
    [
        "gen i = 3\ngen z = i + income",  # a whole name
        "tempvar inc\ngen `inc' = 1\ngen z = inhab + `inc'",
        "su income\ngen z = r(mean)\ngen v = inc - 1",
        "gen z = income if yea > 3 & yea < 8",
        "gen z = state == 3 | inlist(state, 5, 6)",
        "scalar inhab = 3\ngen z = scalar(inhab)",
    ],
)
def test_whole_names_and_names_of_stata_alone_are_cut_down_by_nobody(line):
    found = read_code(f"use a\n{line}\nreghdfe y d z, a(state)\n", ".do", SHORT)
    assert not found.skipped


@pytest.mark.parametrize("line", ["reg outc in", "set varabbrev off\nreg outc tre"])
def test_names_cut_down_to_letters_of_several_columns_stay(line):
    facts = DataFacts(names := frozenset({"outcome", "treat", "income", "inhabitants"}), names)
    found = read_code(f"use a\n{line}\n", ".do", facts)
    assert not any("treat" in r.terms or "income" in r.terms for r in found.regressions)


@pytest.mark.parametrize(
    ("regressors", "absorbed", "slopes"),
    [
        ("c.x#ib2000.year", "id year", "i(year, x)"),  # Stata leaves no level out: the base matters beside x alone
        ("ib2000.year#c.lx", "id year", "i(year, lx)"),
        ("c.x#b2000.year", "id year", "i(year, x)"),
        ("c.L.x#ib2000.year", "id year", "factor(year):l(x, 1)"),
        ("ib2000.year#c.x#c.base", "id year", "factor(year):x:base"),
        ("b2000.year#c.x x", "id year", "i(year, ref = 2000):x"),
        ("c.x#ib2000.year x", "id year", "i(year, x, ref = 2000)"),
        ("c.x#ib2000.year c.x##c.x", "id year", "i(year, x, ref = 2000)"),
        ("c.base#ib2000.year", "id year", "i(year, base, ref = 2000)"),
        ("c.base#ib2000.year", "year", "i(year, base)"),
        ("c.mx#ib2000.year", "id year", "i(year, mx, ref = 2000)"),
        ("c.mx#ib2000.year", "i.id#c.x year", "i(year, mx)"),
    ],
)
def test_a_base_is_left_out_of_slopes_only_beside_the_number_itself(regressors, absorbed, slopes):
    code = "xtset id year\ngen lx = log(x)\negen m = mean(x), by(id)\ngen mx = m^2\n"
    found = read_code(f"{code}reghdfe y d {regressors}, a({absorbed}) cl(id)\n", ".do", two_units())
    assert slopes in found.regressions[0].terms


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("xtreg y d [aw=x], fe", "xtreg, fe stops at weights that vary within `id`, as those by `x` do"),
        ("xtreg y d [pw=x^2], fe", "vary within `id`, so where those by `x^2` do"),
        ("xtreg y d [aw=base], fe", None),
        ("xtreg y d [aw=m], fe", None),
        ("xtreg y d, fe", None),
        ("reghdfe y d [aw=x], a(id)", None),
    ],
)
def test_weights_that_vary_within_a_unit_are_said_to_stop_xtreg(command, told):
    found = read_code(f"xtset id year\negen m = mean(x), by(id)\n{command}\n", ".do", two_units())
    assert len(found.regressions) == 1
    notes = [text for _, text in found.notes if "weights" in text]
    assert [told in text for text in notes] == [True] * (told is not None)


@pytest.mark.parametrize(
    ("terms", "data", "taken"),
    [
        ("d + d:factor(g)", "df", ("d", "i(g, d, ref = 2)")),
        ("as.factor(g):d + d", "df", ("i(g, d, ref = 2)", "d")),
        ("d:factor(g)", "df", ("d:factor(g)",)),
        ("d + i(g, d, ref = 3)", "df", ("d", "i(g, d, ref = 3)")),
        ("d + d:factor(g)", "df[df$x > 1, ]", None),  # the first level may have gone
        ("d + d:factor(z)", "df", None),
        ("d * factor(g)", "df", ("d", "i(g, d, ref = 2)")),
        ("d * factor(g)", "df[df$x > 1, ]", None),
        ("d + csw0(d:factor(g))", "df", None),
        ("d + i(g, d)", "df", None),
    ],
)
def test_a_product_with_a_factor_beside_its_column_leaves_the_first_level_out_as_r_does(terms, data, taken):
    """All levels beside the column were not identified, which the run alone said."""
    columns = {
        "y": [1.0, 2, 4],
        "d": [0.0, 1, 1],
        "g": [2.0, 3, 5],
        "x": [1.0, 2, 3],
        "id": [1.0, 1, 2],
        "t": [1.0, 2, 1],
    }
    facts = facts_of(panel_of(columns, "id", "t").columns, "a.csv")
    code = f'df <- read.csv("a.csv")\nfeols(y ~ {terms} | id + t, {data}, ~id)\n'
    found = read_code(code, ".R", facts)
    assert [r.terms for r in found.regressions] == ([taken] if taken else [])
    assert bool(found.skipped) == (taken is None)


def test_summaries_of_groups_behind_a_filter_are_of_the_rows_that_are_left():
    code = """\
library(dplyr)
df <- read.csv("a.csv") %>% filter(x > 0)
df <- df %>% group_by(id) %>% mutate(m = mean(z, na.rm = TRUE), n = n(), last = lag(z)) %>% ungroup()
df <- df %>% filter(n > 2)
feols(y ~ d + m | id + t, df, ~id)
"""
    found = read_code(code, ".R")
    assert found.derived == {"m": "mean(ifelse(x > 0, z, NA), by = id)", "n": "sum(ifelse(x > 0, 1, NA), by = id)"}
    assert [r.condition for r in found.regressions] == ["x > 0 & n > 2"]
    assert [text for _, text, _ in found.skipped] == ["mutate(last = lag(z))"]


def test_a_time_that_mutate_moves_by_a_number_is_that_of_the_data():
    code = """\
library(dplyr)
df <- read.csv("a.csv") %>% mutate(year = year + 1900, late = year > 1990)
df <- df %>% group_by(id) %>% mutate(g = min(year[d == 1], na.rm = TRUE)) %>% ungroup()
feols(y ~ d + late | id + year, df, ~id)
"""
    found = read_code(code, ".R")
    assert (found.unit, found.time) == ("id", "year")
    assert found.regressions[0].effects == "id + year_2"
    assert "moves `year` by a number" in found.comments["study"][-1]
    assert [text for _, text, _ in found.skipped] == ["mutate(g = min(year[d == 1], na.rm = TRUE))"]
    found = read_code(code.replace("year + 1900", "year %/% 2"), ".R")
    assert found.time is None


def test_what_an_unread_join_may_bring_and_names_of_data_table_are_called_so():
    code = """\
cpi <- read.csv("cpi.csv")
df <- read.csv("a.csv") %>% left_join(cpi, by = "t") %>% mutate(r = y / cpi)
feols(r ~ d | id + t, df, ~id)
"""
    why = {text: why for _, text, why in read_code(code, ".R").skipped}
    assert "a column that line 2, not read, may bring" in why["mutate(r = y / cpi)"]
    ((_, _, told),) = read_code(
        'dt <- fread("a.csv")\ndt[, g := .GRP, by = id]\nfeols(y ~ d + g | t, dt, ~id)\n', ".R"
    ).skipped
    assert "`.GRP` is data.table's" in told


def test_with_the_frame_itself_is_its_expression():
    found = read_code(
        'df <- read.csv("a.csv")\ndf$r <- with(df, ifelse(s == 1, 1, 0))\nfeols(y ~ d + r | id + t, df, ~id)\n', ".R"
    )
    assert found.derived == {"r": "ifelse(s == 1, 1, 0)"}
    assert not found.skipped


def test_slopes_of_a_factor_that_an_unread_line_makes_are_listed():
    found = read_code(
        "use a\nxtset id year\negen poor = cut(x), at(0 .5 2)\nreg y c.post##i.poor, cluster(id)\n", ".do"
    )
    assert not found.regressions
    assert 4 in [line for line, _, _ in found.skipped]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_code_is_read_in_any_usual_encoding_and_line_ending(tmp_path, encoding):
    code = '* 表一\r\nuse 数据.dta\r\nreghdfe y d if 省份 == "北京", absorb(id year)\r\n'
    (tmp_path / "a.do").write_bytes(code.encode(encoding))
    done = call_specdid(["init", "new", "--from", "a.do"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tomllib.loads((tmp_path / "new/new.toml").read_text("utf-8"))["sample"]) == ['省份 == "北京"']


def test_singletons_that_are_kept_and_steps_of_time_are_told():
    found = read_code("xtset id year, delta(5)\nreghdfe y d, absorb(id) keepsingletons\n", ".do")
    assert found.step == "5"
    assert "keepsingletons" in found.notes[0][1]


def test_long_lists_of_controls_have_labels_that_check_takes(drafted):
    names = " ".join(["c.poverty#c.l_police", "c.blackm_15_24#c.whitem_15_24", "c.unemployrt#c.l_income"] * 3)
    more = " ".join(f"L{k}.poverty L{k}.l_police L{k}.unemployrt L{k}.l_income" for k in range(1, 4))
    code = f"use castle.csv\nxtset sid year\nreghdfe homicide post {names} {more}, a(sid)\n"
    code += f"reghdfe homicide post {names} {more} popwt, a(sid)\nreghdfe robbery post, a(sid)\n"
    done, spec = drafted(code, "a.do")
    assert done.returncode == 0, done.stderr
    assert len(specdid.plan(spec)) == 3
    labels = [*tomllib.loads(spec.read_text("utf-8"))["controls"]]
    assert [" … " in label for label in labels] == [True, True, False]


@pytest.mark.parametrize("terms", ["pre2 pre1 post0 post1", "lead* lag*", "ib2005.year#c.poverty"])
def test_event_studies_are_pointed_to(drafted, terms):
    code = f"use castle.csv\nreghdfe homicide post, a(sid year)\nreghdfe homicide {terms}, a(sid year)\n"
    done, spec = drafted(code, "a.do", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    assert "[event_study]" in spec.read_text("utf-8")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            "foreach k in 3 4 6 {\ngen e`k' = poverty*(year == 200`k')\n}\nreghdfe homicide e3 e4 e6, a(sid year)",
            '`e3`, `e4` and so on are periods of [event_study], with time = "calendar"',
        ),
        (
            "foreach k in 2003 2006 {\ngen ev`k' = robbery*(year == `k')\n}\nreg homicide ev2003 ev2006",
            '`ev2003` and `ev2006` are periods of [event_study], with time = "calendar"',
        ),
        ("reghdfe homicide lead1 lead2, a(sid year)", "`lead1` and `lead2` are periods of [event_study], with the"),
        ("gen fake = poverty*(year >= 2003)\nreghdfe homicide fake, a(sid year)", "`fake` may be, is [placebo]"),
        ("gen other = poverty*(year >= 2003)\nreghdfe homicide other, a(sid year)", "`other` may be, is [placebo]"),
        (
            "replace did = 0 if year == 2006\ngen x = robbery\nreghdfe homicide x, a(sid year)\nreplace x = 2*x\n"
            "reghdfe homicide did x, a(sid year)",
            "`did_2` is `did` as line 5 makes it: `--treatment did_2`, or a second option of [treatment]",
        ),
        ("gen other = robbery*(year >= 2003)\nreghdfe homicide other, a(sid year)", "~ other (without `did`)"),
    ],
)
def test_periods_and_fake_treatments_are_pointed_to(drafted, lines, told):
    code = "use castle.csv\nxtset sid year\ngen did = poverty*(year >= 2006)\nreghdfe homicide did, a(sid year)\n"
    done, spec = drafted(f"{code}{lines}\n", "a.do", "--treatment", "did")
    assert done.returncode == 0, done.stderr
    assert told in " ".join(spec.read_text("utf-8").replace("\n#", "").split())


def test_effects_of_years_are_pointed_to_calendar_time(drafted):
    code = 'd <- read.csv("castle.csv")\nfeols(homicide ~ post | sid + year, d)\n'
    code += "feols(homicide ~ i(year, ever, ref = 2005) | sid + year, d)\n"
    done, spec = drafted(code, "a.R", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    text = " ".join(spec.read_text("utf-8").replace("\n#", "").split())
    assert 'Here: an event study by year is [event_study], with time = "calendar" and reference;' in text


def test_code_without_a_term_is_refused(drafted):
    done, spec = drafted("reghdfe y i.d, a(id)\n", "a.do")
    assert done.returncode == 2
    assert "has a term beside its fixed effects" in done.stderr
    assert "without `i.`" in done.stderr
    assert not spec.exists()


def test_combinations_are_counted_as_they_are_planned(drafted):
    code = """\
df <- read.csv("castle.csv")
feols(homicide ~ post + csw(poverty, l_police) | sid + year, df, ~sid)
feols(log(homicide) ~ post | sid, df, ~sid)
"""
    done, spec = drafted(code, "a.R")
    assert done.returncode == 0, done.stderr
    assert len(specdid.plan(spec)) == 3
    text = " ".join(spec.read_text("utf-8").replace("#", " ").split())
    assert "The 3 combinations of the code's regressions. Without this table all 12 are planned" in text
    spec.write_text(spec.read_text("utf-8").partition("[[together]]")[0], "utf-8")
    assert len(specdid.plan(spec)) == 12


def test_the_summary_counts_what_the_draft_lists(drafted):
    code = "use castle.csv\nREG post poverty, a(sid year)\nREG post, a(sid year)\nREG poverty, a(sid)\nqreg y x\n"
    done, spec = drafted(code.replace("REG", "reghdfe homicide"), "a.do", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    listed = spec.read_text("utf-8").split("# Not understood")[1]
    assert len(re.findall(r"(?m)^#   \d+: ", listed)) == 2
    assert "in 2 lines" in done.stdout


def test_what_stands_behind_a_condition_on_its_line_is_not_read_nor_its_macro_known():
    found = read_code('local c x\nreg y d `c\'\nif "`v\'" == "a" local c z\nreg y d `c\'\nelse reg y d', ".do")
    assert [r.line for r in found.regressions] == [2]
    assert [line for line, _, _ in found.skipped] == [3, 4, 5]


def test_a_treatment_that_is_made_anew_is_asked_for_with_the_line(drafted):
    done, _ = drafted("reg y d x\nreplace d = 2 * d\nreg y d z\nreg y d\n", "a.do")
    assert done.returncode == 2
    assert "line 2: from here on `d` is another column than before: `d_2` in this draft" in done.stderr


def test_tsset_of_one_column_names_the_time():
    found = read_code("tsset year\nreg y d", ".do")
    assert (found.unit, found.time) == (None, "year")
    found = read_code("xtset id\nreg y d", ".do")
    assert (found.unit, found.time) == ("id", None)


@pytest.mark.parametrize(
    ("change", "condition", "derived"),
    [
        ("df <- df[year > 1987]", "year > 1987", {}),
        ("df <- df[df$year > 1987 & !is.na(df$y), ]", "year > 1987 & !is.na(y)", {}),
        ("df <- df %>% filter(y > 1, z == 1 | z == 2) %>% arrange(id)", "y > 1 & (z == 1 | z == 2)", {}),
        ("df <- df |>\n  dplyr::filter(y > 1) |>\n  mutate(y = log(y), x = y + 1)",
        "y > 1", {"x": "y_2 + 1", "y_2": "log(y)"}),
        ("df <- filter(df, !(z %in% c(1, 2)), y > 1)", "!(z %in% c(1, 2)) & y > 1", {}),
        ("df <- df %>% group_by(id) %>% filter(z > 1)", "z > 1", {}),
        ("df <- group_by(df, id)\ndf <- df %>% filter(max(z, na.rm = TRUE) > 1)", "max(z, by = id) > 1", {}),
        ("df <- df %>% group_by(id) %>% mutate(w = 1)\ndf <- df %>% mutate(x = mean(z, na.rm = TRUE))",
         "TRUE", {"x": "mean(z, by = id)"}),
        ("df <- group_by(df, id)\ndf <- mutate(df, x = lag(z))", "TRUE", {"x": "l(z, 1)"}),
        ("df <- group_by(df, id)\ndf <- ungroup(df)\ndf <- mutate(df, x = mean(z, na.rm = TRUE))",
         "TRUE", {"x": "mean(z)"}),
        ("df <- as.data.table(group_by(df, id))\ndf <- mutate(df, x = mean(z, na.rm = TRUE))",
         "TRUE", {"x": "mean(z)"}),
        ("df <- group_by(df, id)\ndf <- transform(df, x = mean(z, na.rm = TRUE))", "TRUE", {"x": "mean(z)"}),
        ("df <- df %>% arrange(desc(year)) %>% arrange(id, year) %>% group_by(id) %>% mutate(x = lag(z))",
         "TRUE", {"x": "l(z, 1)"}),
        ("all <- df\ndf <- all[all$z > 1, ]", "z > 1", {}),
        ("setFixest_estimation(data = df)", "TRUE", {}),
        ("df <- tidyr::drop_na(df, y, z)", "!is.na(y) & !is.na(z)", {}),
        ("dt <- setDT(copy(df))\ndt[, `:=`(x = fifelse(z > 1, 1L, 0L), w = 2)]\ndf <- dt",
        "TRUE", {"x": "ifelse(z > 1, 1L, 0L)"}),
        ("df[, x := shift(z, 2L, type = 'lead'), by = id]", "TRUE", {"x": "f(z, 2)"}),
        ("df <- df %>% group_by(id) %>% mutate(x = z - dplyr::lag(z)) %>% ungroup()", "TRUE", {"x": "z - l(z, 1)"}),
        ("df[, x := mean(z, na.rm = TRUE), by = .(id, year)]", "TRUE", {"x": "mean(z, by = group(id, year))"}),
        ("df[, x := fifelse(any(z == 1, na.rm = TRUE), min(year[z == 1], na.rm = TRUE), 0), by = id]", "TRUE",
         {"x": "ifelse(is.finite(first(z == 1)), first(z == 1), 0)"}),
        ("df$x <- df$z / 2\ndf[z > 3, x := 1]", "TRUE", {"x": "ifelse(is.na(z > 3), z / 2, ifelse(z > 3, 1, z / 2))"}),
        ("df <- transform(df, x = z)\ndf$junk <- NULL", "TRUE", {"x": "z"}),
        ("df <- df %>% mutate(x = mean(z, na.rm = TRUE), .by = c(id, year))", "TRUE",
         {"x": "mean(z, by = group(id, year))"}),
        ("df <- df %>% filter(z > mean(z, na.rm = TRUE), .by = year)", "z > mean(z, by = year)", {}),
        ("df <- df[g %chin% c('a', 'b')]", "g %in% c('a', 'b')", {}),
        ("df$x <- pmax(df$z, df$w, na.rm = TRUE)", "TRUE", {"x": "coalesce(pmax(z, w), z, w)"}),
        ("df$x <- df$z / 2\ndf$x[is.na(df$x)] <- 0", "TRUE", {"x": "z / 2", "x_2": "ifelse(is.na(x), 0, z / 2)"}),
        ("df$x <- 1\ndf$x[df$z > 3] <- 0", "TRUE", {"x": "ifelse(is.na(z > 3), 1, ifelse(z > 3, 0, 1))"}),
    ],
)  # fmt: skip
def test_changes_of_data_in_r_become_rows_and_definitions(change, condition, derived):
    found = read_code(f'df <- read.csv("a.csv")\n{change}\nfeols(y ~ d + x | id + year, df, vcov = "iid")\n', ".R")
    assert [r.condition for r in found.regressions] == [condition]
    assert found.derived == derived
    assert not found.skipped
    assert (found.unit, found.time) == ("id", "year")


@pytest.mark.parametrize(
    "change",
    [
        "df <- na.omit(df)", "df <- merge(df, other, by = 'id')", "df <- dplyr::distinct(df)",
        "df <- df %>% slice(1:9)",
        "df <- df[1:100, ]", "df$x <- other$z", "df$x[df$z == 1] <- 0", "df[df$z > 1, 'x'] <- 0",
        "df$x <- cut(df$z, c(5, 10))",
        "df[, x := mean(z), by = id]", "df[, x := cumsum(z)]", "df <- df %>% mutate(x = dplyr::lag(z))",
        "df <- df %>% mutate(x = z / k)\nk <- f()", "for (k in 1:2) {\n  df <- df[z > 1]\n}",
        "if (TRUE) df <- df[z > 1]",
        "suppressWarnings({ df$x <- 1 })", "df <- within(df, { x <- z })", "setnames(df, 'z', v)",
        "names(df)[2] <- 'x'",
        "df <- df[z > 1]\ndf[, x := shift(z), by = id]", "df %<>% filter(z > 1)",
        "df <- df %>% mutate(x = 1, .by = starts_with('i'))",
        "df <- subset(df, z > 1, select = c(x = z))", "df[z > 1, x := 2]",
        "df <- read.csv('a.csv', nrows = 100)",
        "df$x <- resid(feols(y ~ d, df))",
        "same <- df\nsame[, x := 2]\nfeols(y ~ x, same, cluster = ~id)",
        "summary(feols(y ~ d, df), vcov = 'hetero')",
        "feols(y ~ d, df) |> summary(cluster = ~id)",
        "m <- summary(m, se = 'hetero')",
        "with(df, feols(y ~ d))",
        "feols(y ~ d, df, ~id, ~w)",
        "summary(m, vcov = ~id)", "etable(m, cluster = ~id)", "setFixest_vcov(all = x)\nfeols(y ~ x, df)",
        "glm(y ~ x, poisson, df)",
        "att_gt(yname = 'y', data = df)", "df <- df %>% mutate(across(c(y, x), odd))", "df <- rbind(df, df)",
        "levels(df$x) <- 1:3",
        "df <- df %>% mutate(x = z %o% 2)", "local(df <- df[z > 1])", "df <- df[z > 1, .(y, x)]",
    ],
)  # fmt: skip
def test_what_changes_data_in_r_and_is_not_taken_over_is_listed(change):
    found = read_code(f'df <- read.csv("a.csv")\n{change}\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n', ".R")
    assert [line for line, _, _ in found.skipped if line > 1]


HIDDEN = [
    "update(m1, . ~ . + metro)", "m2 <- update(m1, subset = ~ z > 1)",
    "do.call(feols, list(y ~ d + metro | id, data = df))", "m2 <- do.call('feols', list(y ~ d, df))",
    "do.call(fixest::feols, args)",
    "m2 <- feols_wrapper('y', df)", "my.feols('y')", "lapply(formulas, feols, data = df)",
    "Map(fixest::feols, formulas, list(df))", "is.na(df$z) <- df$z == 9", "is.na(df) <- df == 9",
    "invisible(lapply(names(df), function(v) df[[v]] <<- df[[v]] + 1))",
    "m2 <- eval(parse(text = 'feols(y ~ d + z | id, df, cluster = ~id)'))",
    "update(feols(y ~ d, df, cluster = ~id), . ~ 1)",
]  # fmt: skip


@pytest.mark.parametrize("line", HIDDEN)
def test_what_makes_regressions_or_changes_data_without_a_plain_call_is_listed(line):
    code = f"m1 <- feols(y ~ d | id + year, df, cluster = ~id)\n{line}\n"
    found = read_code(code, ".R")
    assert 2 in [at for at, _, _ in found.skipped]
    assert not [r for r in found.regressions if "z" in r.terms]


def test_calls_of_the_scripts_own_functions_that_make_regressions_are_listed():
    code = """\
run <- function(y) {
  f <- as.formula(paste(y, "~ d | id"))
  feols(f, df)
}
twice = function(y) list(run(y), 2)
plus <- function(x) x + 1
a <- run("z")
b <- lapply(c("z", "w"), twice)
c <- plus(1)
feols(y ~ d | id + year, df, cluster = ~id)
"""
    listed = {line for line, _, _ in read_code(code, ".R").skipped}
    assert {7, 8} <= listed
    assert listed.isdisjoint({6, 9, 10})


def test_what_is_never_run_is_left_out_and_listed():
    code = """\
if (FALSE) {
  for (k in 1:2) {
    feols(y ~ d + z | id, df, cluster = ~id)
  }
  df$y <- log(df$y)
} else {
  feols(y ~ d + w | id, df, cluster = ~id)
}
if (F) feols(y ~ d + v | id, df, cluster = ~id)
if (0) {
  print(1)
}
feols(y ~ d | id, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert [(r.line, r.terms) for r in found.regressions] == [(7, ("d", "w")), (13, ("d",))]
    assert [line for line, _, why in found.skipped if "never run" in why] == [1, 9]
    assert not found.derived


@pytest.mark.parametrize(
    ("call", "terms", "ssc", "told"),
    [
        ("feols(y ~ d + factor(id) + factor(year), df, cluster = ~id)", ("d",), "lsdv", False),
        ("feols(y ~ d + factor(id), df, cluster = ~id, ssc = ssc(adj = FALSE))", ("d",), "glm", False),
        ("feols(y ~ d + factor(id), df, vcov = 'iid')", ("d",), "", False),
        ("feols(y ~ d + factor(year) | id, df, cluster = ~id)", ("d",), "", True),
        ("felm(y ~ d + x^2 | id + year | 0 | id, df)", ("d", "x"), "", True),
        ("felm(y ~ d + I(x^2) | id + year | 0 | id, df)", ("d", "I(x^2)"), "", True),
        ("feols(y ~ d + x^2 | id, df, cluster = ~id)", ("d", "x^2"), "", False),
        ("feols(y ~ d + x - 1 | id, df, cluster = ~id)", ("d", "x"), "", False),
        ("feols(y ~ d + x - 1, df, cluster = ~id)", None, "", False),
        ("feols(y ~ 0 + d + x, df, cluster = ~id)", None, "", False),
        ("feols(y ~ d + x + 0, df, cluster = ~id)", None, "", False),
        ("felm(y ~ 0 + d + x | 0 | 0 | id, df)", None, "", False),
        ("feols(y ~ 0 + d + x | id, df, cluster = ~id)", ("d", "x"), "", False),
        ("felm(y ~ (d + x)^2 | id | 0 | id, df)", None, "", False),
    ],
)
def test_errors_and_powers_of_felm_and_of_factors_are_told_or_taken_over(call, terms, ssc, told):
    found = read_code(call + "\n", ".R")
    assert [(r.terms, r.ssc) for r in found.regressions] == ([(terms, ssc)] if terms else [])
    assert bool(found.skipped) == (terms is None)
    assert any(text.startswith("Line 1") for text in found.comments.get("vcov", ())) == told


DOWN = [
    "df <- df %>% arrange(desc(year))", "df <- arrange(df, id, -year)", "setorder(df, id, -year)",
    "df <- df[order(df$year, decreasing = TRUE), ]", "setorderv(df, c('id', 'year'), order = c(1, -1))",
    "df <- df[order(df$id, -df$year), ]", "df <- df[order(-year)]", "df <- df %>% arrange(z)",
    ]  # fmt: skip


@pytest.mark.parametrize("sort", DOWN)
def test_a_lag_in_another_order_of_rows_is_listed(sort):
    code = (
        f"{sort}\ndf <- df %>% group_by(id) %>% mutate(x = lag(z))\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    )
    ((line, _, why),) = read_code(code, ".R").skipped
    assert line == 2
    assert "the row before is not the period before" in why


def test_groups_and_order_of_a_statement_that_is_listed_stay_in_force():
    code = """\
df <- df %>% arrange(desc(year)) %>% group_by(id) %>% mutate(w = odd(z))
df <- df %>% mutate(x = mean(z, na.rm = TRUE), v = lag(z))
feols(y ~ d + x | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert [line for line, _, _ in found.skipped] == [1, 2]
    assert "rows are sorted by" in found.skipped[1][2]
    code = code.replace(", v = lag(z)", "")
    assert read_code(code, ".R").derived == {"x": "mean(z, by = id)"}


@pytest.mark.parametrize("made", ["min(year[d == 1])", "lag(z)", "max(lead(z, 2), na.rm = TRUE)"])
@pytest.mark.parametrize("column", ["year", "id"])
def test_what_counts_in_a_time_that_the_code_changes_is_listed_with_what_is_made_of_it(made, column):
    code = f"""\
df${column} <- df${column} * 2
df <- df %>% group_by(id) %>% mutate(g = {made}) %>% ungroup()
df <- df %>% mutate(x = year >= g, w = x * z)
feols(y ~ w | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    ((line, _, why),) = found.skipped
    assert line == 2
    assert f"`{column}` is made anew before" in why
    (told,) = (text for line, text in found.notes if line == 2)
    assert "of it are made `x`, `w`" in told


@pytest.mark.parametrize(
    ("made", "listed"),
    [
        ("df$id <- factor(df$id)", [1]),
        ("df <- df %>% mutate(id = as.factor(id), w = z)", [1]),
        ("df[, id := as.character(id)]", [1]),
        ("df$id <- as.numeric(factor(df$id)) + 1", [1, 2]),
        ("df$id <- factor(df$region)", [1, 2]),
    ],
)
def test_a_factor_of_the_unit_leaves_its_lags(made, listed):
    code = (
        f"{made}\ndf <- df %>% group_by(id) %>% mutate(x = lag(z))\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    )
    assert [line for line, _, _ in read_code(code, ".R").skipped] == listed


@pytest.mark.parametrize(
    "change",
    ["colnames(df) <- tolower(colnames(df))", "df <- rbind(df, df)", "df <- tail(df, -10)",
     "df <- Reduce(rbind, list(df, df))", "df <- rbind(other, df)"],
)  # fmt: skip
def test_columns_made_before_a_line_that_is_listed_stay(change):
    code = f"other <- df\ndf$x <- df$z / 2\n{change}\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R")
    assert found.derived == {"x": "z / 2"}
    assert [line for line, _, _ in found.skipped] == [3]


def test_all_columns_that_a_line_changes_are_named_and_no_arguments():
    parts = ", ".join(f"c{k} = if_else(odd(z), coalesce(z, 1), 0, missing = {k})" for k in range(11))
    found = read_code(f"df <- df %>% mutate({parts}, s = lag(z, default = 0))\nfeols(y ~ d + c10, df)\n", ".R")
    named = [name for *_, why in found.skipped for name in re.findall(r"`(\w+)`", why.partition("changes")[2])]
    assert named == [*(f"c{k}" for k in range(11)), "s"]
    code = "df[, c('a', 'b') := .(z * 2, odd(z, base = 2))]\nfeols(y ~ d + a, df)\n"
    assert "changes `a`, `b`:" in read_code(code, ".R").skipped[0][2]
    found = read_code("df <- rbind(df, df) %>% mutate(g = odd(z))\nfeols(y ~ d + g, df)\n", ".R")
    assert "changes `g`" in found.skipped[0][2]
    assert "may change rows" in found.skipped[0][2]


@pytest.mark.parametrize(
    ("before", "said", "vcov", "ssc"),
    [
        ("", 'vcov = "iid"', "iid", ""),
        ("", 'vcov = "twoway"', "~id + year", ""),
        ("", "~id", "~id", ""),
        ("", "vcov = twoway ~ a + b", "~a + b", ""),
        ("", 'vcov = "cluster"', "~id", ""),
        ("", "panel.id = ~u + t", "~u", ""),
        ("setFixest_vcov(two_FE = 'hetero')", "notes = FALSE", "hetero", ""),
        ("setFixest_vcov(all = 'iid')", "notes = FALSE", "iid", ""),
        ("setFixest_ssc(ssc(K.adj = FALSE))\nsetFixest_ssc(reset = TRUE)", "cluster = ~id", "~id", ""),
        ("setFixest_ssc(ssc(K.adj = FALSE))", "cluster = ~id", "~id", "glm"),
        ("setFixest_ssc(ssc(K.fixef = 'nested'))", "cluster = ~id", "~id", ""),
        ("", "cluster = ~id, ssc = ssc(adj = FALSE, cluster.adj = FALSE)", "~id", "none"),
        ("", "cluster = ~id, ssc = ssc(fixef.K = 'full', fixef.force_exact = TRUE)", "~id", "lsdv"),
        ("", "cluster = ~id, dof = dof(fixef.K = 'nested', t.df = 'min')", "~id", ""),
        ("", "cluster = ~id, ssc = ssc(K.fixef = 'nonnested', G.df = 'conventional')", "~id", ""),
        ("", "cluster = ~id, ssc = ssc(K.fixef = 'none')", None, ""),
        ("", "cluster = ~id, ssc = ssc(t.df = 'conventional')", None, ""),
        ("setFixest_ssc(ssc(G.adj = FALSE))", "cluster = ~id", None, ""),
        ("", "vcov = NW(1)", None, ""),
        ("", 'vcov = vcov_cluster("region")', "~region", ""),
        ("", "vcov = vcov_cluster(~region + year)", "~region + year", ""),
        ("", "vcov = vcov_cluster(c('id', 'year'))", None, ""),
        ("", "cluster = ~id:year", "~id^year", ""),
    ],
)
def test_standard_errors_of_fixest_are_taken_over_or_the_call_is_listed(before, said, vcov, ssc):
    found = read_code(f"{before}\nfeols(y ~ d | id + year, df, {said})\n", ".R")
    assert [(r.vcov, r.ssc) for r in found.regressions] == ([(vcov, ssc)] if vcov else [])
    assert bool(found.skipped) == (vcov is None)
    assert any(r.unstated for r in found.regressions) == said.startswith("panel.id")
    assert not found.comments.get("vcov")


def test_a_call_without_fixed_effects_or_errors_has_those_of_every_version():
    found = read_code("feols(y ~ d, df)\n", ".R")
    assert [(r.vcov, r.unstated) for r in found.regressions] == [("iid", False)]


@pytest.mark.parametrize(
    ("call", "vcov", "ssc", "told"),
    [
        ("feols(y ~ d + factor(g), df)", "iid", "", "factor() keeps rows"),
        ("feols(y ~ d + factor(id) + factor(year), df)", "iid", "", "factor() keeps rows"),
        ("feols(y ~ d + factor(id), df, cluster = ~id)", "~id", "lsdv", "factor() keeps rows"),
        ("feols(y ~ d + factor(id), df, ~id, ssc = ssc(K.fixef = 'full'))", "~id", "lsdv", "factor() keeps rows"),
        ("fepois(y ~ d + factor(id), df)", "iid", "", "factor() keeps rows"),
        ("felm(y ~ d + factor(id) | 0 | 0 | id, df)", "~id", "lsdv", "felm keeps rows"),
        ("felm(y ~ d + factor(id), df)", "iid", "", "factor() keeps rows"),
        ("setFixest_vcov(no_FE = 'hetero')\nfeols(y ~ d + factor(id), df)", "hetero", "", "factor() keeps rows"),
        ("setFixest_vcov(one_FE = 'hetero')\nfeols(y ~ d + factor(id), df)", "iid", "", "factor() keeps rows"),
        ("feols(y ~ d + factor(year) | id, df)", "~id", "", "states no vcov"),
        ("feols(y ~ d + factor(id), df, panel.id = ~id + year)", "~id", "lsdv", "states no vcov"),
        ("feols(y ~ d + factor(id), df, vcov = 'cluster')", None, "", ""),
        ("feols(y ~ d + factor(year) | id, df, vcov = 'twoway')", None, "", ""),
    ],
)
def test_factors_among_the_terms_are_no_fixed_effects_of_default_errors(call, vcov, ssc, told):
    """Without ``|`` errors are iid in every version of fixest."""
    found = read_code(f"{call}\n", ".R")
    assert [(r.vcov, r.ssc) for r in found.regressions] == ([(vcov, ssc)] if vcov else [])
    comments = " ".join([*found.comments.get("vcov", ()), *found.comments.get("alone", ())])
    comments += "states no vcov" * any(r.unstated for r in found.regressions)
    assert told in comments
    assert ("states no vcov" in comments) == (told == "states no vcov")
    assert bool(told) == bool(comments)


@pytest.mark.parametrize(
    "code",
    ["feols(y ~ d, df, panel.id = ~u + t)\n", "setFixest_estimation(panel.id = ~u + t)\nfeols(y ~ d, data = df)\n"],
)
def test_errors_that_panel_id_alone_gives_are_told(code):
    """Since fixest 0.13 they are iid, with fixed effects and without."""
    found = read_code(code, ".R")
    assert [(r.vcov, r.unstated) for r in found.regressions] == [("~u", True)]


@pytest.mark.parametrize("errors", ["NW(2)", '"NW"', '"DK"', "DK ~ year", "conley(200) ~ lat + lon"])
def test_errors_that_are_not_here_are_not_advised(errors):
    ((_, _, why),) = read_code(f"feols(y ~ d | id + year, df, vcov = {errors})\n", ".R").skipped
    assert "are not here" in why
    assert "NW(" not in why.removeprefix(f"standard errors {errors}")
    assert '"DK(2)' not in why


NEVER = [
    "mutate(g = ifelse(any(d == 1), min(year[d == 1]), 0))",
    "mutate(g = dplyr::if_else(any(d == 1, na.rm = TRUE), min(year[d == 1], na.rm = TRUE), 0))",
    "mutate(g = data.table::fifelse(!any(d == 1), 0, min(year[d == 1])))",
    "mutate(g = case_when(any(d == 1) ~ min(year[d == 1]), TRUE ~ 0))",
    "mutate(g = case_when(max(d, na.rm = TRUE) == 1 ~ min(year[d == 1]), TRUE ~ 0))",
    "mutate(g = min(year[d == 1]), g = ifelse(is.infinite(g), 0, g))",
    "mutate(g = min(year[d == 1]), g = ifelse(is.finite(g), g, 0))",
    "mutate(g = ifelse(all(d == 0), 0, min(year[d == 1])))",
    "mutate(g = min(ifelse(d == 1, year, NA_real_), na.rm = TRUE), g = ifelse(is.infinite(g), 0, g))",
    "mutate(g = min(ifelse(d == 1, year * 1, NA), na.rm = TRUE), g = ifelse(is.infinite(g), 0, g))",
    "mutate(g = first(year) - mean(d, na.rm = TRUE))",
]


@pytest.mark.parametrize("verb", NEVER)
def test_the_first_period_of_the_never_treated_is_what_the_code_says(verb):
    code = f"df <- df %>% group_by(id) %>% {verb} %>% ungroup()\nfeols(y ~ g | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R")
    if found.skipped:
        assert "changes `g`" in found.skipped[0][2]
        return
    columns = {"id": [1.0, 1, 2, 2], "year": [1.0, 2, 1, 2], "d": [0.0, 1, 0, 0]}
    for name, expression in found.derived.items():
        columns[name] = values(panel_of(columns, unit="id", time="year"), expression)
    assert columns[found.regressions[0].terms[0]] == [2, 2, 0, 0]


def test_what_lags_and_extremes_of_groups_do_otherwise_in_r_is_told():
    code = "df[, x := max(z, na.rm = TRUE), by = id]\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    assert "infinite in R" in read_code(code, ".R").comments["derive"][0]
    assert "derive" not in read_code(code, ".R", DataFacts(frozenset("z"), frozenset("z"))).comments
    code = code.replace("max(z, na.rm = TRUE)", "shift(z)")
    assert "go by rows" in read_code(code, ".R").comments["derive"][0]
    assert "derive" not in read_code(code.replace("d + x", "d"), ".R").comments


def test_what_att_gt_compares_with_and_does_by_default_is_told():
    ((_, _, why),) = read_code("att_gt('y', 't', 'i', 'g', data = df, control_group = 'notyettreated')\n", ".R").skipped
    for said in ('"notyettreated" is `control = "notyet"`', '`unbalanced = "drop"`, where "pairs" is the default'):
        assert said in why
    assert 'what it does with allow_unbalanced_panel = TRUE is "rows"' in why


def test_groups_behind_a_function_that_is_not_read_are_not_known():
    code = """\
df <- group_by(df, id)
df <- other(df)
df <- mutate(df, x = mean(z, na.rm = TRUE))
feols(y ~ d + x | id + year, df, cluster = ~id)
"""
    assert [line for line, _, _ in read_code(code, ".R").skipped] == [2, 3]


@pytest.mark.parametrize(
    ("value", "complete", "derived"),
    [
        ("min(year[d == 1])", "d", "first(d == 1)"),
        ("min(year[d == 1], na.rm = TRUE)", "", "first(d == 1)"),
        ("min(year[d == 1])", "", "ifelse(max(is.na(d == 1), by = id) == 1, NA, first(d == 1))"),
        ("min(year[d == 1], na.rm = FALSE)", "", "ifelse(max(is.na(d == 1), by = id) == 1, NA, first(d == 1))"),
        ("min(year[!is.na(d) & d == 1])", "", "first(!is.na(d) & d == 1)"),
        ("min(year[is.na(d) | d == 1])", "", "first(is.na(d) | d == 1)"),
        ("sum(!is.na(d) & d > 5)", "", "sum(!is.na(d) & d > 5, by = id)"),
        ("mean(z[d == 1], na.rm = TRUE)", "", "mean(ifelse(d == 1, z, NA), by = id)"),
        ("mean(z[d == 1])", "z", "ifelse(max(is.na(d == 1), by = id) == 1, NA, mean(ifelse(d == 1, z, NA), by = id))"),
        ("sum(z[d == 1])", "dz", "coalesce(sum(ifelse(d == 1, z, NA), by = id), 0)"),
        ("mean(z[d == 1])", "d", "ifelse(max(((d == 1) & is.na(z)), by = id) == 1, NA, "
         "mean(ifelse(d == 1, z, NA), by = id))"),
        ("max(z[d == 1])", "dz", None),  # -Inf in R of none
        ("mean(z[d])", "dz", None),  # rows by number
        ("ifelse(any(d == 1), min(year[d == 1]), 0)", "", None),  # missing where no d is 1 and one is missing
        ("ifelse(any(d == 1), min(year[d == 1]), 0)", "d", "ifelse(is.finite(first(d == 1)), first(d == 1), 0)"),
    ],
)  # fmt: skip
def test_summaries_of_some_rows_are_missing_where_a_condition_is_as_in_r(value, complete, derived):
    code = f"df[, g := {value}, by = id]\nfeols(y ~ g | id + year, df, cluster = ~id)\n"
    facts = DataFacts(frozenset({"d", "z", "id", "year", "y"}), frozenset({*complete, "id", "year"}))
    assert read_code(code, ".R", facts).derived.get("g") == derived


@pytest.mark.parametrize(
    ("cut", "value", "read"),
    [
        ('df[df$s != "a", ]', "max(d)", False),
        ('df[df$s != "a", ]', "max(d, na.rm = TRUE)", True),
        ('df[!is.na(df$s) & df$s != "a", ]', "max(d)", True),
        ('df[df$s != "a", ]', "max(ifelse(is.na(d), 7, d), na.rm = TRUE)", False),
        ('subset(df, s != "a")', "max(d)", True),
    ],
)
def test_summaries_are_missing_in_r_of_rows_that_a_missing_condition_has_left(cut, value, read):
    code = f"df <- {cut}\ndf <- transform(df, g = {value})\nfeols(y ~ g | id + year, df, cluster = ~id)\n"
    facts = DataFacts(frozenset({"d", "s", "id", "year", "y"}), frozenset({"d", "id", "year"}))
    assert ("g" in read_code(code, ".R", facts).derived) == read


def test_first_periods_behind_a_filter_are_of_the_rows_that_are_left():
    code = """\
df <- filter(df, y > 1)
df <- df %>% group_by(id) %>% mutate(g = min(year[d == 1 | z > 2], na.rm = TRUE))
feols(y ~ g | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert not found.skipped
    assert found.derived == {"g": "first(y > 1 & (d == 1 | z > 2))"}


def test_a_frame_that_is_piped_into_a_regression_is_followed():
    code = """\
m <- df |> subset(z > 1) |> feols(y ~ d * x | id, data = _, cluster = ~id)
df %>% fixest::feols(y ~ d, data = ., vcov = 'iid')
"""
    found = read_code(code, ".R")
    assert [(r.condition, r.terms) for r in found.regressions] == [("z > 1", ("d", "x", "d:x")), ("TRUE", ("d",))]
    assert not found.skipped


def test_split_and_macros_of_fixest_are_taken_over():
    code = "setFixest_fml(..x = ~ a + b)\nfeols(y ~ d + ..x | id, df, fsplit = ~union, subset = ~ z > 1)\n"
    found = read_code(code, ".R")
    assert [r.condition for r in found.regressions] == ["z > 1", "each(union) & z > 1"]
    assert found.regressions[0].terms == ("d", "a", "b")
    assert [r.unstated for r in found.regressions] == [True, True]


LINES = [
    f"feols({left} ~ post{right} | {effects}, {data}, {said})"
    for left in ("homicide", "c(homicide, robbery)", "log(homicide)", "c(log(homicide), log(robbery))")
    for right in ("", " + csw0(poverty, l_police)", " + poverty", " + sw(poverty, l_police)", " + mvsw(poverty)")
    for effects in ("sid + year", "sw(sid + year, sid + region^year)", "year + sid", "sid + csw0(year)")
    for data in ("df", "df[year > 2002]")
    for said in ("cluster = ~sid", "vcov = 'hetero', fsplit = ~region", "weights = ~popwt, cluster = ~region",
                 "split = 'region', cluster = ~sid")
]  # fmt: skip


@settings(max_examples=10, deadline=None, derandomize=True)
@given(lines=st.lists(st.sampled_from(LINES), min_size=3, max_size=6), cut=st.booleans())
def test_a_draft_of_any_regressions_passes_check(lines, cut):
    code = read_code("\n".join(['df <- read.csv("castle.csv")', *["df <- df[year > 2001]"] * cut, *lines]), ".R")
    assert not code.skipped
    assert len(code.regressions) >= len(lines)
    with tempfile.TemporaryDirectory() as where:
        spec = Path(where) / "a.toml"
        spec.write_text(code_draft(code, "a.R", ("post", "named"), str(CASTLE), "a"), "utf-8")
        assert not examine(spec)[1].errors


def test_columns_that_are_called_as_a_draft_calls_its_options_pass_check(tmp_path):
    names = {"post": "post", "poverty": "none", "popwt": "unweighted", "region": "iid"}
    header, _, rest = CASTLE.read_text("utf-8").partition("\n")
    data = tmp_path / "a.csv"
    data.write_text(",".join(names.get(name, name) for name in header.split(",")) + "\n" + rest, "utf-8")
    code = """\
feols(homicide ~ post + none | sid + year, df, cluster = ~iid, weights = ~unweighted)
feols(homicide ~ post | sid + year, df, vcov = "iid")
"""
    spec = tmp_path / "a.toml"
    spec.write_text(code_draft(read_code(code, ".R"), "a.R", ("post", "named"), str(data), "a"), "utf-8")
    assert not examine(spec)[1].errors
    assert list(tomllib.loads(spec.read_text("utf-8"))["controls"]) == ["column none", "none"]


def test_unit_and_time_that_the_code_makes_are_left_to_a_person(drafted):
    code = (
        'df <- read.csv("castle.csv")\ndf$t <- df$year - 2000\nfeols(homicide ~ post | sid + t, df, cluster = ~sid)\n'
    )
    done, spec = drafted(code, "a.R")
    assert done.returncode == 0, done.stderr
    text = spec.read_text("utf-8")
    assert "# time = " in text
    assert "The code makes one of `sid` and `t`" in text
    assert tomllib.loads(text)["derive"] == {"t": "year - 2000"}


@pytest.mark.parametrize(
    ("regression", "errors"),
    [
        *(("areg y d, a(i) " + "robust"[:k], ("hetero", "areg")) for k in range(1, 7)),
        *(("reg y d, " + "cluster"[:k] + "(s)", ("~s", "lsdv")) for k in range(2, 8)),
        ("xtreg y d, fe robu", ("~id", "")),
        ("xtreg y d [pw=w], fe", ("~id", "")),
        ("reghdfe y d, abso(i) vce(clu s#t, suite(default))", ("~s^t", "reghdfe")),
        ("reghdfe y d, a(i) vce (rob)", ("hetero", "reghdfe")),
        ("ppmlhdfe y d, a(i)", ("hetero", "reghdfe")),
        ("reghdfe y d, a(i) vce(un)", ("iid", "reghdfe")),
        *(
            (f"reghdfe y d, a(i) {words}", None)
            for words in ("vce(hc3)", "vce()", "vce", "cluster", "cl()", "c(s)", "vce(cluster s, bw(2))", "vce(s)",
                          "robust(s)", "cluster(s*)", "vce(cluster s) cl(t)x(", "dof(none)", "vce(cl s) vce(r)")
        ),
    ],
)  # fmt: skip
def test_errors_are_those_of_the_option_or_the_regression_is_listed(regression, errors):
    found = read_code(f"use a\nxtset id year\n{regression}\n", ".do")
    assert [(r.vcov, r.ssc) for r in found.regressions] == ([errors] if errors else [])
    assert [line for line, _, _ in found.skipped] == ([] if errors else [3])


@pytest.mark.parametrize(
    ("absorbed", "effects"),
    [
        ("s#c.t t", "s[[t]] + t"), ("s c.x#i.t", "s + t[[x]]"), ("s##c.t t", "s[t] + t"), ("s i.s#c.t t", "s[t] + t"),
        ("c.t#s s", "s[t]"), ("s##c.x s#c.z", "s[x] + s[[z]]"), ("s t, save", "s + t"), ("s t, savefe", "s + t"),
        ("a=s b = t", "s + t"), ("s # t", "s^t"), ("s#c.(x z)", "s[[x]] + s[[z]]"), ("s##c.x##c.z", None),
        ("s#t#c.x", None), ("s t, other", None),
    ],
)  # fmt: skip
def test_slopes_have_intercepts_where_their_factor_is_absorbed(absorbed, effects):
    found = read_code(f"use a\nreghdfe y d, a({absorbed}) cl(s)\n", ".do")
    assert [r.effects for r in found.regressions] == ([effects] if effects else [])
    assert len(found.skipped) == (effects is None)


@pytest.mark.parametrize(
    ("text", "of_stata"),
    [
        ("inrange(x, a, b)", lambda x, a, b: x is not None and (a is None or x >= a) and (b is None or x <= b)),
        ("inrange(x, ., b)", lambda x, a, b: x is not None and (b is None or x <= b)),
        ("inrange(x, a, .)", lambda x, a, b: x is not None and (a is None or x >= a)),
        ("inrange(x - a, 0, 1+0)", lambda x, a, b: None not in (x, a) and 0 <= x - a <= 1),
        ("!inrange(x, 1, b+1)", lambda x, a, b: not (x is not None and x >= 1 and (b is None or x <= b + 1))),
        ("x^0 + 0", lambda x, a, b: None if x is None else 1),
        ("x^2", lambda x, a, b: None if x is None else x * x),
    ],
)
def test_ranges_and_powers_of_missing_values_are_those_of_stata(text, of_stata):
    rows = [*itertools.product((0.0, 1.0, 2.0, None), repeat=3)]
    columns = {name: [row[k] for row in rows] for k, name in enumerate("xab")}
    ours = panel_of({**columns, "id": [float(k) for k in range(len(rows))], "t": [1.0] * len(rows)}, "id", "t")
    found = read_code(f"use a\nxtset id t\ngen v = {text}\nreg y v\n", ".do")
    assert not found.skipped
    assert values(ours, "v", **found.derived) == [None if (v := of_stata(*row)) is None else float(v) for row in rows]


def test_rows_whose_group_is_missing_are_a_group_of_egen():
    columns = {
        "id": [1.0, 1.0, 2.0, 2.0], "t": [1.0, 2.0, 1.0, 2.0], "z": ["N", None, "S", None], "u": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip
    code = (
        "use a\nxtset id t\negen v = total(u), by(z)\nbysort z t: egen w = max(u)\negen k = sd(u), by(id)\nreg u v w k"
    )
    found = read_code(code, ".do")
    ours = panel_of(columns, "id", "t")
    assert values(ours, "v", **found.derived) == [1, 6, 3, 6]
    assert values(ours, "w", **found.derived) == [1, 4, 3, 4]
    assert found.derived["k"] == "sd(u, by = id)"
    whole = read_code(code, ".do", DataFacts(frozenset(columns), frozenset({"z"})))
    assert whole.derived["v"] == "coalesce(sum(u, by = z), 0)"


@pytest.mark.parametrize(
    ("lines", "columns", "derived"),
    [
        ("cap gen x = 5", "yx", {}),
        ("cap gen x = 5", "y", {"x": "5"}),
        ("drop x\ncap gen x = 5", "yx", {"x": "5"}),
        ("drop x*\ncap gen x = 5", "yx", {"x": "5"}),
        ("keep y\ncap gen x = 5", "yx", {"x": "5"}),
        ("drop if x\ncap gen x = 5", "yx", {}),
        ("gen x = 4\nqui cap egen x = mean(y)", "y", {"x": "4"}),
        ("cap gen x = 5", "", {}),
    ],
)
def test_a_captured_generate_leaves_the_column_that_is_there(lines, columns, derived):
    found = read_code(f"use a\n{lines}\nreg y x", ".do", DataFacts(frozenset(columns)))
    assert found.derived == derived
    assert bool(found.skipped) == (not columns)


def test_a_column_that_errors_alone_use_keeps_its_definition(drafted):
    done, spec = drafted("import delimited castle.csv\ngen c2 = floor(sid/5)\nreg homicide post, cluster(c2)\n", "a.do")
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(spec.read_text("utf-8"))["derive"] == {"c2": "floor(sid/5)"}


def test_a_placebo_of_drawn_numbers_is_one_line_and_none_of_the_regressions():
    loop = "forvalues i = 1/60 {\ngen r = runiform()\ngen f = r > .5\nreg y r\nreg y f\ndrop r f\n}"
    found = read_code(f"use a\n{loop}\nreg y d, cl(i)\nreg z d", ".do")
    assert [r.line for r in found.regressions] == [9, 10]
    assert not found.notes
    assert {line for line, _, _ in found.skipped} == {3, 5, 6}
    assert all("line 3 is drawn at random" in why for line, _, why in found.skipped if line > 3)


def test_columns_that_a_loop_makes_anew_are_one_note():
    found = read_code("use a\nforvalues k = 1/50 {\ngen x = z > `k'\nreg y d x\ndrop x\n}", ".do")
    assert [line for line, _ in found.notes] == [3]
    assert "`x_2` to `x_50`, 49 columns," in found.notes[0][1]


def test_a_unit_that_the_code_makes_is_told_once(drafted):
    done, spec = drafted("use castle.csv\negen id2 = group(sid)\nxtset id2 year\nxtreg homicide post, fe", "a.do")
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(spec.read_text("utf-8"))["study"]["unit"] == "sid"


def test_a_unit_that_the_code_makes_otherwise_is_left_to_a_person(drafted):
    done, spec = drafted("use castle.csv\ngen id3 = sid + 1\nxtset id3 year\nxtreg homicide post, fe", "b.do")
    assert done.returncode == 0, done.stderr
    text = spec.read_text("utf-8")
    assert '# unit = "…"  # COMPLETE: the code makes its unit, `id3`: have that column in the data' in text
    assert "does not say it" not in text


def test_products_of_the_treatment_are_terms_beside_it(drafted):
    terms = ("post", "c.post##c.poverty", "1.post", "c.post#c.sid")
    code = "use castle.csv\n" + "\n".join(f"reg homicide {term}" for term in terms)
    done, spec = drafted(code, "a.do", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    assert [*tomllib.loads(spec.read_text("utf-8"))["controls"]] == ["none", "poverty + post:poverty"]
    text = " ".join(spec.read_text("utf-8").replace("#", " ").split())
    assert "5: homicide ~ post:sid (`post` is no term of its own, but a part of `post:sid`)" in text


def test_between_effects_are_no_random_effects():
    found = read_code("xtset id year\nxtreg y d, be\nxtreg y d, re\nxtreg y d\n", ".do")
    assert ["units' means" in why for _, _, why in found.skipped] == [True, False, False]


@pytest.mark.parametrize(("kind", "said"), [("bootstrap, reps(9)", "cluster"), ("hc3", "hc3"), ("jackknife", "[vcov]")])
def test_errors_that_are_not_here_name_none_that_check_refuses(kind, said):
    ((_, _, why),) = read_code(f"reg y d, vce({kind})", ".do").skipped
    assert said in why
    assert "CR3" not in why


def test_lists_name_missing_values_as_stata_does():
    columns = {
        "id": [1.0, 1.0, 2.0, 2.0],
        "t": [1.0, 2.0, 1.0, 2.0],
        "z": ["N", None, "S", "T"],
        "q": [1.0, None, 3.0, 4.0],
    }
    code = (
        'use a\nxtset id t\ngen v = inlist(z, "", "N")\ngen w = !inlist(q, ., 3)\ngen k = inlist(q, 1, 3)\nreg y v w k'
    )
    found = read_code(code, ".do")
    ours = panel_of(columns, "id", "t")
    expected = {"v": [1, 1, 0, 0], "w": [1, 0, 0, 1], "k": [1, 0, 1, 0]}
    assert {name: values(ours, name, **found.derived) for name in expected} == expected


def test_terms_that_stata_leaves_out_are_listed():
    assert not read_code("reg y d o.x", ".do").regressions


def test_a_block_of_capture_leaves_the_column_that_is_there_and_is_listed():
    code = "use a\ncapture {\ngen x = 5\n}\nqui {\ngen z = 5\n}\nreg y x z"
    found = read_code(code, ".do", DataFacts(frozenset("yx")))
    assert found.derived == {"z": "5"}
    assert [line for line, _, _ in found.skipped] == [2]


R_UNREAD = """\
df <- read.csv("castle.csv")
df$homicide <- Winsorize(df$homicide)
df$region <- factor(df$region)
df$lh <- log(df$homicide)
feols(lh ~ post | sid + year, df, cluster = ~sid)
feols(homicide ~ post + region | sid + year, df, cluster = ~sid)
felm(robbery | assault ~ post | sid + year | 0 | sid, df)
"""
DO_UNREAD = """\
import delimited using "castle.csv", clear
xtset sid year
recode homicide (0=1) if post
gen lh = log(homicide)
reghdfe lh post, absorb(sid year) cluster(sid)
reghdfe homicide post, absorb(sid year) cluster(sid)
"""


@pytest.mark.parametrize(("name", "code", "line"), [("a.R", R_UNREAD, 2), ("a.do", DO_UNREAD, 3)])
def test_a_column_of_the_data_that_a_line_changes_unread_is_not_used_as_it_was(drafted, name, code, line):
    done, spec = drafted(code, name)
    changed = f"homicide_line_{line}"
    assert done.returncode == 2
    assert f"no column `{changed}`" in done.stderr
    text = spec.read_text("utf-8")
    found = tomllib.loads(text)
    assert found["derive"]["lh"] == f"log({changed})"
    assert changed in found["outcome"].values()
    assert f"COMPLETE: line {line} makes `homicide`" in text
    open_ = f'# {changed} = "homicide"'
    assert text.count(open_) == 1
    spec.write_text(text.replace(open_, f'{changed} = "pmax(homicide, 1)"'), "utf-8")
    assert not specdid.check(spec).errors
    if name == "a.R":  # a factor is dummies; several outcomes of felm have rows in common
        assert "sid + year + region" in found["fixed_effects"].values()
        assert {"robbery", "assault"} <= {y for o in found["outcome"].values() for y in re.findall(r"\w+", o)}


def test_outcomes_of_felm_with_missing_values_have_rows_in_common_and_are_listed():
    code = "df <- read.csv('a.csv')\nfelm(y | z ~ d | id | 0 | id, df)\n"
    assert [line for line, _, _ in read_code(code, ".R").skipped] == [2]
    facts = DataFacts(frozenset("yzd"), frozenset("yzd"))
    assert [r.outcome for r in read_code(code, ".R", facts).regressions] == ["c(y, z)"]


def test_a_factor_is_a_term_where_it_is_0_and_1_and_told_where_that_is_not_known():
    code = "df$d <- factor(df$d)\nfeols(y ~ d | id, df, cluster = ~id)\n"
    facts = DataFacts(frozenset("yd"), frozenset("yd"), frozenset("d"))
    assert [(r.terms, r.effects) for r in read_code(code, ".R", facts).regressions] == [(("d",), "id")]
    assert "`d` is a factor" in read_code(code, ".R").notes[0][1]


@pytest.mark.parametrize(
    ("formula", "ssc", "told"),
    [
        ("y ~ d | id + year | 0 | 0", "", ""),
        ("y ~ d | 0 | 0 | id", "", ""),
        ("y ~ d | region + year | 0 | id", "lsdv", ""),
        ("y ~ d | id | 0 | id", "", "which is that of newer versions"),
        ("y ~ d | id | 0 | region", "", "which is that of newer versions"),
        ("y ~ d | id + year | 0 | region", "", "newer versions of lfe count no fixed effect"),
        ("y ~ d | id + year | 0 | id + year", "", "two clusterings"),
        ("y ~ d | id + other | 0 | region", "", "count no fixed effect"),
        ("y ~ d | other | 0 | region", "", "is not known"),
    ],
)
def test_errors_of_felm_follow_from_what_is_nested_in_its_clusters(formula, ssc, told):
    panel = pl.DataFrame({"id": [1, 1, 2, 2, 3, 3], "year": [1, 2] * 3, "region": [1, 1, 1, 1, 2, 2], "y": 1.0, "d": 0})
    with tempfile.TemporaryDirectory() as place:
        panel.write_csv(Path(place) / "a.csv")
        facts = facts_of(read_columns(Path(place) / "a.csv", "a.csv").columns)
    found = read_code(f"felm({formula}, df)\n", ".R", facts)
    assert [r.ssc for r in found.regressions] == [ssc]
    said = " ".join(found.comments.get("vcov", ()))
    assert told in said
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    ("change", "outcome", "derived"),
    [
        ("df <- df %>% rename(y = wage, x = z)", "wage", {}),
        ("df <- rename(df, y = wage)\ndf <- df %>% mutate(y = log(y))", "y", {"y": "log(wage)"}),
        ("df <- df %>% mutate(w = wage / 2) %>% select(id, year, d, y = w)", "w", {"w": "wage / 2"}),
        ("df <- dplyr::select(df, -z)", "y", {}),
        ("df <- df %>% mutate(across(c(y, x), log))", "y_2", {"y_2": "log(y)", "x_2": "log(x)"}),
        ("df <- df %>% mutate(across(c(y, z), ~ .x / pop, .names = 'rel_{.col}')) %>% mutate(y = rel_y)",
         "y_2", {"rel_y": "y / pop", "y_2": "rel_y"}),
        ("df <- df %>% mutate(across(y, \\(v) asinh(v)))", "y_2", {"y_2": "asinh(y)"}),
        ("df <- df %>% mutate(y = recode(g, `1` = 0, `2` = 1, .default = NA))",
         "y", {"y": "ifelse(g == 1, 0, ifelse(g == 2, 1, NA))"}),
        ("df$y <- dplyr::recode(df$g, 'a' = 1, b = 2)", "y", {"y": 'ifelse(g == "a", 1, ifelse(g == "b", 2, NA))'}),
        ("df$y <- recode(df$g, `9` = 0)", "y", {"y": "ifelse(g == 9, 0, g)"}),
        ("df$y <- recode(df$g, `9` = 0, .missing = 5)", "y", {"y": "ifelse(is.na(g), 5, ifelse(g == 9, 0, g))"}),
        ("zero <- function(v) ifelse(is.na(v), 0, v)\ndf$y <- zero(df$g)", "y", {"y": "ifelse(is.na(g), 0, g)"}),
        ("rel = function(a, b) {\n  return(a / b)\n}\ndf <- df %>% mutate(y = 100 * rel(g + 1, pop))",
         "y", {"y": "100 * ((g + 1) / pop)"}),
        ("rel <- function(a, b) log(a) - log(b)\ndf$y <- 2 * rel(df$g, df$pop)", "y", {"y": "2 * (log(g) - log(pop))"}),
        ("lg <- \\(a) log(1 + a)\nrel <- function(a, b) lg(a) - lg(b)\ndf$y <- rel(df$g, df$pop)",
         "y", {"y": "log(1 + g) - log(1 + pop)"}),
    ],
)  # fmt: skip
def test_plain_ways_of_dplyr_and_functions_of_one_expression_are_taken_over(change, outcome, derived):
    found = read_code(f'df <- read.csv("a.csv")\n{change}\nfeols(y ~ d | id + year, df, cluster = ~id)\n', ".R")
    assert [r.outcome for r in found.regressions] == [outcome]
    assert found.derived == {name: text for name, text in derived.items() if name != "x_2"}
    assert not found.skipped


@pytest.mark.parametrize(
    "change",
    [
        "df <- rename_with(df, tolower)", "df <- df %>% rename(any_of(names))",
        "df <- df %>% mutate(across(where(is.numeric), log))", "df <- df %>% mutate(across(c(y, x), list(log, exp)))",
        "df$y <- recode(df$g, '1=0; else=1')", "df$y <- car::recode(df$g, '1=0')",
        "df$y <- recode(df$g, a = 1, `2` = z)",
        "cut <- 3\nbig <- function(v) v > cut\ndf$y <- big(df$g)",
        "win <- function(v, p = 0.01) v\ndf$y <- win(df$g)",
        "rel <- function(a, b) a / b\ndf$y <- rel(b = df$g, a = df$pop)",
        "twice <- function(v) 2 * v\ntwice <- function(v) 3 * v\ndf$y <- twice(df$g)",
        "deep <- function(v) {\n  v <- v + 1\n  v\n}\ndf$y <- deep(df$g)",
        "loop <- function(v) loop(v)\ndf$y <- loop(df$g)",
    ],
)  # fmt: skip
def test_other_ways_of_dplyr_and_functions_are_listed(change):
    found = read_code(f'df <- read.csv("a.csv")\n{change}\nfeols(y ~ d | id + year, df, cluster = ~id)\n', ".R")
    assert found.skipped
    assert not found.derived


@pytest.mark.parametrize(
    ("value", "here"),
    [
        ("cumsum(poverty)", "cumsum(poverty)"),
        ("cummax(post)", "cummax(post)"),
        ("sum(poverty, na.rm = TRUE)", "sum(poverty, by = sid)"),
        ("any(poverty > 15) * poverty", "(max(poverty > 15, by = sid) == 1) * poverty"),
        ("all(poverty > 15)", "(min(poverty > 15, by = sid) == 1)"),
        ("n() * poverty", "count(by = sid) * poverty"),
        ("log2(poverty)^2", "log(poverty, 2)^2"),
        ("poverty^(1/3)", f"poverty^{1 / 3}"),
        ("if_else(poverty > 15, NA_real_, poverty)", "ifelse(poverty > 15, NA, poverty)"),
        ("if_else(l > 1, 1, 0, missing = 9)", "ifelse(is.na(l > 1), 9, ifelse(l > 1, 1, 0))"),
        ("fifelse(l > 1, 1, 0, na = 9)", "ifelse(is.na(l > 1), 9, ifelse(l > 1, 1, 0))"),
        ("any(post)", None),
        ("sum(l)", None),
    ],
)
def test_functions_of_r_are_those_of_the_same_value_here(drafted, value, here):
    made = f"mutate(l = dplyr::lag(poverty)) %>% mutate(a = {value})"
    code = f"""\
df <- read.csv("castle.csv") %>% group_by(sid) %>% {made}
feols(homicide ~ post + a + l | sid + year, df, cluster = ~sid)
"""
    done, spec = drafted(code, "a.R", "--treatment", "post")
    assert tomllib.loads(spec.read_text("utf-8"))["derive"].get("a") == here
    assert done.returncode == (2 if here is None else 0), done.stderr


@pytest.mark.parametrize("before", ["", "mutate(wage = 2 * wage) %>% "])
def test_a_column_that_is_renamed_before_it_is_joined_is_asked_for(before):
    made = f"base <- df %>% filter(year == 1997) %>% {before}select(id, wage97 = wage)"
    code = f"{made}\ndf <- left_join(df, base, by = 'id')\nfeols(y ~ d + wage97 | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R")
    assert found.unread["wage97"] == ("wage97", 2)
    assert not any("keep the names" in text for _, text in found.notes)


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ("q <- quantile(df$z, 0.9)\ndf <- df[df$z > q, ]", "rows_line_2"),
        ("df <- as.data.table(df)[z %between% c(1, 5)]", "between(z, 1, 5)"),
        ("df <- as.data.table(df)[z %between% limits]", "rows_line_1"),
    ],
)
def test_what_compares_a_column_does_not_change_it(change, condition):
    found = read_code(f"{change}\nfeols(y ~ z | id + year, df, cluster = ~id)\n", ".R", DataFacts(frozenset("yz")))
    assert [(r.terms, r.condition) for r in found.regressions] == [(("z",), condition)]
    assert not any("changes `z`" in why for _, _, why in found.skipped)


def test_unit_and_time_that_are_renamed_are_those_of_the_data():
    code = """\
df <- read.csv("a.csv") %>% rename(id = county, year = yr)
df <- df %>% group_by(id) %>% mutate(x = lag(z)) %>% ungroup()
feols(y ~ d + x | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert (found.unit, found.time) == ("county", "yr")
    ((effects, vcov),) = {(r.effects, r.vcov) for r in found.regressions}
    assert (effects, vcov) == ("county + yr", "~county")
    assert found.derived == {"x": "l(z, 1)"}


def test_a_function_that_is_defined_nowhere_is_listed_once():
    code = """\
library(fixest)
source("helpers.R")
run_all(df, "y")
run_all(df, "z")
est <- my_table(y ~ d, df)
own <- function(v) {
  print(v)
}
own(df)
p <- ggplot(df, aes(x = y)) + geom_point() + theme_bw()
m <- feols(y ~ d | id + year, df, cluster = ~id)
etable(m)
pkg::something(m)
"""
    listed = {line: why for line, _, why in read_code(code, ".R").skipped}
    assert {3, 5} <= set(listed)
    assert set(listed).isdisjoint({4, 9, 10, 11, 12, 13})
    assert "`run_all()` is defined nowhere" in listed[3]


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("gen x = ym >= tm(2004m3)", "ym >= 530"),
        ("gen x = q >= tq(1959q4) & q < th(2000h2)", "q >= -1 & q < 81"),
        ("gen x = day >= td(01jan1960) & day <= td(29 Feb 2004)", "day >= 0 & day <= 16130"),
        ("recode z (1=0) (2 3=1) (4/6=2), gen(x)",
         "ifelse(is.na(z), NA, ifelse(z == 1, 0, ifelse(z == 2 | z == 3, 1, ifelse(z >= 4 & z <= 6, 2, z))))"),
        ('recode z (1 = 0 "no") (.=9) (else=1), generate(x)', "ifelse(is.na(z), 9, ifelse(z == 1, 0, 1))"),
        ("recode z (1=0) (*=.), gen(x)", "ifelse(z == 1, 0, NA)"),
        ("recode x 1=0", "ifelse(x == 1, 0, x)"),
    ],
)  # fmt: skip
def test_dates_and_recode_of_stata_are_taken_over(line, made):
    facts = DataFacts(frozenset(["q", "ym", "day"]), frozenset(["q", "ym", "day"]))
    found = read_code(f"xtset id year\n{line}\nreghdfe y d x, absorb(id year) cluster(id)\n", ".do", facts)
    assert [*found.derived.values()] == [made]
    assert not found.skipped


@pytest.mark.parametrize(
    "line",
    [
        "gen x = ym >= tm(2004)", "gen x = ym >= tm(2004m13)", "gen x = day > td(31feb2004)",
        "recode z (1=0) if d, gen(x)",
        "recode z (3/min=0), gen(x)", "recode z (else=0) (1=2), gen(x)", "recode z (1=0), prefix(x)",
        "by id: recode z (1=0), gen(x)",
    ],
)  # fmt: skip
def test_other_dates_and_recodes_are_listed(line):
    found = read_code(f"xtset id year\n{line}\nreghdfe y d x, absorb(id year) cluster(id)\n", ".do")
    assert [at for at, _, _ in found.skipped] == [2]
    assert not found.derived


@pytest.mark.parametrize(
    ("first", "preferred"),
    [
        ("feols(homicide ~ post | sid + year, df, cluster = ~sid)",
         {"outcome": "homicide", "controls": "none", "weights": "unweighted"}),
        ("feols(log(homicide) ~ post + poverty | sid + year, df, cluster = ~sid, weights = ~popwt)",
         {"outcome": "log(homicide)", "controls": "poverty", "weights": "popwt"}),
        ("feols(homicide ~ post + csw0(poverty, unemployrt) | sid + year, df, cluster = ~sid)", None),
        ("feols(c(homicide, robbery) ~ post | sid + year, df, cluster = ~sid)", None),
        ("feols(homicide ~ post | sw(sid + year, sid + region^year), df, cluster = ~sid)", None),
        ("feols(homicide ~ post | sid + year, df, cluster = ~sid, split = ~region)", None),
    ],
)  # fmt: skip
def test_the_first_regression_is_proposed_as_preferred_where_it_is_one(drafted, first, preferred):
    code = f"""\
df <- read.csv("castle.csv")
{first}
feols(log(homicide) ~ post + poverty | sid + year, df, cluster = ~sid, weights = ~popwt)
feols(murder ~ post | sid + year, df, cluster = ~sid)
"""
    done, spec = drafted(code, "a.R", "--treatment", "post")
    assert done.returncode == 0, done.stderr
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    assert ("Proposed: the first regression that is read, line 2." in text) == (preferred is not None)
    assert ("The first one, line 2, stands for several" in text) == (preferred is None)
    found = tomllib.loads(spec.read_text("utf-8")).get("preferred")
    if preferred is None:
        assert found is None
        return
    assert preferred.items() <= found.items()
    assert specdid.plan(spec).preferred == 0


def test_one_specification_is_the_preferred_one_and_its_line_is_told(drafted):
    _, spec = drafted(
        "import delimited castle.csv\nxtset sid year\nareg homicide post, absorb(sid) vce(cluster sid)\n", "a.do"
    )
    found = tomllib.loads(spec.read_text("utf-8"))
    assert found["preferred"] == {"outcome": "homicide"}
    assert specdid.plan(spec).preferred == 0
    assert found["vcov"] == {"sid": {"formula": "~sid", "ssc": "areg"}}
    assert "#   3: homicide ~ post | sid; vcov ~sid, areg" in spec.read_text("utf-8")


def test_a_name_times_itself_is_the_name_in_r():
    code = "feols(y ~ d + x:x + x:z:x | id, df, cluster = ~id)\nfelm(y ~ d + z*z | id | 0 | id, df)\n"
    assert [r.terms for r in read_code(code, ".R").regressions] == [("d", "x", "x:z"), ("d", "z")]


@pytest.mark.parametrize(
    ("rows", "sort", "taken"),
    [
        ([(1, 1), (1, 2), (2, 1), (2, 2)], "", True),
        ([(2, 1), (1, 1), (2, 2), (1, 2)], "", True),  # of each unit in the order of time
        ([(1, 2), (1, 1), (2, 1), (2, 2)], "", False),
        ([(1, 2), (1, 1), (2, 1), (2, 2)], "df <- arrange(df, id, year)", True),
        ([(1, 1), (1, 3), (2, 1), (2, 2), (2, 3)], "df <- arrange(df, id, year)", False),
    ],
)
def test_a_lag_of_rows_is_one_of_periods_where_the_data_have_no_gap(rows, sort, taken):
    with tempfile.TemporaryDirectory() as place:
        pl.DataFrame(rows, schema=["id", "year"], orient="row").write_csv(Path(place) / "a.csv")
        facts = facts_of(read_columns(Path(place) / "a.csv", "a.csv").columns)
    code = (
        f"{sort}\ndf <- df %>% group_by(id) %>% mutate(x = lag(z))\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    )
    found = read_code(code, ".R", facts)
    assert (found.derived == {"x": "l(z, 1)"}) == taken
    assert ([line for line, _, _ in found.skipped] == [2]) != taken


def test_what_is_read_of_a_pipe_stays_where_a_step_is_not_and_every_step_is_named():
    code = """\
df <- read.csv("a.csv") %>%
  mutate(a = odd(z), b = z / 2, e = mean(z, na.rm = TRUE), ) %>%
  left_join(other, by = "id") %>%
  mutate(c = pol[year == 80]) %>%
  filter(year >= 81)
df <- df %>% group_by(g) %>% mutate(m = mean(z, na.rm = TRUE))
feols(y ~ d + b | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R")
    assert [r.condition for r in found.regressions] == ["rows_line_1 & year >= 81"]
    assert found.derived == {"b": "z / 2"}
    assert [text.partition("(")[0] for line, text, _ in found.skipped if line == 1] == ["mutate", "left_join", "mutate"]
    draft = code_draft(found, "a.R", ("d", "named by you"), None, "a")
    for part in ("odd(z)", "left_join(other", "pol[year == 80]"):
        assert part in " ".join(draft.replace("#", " ").split())
    found = read_code(code.replace("  filter(year >= 81)", "  arrange(id)").replace("+ b", "+ b + m"), ".R")
    assert found.derived["m"] == "mean(ifelse(rows_line_1, z, NA), by = g)"
    assert found.unread == {"rows_line_1": ("", 1)}


_BUT_PSA = ["d", "id", "lunch", "y", "year"]
_ALL = sorted([*_BUT_PSA, "psa"])


@pytest.mark.parametrize(
    ("change", "unread", "rows"),
    [
        ('df[is.na(df$psa), "psa"] <- 0', ["psa"], False),
        ('df[is.na(df$z), c("psa", "lunch")] <- 0', ["lunch", "psa"], False),
        ('cols <- c("psa")\ndf[cols] <- lapply(df[cols], log)', ["psa"], False),
        ("df <- df %>% replace_na(list(psa = 0))", ["psa"], False),
        ("df <- df %>% filter(z > 1) %>% fill(psa)", ["psa"], False),
        ("df <- fill(df, psa)", ["psa"], None),
        ("df <- df %>% fill(-psa)", _BUT_PSA, True),
        ("df <- df %>% mutate_at(vars(lunch), log)", ["lunch"], None),
        ("df <- within(df, lunch <- lunch / 2)", ["lunch"], False),
        ("df <- within(df, {\n  lunch <- psa / 2\n})", ["lunch"], False),
        ("df <- within(df, {\n  for (k in 1) lunch <- psa / 2\n})", ["lunch", "psa"], True),
        ("df <- df %>% mutate(psa = rowMeans(cbind(z, lunch)), z = z + 1)", ["psa"], False),
        ("df <- df %>% mutate(psa = rowMeans(across(c(z, lunch))))", ["psa"], False),
        ("df[, psa := rowMeans(cbind(z, lunch)), by = id]", ["psa"], False),
        ('set(df, j = "psa", value = df$lunch)', ["psa"], False),
        ('cols <- c("lunch")\ndf[, (cols) := lapply(.SD, log), .SDcols = cols]', ["lunch"], True),
        ("df[, (f()) := lapply(.SD, log)]", _ALL, True),
        ('for (v in c("lunch")) df[[v]] <- log(df[[v]])', ["lunch"], True),
        ("for (v in names(df)) {\n  df[[v]] <- log(df[[v]])\n}", _ALL, True),
        ('for (v in setdiff(names(df), c("id", "psa"))) df[[v]] <- log(df[[v]])', _ALL, True),
        ('for (v in c("lunch", "psa")) {\n  df[[v]] <- log(df[[v]])\n}', ["lunch", "psa"], True),
        ("df <- df %>% mutate(across(where(is.numeric), log1p))", _ALL, True),
        ("df <- df %>% mutate(across(where(is.numeric) & !psa, log1p))", _BUT_PSA, True),
        ("df <- df %>% mutate(across(where(is.numeric) & !c(psa), log1p))", _BUT_PSA, True),
        ("df <- df %>% mutate(across(-c(psa), ~ .x / 10))", _BUT_PSA, True),
        ("df <- df %>% mutate(across(!psa, list(l = log)))", [], False),
        ("df <- df %>% mutate(across(c(z, lunch), list(odd = odd), .names = '{.fn}_{.col}'))", [], False),
        ("df <- df %>% mutate(across(c(everything(), -psa), log1p))", _BUT_PSA, True),
        ("df <- df %>% group_by(id) %>% mutate(across(-psa, ~ .x / 2))", [n for n in _BUT_PSA if n != "id"], True),
        ("df <- df %>% mutate_at(vars(-psa), log)", _BUT_PSA, True),
        ("df <- mutate_at(df, vars(-c(psa)), log)", _BUT_PSA, True),
        ("df <- df %>% mutate_if(is.numeric, log)", _ALL, True),
        ('df <- df %>% rename_with(~ paste0("a_", .x), -psa)', _BUT_PSA, True),
        ('df[, names(.SD) := lapply(.SD, log), .SDcols = !"psa"]', _BUT_PSA, True),
        ('df[, names(.SD) := lapply(.SD, log), .SDcols = -c("psa")]', _BUT_PSA, True),
        ("df[-1] <- lapply(df[-1], log)", _ALL, True),
        ('df[setdiff(names(df), "psa")] <- lapply(df[setdiff(names(df), "psa")], log)', _ALL, True),
        ('df <- df %>% mutate(across(c("psa"), log1p))', [], False),
        ("df <- df %>% mutate(across(where(is.numeric), log1p), lunch = odd(lunch))", _ALL, True),
        ("df <- df %>% mutate(psa = odd(lunch))", ["psa"], False),
        ("df$psa <- odd(df$lunch)", ["psa"], False),
        ("df[is.na(df)] <- 0", _ALL, True),
        ("df <- clean(df)", [], True),
        ('df <- clean(df, "psa")', ["psa"], True),
        ("df <- clean(df) %>% mutate(psa = odd(z))", ["psa"], True),
        ("df <- distinct(df, id, year)", [], True),
        ("df <- df %>% slice(1:9)", [], True),
        ("df <- df[1:2000, ]", [], True),
        ("df <- df[!duplicated(df$id), ]", [], True),
        ("df <- left_join(df, other, by = 'id')", [], True),
        ('df <- read.csv("a.csv", nrows = 100)', [], True),
    ],
)
def test_what_a_line_of_r_changes_and_is_not_read_is_asked_for(change, unread, rows):
    facts = DataFacts(frozenset(["id", "year", "y", "d", "z", "psa", "lunch"]))
    code = f"df <- read.csv('a.csv')\n{change}\nfeols(y ~ d + lunch + psa | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R", facts)
    assert sorted(column for column, _ in found.unread.values() if column) == unread
    asked = [name for name, (column, _) in found.unread.items() if not column]
    assert rows is None or bool(asked) == rows
    (regression,) = found.regressions
    assert all(name in regression.condition for name in asked)
    used = {regression.outcome, *regression.terms, *re.findall(r"\w+", f"{regression.effects} {regression.vcov}")}
    assert used >= {name for name, (column, _) in found.unread.items() if column}


def test_columns_that_a_selection_may_change_are_those_of_regressions_where_the_data_are_not_known():
    code = "df <- df %>% mutate(across(-d, log))\nfeols(y ~ d + z | id + year, df, cluster = ~id)\n"
    assert sorted(column for column, _ in read_code(code, ".R").unread.values() if column) == ["id", "y", "year", "z"]


def test_a_file_whose_name_is_put_together_is_no_change_of_the_data():
    code = "df <- fread(file.path(d, 'a.csv'))\nfeols(y ~ d | id + year, df, cluster = ~id)\n"
    assert not read_code(code, ".R").unread


def test_rows_that_a_line_changes_unread_are_an_open_question_of_check(drafted):
    code = """\
df <- read.csv("castle.csv")
df <- df[1:2000, ]
df <- clean(df)
df <- df[df$year %% 2 == 0 & df$year %/% 2 > 1000, ]
feols(homicide ~ post | sid + year, df, cluster = ~sid)
"""
    done, spec = drafted(code, "a.R")
    assert done.returncode == 2
    assert "no column `rows_line_3`" in done.stderr
    assert "line 3 of a.R may change rows or values" in " ".join(done.stderr.split())
    text = spec.read_text("utf-8")
    assert "rows_line_3 & (" in text or "rows_line_3 & year %% 2 == 0" in text
    open_ = '# rows_line_3 = "TRUE"'
    assert text.count(open_) == 1
    spec.write_text(text.replace(open_, open_[2:]), "utf-8")
    assert not specdid.check(spec).errors


def test_assign_changes_what_it_names():
    code = "df <- read.csv('a.csv')\nD <- df\nassign('D', filter(df, z > 1))\nfeols(y ~ d | id, D, cluster = ~id)\n"
    more = "".join(f"feols(y ~ d + x{k} | id, df, cluster = ~id)\n" for k in range(2))
    found = read_code(code + more, ".R")
    assert [r.line for r in found.regressions] == [5, 6]
    assert {3, 4} <= {line for line, _, _ in found.skipped}


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ("df <- filter(df, z > .05)", {}),
        ("df <- df %>% mutate(x = case_when(z < .4 ~ 1, .default = 3))", {"x": "case_when(z < .4 ~ 1, .default = 3)"}),
        ("df[order(id, year), x := shift(z), by = id]", {"x": "l(z, 1)"}),
        ("df <- df %>% group_by(id) %>% mutate(x = max(z))", {"x": "max(z, by = id)"}),
        ("df <- df %>% mutate(x = z > median(z))", {"x": "z > median(z)"}),
        ("df$x <- -df$z %% 2 * df$z %/% 3", {"x": "-z %% 2 * z %/% 3"}),
        ("df <- df %>% filter(z %% 2 == 0) %>% mutate(x = z %/% 3)", {"x": "z %/% 3"}),
    ],
)
def test_numbers_defaults_orders_and_complete_columns_are_read(change, made):
    facts = DataFacts(frozenset("yzd"), frozenset("yzd"))
    code = f"df <- read.csv('a.csv')\n{change}\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R", facts)
    assert not found.skipped
    assert found.derived == made


def test_columns_that_unread_lines_alone_use_are_kept_as_comments(drafted):
    code = """\
df <- read.csv("castle.csv")
keep <- c("a", "b")
big <- c(1, 2)
df <- df %>% mutate(start = effyear * 1, cohort = ifelse(is.na(start), 10000, start), z = scale(poverty), other = 2)
df <- df %>% filter(!(sid %in% big))
d <- feols(homicide ~ post + z | sid + year, df, cluster = ~sid)
feols(homicide ~ sunab(cohort, year) | sid + year, df, cluster = ~sid)
coef(d)
"""
    _, spec = drafted(code, "a.R", "--treatment", "post")
    text = spec.read_text("utf-8")
    found = tomllib.loads(text)
    assert found["derive"] == {"z": "scale(poverty)"}
    assert [*found["sample"].values()] == ["!(sid %in% c(1, 2))"]
    assert '# start = "effyear * 1"\n# cohort = "ifelse(is.na(start), 10000, start)"\n' in text
    assert "other" not in text.partition("# Not understood")[0]
    listed = text.partition("# Not understood")[2]
    assert re.findall(r"^#   (\d+):", listed, re.MULTILINE) == ["7"]


@pytest.mark.parametrize(
    ("line", "here"),
    [
        ("df$x <- df$z[df$year == 80]", "at(z, year == 80)"),
        ("df <- left_join(df, o, by = 'id')", '[data."name"]'),
        ("df$x <- cumsum(df$z)", "cumsum(z)"),
        ("df <- df %>% mutate(x = replace_na(z, 7))", "coalesce(z, 7)"),
        ("df <- df %>% mutate(x = na_if(z, w))", "ifelse(z == w, NA, z)"),
        ("df <- df %>% mutate(x = lag(z))", "l(z, 1)"),
        ("df <- df %>% mutate(x = lag(z, n = 2))", "l(z, 2)"),
        ("df <- df %>% mutate(x = lag(z, 3L, default = -1))", "ifelse(rank(year, by = id) <= 3, -1, l(z, 3))"),
        ("df <- df %>% mutate(x = lag(z))", "across units, as they are not grouped by `id`"),
        ("df <- df %>% group_by(year) %>% mutate(x = lag(z))", "across units, as they are not grouped by `id`"),
        ("df <- df %>% group_by(id, year) %>% mutate(x = lag(z))", "within `id` and `year`"),
        (
            "df <- df %>% group_by(id) %>% mutate(x = lead(z, default = w))",
            "ifelse(year == max(year, by = id), w, f(z, 1))",
        ),
        ("df[, x := shift(z, -1, fill = 0), by = id]", "ifelse(year == max(year, by = id), 0, f(z, 1))"),
        ("df <- df %>% group_by(id) %>% mutate(x = min_rank(z))", "rank(z, by = id)"),
        ("df <- df %>% mutate(x = first(z))", "rows of the whole frame have no order here"),
        ("df <- df %>% group_by(id) %>% mutate(x = first(z))", "at(z, year == min(year, by = id))"),
        ("df$x <- cut(df$z, c(0, 2, 2))", "case_when("),
        ("df$x <- ntile(df$z, 4)", "quantile_group"),
        ("df$x <- fcase(df$z > 1, 1, 2)", "case_when"),
        ("df <- df[, .SD[1], by = id]", "what stands in its brackets"),
        ("keep <- c(1, 2)\ndf$x <- df$z == keep", "behind %in% alone"),
    ],
)
def test_what_a_function_is_here_is_said(line, here):
    found = read_code(f"{line}\nfeols(y ~ d | id + year, df, cluster = ~id)\n", ".R")
    assert here in " ".join(why for *_, why in found.skipped)


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        ("forvalues i = 1/`n' {\nreplace x = x + 1\n}", "x_line_3"),
        ("forvalues i = 1/`n' {\ngen a = x\nreplace x = a + 1\ndrop a\n}", "x_line_4"),
        ("foreach v of varlist x* {\nreplace `v' = ln(`v')\n}", "x_line_3"),
        ("foreach v of varlist x* {\nwinsor2 `v', replace cuts(1 99)\n}", "x_line_3"),
        ("local i = 1\nwhile `i' <= 3 {\nreplace x = x + z`i'\nlocal i = `i' + 1\n}", "x_line_4"),
        ("if `k' == 1 {\nreplace x = 1\n}\nelse {\nreplace x = 2\n}", "x_line_6"),
        ("if `k' == 1 replace x = 0 if z == 1", "x_line_2"),
        ("forvalues i = 1/`n' {\nreplace x = z + 1\n}", "x"),
        ("forvalues i = 1/`n' {\nreplace q`i' = 1\n}", "x"),
        (
            "foreach v of varlist x* {\ngen l`v' = ln(`v')\negen m_`v' = mean(`v')\nesttab `v' using t.tex, replace\n}",
            "x",
        ),
        ("if `k' > 1 outreg2 using t, append", "x"),
    ],
)
def test_what_an_unread_loop_or_condition_changes_is_asked_for(lines, used):
    code = f"use a.dta, clear\n{lines}\nreghdfe y d x, absorb(id year) vce(cluster id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "x", "z", "d", "id", "year", "z1"})))
    assert [(r.terms, r.condition) for r in found.regressions] == [(("d", used), "TRUE")]
    assert (used in found.unread) == ("_line_" in used)


@pytest.mark.parametrize(
    "lines",
    [
        "foreach v of varlist x-z {\nreplace `v' = 0 if `v' == .\n}",
        "ds, has(type numeric)\nforeach v in `r(varlist)' {\nrecode `v' (-9 = .)\n}",
        "if `k' == 1 {\nkeep if z == 1\n}",
        "if `k' == 1 keep if z == 1",
        "mvdecode $all, mv(-9)",
    ],
)
def test_what_may_change_any_column_or_row_makes_the_draft_ask_for_its_rows(lines):
    code = f"use a.dta, clear\n{lines}\nreghdfe y d x, absorb(id year) vce(cluster id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "x", "z", "d", "id", "year"})))
    (regression,) = found.regressions
    assert regression.condition in found.unread
    assert regression.condition.startswith("rows_line_")


@pytest.mark.parametrize(
    ("condition", "refused"),
    [
        ("g > 1/3", True),
        ("g >= 7/10", True),
        ("g == 1/4", True),
        ("g > 1 + 2", False),
        ("g > -3", False),
        ("x > 1/3", False),
    ],
)
def test_a_column_of_single_precision_is_not_compared_with_a_fraction(condition, refused):
    code = f"gen g = x/3\ngen h = {condition}\nreghdfe y d h, absorb(id year) vce(cluster id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "x", "d", "id", "year"})))
    assert any("single precision" in why for *_, why in found.skipped) == refused


def test_a_factor_of_r_has_no_numbers():
    code = """\
df <- read.csv("a.csv")
df$region <- factor(df$region)
df <- df %>% mutate(code = as.numeric(region), f = as.factor(year), t = as.integer(f), is = region == "1")
feols(y ~ d + code + t + is | id, df, cluster = ~id)
feols(y ~ d:region | id, df, cluster = ~id)
feols(y ~ d*region | id, df, cluster = ~id)
feols(y ~ (d + x)^2 | id, df, cluster = ~id)
feols(y ~ d + . | id, df, cluster = ~id)
"""
    found = read_code(code, ".R", DataFacts(frozenset({"y", "x", "d", "id", "year", "region"})))
    assert [r.line for r in found.regressions] == [4]
    assert {*found.unread} == {"code", "t"}
    assert {*found.derived} == {"is"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("areg y d, absorb(id) vce(cluster id)", True),
        ("xtreg y d, fe i(id) vce(robust)", True),
        ("areg y d, absorb(id)", True),
        ("areg y d, absorb(region) vce(cluster id)", False),
        ("areg y d if d != 2, absorb(region) vce(cluster id)", False),  # of all rows
        ("areg y d if y != 4, absorb(region) vce(cluster id)", True),
        ("areg y d x, absorb(region) vce(cluster id)", True),
        ("reghdfe y d, absorb(id) vce(cluster id)", False),
        ("felm(y ~ d | id | 0 | id, df)", True),
        ("feols(y ~ d | id, df, cluster = ~id)", True),
        ("feols(y ~ d | id, df, cluster = ~id, fixef.rm = 'singleton')", False),
        ("feols(y ~ d | region, df, cluster = ~id)", False),
    ],
)
def test_programs_that_keep_rows_alone_in_a_fixed_effect_are_named(line, told, tmp_path):
    data = "id,region,y,d,x\n1,1,1,0,1\n1,1,2,1,1\n2,1,3,0,1\n2,2,4,1,2\n3,2,3,0,\n"
    (tmp_path / "a.csv").write_text(data)
    facts = facts_of(read_columns(tmp_path / "a.csv", "a.csv").columns)
    found = read_code(line, ".R" if "(df" in line or ", df" in line else ".do", facts)
    assert len(found.regressions) == 1
    assert ("alone" in found.comments) == told


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("xtreg y d i.year, fe i(id) vce(cluster id)", 3),
        ("xtreg y d i.year if year < 2008, fe i(id) vce(cluster id)", 2),
        ("xtreg y d i.year if year < 2004, fe i(id) vce(cluster id)", 1),
        ("areg y d i.year, absorb(id) vce(cluster id)", 3),
        ("xtreg y d, fe i(id) vce(cluster id)", 1),
        ("reghdfe y d, absorb(id year) vce(cluster id)", 1),  # counts as here
    ],
)
def test_dummies_that_are_redundant_since_no_row_ties_parts_together_are_told(line, parts, tmp_path):
    """Errors were .23% larger than those of Stata, which counts a coefficient less for each further part."""
    rows = [(u, 2000 + 4 * (u // 3) + t, u * t % 5, int(t > 1 and u % 3 > 0)) for u in range(9) for t in range(4)]
    data = "id,year,y,d\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows)
    (tmp_path / "a.csv").write_text(data)
    facts = facts_of(read_columns(tmp_path / "a.csv", "a.csv").columns)
    found = read_code(line, ".do", facts)
    told = [c for c in found.comments.get("alone", ()) if "ties" in c]
    assert len(told) == (parts > 1)
    if told:
        assert f"ties {parts} parts of `id` and `year` together" in told[0]
        assert f"count {parts - 1} coefficient{'s' * (parts > 2)} less" in told[0]


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("gen v = x*a", "x*5"),
        ("gen v = x*scalar(a)", "x*5"),
        ("gen v = x if x > b", "ifelse(x > -2 | is.na(x), x, NA)"),
        ("gen v = x*c", None),
        ("gen v = x*z", "x*z"),
        ("gen v = x*scalar(z)", "x*7"),
        ('gen v = s == "a"', 's == "a"'),
    ],
)
def test_a_scalar_of_stata_is_its_number_or_listed(line, made):
    code = f"scalar a = 5\nscalar define b = -2\nscalar c = r(mean)\nscalar z = 7\n{line}\nreghdfe y v, absorb(id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "x", "z", "id", "s"}), frozenset({"s"})))
    assert found.derived.get("v") == made
    assert ("v" in found.unread) == (made is None)


_PANEL = DataFacts(frozenset({"y", "d", "i", "t"}), frozenset({"y", "d", "i", "t"}))


def test_a_variable_of_an_r_script_is_no_column():
    code = """\
df <- read.csv("a.csv")
m <- mean(df$y)
w <- sum(df$x)
df$a <- df$y - m
df$b <- df$y / w
df <- df %>% mutate(c = y / w, e = y - m)
feols(y ~ d + a + b + c + e | id, df, cluster = ~id)
"""
    found = read_code(code, ".R", DataFacts(frozenset({"y", "x", "w", "d", "id"})))
    assert found.derived == {"c": "y / w"}
    assert {*found.unread} == {"a", "b", "e"}


@pytest.mark.parametrize(
    ("lines", "column"),
    [
        ("d <- 5\ndf <- mutate(df, q = y * 2 > d)", "y * 2 > d"),
        ("df <- mutate(df, q = y > d)\nd <- 5", "y > d"),
        ("cut_off <- function() {\n  d <- 5\n}\ndf <- transform(df, q = y > d)", "y > d"),
        ("d <- 5\nsetDT(df)\ndf[, q := y > d]", "y > d"),
        ("d <- 5\ndf$q <- df$d > d", "d > 5"),
        ("df$q <- df$y > df$d\nd <- 5", "y > d"),
        ("df$q <- df$y > df$d\nfor (d in 1:3) print(d)", "y > d"),
        ("df$q <- df$y > d\nd <- 5", None),
        ("f <- function() {\n  d <- 5\n}\ndf$q <- df$y > d", None),
        ("cut <- 5\ndf <- mutate(df, q = y > cut & t != 'cut')", "y > 5 & t != 'cut'"),
        ("k <- -3\ndf <- mutate(df, q = k^2 + y)", "(-3)^2 + y"),
        ("df <- mutate(df, q = y > cut)\ncut <- 5", None),
        ("f <- function() {\n  cut <- 5\n}\ndf <- mutate(df, q = y > cut)", None),
        ("cut <- 5\ndf <- clean_up(df)\ndf <- mutate(df, q = y > cut)", None),
    ],
)
def test_columns_of_a_frame_go_before_variables_of_the_script_where_r_looks_there_first(lines, column):
    code = f"df <- read.csv('a.csv')\n{lines}\nfeols(y ~ d + q | i + t, df, ~i)\n"
    found = read_code(code, ".R", _PANEL)
    assert found.derived == ({"q": column} if column else {})
    assert ("q" in found.unread) == (column is None)


@pytest.mark.parametrize(
    ("lines", "condition"),
    [
        ("d <- 5\ndf <- filter(df, d > 3)", "d > 3"),
        ("d <- 5\ndf <- df[df$d > d, ]", "d > 5"),
        ("d <- 5\ndf <- as.data.table(df)\ndf <- df[d > 3]", "d > 3"),
        ("d <- 5\ndf <- as.data.table(df)\ndf <- df[df$y > d, ]", "rows_line_4"),
        ("few <- c(1, 2)\ndf <- filter(df, i %in% few)", "i %in% c(1, 2)"),
    ],
)
def test_rows_are_chosen_by_columns_before_variables_but_in_brackets_of_a_data_frame(lines, condition):
    code = f"df <- read.csv('a.csv')\n{lines}\nfeols(y ~ d | i + t, df, ~i)\n"
    assert [r.condition for r in read_code(code, ".R", _PANEL).regressions] == [condition]


def test_a_variable_that_may_be_a_column_of_data_that_are_not_there_is_listed():
    code = "cut <- 5\ndf <- filter(read.csv('a.csv'), y > cut)\nfeols(y ~ d | i + t, df, ~i)\n"
    (listed,) = read_code(code, ".R").skipped
    assert (listed[0], "may be a column" in listed[2]) == (2, True)


@pytest.mark.parametrize("verb", ["mutate", "transform"])
def test_a_column_that_is_set_to_null_goes(verb):
    change = f"df <- {verb}(df, d2 = d * 2, d3 = NULL, t = NULL)"
    code = f"df <- read.csv('a.csv')\n{change}\nfeols(y ~ ..('^d|^t') | i, df, ~i)\n"
    facts = DataFacts(_PANEL.columns | {"d3"})
    found = read_code(code, ".R", facts)
    assert [r.terms for r in found.regressions] == [("d", "d2")]
    assert found.derived == {"d2": "d * 2"}


@pytest.mark.parametrize(
    ("change", "terms"),
    [
        ("names(df)[names(df) == 'd'] <- 'dose'", ["d"]),
        ("names(df)[3] <- 'dose'", None),
        ("names(df) <- make.names(names(df))", None),
        ("names(df) <- tolower(names(df))", ["d"]),
    ],
)
def test_a_pattern_takes_no_column_whose_name_a_line_before_has_changed(change, terms):
    code = f"df <- read.csv('a.csv')\n{change}\nfeols(y ~ ..('^d') | i, df, ~i)\n"
    assert [[*r.terms] for r in read_code(code, ".R", _PANEL).regressions] == ([terms] if terms else [])


def test_columns_kept_as_comments_do_not_name_themselves_and_are_there(drafted):
    code = """\
import delimited using castle.csv, clear
gen a = homicide
replace a = a + 1 if year > 2005
replace a = round(a, .1)
gen b = 2
drop b
gen robbery2 = robbery
replace robbery = robbery/2
sum b robbery2
poisson homicide a robbery
tobit homicide b robbery2
reghdfe homicide post, absorb(sid year) vce(cluster sid)
"""
    _, spec = drafted(code, "a.do")
    made = re.findall(r'^# (\w+) = "(.*)"$', spec.read_text("utf-8"), re.MULTILINE)
    assert made
    for name, text in made:
        assert not re.search(rf"\b{name}\b", text)
    assert "b" not in dict(made)
    assert len(dict(made)) == len(made)


def test_labels_of_samples_leave_out_what_all_have_in_common(drafted):
    code = """\
import delimited using castle.csv, clear
keep if year >= 2001 & !missing(popwt, poverty) & sid != 12
reghdfe homicide post, absorb(sid year) vce(cluster sid)
reghdfe homicide post if year < 2009, absorb(sid year) vce(cluster sid)
reghdfe homicide post if sid > 3 | sid == 1, absorb(sid year) vce(cluster sid)
"""
    _, spec = drafted(code, "a.do")
    found = tomllib.loads(spec.read_text("utf-8"))
    assert [*found["sample"]] == ["kept rows", "year < 2009", "sid > 3 | sid == 1"]
    assert all("year >= 2001" in condition for condition in found["sample"].values())
    assert found["preferred"] == {"sample": "kept rows"}
    assert "year >= 2001 & " in spec.read_text("utf-8").partition("[sample]")[2].partition('"kept rows"')[0]
    assert len(specdid.plan(spec)) == 3


def test_lines_before_a_frame_is_read_again_are_not_listed_and_joins_are_named(drafted):
    code = """\
df <- read.csv("raw.csv")
df <- df %>% left_join(other, by = "sid")
df$q <- cumsum(df$homicide)
write.csv(df, "castle.csv", row.names = FALSE)
df <- read.csv("castle.csv")
df <- left_join(df, pop, by = "sid")
feols(homicide ~ post + gdp | sid + year, df, cluster = ~sid)
"""
    done, spec = drafted(code, "a.R")
    listed = spec.read_text("utf-8").partition("# Not understood")[2]
    assert re.findall(r"^#   (\d+):", listed, re.MULTILINE) == ["6"]
    assert "line 6 of a.R may bring it from other data" in done.stderr
    both = code.replace(
        'df <- read.csv("castle.csv")', 'feols(homicide ~ post | sid + year, df)\ndf <- read.csv("castle.csv")'
    )
    assert {2, 3} <= {line for line, *_ in read_code(both, ".R").skipped}


def test_a_column_that_merge_may_bring_names_its_line(drafted):
    code = "import delimited castle.csv, clear\nmerge m:1 sid using pop\nreghdfe homicide post gdp, absorb(sid year)\n"
    done, _ = drafted(code, "a.do")
    assert "line 2 of a.do may bring it from other data" in done.stderr


@pytest.mark.parametrize(
    ("code", "name", "asked"),
    [
        ('df <- read.csv("a.csv")\nsource("clean.R")', ".R", "rows_line_2"),
        ('source("clean.R")\ndf <- read.csv("a.csv")', ".R", None),
        ('load("a.rda")', ".R", None),
        ('load("a.rda")\nsource("clean.R")', ".R", "rows_line_2"),
        ('df <- read.csv("a.csv")\nattach(df)', ".R", None),
        ("use a.dta, clear\ndo clean.do", ".do", "rows_line_2"),
        ("do clean.do\nuse a.dta, clear", ".do", None),
    ],
)
def test_other_code_that_may_change_the_data_is_asked_for(code, name, asked):
    line = "feols(y ~ d | id, df, cluster = ~id)" if name == ".R" else "reghdfe y d, absorb(id)"
    found = read_code(f"{code}\n{line}\n", name)
    assert [r.condition for r in found.regressions] == [asked or "TRUE"]
    assert [*found.unread] == [asked] * (asked is not None)


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("bysort id: keep if _N >= 9", {"n": "count(by = id)", "m": "mean(ifelse({n} >= 9, x, NA), by = year)"}),
        ("bys id (year): drop if _N < 9 & z > 2", {"n": "count(by = id)"}),
        ("keep if z > 1\nbysort id: keep if _N == 10", {"n": "sum(ifelse(z > 1 | is.na(z), 1, NA), by = id)"}),
        ("drop in 1/5", {"m": "mean(ifelse(rows_line_2, x, NA), by = year)"}),
        ("merge 1:1 id year using u\ndrop in 1/5", {"m": "mean(ifelse(rows_line_3, x, NA), by = year)"}),
    ],
)
def test_columns_made_behind_rows_that_are_cut_do_not_see_them(line, made):
    regression = "xtset id year\nreghdfe y d m L.x, absorb(id year) vce(cluster id)"
    code = f"use a.dta, clear\n{line}\negen m = mean(x), by(year)\n{regression}\n"
    facts = DataFacts(frozenset({"y", "x", "z", "d", "id", "year"}), frozenset({"id", "year"}))
    found = read_code(code, ".do", facts)
    assert len(found.regressions) == 1
    name = next((n for n in found.derived if n.startswith("rows_of")), "")
    for key, text in made.items():
        assert found.derived[name if key == "n" else key] == text.format(n=name)
    assert ("rows_line" in found.regressions[0].condition) == ("in 1/5" in line)
    assert any(term.startswith("l(x_kept") for term in found.regressions[0].terms)
    assert {*found.unread} <= {found.regressions[0].condition}


def test_columns_of_r_behind_lines_that_may_cut_rows_ask_for_these():
    code = """\
df <- read.csv("a.csv")
df <- na.omit(df)
df <- df %>% group_by(id) %>% mutate(m = mean(x, na.rm = TRUE), b = x > 1) %>% ungroup()
feols(y ~ d + m + b | id + year, df, cluster = ~id)
"""
    found = read_code(code, ".R", DataFacts(frozenset({"y", "x", "d", "id", "year"})))
    assert found.derived == {"m": "mean(ifelse(rows_line_2, x, NA), by = id)", "b": "x > 1"}
    assert [r.condition for r in found.regressions] == ["rows_line_2"]
    assert found.unread == {"rows_line_2": ("", 2)}


@pytest.mark.parametrize(
    ("line", "ssc", "told"),
    [
        ("reghdfe y d i.st, absorb(year) vce(cluster st)", "lsdv", False),
        ("reghdfe y d i.st, absorb(id year) vce(cluster st)", "reghdfe", False),  # of one id: none in Stata, none here
        ("reghdfe y d i.st, absorb(year) vce(cluster id)", "reghdfe", False),
        ("reghdfe y d i.year, absorb(id) vce(cluster st)", "reghdfe", False),
        ("reghdfe y d, absorb(st year) vce(cluster st)", "reghdfe", False),
        ("xtreg y d i.g, fe i(id) vce(cluster st)", "", True),
        ("reg y d i.st, vce(cluster st)", "lsdv", False),
    ],
)
def test_dummies_among_the_regressors_are_counted_as_coefficients(line, ssc, told):
    within = {("id", "st"), ("g", "st"), ("st", "st")}
    columns = frozenset({"y", "d", "id", "st", "g", "year"})
    facts = DataFacts(columns, columns, nested=lambda group, of: (group, of) in within, alone=lambda _: False)
    found = read_code(line, ".do", facts)
    assert [r.ssc for r in found.regressions] == [ssc]
    assert ("alone" in found.comments) == told


def test_lags_along_a_unit_that_is_changed_behind_xtset_are_listed():
    code = (
        "xtset id year\ngen a = L.x\nreplace id = id + 100 if year > 2002\ngen b = L.x\nreghdfe y d a b, absorb(id)\n"
    )
    found = read_code(code + "reghdfe y d L.x, absorb(id)\nxtset id year\n", ".do")
    assert {*found.unread} == {"b"}
    assert [r.line for r in found.regressions] == [5]
    assert {line for line, _, why in found.skipped if "which line 3 changes" in why} == {4, 6}


@pytest.mark.parametrize(
    ("before", "terms"),
    [
        ("foreach v in x z {\nlocal d `d' `v'\n}", ("t", "x", "z")),
        ("foreach v in x z {\nlocal d \"`d' `v'\"\n}", ("t", "x", "z")),
        ("unab d : w*\nforeach v in x z {\nlocal d `d' `v'\n}", None),
        ("local d = 2 + r(N)\nlocal d `d' x", None),
    ],
)
def test_a_local_that_is_not_set_is_empty(before, terms):
    found = read_code(f"{before}\nreghdfe y t `d', absorb(id)\n", ".do")
    assert [r.terms for r in found.regressions] == ([terms] if terms else [])


def test_clonevar_is_read():
    assert read_code("clonevar b = a\nreghdfe y b, absorb(id)\n", ".do").derived == {"b": "a"}


TABLES = {  # what R makes of a data.table: "=" leaves it, an expression is the new d, "?" is asked for
    "df[, x := z * year][year > 1999]": "=",
    "df[year > 1999][, d := d * 2]": "=",
    "df[order(year)][, d := 0]": "=",
    "sub <- df[year > 1999][, d := 0]": "=",
    "sub <- df[year > 1999]\nsub[, d := 0]": "=",
    "a <- df[, .(m = mean(z)), by = year]\na[, d := 1]": "=",
    "df2 <- copy(df)\ndf2[, d := 0]": "=",
    "df2 <- df\ndf2 <- df2[year > 3]\ndf2[, d := 0]": "=",
    "f <- function(u) { u <- copy(u); u[, d := 0]; u }\nk <- f(df)": "=",
    "setkey(df, year)\nsummary(df)": "=",
    "df[, x := 1][, d := d * 2][year > 3]": "d * 2",
    "y <- df[, d := d * 2]": "d * 2",
    "y <- df[, d := d * 2][year > 3]": "d * 2",
    "df[, let(d = d * 2)]": "d * 2",
    "df2 <- df\ndf2[, d := 0]": "?",
    "df2 <- df\nk <- df2\nk[year > 3, d := 0]": "?",
    "df2 <- setDT(df)\ndf2[, d := 0]": "?",
    "df2 <- if (k) df else other\ndf2[, d := 0]": "?",
    "f <- function(u) u[, d := 0]\nf(df)": "?",
    "f <- function(u) { u[, d := 0]; invisible(NULL) }\nf(df)": "?",
    "g <- function(e) f(e)\nf <- function(u) u[, d := 0]\ng(df)": "?",
    "f <- function(u) u[, d := 0]\ndo.call('f', list(df))": "?",
    "f <- function() df[, d := 0]\ndf <- read.csv('a.csv')\nf()": "?",
    "f <- function() df <<- df[year > 3]\ndf <- read.csv('a.csv')\nf()": "?",
    "df[, x := 1]\nclean(df)": "?",
    "for (j in c('d')) set(df, j = j, value = 0)": "?",
    "for (u in list(df)) u[, d := 0]": "?",
    "invisible(lapply(list(df), function(u) u[, d := 0]))": "?",
    "lapply(c('d'), function(v) df[, (v) := 0])": "?",
    "l <- list(a = df)\nl$a[, d := 0]": "?",
    "get('df')[, d := 0]": "?",
    "assign('df2', df)\ndf2[, d := 0]": "?",
    "k <- nrow(df[, d := 0])": "?",
    "y <- df |> setnames('d', 'q')": "?",
    "setorder(df, year)[, d := 0]": "0",
    "as.data.table(df)[, d := 0]": "=",
    "setorder(df, year)[z > 1][, d := 0]": "=",
    "df %>% .[, d := 0]": "?",
    "if (TRUE) y <- df[, d := 0]": "?",
    "k <- feols(z ~ d | id + year, df[, d := 0])": "?",
}


@pytest.mark.parametrize("change", TABLES)
@pytest.mark.parametrize("more", ["", "feols(z ~ d | id + year, df2, cluster = ~id)\n"])
def test_a_table_of_data_table_is_followed_or_asked_for(change, more):
    facts = DataFacts(frozenset(["id", "year", "y", "d", "z"]))
    regression = "feols(y ~ d | id + year, df, cluster = ~id)\n"
    code = f"df <- read.csv('a.csv')\n{change}\n{regression}feols(y ~ d + z | id + year, df, cluster = ~id)\n{more}"
    found = read_code(code, ".R", facts)
    first = found.regressions[0]
    if TABLES[change] == "?":
        assert first.terms[0] in found.unread or first.condition in found.unread
        return
    assert first.condition == "TRUE"
    assert found.derived.get(first.terms[0], first.terms[0]) == ("d" if TABLES[change] == "=" else TABLES[change])
    assert not found.unread


@pytest.mark.parametrize(
    ("lines", "made"),
    [
        ("recode w (0/1=0) (2/max=1), gen(v)", "ifelse(w >= 0 & w <= 1, 0, ifelse(w >= 2, 1, w))"),
        ("recode w (min/2=0) (nonmissing=1), gen(v)", "ifelse(w <= 2, 0, ifelse(is.na(w), NA, 1))"),
        ("recode w (min/max=1) (missing=9), gen(v)", "ifelse(is.na(w), 9, ifelse(!is.na(w), 1, w))"),
        ("recode w (nonmissing=1) (1/2=0), gen(v)", None),
        ("local cut = 2000 + 5\ngen v = w >= `cut'", "w >= 2005"),
        ("local cut = (2 - -3)*1.5\ngen v = w*`cut'", "w*7.5"),
        ("local cut = 1/3\ngen v = w*`cut'", None),
        ("if 1 {\ngen v = 2*w\n}", "2*w"),
        ("gen v = w\nif 0 replace v = 3", "w"),
        ("if 0 {\ngen v = 1\n}\nelse {\ngen v = 2*w\n}", "2*w"),
    ],
)
def test_ranges_of_recode_arithmetic_of_macros_and_constant_conditions_are_read(lines, made):
    facts = DataFacts(frozenset({"y", "w", "id", "d"}), frozenset({"w"}))
    found = read_code(f"{lines}\nreghdfe y d v, absorb(id) nocons\n", ".do", facts)
    assert [r.terms for r in found.regressions] == [("d", "v")]
    assert found.derived.get("v") == made
    assert ("v" in found.unread) == (made is None)


def test_no_constant_is_read_where_fixed_effects_have_it():
    lines = ("regress y d, nocons", "areg y d, a(id) nocons", "reghdfe y d, nocons", "reghdfe y d, a(id) noconstant")
    code = "\n".join(lines)
    assert [r.line for r in read_code(code, ".do").regressions] == [4]


def test_columns_that_a_command_makes_unnamed_are_of_its_line(drafted):
    code = """\
import delimited castle.csv, clear
tab year, gen(yr)
psmatch2 post poverty, logit
reghdfe homicide post yr2 [aw=_weight], absorb(sid)
"""
    done, _ = drafted(code, "a.do")
    assert "line 2 of a.do makes `yr2`" in done.stderr
    assert "line 3 of a.do makes `_weight`" in done.stderr


@pytest.mark.parametrize(
    "lines",
    [
        "st <- df %>% group_by(g) %>% summarise(st_z = mean(z))\ndf <- left_join(df, st, by = 'g')",
        "df <- df %>% left_join(df %>% group_by(g) %>% summarise(st_z = mean(z)), by = 'g')",
        "df <- within(df, st_z <- odd(z))",
        "set(df, j = 'st_z', value = odd(df$z))",
    ],
)
def test_a_column_that_an_unread_line_makes_new_is_named_with_that_line(lines):
    code = f"df <- read.csv('a.csv')\n{lines}\nfeols(y ~ d + st_z + z | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R", DataFacts(frozenset(["id", "year", "y", "d", "z", "g"])))
    assert found.unread["st_z"] == ("st_z", 2)
    assert found.regressions[0].terms == ("d", "st_z", "z")
    assert not any("`z`" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("line", "asked", "made"),
    [
        ("suppressWarnings(df$q <- as.numeric(df$x))", set(), {"q": "as.numeric(x)"}),
        ("invisible(df[, q := x * 2])", set(), {"q": "x * 2"}),
        ("names(df) <- tolower(names(df))", set(), {}),
        ('colnames(df)[3] <- "q"', {"q"}, {}),
        ('names(df)[names(df) == "z"] <- "q"', set(), {}),
        ('colnames(df)[3] <- "x"', {"rows_line_2"}, {}),
        ("names(df) <- other", {"rows_line_2"}, {}),
        ("rownames(df) <- other", set(), {}),
        ("colnames(df)", set(), {}),
    ],
)
def test_names_of_columns_and_calls_around_a_line_are_no_change_of_rows(line, asked, made):
    code = f"df <- read.csv('a.csv')\n{line}\nfeols(y ~ d + q | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R", DataFacts(frozenset({"y", "x", "z", "d", "id", "year"})))
    assert {*found.unread} == asked
    assert found.derived == made


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gen v = id*1000000 + year", True),
        ("gen double v = id*1000000 + year", False),
        ("egen v = group(id year)", False),
        ("gen byte v = x*30", False),
        ("gen int v = 20000*w", False),
        ("gen v = 100000000 + id", True),
        ("gen v = id + 1e8", True),
        ("gen double v = id + 1e8", False),
        ("gen v = id + 100", False),
        ("gen byte v = d*(year > 3)", False),
        ("gen v = x*100000", False),
    ],
)
def test_types_of_stata_that_may_not_hold_a_number_are_told(line, told):
    facts = DataFacts(
        frozenset({"y", "x", "w", "d", "id", "year"}), whole=frozenset({"id", "year", "w"}), binary=frozenset("d")
    )
    found = read_code(f"{line}\nreghdfe y d v, absorb(id)\n", ".do", facts)
    assert any("in Stata" in text for _, text in found.notes) == told


@pytest.mark.parametrize(
    "code",
    [
        "reghdfe y d x /*\n*/ if year > 3, absorb(id)\n",
        "reghdfe y d /* controls\n\n */ x if year > 3, /*\n*/ absorb(id)\n",
        "drop if year <= 3 /* old\n*/ | missing(year)\nreghdfe y d x, absorb(id)\n",
        "/* a\n b */\n// dir/*\nreghdfe y d x if year > 3, absorb(id)\n/* * */",
        "* kept /*\n reghdfe y d, absorb(id)\n*/\nreghdfe y d x if year > 3, absorb(id)\n",
        "/* old\n /* in it */\n drop if x > 3\n*/\nreghdfe y d x if year > 3, absorb(id)\n",
    ],
)
def test_a_comment_over_lines_joins_them_as_in_stata(code):
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "id", "year"}), complete=frozenset({"year"})))
    assert [r.terms for r in found.regressions] == [("d", "x")]
    assert "year" in found.regressions[0].condition
    assert found.regressions[0].line == code[: code.rindex("reghdfe")].count("\n") + 1


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ('import excel "b.xlsx", sheet("all") firstrow clear', True),
        ("import excel using b.xlsx, sheet(data) firstrow clear", False),
        ('import excel "b.xlsx", cellrange(A3:F40) firstrow clear', True),
        ("import excel b.xlsx, cellrange(A1) firstrow", False),
        ("import delimited using b.csv, rowrange(2:300) clear", True),
        ("import delimited b.csv, colrange(1:5) clear", True),
        ("import delimited b.csv, varnames(nonames) clear", True),
        ('import delimited "b.csv", varn(1) encoding("utf-8") clear', False),
        ("import delimited y d x using b.csv, clear", True),
        ("import excel y=A d=B using b.xlsx, clear", True),
        ("insheet using b.csv, nonames clear", True),
        ("import spss y d x using b.sav", False),
        ("insheet using b.csv, comma names clear", False),
    ],
)
def test_a_part_of_a_file_that_stata_imports_is_asked_for(line, asked):
    code = f"{line}\nreghdfe y d x, absorb(id year) vce(cluster id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "id", "year"}), sheet="data"))
    assert {*found.unread} == ({"rows_line_1"} if asked else set())


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("df <- read_excel('b.xlsx', sheet = 'all')", True),
        ("df <- read_excel('b.xlsx', sheet = 'data')", False),
        ("df <- read_excel(path = 'b.xlsx', range = 'A1:B3')", True),
        ("df <- readxl::read_excel(here('b.xlsx'), skip = 2)", True),
        ("df <- read_excel(f, 'all')", True),
        ("df <- read_excel(f)", False),
        ("df <- read.csv(file.path(a, 'b.csv'), nrows = 100)", True),
        ("df <- read.csv(file.path(a, 'b.csv'), stringsAsFactors = FALSE)", False),
        ("df <- rio::import('b.xlsx', which = 2)", True),
        ("df <- vroom('b.csv', n_max = 10)", True),
        ("df <- read_dta(path, n_max = 10)", True),
    ],
)
def test_a_part_of_a_file_that_r_reads_is_asked_for(line, asked):
    code = f"{line}\nfeols(y ~ d + x | id + year, df, cluster = ~id)\n"
    found = read_code(code, ".R", DataFacts(frozenset({"y", "d", "x", "id", "year"}), sheet="data"))
    assert {*found.unread} == ({"rows_line_1"} if asked else set())


def test_names_that_import_delimited_makes_small_are_those_of_the_file():
    code = "import delimited b.csv, clear\nxtset state yr\ngen lx = ln(x)\nreghdfe y d lx, absorb(state yr)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"Y", "d", "X", "STATE", "YR"}), complete=frozenset({"STATE"})))
    assert (found.unit, found.time) == ("STATE", "YR")
    one = found.regressions[0]
    assert (one.outcome, one.terms, one.effects) == ("Y", ("d", "lx"), "STATE + YR")
    assert "log(X)" in found.derived["lx"]
    kept = read_code(code.replace(", clear", ", case(preserve)"), ".do", DataFacts(frozenset({"Y", "X"})))
    assert kept.regressions[0].outcome == "y"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("gen int v = w", "ifelse(w > 32740 | w < -32767, NA, w)"),
        ("gen byte v = year - 1990", "year - 1990"),
        ("gen int v = year", "year"),
        ("gen byte v = year", "ifelse(year > 100 | year < -127, NA, year)"),
        ("gen long v = w*100000", "ifelse(w*100000 > 2147483620 | w*100000 < -2147483647, NA, w*100000)"),
        (
            "egen int v = max(w), by(id)",
            "ifelse(max(w, by = id) > 32740 | max(w, by = id) < -32767, NA, max(w, by = id))",
        ),
        ("gen byte u = year - 1990\ngen byte v = u*2", "u*2"),
        ("gen byte v = d == 1", "d == 1"),
        ("gen str1 v = state", "substr(state, 1, 1)"),
        ("gen str20 v = state", "state"),
        ("gen str3 v = substr(state, 1, 3)", "substr(state, 1, 3)"),
        ("gen int v = floor(year/10)", "floor(year/10)"),
        ("gen byte v = floor(year/10)", "ifelse(floor(year/10) > 100 | floor(year/10) < -127, NA, floor(year/10))"),
        ("gen str v = state", "state"),
    ],
)
def test_types_of_stata_hold_no_more_than_in_stata(line, made, tmp_path):
    pl.DataFrame(
        {"id": [1, 1, 2], "year": [1989, 2000, 2001], "y": [1.5, 2, 3], "w": [40000, 1, 2], "d": [0, 1, 1],
         "state": ["Ohio", "Iowa", "Utah"]}
    ).write_csv(tmp_path / "a.csv")  # fmt: skip
    facts = facts_of(read_columns(tmp_path / "a.csv", "a.csv").columns)
    found = read_code(f"{line}\nreghdfe y d v, absorb(id)\n", ".do", facts)
    assert found.derived["v"] == made


@pytest.mark.parametrize(
    ("code", "lines", "told"),
    [
        ("reg y d\nexit\ndrop if x > 3\nreg y d x", [1], "ends the do-file"),
        ("reg y d\nexit, clear\nreg y d x", [1], "ends the do-file"),
        ("local go 1\nif `go' == 1 {\nreg y d\nexit\n}\nreg y d x", [3], "ends the do-file"),
        ("local go 1\nif `go' == 0 exit\nreg y d x", [3], ""),
        ("reg y d\nif c(N) < 5 exit\nreg y d x", [1, 3], "not decided"),
        ("reg y d\nif c(N) < 5 {\nexit 198\n}\nreg y d x", [1, 5], "not decided"),
        ("foreach k in 1 2 3 {\nif `k' == 2 continue\nreg y d if x != `k'\n}\nreg y d", [3, 3, 5], ""),
        ("foreach k in 1 2 3 {\nif `k' == 2 continue, break\nreg y d if x != `k'\n}\nreg y d", [3, 5], ""),
        ("foreach k in 1 2 3 {\nif `k' == 2 {\ncontinue\n}\nreg y d if x != `k'\n}\nreg y d", [5, 5, 7], ""),
        ("foreach k in 1 2 {\nreg y d if x != `k'\nexit\n}\nreg y d", [2], "ends the do-file"),
        (
            "foreach k in 1 2 {\ncap reg y d if x != `k'\nif _rc continue\nreg y d x if x > `k'\n}",
            [2, 4, 2, 4],
            "not decided",
        ),
        ("program define a\nexit\nend\nreg y d", [4], ""),
        ("gen e = 1\nreg y d e", [2], ""),
        ("reg y d\nstop\nreg y d x", [1], "ends the do-file"),
        ("cap noi {\nreg y d\nexit 198\n}\nreg y d x", [2, 5], "not decided"),
        ("reg y d\nstop here\nreg y d x", [1], "ends the do-file"),
        ("reg y d\nSTOP\nreg y d x", [1], "ends the do-file"),
        ("reg y d\nxxx\nreg y d x", [1], "ends the do-file"),
        ("reg y d\ncap stop here\nreg y d x", [1, 3], "stop is not read"),
        ("reg y d\nif c(N) < 5 error 198\nreg y d x", [1, 3], "not decided"),
        ("reg y d\ntable2 old\nreg y d x", [1, 3], "Where Stata does not know it, either, it stops here"),
        ("reg y d\n-----\nreg y d x", [1, 3], "this is not read"),
        ("gen stop = 1\nreg y d stop", [2], ""),
        ("reg y d\nerror 198\nreg y d x", [1], "ends the do-file"),
        ("if c(N) > 5 {\nforeach k in 1 2 {\nif `k' == 2 continue\nreg y d\n}\n}\nreg y d", [4, 7], ""),
    ],
)
def test_what_stands_behind_exit_and_continue_is_not_run(code, lines, told):
    found = read_code(f"{code}\n", ".do", DataFacts(frozenset({"y", "d", "x"})))
    assert [r.line for r in found.regressions] == lines
    assert (
        any(told in why for _, _, why in found.skipped) if told else not any("stop" in w for _, _, w in found.skipped)
    )


@pytest.mark.parametrize(
    ("code", "unit", "time", "lines"),
    [
        ("xtset id t\nreg y d\nreg y d x\nxtset region t\nxtreg y d, fe", "id", "t", [2, 3, 5]),
        ("xtset region t\nreg y d\nxtset id\nreg y d x\nxtreg y d, fe", "id", "t", [2, 4, 5]),
        ("xtset id t\npreserve\nxtset region t\nreg y d\nrestore\nreg y d x\nxtreg y x, fe", "id", "t", [4, 6, 7]),
        ("xtset id t\nreg y d\nxtset region t\nreg y d x", "id", "t", [2, 4]),
        ("xtset id t\nreg y d\nreg y d x\nxtset region t\nreg y L.d", "id", "t", [2, 3]),
        ("xtset region t\ngen lx = L.x\nreg y lx\nxtset id t\nreg y d x\nreg y d", "id", "t", [5, 6]),
    ],
)
def test_the_panel_is_that_which_most_regressions_follow(code, unit, time, lines):
    found = read_code(f"{code}\n", ".do", DataFacts(frozenset({"y", "d", "x", "id", "region", "t"})))
    assert (found.unit, found.time) == (unit, time)
    assert [r.line for r in found.regressions] == lines
    assert any("another panel" in why for _, _, why in found.skipped)


@pytest.mark.parametrize("lines", ["", "reg y d\n", "preserve\nuse c.dta, clear\nrestore\n"])
@pytest.mark.parametrize("term", ["L.d", "d"])
def test_a_file_that_is_read_has_unit_and_time_by_the_names_of_before(lines, term):
    code = f"import delimited a.csv\nencode st, gen(id)\nxtset id t\n{lines}use b.dta, clear\nreg y {term}\nreg y x\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "id", "t"})))
    assert (found.unit, found.time) == ("id", "t")
    assert len(found.regressions) == 2
    assert not any("panel" in why or "lags" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("lines", "unit", "time"),
    [
        ("xtset id yr\nuse b, clear", "id", None),
        ("xtset st yr\nuse b, clear", None, None),
        ("xtset id yr\nuse b, clear\nxtset id t", "id", "t"),
        ("xtset id t\nuse b, clear", "id", "t"),
        ("xtset id yr\nuse b, clear\nmerge 1:1 id using c", "id", "yr"),
    ],
)
def test_unit_and_time_of_an_earlier_file_are_left_open_where_the_data_do_not_have_them(lines, unit, time):
    code = f"use a\n{lines}\nreghdfe y d, a(id t) cl(id)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "id", "t"})))
    assert (found.unit, found.time) == (unit, time)
    assert {"unit", "time"} & {*found.comments} == {r for r, n in (("unit", unit), ("time", time)) if n is None}


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ("reghdfe y d, a(id t) cl(id)", False),
        ("egen m = mean(x), by(id)\nreghdfe y d m, a(id t) cl(id)", False),
        ("areg y d i.t, a(id)", False),
        ("reghdfe y d if id != 3, a(id t)", True),
        ("reghdfe y d, a(id t)\nreghdfe y d id, a(t)", True),
        ("gen c = id*100 + t\nreghdfe y d, a(c)", True),
        ("replace id = 3 if d == 1\nreghdfe y d, a(id t)", True),
    ],
)
def test_a_column_of_text_is_the_unit_whose_numbers_encode_makes(lines, numbers):
    code = f"use a\nencode st, gen(id)\nxtset id t\n{lines}\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "st", "t"})))
    assert found.unit == "st"
    assert not found.skipped
    assert not found.unread
    assert ("group(st)" in found.derived.values()) == numbers
    assert len(found.comments["study"]) == 1
    if not numbers:
        assert [r.effects.split(" + ")[0] for r in found.regressions] == ["st"]
        assert [*found.derived.values()] in ([], ["mean(x, by = st)"])


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("replace x = 6.1 if x == 6\nreg y d if x >= 6.1", True),
        ("replace x = x/10\nreplace x = x + 1\nreg y d if x > .61", True),
        ("replace n = n/10\nreg y d if n > .6", True),
        ("replace n = n + 1\nreg y d if n > 6", False),
        ("replace n = n/2\nreg y d if n > 2.5", False),
        ("replace w = 6.1 if w == 6\nreg y d if w >= 6.1", False),
    ],
)
def test_replace_rounds_decimals_of_columns_that_the_data_have_in_single_precision(lines, listed):
    """Of x, whose numbers single precision holds, and n, whole; w is double."""
    columns = frozenset({"y", "d", "x", "n", "w"})
    facts = DataFacts(columns, columns, whole=frozenset({"n"}), short=frozenset({"x", "n"}))
    found = read_code(f"use a\n{lines}\n", ".do", facts)
    assert [line for line, _, _ in found.skipped] == ([lines.count("\n") + 2] if listed else [])


def test_numbers_of_texts_of_earlier_data_are_not_told():
    facts = DataFacts(frozenset({"y", "d", "x", "id", "t"}))
    code = "use a\nencode st, gen(id)\negen m = mean(x), by(id)\nuse b, clear\nxtset id t\nreghdfe y d, a(id t)\n"
    found = read_code(code, ".do", facts)
    assert (found.unit, found.comments.get("study")) == ("id", None)


@pytest.mark.parametrize("command", ["encode st, gen(g)", "egen g = group(st)", "egen g = group(st), label"])
@pytest.mark.parametrize("used", ["reg y d x if g != 2", "gen z = g > 2\nreg y d z"])
def test_numbers_of_texts_are_of_the_rows_that_are_left(command, used):
    """Of B, C and D without A the number 2 is C; of all four it would be B."""
    code = f"use a\ndrop if x == 1\n{command}\n{used}\nreghdfe y d, a(g)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "st"}), frozenset({"x", "st"})))
    assert not found.skipped
    panel = panel_of({"st": ["A", "B", "C", "D"] * 2, "x": [1.0, 2.0, 2.0, 2.0] * 2})
    assert found.derived["g"] == "group(ifelse(!(x == 1), st, NA))"
    assert values(panel, found.derived["g"])[:4] == [None, 1, 2, 3]


@pytest.mark.parametrize("unit", ["encode st, gen(id)", "egen id = group(st), label"])
def test_a_unit_whose_numbers_are_used_is_the_column_of_its_texts(unit):
    code = f"use a\n{unit}\nxtset id t\ndrop if id == 2\nreghdfe y d L.x, a(id t)\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "st", "t"})))
    assert (found.unit, found.skipped, found.derived["id"]) == ("st", [], "group(st)")


@pytest.mark.parametrize("line", ['label define id 7 "A" 8 "B"\nencode st, gen(id)', "encode st, gen(id) label(own)"])
def test_numbers_of_labels_that_are_there_are_listed(line):
    code = f"use a\n{line}\nreg y d x if id != 2\n"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "d", "x", "st"})))
    assert "encode" in found.skipped[-1][1]
    assert not found.derived


def test_a_pattern_of_columns_that_import_reads_in_small_letters_is_of_the_names_of_the_file():
    facts = DataFacts(frozenset({"Y", "D", "PC", "P_CAP", "pop", "Z"}))
    found = read_code("import delimited a.csv\nreg y d p*\ngen pz = z\nreg y d p*\n", ".do", facts)
    assert [r.terms for r in found.regressions] == [("D", "P_CAP", "PC", "pop")]
    assert [line for line, _, _ in found.skipped] == [4]


def test_a_column_of_0_and_1_stays_one_behind_a_join():
    facts = DataFacts(frozenset({"y", "post", "id", "t"}), binary=frozenset({"post"}))
    found = read_code("use a\nmerge m:1 id using b\nreghdfe y i.post, a(id t)\n", ".do", facts)
    assert [(r.terms, r.effects) for r in found.regressions] == [(("post",), "id + t")]


def test_a_number_that_is_marked_as_one_is_a_term():
    found = read_code("reg y d c.t i.id", ".do", DataFacts(frozenset({"y", "d", "id", "t"})))
    assert [(r.terms, r.effects) for r in found.regressions] == [(("d", "t"), "id")]


@pytest.mark.parametrize(
    ("word", "term"),
    [
        ("c.L.u", "l(u, 1)"),
        ("cL.u", "l(u, 1)"),
        ("cd.u", "d(u, 1)"),
        ("L2.c.u", "l(u, 2)"),
        ("c.L(1/2).u", "l(u, 1:2)"),
        ("i.st#c.L.u", "factor(st):l(u, 1)"),
        ("i.st#cL.u", "factor(st):l(u, 1)"),
        ("cL.u#c.t", "l(u, 1):t"),
        ("c.ln*", 'regex("^ln.*$")'),
        ("i.st#L.u", None),
        ("lnp*-lnpc", None),
        ("L.lnp*", None),
    ],
)
def test_lags_beside_the_mark_of_a_number_are_lags_and_no_pattern_has_more_than_a_name(word, term):
    facts = DataFacts(frozenset({"y", "d", "u", "st", "id", "t", "lnp", "lnpc"}))
    found = read_code(f"use a\nxtset id t\nreg y d {word}\n", ".do", facts)
    assert [r.terms for r in found.regressions] == ([("d", term)] if term else [])


def test_names_of_the_draft_that_are_to_be_completed_are_names_of_the_format(tmp_path):
    (tmp_path / "a.csv").write_text("id,t,y,d\n1,1,2,0\n1,2,3,1\n2,1,5,0\n2,2,4,0\n")
    (tmp_path / "a.do").write_text(
        "import delimited a.csv\nxtset id t\npsmatch2 d\nreghdfe y d [aw=_weight], a(id t)\n"
    )
    spec = tmp_path / "a" / "a.toml"
    call_specdid(["init", "a", "--from", "a.do"], tmp_path)
    draft = spec.read_text(encoding="utf-8")
    assert '# "`_weight`" = "…"' in draft
    spec.write_text(draft.replace('# "`_weight`" = "…"', '"`_weight`" = "y"'), encoding="utf-8")
    done = call_specdid(["check", str(spec)], tmp_path)
    assert done.returncode == 0, done.stderr


def test_lags_behind_other_data_are_listed():
    code = "gen id = d\nxtset id t\ncollapse y, by(t)\nreg y L.d\n"
    assert not read_code(code, ".do").regressions


@pytest.mark.parametrize("line", ["xtbalance, range(2000 2005)", "insobs 5", "infix y 1-4 d 5 using c.raw, clear"])
def test_commands_of_rows_and_other_data_of_stata_are_asked_for(line):
    found = read_code(f"use a\n{line}\nreg y d\n", ".do", DataFacts(frozenset({"y", "d"})))
    assert [*found.unread] == ([] if "using" in line else ["rows_line_2"])
    assert len(found.regressions) == ("using" not in line)


@pytest.mark.parametrize(("line", "listed"), [("gen c = 100000000 + id", True), ("gen c = 1000 + id", False),
                                              ("gen long c = 100000000 + id", False)])  # fmt: skip
def test_whole_numbers_that_single_precision_rounds_are_not_compared(line, listed):
    facts = DataFacts(frozenset({"y", "d", "id"}), whole=frozenset({"id"}), bounds=lambda _: (1, 50))
    found = read_code(f"{line}\nreg y d if c != 100000048\nreg y d\n", ".do", facts)
    assert len(found.regressions) == 2 - listed
    assert any("single precision" in why for _, _, why in found.skipped) == listed


@pytest.mark.parametrize(
    ("name", "made"),
    [("ear", "earn/1000"), ("earn", "earn/1000"), ("yo", "young/1000"), ("co", None), ("adpt", None), ("ol", None)],
)
def test_replace_changes_the_column_of_an_abbreviated_name_or_is_listed(name, made):
    """Of two columns that begin so, and of none, Stata stops."""
    facts = DataFacts(frozenset({"id", "t", "earn", "cold", "cost", "old", "d"}))
    code = f"use a\ngen double young = d\ndrop old\nreplace {name} = {name}/1000\nreg earn d young\n"
    found = read_code(code, ".do", facts)
    assert (made in found.derived.values(), 4 in [line for line, _, _ in found.skipped]) == (bool(made), not made)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("replace y = y/1000", "replace y = y*2 if z == 2"),
        ("replace y = 1 - y", "replace y = 0 if z == 2"),
        ("replace y = . if z > 5", "replace y = y + 1 if z == 2"),
        ("recode y (1 = 2)", "replace y = 0 if z == 2"),
    ],
)
def test_what_replace_leaves_is_the_column_as_the_line_before_left_it(first, second):
    """The first change stood twice: what the second left was `y_2/1000` of a `y_2` that was `y/1000`."""
    found = read_code(f"use a\n{first}\n{second}\nreg y d\n", ".do", DataFacts(frozenset({"y", "d", "z"})))
    assert found.derived["y_3"].endswith(", y_2)")
    (regression,) = found.regressions
    assert regression.outcome == "y_3"


@pytest.mark.parametrize("line", ["recode siz (0/100 = .)", "winsor2 siz, replace cuts(1 99)"])
def test_recode_and_winsor2_change_the_column_of_an_abbreviated_name(line):
    found = read_code(f"use a\n{line}\nreg y d size\n", ".do", DataFacts(frozenset({"y", "d", "size"})))
    assert ["size_2" in r.terms for r in found.regressions] == [True]
    other = read_code(f"use a\n{line}\nreg y d size\n", ".do", DataFacts(frozenset({"y", "d", "size", "sizes"})))
    assert [k for k, _, _ in other.skipped] == [2] or other.unread


def test_replace_behind_a_join_is_of_the_column_that_it_brings():
    code = "use a\nmerge m:1 id using b\nreplace gdp = gdp/1000\nreg y gdp\n"
    found = read_code(code, ".do", DataFacts(frozenset({"id", "y"})))
    assert [line for line, _, _ in found.skipped] == [2]


@pytest.mark.parametrize(
    ("condition", "told", "untold"),
    [
        ("adopt == 2011 == 0", "`adopt != 2011`", "both bounds"),
        ("adopt != 2011 == 0", "`adopt == 2011`", "both bounds"),
        ("adopt == 2011 == 1", "`adopt == 2011`", "both bounds"),
        ("adopt == 2011 != 1", "`adopt != 2011`", "both bounds"),
        ("adopt == t == 2011", "(adopt == t) == 2011", "both bounds"),
        ("adopt > t == 0", "(adopt > t) == 0", "both bounds"),
        ("1980 < t < 1990", "`1980 < t & t < 1990`", "`t != 1990`"),
    ],
)
def test_help_on_the_comparison_of_a_truth_is_of_bounds_where_there_are_some(condition, told, untold):
    found = read_code(f"use a\nreg y d if {condition}\n", ".do", DataFacts(frozenset({"y", "d", "adopt", "t"})))
    ((_, _, why),) = found.skipped
    assert told in why
    assert untold not in why


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("drop x", True),
        ("keep id t y d", True),
        ("drop x*", True),
        ("cap drop x", True),
        ("drop x\nkeep if d == 1", True),
        ("preserve\ndrop x\nrestore", False),
        ("drop x\ngen x = t", False),
        ("drop x\nuse a, clear", False),
        ("keep id t y d x", False),
        ("keep i-x", False),
        ("keep id t y `more'", False),
        ("if `k' == 1 {\ndrop x\n}", False),
        ("drop w", False),
    ],
)
def test_regressions_of_a_column_that_was_dropped_are_listed(lines, listed):
    facts = DataFacts(frozenset({"id", "t", "y", "d", "x", "w"}))
    found = read_code(f"use a\n{lines}\nreg y d x\nreg y d\n", ".do", facts)
    told = ["`x` was dropped in line 2"] if listed else []
    assert [why for _, text, why in found.skipped if text.startswith("reg")] == told
    assert len(found.regressions) == 2 - listed


def test_a_column_that_is_kept_by_an_abbreviation_is_not_dropped():
    facts = DataFacts(frozenset({"unitid", "year", "earn", "did"}))
    found = read_code("use a\nkeep unit year ear did\nreg earn did, vce(cluster unitid)\n", ".do", facts)
    assert (found.skipped, len(found.regressions)) == ([], 1)


_IN_ORDER = DataFacts(
    frozenset({"id", "t", "y", "d", "x1", "x2", "x3", "w", "Big"}),
    order=("id", "t", "y", "d", "x1", "x2", "x3", "w", "Big"),
)


@pytest.mark.parametrize(
    ("lines", "gone", "there"),
    [
        ("drop x1-x3", "x2", "w"),
        ("drop x1 - x3", "x2", "w"),
        ("keep id-x2", "w", "x1"),
        ("gen n = 1\ndrop w-n", "Big", "x3"),
        ("rename x2 z\ndrop x1-x3", "z", "w"),
        ("drop x?", "x1", "w"),
        ("rename x1 z", "x1", "z"),
        ("rename (x1 x2) (x2 x1)\ndrop x1", "x1", "x2"),
        ("rename (x1 x2) (z1 z2)", "x2", "z2"),
        ("rename *, lower", "Big", "big"),
        ("ren (x1 x2), upper", "x1", "X1"),
        ("rename x* z*", "x3", "z3"),
        ("rename *1 *_one", "x1", "x_one"),
        ("rename x1-x3, upper", "x2", "X3"),
        ("rename x* =_a", "x2", "w"),
        ("rename x# z#", "x3", "w"),
    ],
)
def test_columns_that_ranges_drop_or_that_have_another_name_are_listed(lines, gone, there):
    found = read_code(f"use a\n{lines}\nreg y d {gone}\nreg y d {there}\n", ".do", _IN_ORDER)
    at = lines.count("\n") + 3
    assert [(line, why.split(" ")[0]) for line, text, why in found.skipped if text.startswith("reg")] == [
        (at, f"`{gone}`")
    ]
    assert [r.line for r in found.regressions] == [at + 1]


@pytest.mark.parametrize("lines", ["order w\ndrop x1-w", "drop x1\ngen x1 = 1\ndrop x1-w"])
def test_a_range_of_columns_in_an_order_not_known_is_listed(lines):
    for facts in (_IN_ORDER, DataFacts()):
        found = read_code(f"use a\n{lines}\nreg y d x2\n", ".do", facts)
        assert any("`x1-w` is a range of columns" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("lines", "gone"),
    [
        ("drop x*", "x1"),
        ("keep id y d", "x1"),
        ("rename *, lower", "Big"),
        ("rename x* z*", "x1"),
        ("keep y d x?", "w"),
    ],
)
def test_columns_of_data_not_known_that_are_no_more_are_listed(lines, gone):
    found = read_code(f"use a\n{lines}\nreg y d {gone}\nreg y d\n", ".do")
    assert [text for _, text, _ in found.skipped if text.startswith("reg")] == [f"reg y d {gone}"]
    assert len(found.regressions) == 1


@pytest.mark.parametrize("line", ["reg y d Bi", "reg y d if Bi > 2", "reghdfe y d, a(Bi)"])
def test_names_that_are_cut_down_are_listed_where_stata_is_set_to_take_whole_ones(line):
    told = [
        [w for _, _, w in read_code(f"use a\nset varabbrev {s}\n{line}\n", ".do", _IN_ORDER).skipped]
        for s in ("off", "on")
    ]
    assert told == [["`Bi` is no column, and line 2 has Stata take whole names alone: write it out"], []]


@pytest.mark.parametrize("line", ["recode Bi (1=2)", "replace Bi = 3"])
def test_a_column_is_not_changed_by_a_name_cut_down_where_that_is_an_error(line):
    found = read_code(f"use a\nset varabbrev off\n{line}\nreg y d Big\n", ".do", _IN_ORDER)
    assert [at for at, _, _ in found.skipped] == [3]
    assert found.regressions[0].terms == ("d", "Big")


_LEVELS = replace(
    _IN_ORDER, whole=frozenset({"t"}), numbers=lambda name: np.array([3.0, 1.0, np.nan, 1.0]) if name == "t" else None
)


@pytest.mark.parametrize(
    ("lines", "conditions", "listed"),
    [
        ("levelsof t, local(ks)", ["t == 1", "t == 3"], []),
        ("qui levelsof t, local(ks) clean", ["t == 1", "t == 3"], []),
        ("local ks 7\nkeep if d == 1\nlevelsof t, local(ks)", [], ["levelsof"]),
        ("levelsof t if d == 1, local(ks)", [], ["levelsof"]),
        ("levelsof w, local(ks)", [], ["levelsof"]),
        ("replace t = 2\nlevelsof t, local(ks)", [], ["levelsof"]),
        ("levelsof w", [], []),
    ],
)
def test_levels_of_a_column_are_those_of_the_data_where_nothing_changes_them(lines, conditions, listed):
    code = f"use a\n{lines}\nforeach k of local ks {{\nreg y d if t == `k'\n}}\n"
    found = read_code(code, ".do", _LEVELS)
    assert [r.condition for r in found.regressions] == conditions
    assert [text.split()[0] for _, text, why in found.skipped if "each(" in why] == listed


def test_columns_that_tempvar_names_are_read():
    found = read_code("use a\ntempvar w q\ngen `w' = x1*2\ngen `q' = `w' + w\nreg y d `q'\n", ".do", _IN_ORDER)
    assert not found.skipped
    assert found.regressions[0].terms == ("d", "q")
    assert found.derived == {"w_temp": "x1*2", "q": "w_temp + w"}


@pytest.mark.parametrize(
    ("body", "asks"),
    [("reg y d", False), ("syntax varlist\nqui sum y", False), ("replace y = 2", True), ("if 1 {\ndrop in 1\n}", True)],
)
def test_a_program_of_the_file_is_listed_and_asked_for_where_it_may_change_data(body, asks):
    code = f"use a\ncap program drop foo\nprogram define foo\n{body}\nend\nfoo\nreg y d\n"
    found = read_code(code, ".do", _IN_ORDER)
    at = 6 + body.count("\n")
    assert [line for line, _, _ in found.skipped] == [3, at]
    assert [*found.unread] == ([f"rows_line_{at}"] if asks else [])
    assert "the program of line 3" in found.skipped[1][2]


def test_unit_and_time_that_stata_renames_are_those_of_the_data():
    found = read_code("use a\nrename (id t) (cid year)\nxtset cid year\nxtreg y d, fe\n", ".do", _IN_ORDER)
    assert (found.unit, found.time) == ("id", "t")


@pytest.mark.parametrize(
    ("ending", "line", "shown", "told"),
    [
        (".do", "reghdfe y ib9.w, a(id t)", "y ~ 1 | id + t + w", "the levels of `w` are absorbed. Here: if it counts"),
        (
            ".do",
            "reghdfe y i.w#i.t, a(id t)",
            "y ~ 1 | id + t + w^t",
            "`w^t` is absorbed. Here: an event study by year is",
        ),
        (".do", "reghdfe y 1.d#i.t, a(id t)", "y ~ (d == 1):factor(t)", "Here: an event study by year is"),
        (".R", "feols(y ~ factor(w) | id + t, df, ~id)", "y ~ 1 | id + t + w", "Here: if it counts periods"),
        (".R", "feols(y ~ factor(t):w | id + t, df, ~id)", "y ~ factor(t):w", "Here: an event study by year is"),
    ],
)
def test_event_studies_by_factors_are_named(ending, line, shown, told):
    do = ending == ".do"
    first = (
        "use a\nxtset id t\nreghdfe y d, a(id t)" if do else "df <- read.csv('a.csv')\n\nfeols(y ~ d | id + t, df, ~id)"
    )
    code = read_code(f"{first}\n{line}\n", ending, _IN_ORDER)
    text = code_draft(code, f"a{ending}", ("d", "named by you"), None, "a").replace("\n#", "")
    listed = " ".join(text[text.index("Line of the code, what") :].split())
    assert f"4: {shown} (" in listed
    assert told in listed


def test_trends_of_units_are_no_event_study():
    code = read_code("use a\nxtset id t\nreghdfe y d, a(id t)\nreghdfe y i.id#c.t, a(id t)\n", ".do", _IN_ORDER)
    assert "[event_study]" not in code_draft(code, "a.do", ("d", "named by you"), None, "a")


def test_what_is_made_of_a_column_that_was_dropped_is_asked_for():
    found = read_code("use a\ndrop x1\ngen q = x1*2\nreg y d q\n", ".do", _IN_ORDER)
    assert [*found.unread] == ["q"]
    assert any("`x1` was dropped in line 2" in why for _, _, why in found.skipped)
    found = read_code(
        'df <- read.csv("a.csv")\ndf$x1 <- NULL\ndf$q <- df$x1*2\nfeols(y ~ d + q | id, df)', ".R", _IN_ORDER
    )
    assert [*found.unread] == ["q"]


def test_a_join_may_bring_a_column_that_was_dropped_before():
    found = read_code("use a\ndrop x1\nmerge 1:1 id t using b\nreg y d x1\n", ".do", _IN_ORDER)
    assert found.regressions[0].terms == ("d", "x1_line_3")

    code = (
        'df <- read.csv("a.csv")\ndf$x1 <- NULL\ndf <- left_join(df, o, by = "id")\nfeols(y ~ d + x1 | id, df, ~id)\n'
    )
    assert read_code(code, ".R", _IN_ORDER).regressions[0].terms == ("d", "x1_line_3")


def test_a_pattern_that_matches_a_column_that_was_dropped_is_listed():
    found = read_code("use a\ndrop x1\nreg y d x*\n", ".do", _IN_ORDER)
    assert not found.regressions


@pytest.mark.parametrize(
    ("lines", "gone", "there"),
    [
        ("df <- rename(df, z = x1)", "x1", "z"),
        ("df <- df %>% rename(z = x1, z2 = x2) %>% filter(t > 1)", "x2", "z2"),
        ('names(df)[names(df) == "x1"] <- "z"', "x1", "z"),
        ('colnames(df)[which(colnames(df) == "x1")] <- "z"', "x1", "z"),
        ('names(df)[5] <- "z"', "x1", "z"),
        ("names(df) <- tolower(names(df))", "Big", "big"),
        ("df <- df %>% rename_with(tolower)", "Big", "big"),
        ("setnames(df, 'x1', 'z')", "x1", "z"),
        ("setnames(df, old = c('x1', 'x2'), new = c('z1', 'z2'))", "x2", "z2"),
        ("df <- plyr::rename(df, c('x1' = 'z'))", "x1", "z"),
        ("df <- select(df, -x1)", "x1", "x2"),
        ("df <- df %>% select(-c(x1, x2))", "x2", "x3"),
        ("df <- df %>% select(!x1)", "x1", "x2"),
        ("df <- df %>% select(-starts_with('x'))", "x1", "w"),
        ("df <- df %>% select(id:x2)", "w", "x1"),
        ("v <- c('id', 'y', 'd', 'w')\ndf <- df %>% select(all_of(v))", "x1", "w"),
        ("df <- subset(df, select = -c(x1:x3))", "x2", "w"),
        ("df <- df %>% select(-(x1:x3))", "x2", "w"),
        ("df <- df %>% select(-x1) %>% select(y, everything())", "x1", "x2"),
        ("df <- df %>% select(id, t, y, d, z = x1)", "x2", "z"),
        ("df <- subset(df, t > 3, select = c(y, d, id, t, w))", "x1", "w"),
        ("df$x1 <- NULL", "x1", "x2"),
        ("df[['x1']] <- NULL", "x1", "x2"),
        ("df[, 'x1'] <- NULL", "x1", "x2"),
        ("df[c('x1', 'x2')] <- NULL", "x2", "x3"),
        ("df[, x1 := NULL]", "x1", "x2"),
        ("df[, c('x1', 'x2') := NULL]", "x2", "x3"),
        ("df <- df[, !(names(df) %in% c('x1', 'x2'))]", "x2", "x3"),
        ("df <- df[, !names(df) %in% 'x1']", "x1", "x2"),
        ("df <- df[, c('y', 'd', 'id', 'w')]", "x1", "w"),
        ("df <- df[, -5]", "x1", "x2"),
        ("v <- c('x1', 'x2')\ndf <- df[, !(names(df) %in% v)]", "x2", "x3"),
        ("v <- c('x1', 'x2')\ndf <- df %>% select(-all_of(v))", "x2", "x3"),
        ("v <- c('y', 'd', 'id', 'w')\ndf <- df[, v]", "x2", "w"),
        ("v <- c('y', 'd', 'id', 'w')\ndf <- df[v]", "x2", "w"),
        ("df <- mutate(df, x1 = NULL)", "x1", "x2"),
    ],
)
def test_columns_that_r_drops_or_calls_otherwise_are_listed(lines, gone, there):
    code = (
        f'df <- read.csv("a.csv")\n{lines}\nfeols(y ~ d + {gone} | id, df, ~id)\nfeols(y ~ d + {there} | id, df, ~id)\n'
    )
    found = read_code(code, ".R", _IN_ORDER)
    at = lines.count("\n") + 3
    assert [(line, why.split(" ")[0]) for line, _, why in found.skipped] == [(at, f"`{gone}`")]
    assert [r.line for r in found.regressions] == [at + 1]
    assert not found.unread


@pytest.mark.parametrize(
    ("made", "effects", "found"),
    [
        ("df$t <- factor(df$t)", "id[t]", None),
        ("df <- mutate(df, t = as.factor(t))", "id + id[[t]]", None),
        ("df$f <- factor(df$t)", "id[f]", None),
        ("df$f <- factor(df$t)", "id[as.numeric(f)]", None),
        ("df$t <- factor(df$t)", "id[as.numeric(t)]", None),
        ("df$q <- 1", "id[factor(t)]", None),
        ("df$id <- factor(df$id)", "id[t]", "id[t]"),
        ("df$t <- factor(df$t)", "id[x1] + t", "id[x1] + t"),
    ],
)
def test_slopes_of_a_factor_are_listed_and_those_of_its_levels_are_read(made, effects, found):
    read = read_code(f'df <- read.csv("a.csv")\n{made}\nfeols(y ~ d | {effects}, df, ~id)\n', ".R", _IN_ORDER)
    assert [r.effects for r in read.regressions] == ([found] if found else [])
    assert any(text.startswith("feols") for _, text, _ in read.skipped) == (found is None)


def test_a_factor_by_a_new_name_is_no_number_in_a_formula():
    code = 'df <- read.csv("a.csv")\ndf$f <- factor(df$t)\nfeols(y ~ d + @ | id, df, ~id)\n'
    read = read_code(code.replace("@", "f:x1"), ".R", _IN_ORDER)
    assert not read.regressions
    assert any("i(f, x)" in why for _, _, why in read.skipped)
    code = code.replace("df$t)", "df$t, 1:3)").replace("@", "f")
    assert any("`f` is a factor" in text for _, text in read_code(code, ".R", _IN_ORDER).notes)


@pytest.mark.parametrize("inside", ["c('y', 'd')", ", v", ", !(names(df) %in% v)"])
def test_columns_in_brackets_of_a_data_table_are_those_that_are_written_out(inside):
    begin = "library(data.table)\ndf <- fread('a.csv')\nv <- c('y', 'd', 'id')\n"
    code = f"{begin}df <- df[{inside}]\nfeols(y ~ d | id, df, ~id)\n"
    assert [line for line, _, _ in read_code(code, ".R", _IN_ORDER).skipped] == [4]
    code = code.replace(f"[{inside}]", "[, c('y', 'd', 'id')]")
    assert not read_code(code, ".R", _IN_ORDER).skipped


def test_columns_that_within_removes_are_listed():
    code = 'df <- read.csv("a.csv")\ndf <- within(df, { q <- x2; rm(x1) })\nfeols(y ~ d + x1 | id, df, ~id)\n'
    assert [line for line, _, _ in read_code(code, ".R", _IN_ORDER).skipped] == [2, 3]


@pytest.mark.parametrize("names", ["c('id', 't', 'y', 'd', 'a', 'b', 'e', 'w', 'Big')", "c('id', 'a')"])
def test_names_for_all_columns_leave_a_frame_one(names):
    code = f'df <- read.csv("a.csv")\nnames(df) <- {names}\ndf <- df[1:9, ]\nfeols(y ~ d + a | id, df, ~id)\n'
    assert [line for line, _, _ in read_code(code, ".R", _IN_ORDER).skipped] == [2, 3]


def test_a_choice_of_columns_that_is_not_known_is_listed():
    found = read_code('df <- read.csv("a.csv")\ndf <- select(df, y:id)\nfeols(y ~ d | id, df, ~id)\n', ".R")
    assert [line for line, _, _ in found.skipped] == [2]
    assert found.regressions[0].condition == "TRUE"


def test_replace_that_keeps_the_type_is_not_read():
    found = read_code("gen byte v = 1\nreplace v = x, nopromote\nreg y v\n", ".do", DataFacts(frozenset({"y", "x"})))
    assert [*found.unread] == ["v"]


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("q()", True),
        ("quit(save = 'no')", True),
        ("stop('the rest is old')", True),
        ("if (nrow(df) < 5) stop('few')", False),
        ("if (nrow(df) < 5)\n  stop('few')", False),
        ("if (nrow(df) < 5) {\n  stop('few')\n}", False),
        ("f <- function(a)\n  stop('few')", False),
        ("if (nrow(df) > 5) z <- 1 else\n  stop('few')", False),
    ],
)
def test_what_stands_behind_the_end_of_an_r_script_is_not_run(code, ends):
    text = f"df <- read.csv('a.csv')\nfeols(y ~ d | id, df)\n{code}\nfeols(y ~ d + x | id, df)\n"
    found = read_code(text, ".R", DataFacts(frozenset({"y", "d", "x", "id"})))
    assert [r.terms for r in found.regressions] == ([("d",)] if ends else [("d",), ("d", "x")])
    assert any("ends the script" in why for _, _, why in found.skipped) == ends


@pytest.mark.parametrize("line", ["x" * 200_000, "qui " * 50_000 + "drop d", "keep if d > 1" + " & d > 1" * 20_000])
def test_a_statement_without_measure_is_listed_and_may_change_anything(line):
    found = read_code(f"reg y d\n{line}\nreg y d\nreg y x d\n", ".do", DataFacts(frozenset({"y", "d", "x"})))
    assert [*found.unread] == ["rows_line_2"]
    ((_, shown, why),) = [one for one in found.skipped if one[0] == 2]
    assert len(shown) < 500
    assert "longer than 10,000 characters" in why


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (f"gen a = x{'*x' * 400}", ["a"]),
        (f"reg y d if x{' & x' * 400}", []),
        (f"keep if x{' & x' * 400}", ["rows_line_2"]),
    ],
)
def test_expressions_beyond_what_is_read_are_listed(line, asked):
    found = read_code(f"reg y d\n{line}\nreg y d a\nreg y x d a\n", ".do", DataFacts(frozenset({"y", "d", "x"})))
    assert [*found.unread] == asked
    assert 2 in [at for at, _, _ in found.skipped]


def test_a_comment_that_is_not_closed_goes_to_the_end():
    found = read_code("reg y d x\n/* old\ndrop if x > 3\nreg y d\n", ".do", DataFacts(frozenset({"y", "d", "x"})))
    assert [r.line for r in found.regressions] == [1]
    assert [(line, "not closed" in why) for line, _, why in found.skipped] == [(2, True)]
    found = read_code('local f: dir "a/*.dta"\nreg y d\n', ".do", DataFacts(frozenset({"y", "d", "x"})))
    assert [r.line for r in found.regressions] == [2]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("gen c = state*1000\nreplace c = c + county", [1]),
        ("gen c = state\nreplace c = c*1000 + county", [2]),
        ("gen c = state*100\nreplace c = c*100 + county", [2]),
        ("gen c = state\nreplace c = c*100 if state > 2\nreplace c = c*100 + county", [3]),
        ("gen c = state\nrename c k\nreplace k = k*1000 + county\nrename k c", [3]),
        ("gen double c = state\nreplace c = c*1000 + county", []),
        ("gen long c = state\nreplace c = c*1000 + county", []),
        ("gen c = state\nreplace c = c*2 + county", []),
    ],
)
def test_whole_numbers_that_replace_makes_in_steps_are_said_to_be_rounded(lines, told):
    facts = DataFacts(frozenset({"y", "d", "state", "county"}), whole=frozenset({"state", "county"}))
    found = read_code(f"{lines}\nreghdfe y d, absorb(c)\n", ".do", facts)
    assert [line for line, text in found.notes if "float in Stata" in text] == told


@pytest.mark.parametrize("step", ["c + c if d > c", "c + c", "c*c + c", "1/c + c/c", "max(c, c)"])
def test_columns_that_are_made_of_themselves_again_and_again_are_read(step):
    """Two names of the version before, in sixty versions: asked without a memory, that is 2^60 questions."""
    facts = DataFacts(frozenset({"y", "d", "id"}), frozenset({"y", "d", "id"}), whole=frozenset({"id"}))
    code = "gen c = id\n" + f"replace c = {step}\n" * 60 + "reg y d if c > 3\nreg y d if 1/c > 2\n"
    found = read_code(code, ".do", facts)
    assert len(found.derived) > 60


@pytest.mark.parametrize(
    ("code", "step", "lines", "told"),
    [
        ("xtset id t, delta(5)\nreg y L.d\nxtset id t, delta(1)\nreg y d x", "5", [2, 4], [3]),
        ("xtset id t\nreg y L.d\nxtset id t, delta(5)\nreg y d x", None, [2, 4], [3]),
        ("xtset id t\ngen lx = L.x\nxtset id t, delta(5)\nreg y d lx", None, [4], [3]),
        ("xtset id t, delta(5)\nreg y L.d\ntsset id t\nreg y L.d x", "5", [2], [3, 4]),
        ("xtset id t, delta(5)\ngen lx = L.x\nxtset id t\nreg y L.d lx\nreg y d", "5", [5], [3, 4]),
        ("xtset id t, delta(1)\nreg y d\nxtset id t, delta(5)\nreg y L.d x", "5", [2, 4], [1]),
        ("xtset id\nxtreg y d, fe\nxtset id t, delta(5)\nreg y L.d", "5", [2, 4], []),
        ("xtset id t, delta(2)\nreg y L.d\nxtset id\nreg y L.x", "2", [2, 4], []),
    ],
)
def test_lags_keep_the_step_of_the_xtset_that_they_stand_under(code, step, lines, told):
    found = read_code(f"{code}\n", ".do", DataFacts(frozenset({"y", "d", "x", "id", "t"})))
    assert (found.unit, found.time, found.step) == ("id", "t", step)
    assert [r.line for r in found.regressions] == lines
    assert [line for line, _, _ in found.skipped] == told


@pytest.mark.parametrize(
    ("call", "effects", "vcov", "conditions"),
    [
        ("feols(y ~ d | id, df, cluster = df$state)", "id", "~state", ["TRUE"]),
        ("feols(y ~ d | id, df, cluster = ~df$state)", "id", "~state", ["TRUE"]),
        ("feols(y ~ d | id, df, vcov = ~df$state + t)", "id", "~state + t", ["TRUE"]),
        ("feols(y ~ d | id, df, cluster = df[['state']])", "id", "~state", ["TRUE"]),
        ("feols(y ~ d | as.factor(id) + factor(t), df, cluster = 'id')", "id + t", "~id", ["TRUE"]),
        ("felm(y ~ d | as.factor(id) | 0 | id, df)", "id", "~id", ["TRUE"]),
        ("feols(y ~ d | id, df, ~id, split = df$state)", "id", "~id", ["each(state)"]),
        ("feols(y ~ d | id, df, ~id, fsplit = ~state)", "id", "~id", ["TRUE", "each(state)"]),
    ],
)
def test_columns_of_the_frame_and_factors_of_r_are_read_by_their_names(call, effects, vcov, conditions):
    found = read_code(f"df <- read.csv('a.csv')\n{call}\n", ".R", DataFacts(frozenset({"y", "d", "id", "t", "state"})))
    assert [(r.effects, r.vcov, r.condition) for r in found.regressions] == [(effects, vcov, c) for c in conditions]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("feols(y ~ d | id, df, cluster = other$state)", "takes columns out of `other`"),
        ("feols(y ~ d | id, df, cluster = other[['state']])", "takes columns out of `other`"),
        ("feols(y ~ d | id, df, cluster = ~other$state)", "takes columns out of `other`"),
        ("feols(y ~ d | id, df, split = ~bin(state, 3))", "only a column's name is read"),
        ("df[, z := uniqueN(t + 1), by = id]", "`uniqueN()` is not taken over. Here: n_distinct(x, by = id)"),
        ("df[, z := fcase(d > 1, 1, 0)]", "`fcase()` is not taken over"),
        ("df <- mutate(df, z = ifelse(d == !!d, 1, 0))", "`!!d` is the script's variable in dplyr"),
        ("df <- filter(df, d == ! !d)", "`! !d` is the script's variable in dplyr"),
        ("df <- mutate(df, z = sum(!!!d))", "`!!!d` is the script's variable in dplyr"),
        ("setnames(df, 'state', v)", "changes `state`"),
        ("att_gt('y', 't', 'id', 'g', ~x, df, anticipation = 1)", "xformla is [controls], anticipation and est_method"),
    ],
)
def test_what_of_r_is_not_read_is_listed_by_its_name(line, told):
    code = f"df <- fread('a.csv')\n{line}\nfeols(y ~ d + t | id, df)\n"
    found = read_code(code, ".R", DataFacts(frozenset({"y", "d", "id", "t", "state"})))
    assert [r.line for r in found.regressions] == [3]
    assert [at for at, _, why in found.skipped if told in why] == [2]


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        ("df$age2 <- df$age^2/100\n@", ["did", "age", "age2"]),
        ("df$age2 <- df$age^2/100\nsetFixest_fml(..dem = ~ hh + ..('^age'))\n#", ["did", "hh", "age", "age2"]),
        ("df$age <- df$age/10\n@", ["did", "age_2"]),
        ("feols(y ~ did + age | id + t, df, ~id)\ndf$age <- df$age/10\n@", ["did", "age_2"]),
        ("@\ndf$age2 <- df$age^2\nfeols(y ~ did + age2 | id + t, df, ~id)", ["did", "age"]),
        ("df$age2 <- df$age^2/100\ndf$age2 <- NULL\n@", ["did", "age"]),
        ("df <- df |> mutate(age2 = age^2) |> select(-age)\n@", ["did", "age2"]),
        ("df <- df |> mutate(age2 = age^2) |> select(id, t, y, did, age2)\n@", ["did", "age2"]),
        ("df <- df |> mutate(age2 = age^2) |> select(starts_with('a'), y, did, id, t)\n@", ["did", "age", "age2"]),
        ("df <- rename(df, years = age)\ndf$age2 <- df$years^2/100\n@", ["did", "age2"]),
        ("df$age2 <- df$age^2\nfeols(y ~ did + sw(..('^age')) | id + t, df, ~id)\n", None),
        ("df$y_age <- df$y\nfeols(y_age ~ did + ..('age') | id + t, df, ~id)\n", None),
    ],
)
def test_a_pattern_of_fixest_takes_the_columns_that_are_there_at_its_line(lines, terms):
    lines = lines.replace("@", "feols(y ~ did + ..('^age') | id + t, df, ~id)")
    lines = lines.replace("#", "feols(y ~ did + ..dem | id + t, df, ~id)")
    facts = DataFacts(frozenset({"y", "did", "id", "t", "age", "hh"}))
    found = read_code(f"library(fixest)\ndf <- read.csv('a.csv')\n{lines}\n", ".R", facts)
    those = [list(r.terms) for r in found.regressions]
    assert terms in those if terms else not those


@pytest.mark.parametrize("first", ["hetero", "~sid"])
@pytest.mark.parametrize("ending", [".do", ".R"])
def test_a_preferred_regression_with_other_errors_than_most_is_told(drafted, first, ending):
    if ending == ".R":
        code = f"""\
df <- read.csv("castle.csv")
feols(homicide ~ post | sid + year, df, vcov = {'"hetero"' if first == "hetero" else first})
feols(log(homicide) ~ post + poverty | sid + year, df, cluster = ~sid)
feols(murder ~ post | sid + year, df, cluster = ~sid)
"""
    else:
        code = f"""\
import delimited using castle.csv, clear
reghdfe homicide post, absorb(sid year) vce({"robust" if first == "hetero" else "cluster sid"})
reghdfe robbery post poverty, absorb(sid year) vce(cluster sid)
reghdfe murder post, absorb(sid year) vce(cluster sid)
"""
    done, spec = drafted(code, f"a{ending}", "--treatment", "post")
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    for shown in (done.stdout, text[text.index("Proposed:") : text.index("[preferred]")]):
        assert ('he standard errors of line 2 are "hetero" of [vcov]; those on the curve' in shown) == (
            first == "hetero"
        )


@pytest.mark.parametrize(
    ("loaded", "lag", "taken"),
    [
        ("library(data.table)", "lag(y)", False),
        ("library(plm)", "y - lag(y)", False),
        ("library(data.table)\ndt[, q := dplyr::first(y)]", "lag(y)", False),
        ("library(data.table)", "dplyr::lag(y)", True),
        ("library(data.table)", "shift(y, type = 'lag')", True),
        ("library(dplyr)", "lag(y)", True),
        ("require(tidyverse)", "lag(y)", True),
        ("pacman::p_load(data.table, dplyr)", "lag(y)", True),
        ("source('packages.R')", "lag(y)", True),
        ("lag <- dplyr::lag", "lag(y)", True),
        ("library(plm)\nlibrary(dplyr)", "lag(y)", True),
        ("library(dplyr)\nlibrary(plm)", "dplyr::lag(y)", True),
        ("library(dplyr)\nm <- plm::plm(y ~ d, df)", "lag(y)", True),
        ("library(dplyr, warn.conflicts = FALSE)", "lag(y)", True),
    ],
)
def test_lag_is_that_of_stats_where_no_package_brings_another(loaded, lag, taken):
    code = f"{loaded}\ndt <- fread('a.csv')\ndt[, ly := {lag}, by = i]\nfeols(y ~ d + ly | i + t, dt, ~i)\n"
    found = read_code(code, ".R", _PANEL)
    assert bool(found.derived) == taken
    assert any("is then that of stats" in why for _, _, why in found.skipped) != taken


@pytest.mark.parametrize(
    ("loaded", "lag"),
    [
        ("library(dplyr)", "stats::lag(y)"),
        ("library(dplyr)", "plm::lead(y)"),
        ("library(dplyr)\nlibrary(plm)", "lag(y)"),
        ("pacman::p_load(tidyverse, plm)", "lead(y)"),
        ("library(dplyr, exclude = 'lag')", "lag(y)"),
        ("library(dplyr, exclude = c('filter', 'lag'))", "lag(y)"),
        ("library(dplyr, include.only = 'mutate')", "lag(y)"),
        ("library(dplyr)\nlag <- function(x) c(NA, x[-1])", "lag(y)"),
        ("library(dplyr)\nabs <- function(x) {\n  z <- x\n  z * 2\n}", "abs(y)"),
    ],
)
def test_functions_by_the_name_of_others_are_listed(loaded, lag):
    code = f"{loaded}\ndt <- fread('a.csv')\ndt[, ly := {lag}, by = i]\nfeols(y ~ d + ly | i + t, dt, ~i)\n"
    found = read_code(code, ".R", _PANEL)
    assert not found.derived
    assert {*found.unread} == {"ly"}


@pytest.mark.parametrize(
    ("effects", "unit"),
    [
        ("i[t] + t", "i"),
        ("i[t, d] + t", "i"),
        ("t + i[t]", "i"),
        ("i + d^t", "i"),
        ("i[[t]] + t", None),
        ("i + d", None),
        ("d^t", None),
    ],
)
def test_unit_and_time_are_also_those_of_slopes_and_joint_levels(effects, unit):
    code = f"df <- read.csv('a.csv')\nfeols(y ~ d | i + t, df, ~i)\nfeols(y ~ d | {effects}, df, ~i)\n"
    assert read_code(code, ".R", _PANEL).unit == unit


@pytest.mark.parametrize(("lines", "unit"), [(["i + t", "b + t", "i + t"], "i"), (["i + t", "b + t"], None)])
def test_one_regression_without_the_unit_does_not_lose_it(lines, unit):
    code = "df <- read.csv('a.csv')\n" + "".join(f"feols(y ~ d | {one}, df, ~i)\n" for one in lines)
    found = read_code(code, ".R", _PANEL)
    assert (found.unit, found.time) == (unit, unit and "t")
    known = read_code(code, ".R", replace(_PANEL, key=lambda unit, _: unit == "i"))  # the data decide
    assert (known.unit, known.time) == ("i", "t")
    region = read_code(code, ".R", replace(_PANEL, key=lambda unit, _: unit == "b"))
    assert (region.unit, region.time) == ("b", "t")


@pytest.mark.parametrize(
    ("made", "terms", "here"),
    [
        ("df$x > 1", "d + b:x", ("d", "b:x", "x")),
        ("df$x > 1", "d + x + b:x", ("d", "x", "b:x")),
        ("df$x > 1", "d + b*x", ("d", "b", "x", "b:x")),
        ("df$x > 1", "d + b:log(x)", ("d", "b:log(x)", "log(x)")),
        ("df$x > 1", "b:w", ("b:w",)),  # w is absorbed
        ("!is.na(df$x) & df$x > 1", "b:d", ("b:d", "d")),
        ("ifelse(df$x > 1, TRUE, FALSE)", "d + b:x", ("d", "b:x", "x")),
        ("ifelse(df$x > 1, 1, 0)", "d + b:x", ("d", "b:x")),
        ("as.integer(df$x > 1)", "d + b:x", ("d", "b:x")),
        ("1 * (df$x > 1)", "d + b:x", ("d", "b:x")),
        ("df$x > 1", "d + b:x:w", None),
    ],
)
def test_a_product_with_a_logical_column_has_a_slope_at_false_too(made, terms, here):
    columns = frozenset({"y", "d", "i", "t", "x", "w"})
    facts = DataFacts(columns, columns, nested=lambda group, of: (group, of) == ("i", "w"))
    found = read_code(f"df <- read.csv('a.csv')\ndf$b <- {made}\nfeols(y ~ {terms} | i + t, df, ~i)\n", ".R", facts)
    assert [r.terms for r in found.regressions] == ([] if here is None else [here])


@pytest.mark.parametrize(
    ("lines", "term", "told"),
    [
        ("df$l <- log(df$x)", "l", None),
        ("df$l <- log(df$x)\ndf$low <- df$l < 2", "low", "`low`"),
        ("df$l <- log(df$x) - log(df$n)\ndf$z <- ifelse(is.na(df$l), 0, df$l)", "z", "`z`"),
        ("df$low <- log(df$n) < 2", "low", None),
        ("df$low <- log(df$n * df$n) < 2", "low", None),
        ("df$low <- log(df$x + 1) < 2", "low", None),
        ("df$low <- log10(df$x / df$n) < 2", "low", "`low`"),
        ("df$low <- log1p(df$x) < 2", "low", None),
        ("df$low <- log1p(df$x - 1) < 2", "low", "`low`"),
        ("df <- subset(df, log(x) < 2)", "n", "conditions of samples"),
    ],
)
def test_logs_of_zero_are_said_where_their_value_is_asked_for(lines, term, told):
    columns = frozenset({"y", "d", "i", "t", "x", "n"})
    facts = DataFacts(columns, columns, nonzero=frozenset({"n"}), bounds=lambda _: (0.0, 9.0))
    found = read_code(f"df <- read.csv('a.csv')\n{lines}\nfeols(y ~ d + {term} | i + t, df, ~i)\n", ".R", facts)
    assert not found.skipped
    said = [text for texts in found.comments.values() for text in texts if "-Inf in R" in text]
    assert [text.partition("here: ")[2] for text in said] == ([] if told is None else [f"{told}."])


def test_the_panel_that_is_set_for_all_regressions_is_unit_and_time():
    code = "df <- read.csv('a.csv')\nsetFixest_estimation(panel.id = ~i + t)\nfeols(y ~ d | b, df, ~i)\n"
    found = read_code(code, ".R", _PANEL)
    assert (found.unit, found.time) == ("i", "t")


@pytest.mark.parametrize(
    ("read", "data"),
    [
        ('read_csv(file.path("data", "a.csv"))', "data/a.csv"),
        ("read.csv(here::here('data', 'a.csv'), sep = ';')", "data/a.csv"),
        ('fread(here("data/a.csv"))', "data/a.csv"),
        ('readr::read_csv(file = file.path(dir, "a.csv"))', "raw/a.csv"),
        ('fread(paste0(dir, "/",\n  "a.csv"))', "raw/a.csv"),
        ("read_csv(file.path(other, 'a.csv'))", None),
        ('read_csv(file.path(twice, "a.csv"))', None),
    ],
)
def test_names_of_files_that_are_put_together_are_read(read, data):
    code = (
        f"dir <- 'raw'\ntwice <- 'a'\ntwice <- 'b'\ndf <- {read}\ndf$z <- df$y * 2\nm <- feols(z ~ d | i + t, df, ~i)\n"
    )
    found = read_code(code, ".R", _PANEL)
    assert found.data == data
    assert found.regressions[-1].line == code.count("\n")
    assert bool(found.skipped) == (data is None)


@pytest.mark.parametrize(
    ("lines", "made"),
    [
        ("dbl <- function(y) y * 2\ndf$y <- df$y * 2", {"y_2": "y * 2"}),
        ("dbl <- function(y) {\n  y * 2\n}\ndf$z <- df$y * 2", {"z": "y * 2"}),
        ("dbl <- function(y) y * 2\ndf <- mutate(df, z = y * 2)", {"z": "y * 2"}),
        ("for (y in 1:3) {\n  print(y)\n}\ndf <- mutate(df, z = y * 2)", {"z": "y * 2"}),
    ],
)
def test_arguments_of_functions_hide_no_column_elsewhere(lines, made):
    used = "z" if "z =" in lines or "$z" in lines else "d"
    code = f"df <- read.csv('a.csv')\n{lines}\nfeols(y ~ d + {used} | i + t, df, ~i)\n"
    assert read_code(code, ".R", _PANEL).derived == made


def test_data_saved_after_a_line_are_read_as_in_the_language_of_the_code(drafted):
    lines = "distinct_rows(df)\nfeols(homicide ~ post | sid + year, df, ~sid)\n"
    _, spec = drafted(f'df <- read.csv("castle.csv")\n{lines}', "a.R")
    assert '(`df <- read.csv("clean.csv")`)' in " ".join(spec.read_text("utf-8").replace("# ", "").split())
    assert "`use`" not in spec.read_text("utf-8")


@pytest.mark.parametrize(
    ("value", "here"),
    [
        ("y[1]", "at(y, t == min(t, by = i))"),
        ("y[d == 1]", "at(y, d == 1)"),
        ("first(y)", "at(y, t == min(t, by = i))"),
        ("last(y)", "at(y, t == max(t, by = i))"),
        ("first(y, order_by = t)", "at(y, t == min(t, by = i))"),
        ("first(2 * y)", "at(x, t == min(t, by = i)), x being a line of [derive]"),
        ("dplyr::nth(y, 2)", "at(y, rank(t, by = i) == 2)"),
    ],
)
def test_values_of_one_row_are_shown_at_the_time_of_the_data(value, here):
    code = f"library(dplyr)\ndf <- read.csv('a.csv') |> group_by(i) |> mutate(z = {value})\n"
    found = read_code(f"{code}feols(y ~ d | i + t, df, ~i)\n", ".R", _PANEL)
    assert any(here in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("steps", "here"),
    [
        ("group_by(i) |> mutate(z = first(y, order_by = b))", "`first()` is not taken over; changes"),
        ("group_by(i) |> mutate(z = first(y, na_rm = TRUE))", "`first()` is not taken over; changes"),
        ("group_by(i) |> mutate(z = nth(y, -2))", "`nth()` is not taken over; changes"),
        ("group_by(b) |> mutate(z = first(y))", "rows of the groups of b have no order here"),
        ("mutate(z = first(y))", "rows of the whole frame have no order here"),
        ("filter(d == 0) |> group_by(i) |> mutate(z = first(y))", "min(ifelse(left, t, NA), by = i)), left being one"),
        ("filter(d == 0) |> group_by(i) |> mutate(z = y[1])", "min(ifelse(left, t, NA), by = i)), left being one"),
    ],
)
def test_first_rows_are_those_of_units_that_are_left_or_not_offered(steps, here):
    code = f"library(dplyr)\ndf <- read.csv('a.csv') |> {steps}\nfeols(y ~ d | i + t, df, ~i)\n"
    assert any(here in why for _, _, why in read_code(code, ".R", _PANEL).skipped)


def test_the_first_row_that_a_draft_offers_is_that_of_units_that_enter_later():
    panel = panel_of({"y": [1.0, 2, 4, 3], "i": [1.0, 1, 2, 2], "t": [1.0, 2, 2, 3]}, "i", "t")
    assert values(panel, "at(y, t == min(t, by = i))") == [1, 1, 4, 4]
    left = "at(y, t == min(ifelse(y != 4, t, NA), by = i))"
    assert values(panel, left) == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("!x + b", "x + b == 0"),
        ("!x & b", "x == 0 & b"),
        ("b | x - 1", "b | x - 1 != 0"),
        ("ifelse(x, 1, 0)", "ifelse(x != 0, 1, 0)"),
        ("!mean(x)", "mean(x) == 0"),
        ("!ifelse(b == 1, 2, 0)", "ifelse(b == 1, 2, 0) == 0"),
        ("!b", "!b"),
        ("!b & !is.na(x)", "!b & !is.na(x)"),
        ("!x > 2", "!x > 2"),
        ("!max(b)", "!max(b)"),
        ("!ifelse(x > 2, 1, 0)", "!ifelse(x > 2, 1, 0)"),
    ],
)
def test_numbers_that_r_asks_whether_they_are_true_are_compared_with_0(value, made):
    panel = panel_of(
        {"y": [1.0, 2, 4, 3], "x": [1.0, 2, 0, 5], "b": [0.0, 1, 1, 0], "d": [0.0, 1, 0, 0], "i": [1.0, 1, 2, 2],
         "t": [1.0, 2, 1, 2]}, "i", "t",
    )  # fmt: skip
    code = f"library(dplyr)\ndf <- read.csv('a.csv') |> mutate(z = {value})\nfeols(y ~ d + z | i + t, df, ~i)\n"
    found = read_code(code, ".R", facts_of(panel.columns, "a.csv"))
    assert found.derived == {"z": made}
    assert not found.skipped


def test_what_is_negated_in_a_draft_passes_check(drafted):
    code = """\
df <- read.csv("castle.csv")
df$q <- as.integer(!df$poverty + df$post)
feols(homicide ~ post + q | sid + year, df, cluster = ~sid)
"""
    done, _ = drafted(code, "a.R")
    assert "no condition" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("cells", "reading", "use", "told"),
    [
        (["a", "a ", "b"], 'read.csv("a.csv")', "feols(y ~ d | id + w, df)", True),
        (["a", '" a"', "b"], 'read.table("a.csv", header = TRUE, sep = ",")', "feols(y ~ d | id + w, df)", True),
        (["a ", "b"], 'read.csv("a.csv")', 'feols(y ~ d | id, df[df$w != "a", ])', True),
        (["a ", "b"], 'read.csv("a.csv")', "feols(y ~ d | id + w, df)", False),
        (["a", "a ", "b"], 'read.csv("a.csv")', "feols(y ~ d | id, df)", False),
        (["a", "a ", "b"], 'read.csv("a.csv", strip.white = TRUE)', "feols(y ~ d | id + w, df)", False),
        (["a", "a ", "b"], 'read_csv("a.csv")', "feols(y ~ d | id + w, df)", False),
        (["a", "a ", "b"], 'fread("a.csv")', "feols(y ~ d | id + w, df)", False),
        (["a", "a ", "b"], 'read.csv("a.csv")\ndf$v <- trimws(df$w)', "feols(y ~ d | id + v, df)", False),
        (["a", "b", "c d"], 'read.csv("a.csv")', "feols(y ~ d | id + w, df)", False),
        (["1", "1 ", "2"], 'read.csv("a.csv")', "feols(y ~ d | id + w, df)", False),
        (["a", "  ", "b"], 'read.csv("a.csv", na.strings = "")', "feols(y ~ d | id + w, df)", False),
    ],
)
def test_blanks_at_the_ends_of_texts_are_told_where_r_keeps_them_and_they_matter(tmp_path, cells, reading, use, told):
    file = tmp_path / "a.csv"
    rows = [f"{i},{t},{(i + t) % 3},{t % 2},{cells[(i + t) % len(cells)]}" for i in range(6) for t in range(4)]
    file.write_text("\n".join(["id,year,y,d,w", *rows]) + "\n", "utf-8")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    code = f"df <- {reading}\n{use}\n"
    found = read_code(code, ".R", replace(facts, padded=cells_as_written(file).padded))
    assert any("blanks at the ends" in why for _, why in found.notes) == told


def of_words(tmp_path: Path, cells: list[str], code: str) -> ReadCode:
    """Read code on a file of which a column `w` has these cells in turn."""
    file = tmp_path / "a.csv"
    rows = [f"{i},{t},{(i + t) % 3},{t % 2},{cells[(i + t) % len(cells)]}" for i in range(6) for t in range(4)]
    file.write_text("\n".join(["id,year,y,d,w", *rows]) + "\n", "utf-8")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    return read_code(code, ".R", replace(facts, padded=cells_as_written(file).padded))


_FACTORS = 'df <- read.csv("a.csv", stringsAsFactors = TRUE)\n'


@pytest.mark.parametrize(
    ("cells", "code", "listed"),
    [
        (["a", "b"], _FACTORS + 'df$w[df$w == "b"] <- "c"', True),
        (["a", ""], _FACTORS + 'df$w[df$w == ""] <- "none"', True),
        (["a", "b"], _FACTORS.replace("TRUE", "T") + 'df$w[df$d == 1] <- "c"', True),
        (["a", "b"], _FACTORS + 'df$w[df$w == "b"] <- "a"\ndf$w[df$d == 1] <- "c"', True),
        (["a", "b"], _FACTORS + 'df$w[df$w == "b"] <- "a"', False),
        (["a", ""], _FACTORS + 'df$w[df$d == 1] <- ""', False),
        (["a", "b"], _FACTORS + "df$w[df$d == 1] <- NA", False),
        (["a", "b"], _FACTORS + 'df$w <- as.character(df$w)\ndf$w[df$w == "b"] <- "c"', False),
        (["a", "b"], _FACTORS.replace("TRUE", "FALSE") + 'df$w[df$w == "b"] <- "c"', False),
        (["a", "b"], 'df <- read.csv("a.csv")\ndf$w[df$w == "b"] <- "c"', False),
        (["1", "2"], _FACTORS + "df$w[df$w == 2] <- 3", False),
    ],
)
def test_a_new_level_of_a_column_that_is_read_as_a_factor_is_listed(tmp_path, cells, code, listed):
    found = of_words(tmp_path, cells, f"{code}\nfeols(y ~ d | id + w, df)\n")
    assert any("no level of the factor" in why for _, _, why in found.skipped) == listed
    assert len(found.regressions) == 1


@pytest.mark.parametrize(
    ("cells", "code", "listed"),
    [
        (["T", "F"], 'df <- read.csv("a.csv")\ndf$z <- ifelse(df$w == "T", 1, 0)', True),
        (["T", "F"], 'df <- read_csv("a.csv")\ndf$z <- ifelse(df$w %in% c("T"), 1, 0)', True),
        (["T", "F", ""], 'df <- read.csv("a.csv")\ndf$z <- ifelse(df$w != "F", 1, 0)', True),
        (["T", "FALSE", "NA"], 'df <- read_csv("a.csv")\ndf <- filter(df, w == "T")\ndf$z <- df$y', True),
        (["T", "F"], 'df <- read_csv("a.csv")\ndf$v <- trimws(df$w)\ndf$z <- ifelse(df$v == "T", 1, 0)', True),
        (["T", "F"], 'df <- fread("a.csv")\ndf$z <- ifelse(df$w == "T", 1, 0)', False),
        (["T", "F", "."], 'df <- read.csv("a.csv")\ndf$z <- ifelse(df$w == "T", 1, 0)', False),
        (["T", "F", "U"], 'df <- read.csv("a.csv")\ndf$z <- ifelse(df$w == "T", 1, 0)', False),
        (
            ["T", "F"],
            'df <- read.csv("a.csv", colClasses = c(w = "character"))\ndf$z <- ifelse(df$w == "T", 1, 0)',
            False,
        ),
        (["T", "F"], 'df <- read.csv("a.csv")\ndf$z <- ifelse(is.na(df$w), 1, 0)', False),
        (["t", "f"], 'df <- read.csv("a.csv")\ndf$z <- ifelse(df$w == "t", 1, 0)', False),
    ],
)
def test_texts_of_a_column_that_r_reads_as_logical_are_not_compared(tmp_path, cells, code, listed):
    found = of_words(tmp_path, cells, f"{code}\nfeols(y ~ d + z | id, df)\n")
    assert any("logical" in why for _, _, why in found.skipped) == listed


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("df$x[is.na(df$x)] <- mean(df$x, na.rm = TRUE)", "ifelse(is.na(x), mean(x), x)"),
        ("df$x[is.na(df$x)] <- median(df$base, na.rm = TRUE)", "ifelse(is.na(x), median(base), x)"),
        ("df$x[df$d == 1] <- df$base", None),
        ("df$x[df$d == 1] <- df$base - mean(df$base, na.rm = TRUE)", None),
    ],
)
def test_one_value_of_all_rows_is_set_in_some(line, made):
    found = read_code(f"df <- read.csv('a.csv')\n{line}\nfeols(y ~ x | id, df)\n", ".R", two_units())
    assert [*found.derived.values()] == ([made] if made else [])
    assert bool(found.skipped) == (made is None)


@pytest.mark.parametrize(
    ("cells", "reader", "value", "told"),
    [
        (["30000000", "5"], "read.csv", "df$w * 100L", True),
        (["30000000", "5"], "fread", "df$w * df$z / 1e9", True),
        (["30000000", "NA"], "read.csv", "log(df$w * df$z)", True),
        (["30000000", "5"], "read.csv", "df$w * 100", False),
        (["30000000", "5"], "read.csv", "df$w / 10 * 1000L", False),
        (["30000000", "5"], "read.csv", "as.numeric(df$w) * df$z", False),
        (["30000000", "5"], "read_csv", "df$w * 100L", False),
        (["30000000.0", "5"], "read.csv", "df$w * 100L", False),
        (["3000000000", "5"], "read.csv", "df$w * 100L", False),
        (["30000", "5"], "read.csv", "df$w * df$z", False),
        (["30000000", "5"], "read.csv", "df$w * df$o", False),
    ],
)
def test_products_beyond_the_integers_of_r_are_told(tmp_path, cells, reader, value, told):
    file = tmp_path / "a.csv"
    rows = [
        f"{i},{t},{(i + t) % 3},{t % 2},{1000},{int(cell == '5') * 1000},{cell}"
        for i in range(6)
        for t in range(4)
        for cell in [cells[(i + t) % 2]]
    ]
    file.write_text("\n".join(["id,year,y,d,z,o,w", *rows]) + "\n", "utf-8")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    code = f'df <- {reader}("a.csv")\ndf$x <- {value}\nfeols(y ~ d + x | id, df)\n'
    found = read_code(code, ".R", replace(facts, integers=cells_as_written(file).integers))
    assert [line for line, why in found.notes if "of integers in R" in why] == [2] * told
    assert not found.skipped


def _panel_read(tmp_path, code, **columns):
    """Read code of a panel of 8 units and 4 years with columns that are functions of these."""
    file = tmp_path / "a.csv"
    rows = [
        f"{i},{t},{(i * t) % 5},{int(i > 4 and t > 2)},{','.join(str(of(i, t)) for of in columns.values())}"
        for i in range(1, 9)
        for t in range(1, 5)
    ]
    file.write_text("\n".join([f"id,year,y,d,{','.join(columns)}", *rows]) + "\n", "utf-8")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    facts = replace(facts, integers=cells_as_written(file).integers, zeros=cells_as_written(file).zeros)
    return read_code(f"{code}\nfeols(y ~ d + x | id + year, df)\n", ".R", facts)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("df$x <- df$z * 100L", "`z * 100L` is of integers in R and beyond 2147483647 in 4 rows, where"),
        ("df <- df %>% filter(id != 3 | year > 2) %>% mutate(x = z * 100L)", "in 2 rows, where"),
        ("df <- df %>% filter(id != 3) %>% mutate(x = z * 100L)", ""),
        ("df <- df %>% group_by(year) %>% mutate(x = sum(w)) %>% ungroup()", "`sum(w, by = year)` is of integers"),
        ("df <- df %>% group_by(year) %>% mutate(x = sum(w, na.rm = TRUE)) %>% ungroup()", "`sum(w, by = year)` is of"),
        ("df <- df %>% filter(id > 5) %>% group_by(year) %>% mutate(x = sum(w)) %>% ungroup()", ""),
        ("df <- df %>% group_by(id) %>% mutate(x = sum(w)) %>% ungroup()", ""),
        ("df <- df %>% group_by(id) %>% mutate(x = cumsum(w + w)) %>% ungroup()", "in some rows, where R has NA"),
        ("df <- df %>% group_by(year) %>% mutate(x = mean(w)) %>% ungroup()", ""),
        ("df <- df %>% group_by(year) %>% mutate(x = sum(as.numeric(w))) %>% ungroup()", ""),
        ("df <- df %>% group_by(year) %>% mutate(x = sum(w / 2)) %>% ungroup()", ""),
        ("df$x <- as.integer(df$w * 10)", "`as.integer(w * 10)` is of integers in R"),
        ("df$x <- as.integer(df$w / 10)", ""),
        ("df$v <- df$w\ndf$x <- sum(df$v)", "`sum(v)` is of integers in R"),
        ("setDT(df)\ndf[, x := sum(w), by = year]", "with a warning, or newer versions of data.table a number."),
    ],
)
def test_sums_beyond_the_integers_of_r_are_told_of_the_rows_that_are_left(tmp_path, lines, told):
    code = f'df <- read.csv("a.csv")\n{lines}'
    found = _panel_read(tmp_path, code, z=lambda i, _t: 30000000 * (i == 3), w=lambda _i, _t: 400000000)
    notes = [why for _, why in found.notes if "of integers in R" in why]
    assert [told in why for why in notes] == [True] * bool(told)
    assert not found.skipped


@pytest.mark.parametrize(
    ("reader", "line", "told"),
    [
        (
            "read_csv",
            "df$x <- nchar(df$z)",
            '`nchar(z)` looks at a number as text: R writes 100000 as "1e+05", here it is',
        ),
        ("haven::read_dta", "df$x <- nchar(df$z)", "`nchar(z)` looks"),
        ("read_csv", 'df$p <- paste0("c", df$z)\ndf$x <- nchar(df$p)', "`nchar(p)` looks"),
        ("read_csv", 'df$x <- as.numeric(substr(df$z, 1, 2) == "10")', "(4 rows): write as.integer()"),
        ("read.csv", "df$x <- nchar(df$z * 10)", 'R writes 1000000 as "1e+06"'),
        ("read.csv", 'df$x <- as.integer(paste0("a", 100000) == "a100000")', 'R writes 100000 as "1e+05"'),
        ("read.csv", "df$x <- nchar(df$z)", ""),
        ("fread", "df$x <- nchar(df$z)", ""),
        ("read_csv", "df$x <- nchar(as.integer(df$z))", ""),
        ("read_csv", "options(scipen = 999)\ndf$x <- nchar(df$z)", ""),
        ("read_csv", "df$x <- nchar(df$v)", ""),
        ("read_csv", 'df$x <- paste0("c", df$z)', ""),
        ("read_csv", "df$x <- as.numeric(df$z == 100000)", ""),
    ],
)
def test_numbers_that_r_writes_otherwise_are_told_where_their_text_matters(tmp_path, reader, line, told):
    code = f'df <- {reader}("a.csv")\n{line}'
    found = _panel_read(
        tmp_path, code, z=lambda i, _t: 100000 if i == 2 else 123456 + i, v=lambda i, _t: 120000 + 1000 * i
    )
    notes = [why for _, why in found.notes if "number as text" in why]
    assert [told in why for why in notes] == [True] * bool(told)
    assert not found.skipped


@pytest.mark.parametrize(
    ("value", "scipen", "text"),
    [
        (1e5, 0, "1e+05"), (600000, 0, "6e+05"), (120000, 0, "120000"), (12000000, 0, "1.2e+07"), (123456, 0, "123456"),
        (-1e5, 0, "-1e+05"), (1e5, 5, "100000"), (0.0001, 0, "1e-04"), (0.001, 0, "0.001"), (0.1 + 0.2, 0, "0.3"),
        (1 / 3, 0, "0.333333333333333"), (1e15, 0, "1e+15"), (0.0, 0, "0"), (1e100, 0, "1e+100"), (2.5, 0, "2.5"),
    ],
)  # fmt: skip
def test_texts_of_numbers_are_those_of_r(value, scipen, text):
    assert text_in_r(value, scipen) == text


@pytest.mark.parametrize(
    ("reader", "line", "told"),
    [
        ("read_csv", "df$x <- df$s", True),
        ("read_csv", "df <- df %>% filter(s == 1) %>% mutate(x = d)", True),
        ("read_csv", "df$x <- nchar(df$s)", True),
        ("read_csv", "df$x <- as.numeric(df$s)", False),
        ("read_csv", "df <- df %>% filter(!is.na(s)) %>% mutate(x = d)", False),
        ("read_csv", "df <- df %>% group_by(s) %>% mutate(x = mean(d)) %>% ungroup()", False),
        ("read_csv", "df <- df %>% group_by(twice) %>% mutate(x = mean(d)) %>% ungroup()", True),
        ("read_csv", "df$x <- df$plain", False),
        ("read.csv", "df$x <- df$s", False),
        ("fread", "df$x <- df$s", False),
        ("read_delim", "df$x <- df$s", True),
    ],
)
def test_numbers_with_zeros_before_that_readr_leaves_as_text_are_told(tmp_path, reader, line, told):
    code = f'df <- {reader}("a.csv")\n{line}'
    found = _panel_read(
        tmp_path,
        code,
        s=lambda i, _t: f"0{i}",
        plain=lambda i, t: 0.5 * i * t,
        twice=lambda i, t: "01" if t == 2 else i,
    )
    assert [line for line, why in found.notes if "zeros before numbers" in why] == [1] * told
    assert not found.skipped


@pytest.mark.parametrize(
    ("call", "listed"),
    [
        ("feols(y ~ l(d) | id + year, df, subset = ~ year > 2)", "`l()` beside `subset`"),
        ("feols(y ~ f(d) | id + year, df, subset = ~ year != 2 & id > 2)", "of lead() by unit"),
        ("feols(y ~ l(d) | id + year, df, subset = ~ id > 2)", ""),
        ("feols(y ~ l(d) | id + year, df, subset = ~ group == 1)", ""),
        ("feols(y ~ d | id + year, df, subset = ~ year > 2)", ""),
    ],
)
def test_lags_beside_a_subset_of_periods_are_listed(tmp_path, call, listed):
    code = f'df <- read.csv("a.csv")\ndf$x <- df$d\n{call[:-1]}, panel.id = ~id + year)'
    found = _panel_read(tmp_path, code, group=lambda i, _t: i % 2)
    assert [listed in why for _, _, why in found.skipped] == [True] * bool(listed)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("arrange(id, year, month)", "here: have one in the data that numbers the periods, as year * 12 + month, name"),
        ("arrange(id, year, week)", "that numbers the periods, name it"),
        ("arrange(id, month)", "rows are sorted by `id, month`"),
    ],
)  # fmt: skip
def test_lags_of_rows_sorted_by_several_columns_say_what_the_time_is(tmp_path, line, why):
    file = tmp_path / "a.csv"
    rows = [f"{i},{t},{m},{m},{(i * t * m) % 5}" for i in range(4) for t in (1, 2) for m in (1, 2, 3)]
    file.write_text("\n".join(["id,year,month,week,d", *rows]) + "\n", "utf-8")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    code = f'df <- read.csv("a.csv")\ndf <- df %>% {line} %>% group_by(id) %>% mutate(x = lag(d)) %>% ungroup()\n'
    found = read_code(f"{code}feols(d ~ x | id + year, df)\n", ".R", facts)
    assert [why in told for _, _, told in found.skipped] == [True]


def test_columns_of_groups_that_may_have_no_value_are_named_with_their_lines():
    code = """\
library(dplyr)
df <- read.csv('a.csv')
df <- df |> group_by(i) |> mutate(big = as.integer(max(x, na.rm = TRUE) > 1), sure = max(t, na.rm = TRUE))
df <- df |> mutate(low = min(x, na.rm = TRUE), none = max(x, na.rm = TRUE)) |> ungroup()
feols(y ~ d + big + low + sure | i + t, df, ~i)
"""
    facts = DataFacts(_PANEL.columns | {"x"}, _PANEL.complete)
    (told,) = [t for t in read_code(code, ".R", facts).comments["derive"] if "infinite" in t]
    assert re.findall(r"`(\w+)` of line (\d)", told) == [("big", "3"), ("low", "4")]


@pytest.mark.parametrize(
    ("ending", "made", "regression"),
    [
        (".R", "df$x{k} <- df$y * {k}", "feols(y ~ d + ..('^x') | i + t, df, ~i)"),
        (".R", "df$x{k} <- df$y * {k}", "feols(y ~ d + ..('^x'):d | i + t, df, ~i)"),
        (".do", "gen x{k} = y * {k}", "reghdfe y d x*, absorb(i t) vce(cluster i)"),
    ],
)
def test_a_pattern_of_more_columns_of_the_code_than_a_block_holds_is_listed(ending, made, regression):
    head = "df <- read.csv('a.csv')\n" if ending == ".R" else "use a.dta, clear\n"
    lines = "".join(made.format(k=k) + "\n" for k in range(300))
    found = read_code(f"{head}{lines}{regression}\n", ending, _PANEL)
    assert not found.regressions
    assert [line for line, _, _ in found.skipped] == [302]


@pytest.mark.parametrize(
    "line",
    [
        "df$x <- ifelse(df$z > 1 && df$year > 2000, 1, 0)",
        "df <- df %>% mutate(x = as.numeric(z > 1 || d == 1))",
        "df[, x := as.numeric(z > 1 && d == 1)]",
        "df <- df[df$z > 1 && df$d == 1, ]",
        "df <- filter(df, z > 1 || d == 1)",
        "both <- function(a, b) a && b\ndf$x <- both(df$z > 1, df$d == 1)",
        "feols(y ~ d, df, subset = ~ z > 1 && d == 1)",
        "feols(y ~ d, df[df$z > 1 && df$year > 2000, ])",
        "feols(y ~ d + I(z > 1 && year > 2000), df)",
    ],
)
def test_operators_of_one_value_in_columns_and_conditions_of_r_are_listed(line):
    found = read_code(f"df <- read.csv('a.csv')\n{line}\nfeols(y ~ d + x | id + year, df, ~id)\n", ".R")
    assert any("is of one value" in why for *_, why in found.skipped)
    plain = line.replace("&&", "&").replace("||", "|")
    found = read_code(f"df <- read.csv('a.csv')\n{plain}\nfeols(y ~ d + x | id + year, df, ~id)\n", ".R")
    assert not [why for at, _, why in found.skipped if at == 2]
    texts = "if (nrow(df) > 3 && TRUE) print(1)\ndf$x <- ifelse(df$st == 'a && b', 1, 0)"
    assert not read_code(f"df <- read.csv('a.csv')\n{texts}\nfeols(y ~ d + x, df)\n", ".R").skipped


def test_a_factor_of_a_column_that_was_used_before_is_that_column():
    code = """\
df <- read.csv("a.csv")
df$post <- as.numeric(df$year >= 2013)
df$year <- factor(df$year)
feols(y ~ d:post | id + year, df, ~id)
"""
    facts = DataFacts(frozenset({"y", "d", "id", "year"}))
    found = read_code(code, ".R", facts)
    assert [r.effects for r in found.regressions] == ["id + year"]
    assert found.derived == {"post": "as.numeric(year >= 2013)"}
    assert not found.unread
    late = code.replace("feols", "df$late <- as.numeric(df$year >= 2014)\nfeols").replace("d:post", "d:post + late")
    found = read_code(late, ".R", facts)
    assert "is a factor or text" in found.skipped[-1][2]
    assert {*found.unread} == {"late"}


@pytest.mark.parametrize(
    ("given", "listed", "rows", "effects"),
    [
        ("colClasses = c(wk = 'character', z = \"numeric\")", True, False, "id + t + wk"),
        ("col_types = cols(wk = col_factor(), z = 'd')", True, False, "id + t + wk"),
        ("colClasses = c(wk = 'numeric')", False, False, "id + t"),
        ("col_types = cols()", False, False, "id + t"),
        ("colClasses = 'character'", True, True, "id + t"),
        ("col_types = cols(.default = 'c')", True, True, "id + t"),
        ("colClasses = c(z = 'NULL')", True, True, "id + t"),
    ],
)
def test_kinds_of_columns_that_r_reads_are_listed_where_they_are_no_numbers(given, listed, rows, effects):
    for file in ("'a.csv'", "path"):
        code = f"df <- read.csv({file}, {given})\nfeols(y ~ d + wk | id + t, df, ~id)\n"
        found = read_code(code, ".R", DataFacts(frozenset({"y", "d", "id", "t", "wk", "z"})))
        assert bool([line for line, _, why in found.skipped if line == 1 and "begin" not in why]) >= listed
        assert ("rows_line_1" in found.unread) == rows
        assert found.regressions[0].effects == effects


@pytest.mark.parametrize(
    ("reader", "given"),
    [("read_csv", "col_types = cols(z = col_double())"), ("read_delim", "delim = ','"), ("vroom", "num_threads = 2")],
)
def test_what_reads_all_of_a_file_is_not_listed(reader, given):
    code = f"df <- {reader}('a.csv', {given})\nfeols(y ~ d + z | id, df, ~id)\n"
    assert not read_code(code, ".R", DataFacts(frozenset({"y", "d", "id", "z"}))).skipped


@pytest.mark.parametrize(
    "select", ["select = -z", "select = c(y, d, id, year)", "select = -c(z, w)", "c(y, d, id, year)"]
)
def test_columns_that_subset_leaves_out_cut_no_rows(select):
    code = f"df <- read.csv('a.csv')\ndf <- subset(df, z > 1, {select})\nfeols(y ~ d | id + year, df, ~id)\n"
    found = read_code(code, ".R")
    assert not found.skipped
    assert [r.condition for r in found.regressions] == ["z > 1"]
    alone = read_code(code.replace("z > 1, ", "") if "=" in select else code, ".R")
    assert not alone.skipped
    assert read_code(code.replace(select, "select = c(new = y)"), ".R").skipped


def test_what_stands_before_a_file_that_is_read_again_is_not_listed_any_more():
    code = """\
regions <- tibble(st = c("A", "B"), north = 1)
raw <- read.csv("raw.csv", nrows = 9)
df <- raw %>% mutate(x = z / 2, w = x + 1) %>% distinct()
df <- left_join(df, regions, by = "st")
df$cut <- cut(df$z, c(1, 2))
df <- read.csv("clean.csv")
feols(y ~ d | id + t, df, ~id)
glm(y ~ d + x + w, data = df)
"""
    facts = DataFacts(frozenset({"y", "d", "x", "w", "z", "id", "t", "st", "north", "cut"}))
    found = read_code(code, ".R", facts)
    assert [line for line, *_ in found.skipped] == [8]
    assert not found.unused
    for again in ("df <- merge(df, regions)\n", "df <- join(df)\n"):
        helper = "join <- function(a) {\n  merge(a, regions)\n}\n"
        later = code.replace("df <- read.csv", helper + "df <- read.csv").replace("feols", again + "feols")
        assert 1 in [line for line, *_ in read_code(later, ".R", facts).skipped]


@pytest.mark.parametrize(
    ("reading", "code", "listed"),
    [
        ("import delimited using a.csv, clear", "", {"jail", "unemp"}),
        ("insheet using a.csv", "", {"jail", "unemp"}),
        ("import delim a.csv", "destring unemp, replace force\n", {"jail"}),
        ("import delim a.csv", 'destring, replace ignore("NA")\n', {"jail"}),
        ("import delim a.csv, numericcols(_all)", "", {"jail"}),
        ("import delim a.csv, numericcols(4)", "", {"jail"}),
        ("import delim a.csv, numericcols(3)", "", {"jail", "unemp"}),
        ("use a.csv", "", set()),
    ],
)
def test_words_that_stata_keeps_as_text_are_listed(tmp_path, reading, code, listed):
    """NA of a text file is text for `import delimited` and missing here: `drop if jail == ""` leaves other rows."""
    rows = [
        "id,year,y,unemp,jail,region,state",
        "1,1,2.5,NA,NA,a,NA",
        "1,2,2,3,yes,b,q",
        '2,1,1,.,"",a,r',
        "2,2,3,4,no,b,s",
    ]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(rows) + "\n", "utf-8")
    text = f'{reading}\n{code}drop if jail == ""\nreghdfe y unemp if region == "a", absorb(id year)\n'
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    told = {
        found[1]: why
        for line, _, why in read_code(text, ".do", facts).skipped
        if line == 1 and (found := re.match(r"`(\w+)` has NA in 1 row, which", why))
    }
    assert {*told} == listed
    assert 'jail == ""' in told.get("jail", 'jail == ""')
    assert "a column of text in Stata" in told.get("unemp", "a column of text in Stata")


KNOWN = DataFacts(*[frozenset({"id", "t", "year", "kids", "y", "x"})] * 2)


def drafted_r(lines: str, call: str = "feols(y ~ x + kids | id + t, df)", facts: DataFacts = KNOWN):
    return read_code(f'df <- read.csv("a.csv")\n{lines}\n{call}\n', ".R", facts)


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ("df <- df %>% group_by(id) %>% mutate(v = as.integer(k > mean(df$k)))", "as.integer(k > mean(k))"),
        ("df <- df %>% group_by(id) %>% mutate(v = mean(k) - mean(.$k))", "mean(k, by = id) - mean(k)"),
        ("df <- df |> group_by(id) |> mutate(v = k - mean(df$k))", "k - mean(k)"),
        ("df <- df %>% mutate(v = k - mean(.$k), .by = c(id, t))", "k - mean(k)"),
        ("df <- df %>% group_by(id) %>% mutate(v = k - mean(.data$k))", "k - mean(k, by = id)"),
        ("df <- df %>% group_by(id) %>% mutate(v = k / sum(df$k[df$t > 1]) - n_distinct(.$g))",
         "k / coalesce(sum(ifelse(t > 1, k, NA)), 0) - (n_distinct(g))"),
        ("df <- df %>% filter(t > 1) %>% group_by(id) %>% mutate(v = k - mean(.$k))",
         "k - mean(ifelse(t > 1, k, NA))"),
        ("df <- df %>% mutate(k = k + 1) %>% group_by(id) %>% mutate(v = mean(.$k))", "mean(k_2)"),
        ("setDT(df)\ndf[, v := k - mean(df$k), by = id]", "k - mean(k)"),
        ("setDT(df)\ndf[, k := k + 1][, v := k - mean(df$k)]", "k_2 - mean(k_2)"),
        ("df <- df %>% mutate(v = k - mean(df$k) + .$t)", "k - mean(k) + t"),
    ],
)  # fmt: skip
def test_columns_of_the_frame_itself_are_of_all_its_rows_within_groups_too(change, made):
    """``df$x`` is x as the statement finds it, ``.$x`` as the step of the pipe does, ``.data$x`` the group's."""
    found = drafted_r(f"library(dplyr)\n{change}", "feols(y ~ v | id + t, df)", SUMMED)
    assert found.derived["v"] == made
    assert not found.skipped


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("df <- df %>% group_by(id) %>% mutate(v = k > df$k)", "one value there"),
        ("df <- df %>% group_by(id) %>% mutate(v = lag(df$k))", "one value there"),
        ("df <- df %>% group_by(id) %>% mutate(v = mean(k - .$k))", "one value there"),
        ("df <- df %>% group_by(id) %>% mutate(v = with(df, mean(k)))", "one value there"),
        ("setDT(df)\ndf[, v := df$k, by = id]", "one value there"),
        ("df <- df %>% mutate(k = k + 1, v = mean(df$k))", "makes `k` anew"),
        ("df <- df %>% mutate(k = k + 1) %>% mutate(v = mean(df$k))", "makes `k` anew"),
        ("df <- df %>% mutate(k = k + 1, v = mean(.$k))", "makes `k` anew"),
        ("df <- df %>% mutate(k = k + 1, w = odd(k), v = mean(.$k))", "makes `k` anew"),
        ("df <- df %>% mutate(k = k + 1, v = with(df, k))", "makes `k` anew"),
        ("df <- df %>% filter(t > 1) %>% group_by(id) %>% mutate(v = k - mean(df$k))", "is of all rows of `df`"),
        ("df <- df |> group_by(id) |> mutate(v = k - mean(.$k))", "nothing else is called `.`"),
        ("df$v <- .$k", "nothing else is called `.`"),
    ],
)  # fmt: skip
def test_columns_of_the_frame_itself_that_a_line_cannot_have_are_listed(change, why):
    found = drafted_r(f"library(dplyr)\n{change}", "feols(y ~ v | id + t, df)", SUMMED)
    assert "v" not in found.derived
    assert any(why in told for _, _, told in found.skipped)


def test_rows_that_a_mean_of_the_whole_frame_chooses_by_group_are_left():
    found = drafted_r(
        "df <- df %>% group_by(id) %>% filter(max(k) > mean(.$k)) %>% ungroup()", "feols(y ~ u | id + t, df)", SUMMED
    )
    assert [r.condition for r in found.regressions] == ["max(k, by = id) > mean(k)"]
    assert not found.skipped


@pytest.mark.parametrize(
    ("lines", "call", "listed"),
    [
        ("df <- df[df$kids > 1, ][df$year > 1983, ]", None, True),
        ("df <- df[order(df$x), ][df$year > 1983, ]", None, True),
        ("df <- subset(subset(df, kids > 1), df$year > 1983)", None, True),
        ("df <- df %>% filter(kids > 1) %>% subset(df$year > 1983)", None, True),
        ("df <- df %>% arrange(x) %>% mutate(x = df$year)", None, True),
        ("", "feols(y ~ x | id + t, subset(df, kids > 1), subset = df$year > 1983)", True),
        ("", "feols(y ~ x | id + t, df[df$kids > 1, ], subset = df$year > 1983)", True),
        ("", "feols(y ~ x | id + t, df[df$kids > 1, ], cluster = df$id)", True),
        ("df <- subset(subset(df, df$kids > 1), year > 1983)", None, False),
        ("df <- df[df$kids > 1 & df$year > 1983, ]", None, False),
        ("df <- df[df$kids > 1, ]\ndf <- df[df$year > 1983, ]", None, False),
        ("df <- df %>% filter(kids > 1) %>% filter(.data$year > 1983)", None, False),
        ("df <- df %>% mutate(x = 2 * x) %>% subset(df$year > 1983)", None, False),
        ("", "feols(y ~ x | id + t, subset(df, kids > 1), subset = ~ year > 1983)", False),
        ("", "feols(y ~ x | id + t, df, subset = df$year > 1983, cluster = df$id)", False),
    ],
)
def test_conditions_that_r_takes_by_position_are_listed(lines, call, listed):
    """A column of the whole frame has other rows than those that are left of it."""
    found = drafted_r(lines, *([call] if call else []))
    assert any("by position" in why for _, _, why in found.skipped) == listed, found.skipped
    assert not (listed and any("1983" in r.condition for r in found.regressions))


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("df$kids[df$kids < 5] <- NA", "ifelse(is.na(kids < 5), kids, ifelse(kids < 5, NA, kids))"),
        ("df$kids[is.na(df$kids)] <- 0", "ifelse(is.na(kids), 0, kids)"),
        ("setDT(df)\ndf[kids > 4, kids := 4]", "ifelse(is.na(kids > 4), kids, ifelse(kids > 4, 4, kids))"),
        ("df$kids <- replace(df$kids, df$kids > 4, 4)", "ifelse(is.na(kids > 4), kids, ifelse(kids > 4, 4, kids))"),
        ("df <- mutate(df, kids = replace(kids, is.na(kids), 0))", "ifelse(is.na(kids), 0, kids)"),
        ("df$kids[df$kids > 4] <- df$x", None),
        ("df$kids[3] <- 1", None),
        ("df$kids <- replace(df$kids, 3, 1)", None),
        ("df$kids <- replace(df$kids, df$x > 1, df$x)", None),
        ("setDT(df)\ndf[kids > 4, kids := mean(x)]", None),
    ],
)
def test_some_rows_of_a_column_of_the_data_are_set(line, made):
    """With one value, and chosen by a condition: where that is missing R leaves them as they are."""
    found = drafted_r(line)
    assert [*found.derived.values()] == ([made] if made else [])
    assert bool(found.skipped) == (made is None)


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("xtreg y d i.st#i.year, fe i(id) vce(cluster id)", "errors may be a little larger."),
        ("xtreg y d i.st i.year, fe i(id) vce(cluster id)", "errors may be a little larger."),
        ("xtreg y d i.g, fe i(id) vce(cluster st)", "errors may be a little smaller."),
        ("gen p = m + g\nxtreg y d i.p, fe i(id) vce(cluster id)", "a little smaller or larger, or the same."),
        ("xtreg y d i.year, fe i(id) vce(cluster id)", None),
        ("recode year (1/3 = 1) (4/9 = 2), gen(p)\nreghdfe y d i.p, absorb(id) vce(cluster id)", None),
        ("recode year (1/3 = 1) (4/9 = 2), gen(p)\nreghdfe y d i.p#i.year, absorb(id) vce(cluster id)", None),
        ("recode year (1/3 = 1) (4/9 = 2), gen(p)\nreghdfe y d i.p, absorb(id year) vce(cluster id)", None),
        ("recode year (1/3 = 1) (4/9 = 2), gen(p)\nxtreg y d i.p i.year, fe i(id) vce(cluster id)", "a little larger."),
        ("encode st, gen(r)\nxtreg y d i.r i.year, fe i(id) vce(cluster id)", "a little larger."),
        ("reghdfe y d, absorb(id i.st#i.year) vce(cluster id)", None),
    ],
)
def test_the_sign_of_what_dummies_change_in_errors_is_true(line, sign):
    """Nested ones are not counted here, redundant ones are; Stata counts the rank."""
    within = {("id", "st"), ("g", "st"), ("st", "st"), ("id", "id")}
    columns = frozenset({"y", "d", "id", "st", "g", "m", "year"})
    facts = DataFacts(columns, columns, nested=lambda group, of: (group, of) in within, alone=lambda _: False)
    told = [one for one in read_code(line, ".do", facts).comments.get("alone", ()) if "its rank" in one]
    assert [one.endswith(sign or "") for one in told] == [True] * (sign is not None), told


@pytest.mark.parametrize(
    ("made", "time"),
    [("year - 1981", "year"), ("year+3", "year"), ("2 * year", None), ("year - id", None), ("-year", None)],
)
def test_a_time_that_is_moved_by_a_number_is_that_of_the_data(made, time):
    columns = frozenset({"y", "d", "id", "year"})
    code = f"gen t = {made}\nxtset id t\nreghdfe y d L.d, absorb(id t)\n"
    found = read_code(code, ".do", DataFacts(columns, columns))
    assert found.time == time
    assert bool(found.comments.get("time")) == (time is None)


EMPTY = """\
gen str8 grp = ""
gen kind = grp
replace grp = "coast" if inlist(st, "NY", "NJ")
replace kind = "lake" if st == "OH"
gen west = region
replace west = "" if region == "West"
gen other = cond(region == "West", "", region)
gen sixth = upper(substr(region, 5, 1))
gen bare = trim(blank)
egen number = group(west)
"""


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ('grp != ""', [0, 1]), ('grp == ""', [2, 3, 4]), ("missing(grp)", [2, 3, 4]), ('!(grp == "coast")', [2, 3, 4]),
        ('kind != ""', [2]), ('inlist(kind, "", "x")', [0, 1, 3, 4]), ('regexm(kind, "^[x-z]*")', [0, 1, 2, 3, 4]),
        ('regexm(kind, "k")', [2]), ('strpos(kind, "k") > 0', [2]), ('strpos(kind, "k") == 0', [0, 1, 3, 4]),
        ('strpos(region, "th") & !strpos(region, ".")', [0, 1, 4]), ('strpos(region, "No") == 1', [0, 1]),
        ('cond(strpos(region, "th"), 1, 0) == 0', [2, 3]), ('west == ""', [3]),
        ("number == .", [3]), ("!missing(west, other)", [0, 1, 2, 4]),
        ("other == west", [0, 1, 2, 3, 4]), ('sixth == ""', [3]), ('substr(region, 5, 1) != ""', [0, 1, 2, 4]),
        ('substr(region, 5, 1) != "h"', [2, 3]), ("missing(substr(region, 5, 1))", [3]), ('bare != ""', [0, 4]),
        ('sixth != bare', [0, 1, 2, 4]), ("sixth == upper(substr(region, 5, 1))", [0, 1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_a_text_that_is_empty_is_missing(condition, rows):
    """As in Stata, also where a do-file makes it: the language has NA and the text without characters."""
    data = {"id": [1, 2, 3, 4, 5], "t": [1] * 5, "st": ["NY", "NJ", "OH", "CA", "FL"]}
    data |= {"region": ["Northern", "Northern", "Middle", "West", "South"], "blank": [" a", "  ", "  ", " ", "b"]}
    facts = DataFacts(frozenset(data), frozenset(data), texts=frozenset({"st", "region", "blank"}))
    found = read_code(f"use a\nxtset id t\n{EMPTY}reg t id if {condition}\n", ".do", facts)
    assert not found.skipped
    kept = values(panel_of(data, "id", "t"), f"ifelse({found.regressions[0].condition}, 1, 0)", **found.derived)
    assert [k for k, v in enumerate(kept) if v == 1] == rows, (found.derived, found.regressions[0].condition)


@pytest.mark.parametrize(
    ("lines", "cluster", "condition"),
    [
        ("", "st", "TRUE"), ("", "part", "!is.na(part)"), ("", "part year", "!is.na(part)"),
        ("gen g = floor(st/5)\nreplace g = . if st < 10\n", "g", "!is.na(g)"), ("egen g = group(st)\n", "g", "TRUE"),
        ("egen g = group(part)\n", "g", "!is.na(g)"), ("drop if part == .\n", "part", "!is.na(part)"),
        ('gen g = word\nreplace g = "" if st == 3\n', "g", "!is.na(g)"), ("merge m:1 st using b\n", "new", None),
    ],
)  # fmt: skip
def test_rows_without_a_cluster_are_left_out_as_in_stata(lines, cluster, condition):
    columns = frozenset({"y", "d", "id", "st", "part", "word", "year"})
    facts = DataFacts(columns, columns - {"part"})
    code = f"use a\nxtset id year\n{lines}reghdfe y d, absorb(id year) vce(cluster {cluster})\n"
    found = read_code(code, ".do", facts)
    assert found.regressions[0].condition == (condition or "rows_line_3")
    told = any("by which errors cluster" in one for one in found.comments.get("alone", ()))
    assert told == (condition not in ("TRUE", None) and not lines.startswith("drop"))
    options = "absorb(id) vce(cluster part)"
    found = read_code(f"use a\nreghdfe y part, {options}\nreghdfe y d if st == 1 | d, {options}\n", ".do", facts)
    assert [r.condition for r in found.regressions] == ["TRUE", "(st == 1 | d != 0) & !is.na(part)"]


def test_macros_that_count_are_read():
    code = """\
local cut = 68
local k 0
foreach v in a b {
    local ++k
    reg y `v' if year > `=`cut'+1' & id != `k'
}
local --k
reg y a if id == `k'
local ++unset
reg y a if id == `unset'
while `k' < 3 {
    local ++k
    reg y b if id == `k'
}
reg y a if id == `=r(N)'
local j 1
if _rc local ++j
reg y a if id == `j'
local j 1
if _rc {
    local ++j
}
reg y a if id == `j'
"""
    found = read_code(code, ".do", DataFacts(*[frozenset({"y", "a", "b", "id", "year"})] * 2))
    assert [r.condition for r in found.regressions] == ["year > 69 & id != 1", "year > 69 & id != 2", "id == 1"]
    assert [line for line, _, why in found.skipped if why == "a macro is not known"] == [10, 13, 15, 18, 23]


def test_a_time_that_replace_moves_is_that_of_the_data():
    columns = frozenset({"y", "d", "id", "year"})
    for lines in ("replace year = 1900 + year\nxtset id year\n", "xtset id year\nreplace year = year - 60\n"):
        code = f"use a\n{lines}reghdfe y d L.d if year > 3, absorb(id year)\n"
        found = read_code(code, ".do", DataFacts(columns, columns))
        assert found.time == "year"
        assert [one.condition for one in found.regressions] == ["year_2 > 3"]
    code = code.replace("year - 60", "2*year")
    assert not read_code(code, ".do", DataFacts(columns, columns)).regressions


def test_a_refusal_lists_what_is_not_read(drafted):
    code = "use a\nmerge 1:1 i using b\nreghdfe y d x, a(i)\nreghdfe y z, a(i)\nreghdfe y `m', a(i)\n"
    for options in ((), ("--treatment", "law")):
        done, _ = drafted(code, "a.do", *options)
        assert done.returncode == 2
        assert "line 2: merge 1:1 i using b: changes rows" in done.stderr
        assert "line 5: reghdfe y `m', a(i): no line sets the local `m`" in done.stderr
    done, _ = drafted(code + "reghdfe y d in 3\n" * 80, "a.do")
    assert "and 22 more statements" in done.stderr


def test_what_one_line_leaves_open_is_one_error(drafted):
    code = DO.replace("gen l_hom", "merge m:1 sid using other.dta\ngen l_hom")
    done, _ = drafted(code, "a.do", "--treatment", "post")
    assert done.stderr.count("no column `rows_line_") == 1


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("sum(abs(u - LAG(u)), na.rm = TRUE)", "coalesce(sum(abs(u - l(u, 1)), by = id), 0)"),
        ("sum(pmax(u - LAG(u), 0), na.rm = TRUE)", "coalesce(sum(pmax(u - l(u, 1), 0), by = id), 0)"),
        ("any(u != LAG(u), na.rm = TRUE)", "coalesce((max(u != l(u, 1), by = id) == 1), FALSE)"),
        ("all(x > mean(k), na.rm = TRUE)", "coalesce((min(x > mean(k, by = id), by = id) == 1), TRUE)"),
        ("sum(abs(u - LAG(u)))", None),
        ("any(u != LAG(u))", None),
        ("max(ifelse(u == 1 & LAG(u) == 0, t, NA), na.rm = TRUE)", None),
        ("mean(x, trim = 0.1, na.rm = TRUE)", None),
        ("mean(abs(x - mean(x)), na.rm = TRUE)", None),
        ("mean(abs(k - mean(k)), na.rm = FALSE)", "mean(abs(k - mean(k, by = id)), by = id)"),
        ("mean(abs(k - LAG(k)), na.rm = TRUE)", "mean(abs(k - l(k, 1)), by = id)"),
        ("median(log(k / LAG(k)), na.rm = TRUE)", "median(log(k / l(k, 1)), by = id)"),
        ("sd(log(pmax(k, abs(x))), na.rm = T)", "sd(log(pmax(k, abs(x))), by = id)"),
        ("n() * max(round(abs(k)))", "count(by = id) * max(round(abs(k)), by = id)"),
    ],
)
@pytest.mark.parametrize("of", ["dplyr", "data.table"])
def test_summaries_within_calls_keep_their_groups(of, value, made):
    """At any depth of brackets, and where a lag or a summary stands within: once they were of the whole panel."""
    value = value.replace("LAG", "dplyr::lag" if of == "dplyr" else "shift")
    if of == "dplyr":
        line = f"library(dplyr)\ndf <- df %>% group_by(id) %>% mutate(v = {value}) %>% ungroup()"
    elif "n()" in value:
        return  # data.table has .N
    else:
        line = f"setDT(df)\ndf[, v := {value}, by = id]"
    found = drafted_r(line, "feols(y ~ v | id + t, df)", SUMMED)
    assert found.derived.get("v") == made
    assert bool(found.skipped) == (made is None)


SUMMED = DataFacts(frozenset("tyxukg") | {"id"}, frozenset("tukgy") | {"id"})


def summary_of_r(random, depth, by, lag):
    """An expression of R, and what gives its value in every row of a data frame by the rules of R."""
    if depth == 0:
        name = random.choice("xukk")
        if random.random() < 0.3:
            return f"{lag}({name})", lambda d: d.groupby(by)[name].shift(1)
        return name, lambda d: d[name]
    text, of = summary_of_r(random, depth - 1, by, lag)
    kind = random.choice(["summary"] * 4 + ["call", "sum", "choice", "any"])
    if kind == "summary":
        name = random.choice(["mean", "median", "min", "max", "sd", "sum"])
        omits = random.random() < 0.7

        def summed(values):
            known = values.dropna() if omits else values
            if name in ("min", "max") and known.empty:
                return np.inf if name == "min" else -np.inf
            return getattr(known, {"sd": "std"}.get(name, name))(skipna=omits)

        rest = ", na.rm = TRUE" if omits else random.choice(["", ", na.rm = FALSE"])
        return f"{name}({text}{rest})", lambda d: of(d).groupby([d[one] for one in by]).transform(summed)
    if kind == "call":
        return f"abs({text})", lambda d: of(d).abs()
    other, at = summary_of_r(random, random.randrange(depth), by, lag)
    if kind == "sum":
        return f"({text} - {other})", lambda d: of(d) - at(d)
    if kind == "any":
        name, omits = random.choice(["any", "all"]), random.random() < 0.8

        def met(values):
            known = values.dropna()
            sure = known.any() if name == "any" else not known.all()
            if sure or omits or len(known) == len(values):
                return float(sure == (name == "any"))
            return np.nan

        def truths(d):
            a, b = of(d), at(d)
            return (a > b).astype(float).where(a.notna() & b.notna())

        rest = ", na.rm = TRUE" if omits else ""
        summed = lambda d: truths(d).groupby([d[one] for one in by]).transform(met)  # noqa: E731
        return f"{name}({text} > {other}{rest})", summed

    def chosen(d):
        a, b = of(d), at(d)
        return a.where(a > b, d["k"]).where(a.notna() & b.notna())

    return f"ifelse({text} > {other}, {text}, k)", chosen


def test_summaries_of_groups_are_those_of_r_or_listed():
    """Nested up to four deep, with values missing: what is read is what pandas makes by the rules of R."""
    cells = [
        (f, t, f * t, f + 2 * t % 5 + 1, f % 2, None if (f + t) % 4 == 0 or f == 3 else 3.0 * f - t)
        for f, t in itertools.product(range(6), range(5))
    ]
    panel = pl.DataFrame(cells, schema=["id", "t", "u", "k", "g", "x"], orient="row").with_columns(pl.col("u") % 3 == 1)
    panel = panel.with_columns(u=pl.col("u").cast(float), k=pl.col("k").cast(float))
    frame = pd.DataFrame(panel.to_dict(as_series=False)).assign(y=1.0)
    ours = panel_of({**panel.to_dict(as_series=False), "y": [1.0] * len(frame)}, "id", "t")
    random, read = Random(1), 0
    for k in range(120):
        by = random.choice([["id"], ["id"], ["g"], ["g", "t"]])
        text, of = summary_of_r(random, 1 + k % 4, by, "dplyr::lag" if k % 2 else "shift")
        if k % 2:
            line = f"library(dplyr)\ndf <- df %>% group_by({', '.join(by)}) %>% mutate(v = {text}) %>% ungroup()"
        else:
            line = f"setDT(df)\ndf[, v := {text}, by = .({', '.join(by)})]"
        found = drafted_r(line, "feols(y ~ v | id + t, df)", SUMMED)
        if "v" not in found.derived:
            assert found.skipped, text
            continue
        read += 1
        with np.errstate(invalid="ignore"):
            expected = of(frame).to_numpy(float)
        got = np.array([np.nan if one is None else one for one in values(ours, "v", **found.derived)])
        differ = ~np.isclose(got, expected, equal_nan=True)
        told = any("infinite in R" in one for one in found.comments.get("derive", ()))
        assert told or not differ.any(), (by, text, found.derived["v"], expected, got)
    assert read > 40


@pytest.mark.parametrize(
    ("breaks", "made", "listed"),
    [
        ("c(0, 10, 20), labels = FALSE", "case_when(x > 0 & x <= 10 ~ 1, x > 10 & x <= 20 ~ 2)", False),
        ("breaks = c(-Inf, .5, Inf), labels = F", "case_when(x <= .5 ~ 1, x > .5 ~ 2)", False),
        ("c(4, 0, 2), FALSE, TRUE", "case_when(x >= 0 & x <= 2 ~ 1, x > 2 & x <= 4 ~ 2)", False),
        ("c(0, 2, 4), labels = FALSE, right = FALSE", "case_when(x >= 0 & x < 2 ~ 1, x >= 2 & x < 4 ~ 2)", False),
        (
            "c(0, 2, 4), labels = FALSE, right = F, include.lowest = T",
            "case_when(x >= 0 & x < 2 ~ 1, x >= 2 & x <= 4 ~ 2)",
            False,
        ),
        ("c(0, 2, 4)", "case_when(x > 0 & x <= 2 ~ 1, x > 2 & x <= 4 ~ 2)", True),
        (
            'c(0, 2, 4), labels = c("low", "high")',
            'case_when(x > 0 & x <= 2 ~ "low", x > 2 & x <= 4 ~ "high"), of which the base of dummies is “high”, the',
            True,
        ),
        ("3, labels = FALSE", "`cut()` is not taken over; ", True),
        ("c(0, 2, k), labels = FALSE", "case_when(", True),
        ("c(0, 2, 2), labels = FALSE", "case_when(", True),
    ],
)
def test_cut_of_breaks_is_the_case_when_that_equals_it(breaks, made, listed):
    """Codes are read; of a factor the listing says which case_when it is, from 1 on and missing beyond the breaks."""
    found = drafted_r(f"df <- transform(df, v = cut(x, {breaks}))", "feols(y ~ v | id + t, df)")
    assert bool(found.skipped) == listed
    assert made in (found.skipped[0][2] if listed else found.derived["v"])


def test_labels_of_cut_in_the_order_of_the_alphabet_keep_their_base():
    found = drafted_r('df <- transform(df, v = cut(x, c(0, 2, 4), labels = c("a", "b")))', "feols(y ~ v | id + t, df)")
    assert 'x > 2 & x <= 4 ~ "b")' in found.skipped[0][2]
    assert "base" not in found.skipped[0][2]


@pytest.mark.parametrize(
    ("lines", "made"),
    [
        ('a <- TABLE\ndf <- df %>% left_join(a, by = c("year", "id"))', "mean(x, by = group(id, year))"),
        ("a <- TABLE %>% ungroup()\ndf <- left_join(df, a)", "mean(x, by = group(id, year))"),
        ("df <- df %>% left_join(TABLE, by = join_by(id, year))", "mean(x, by = group(id, year))"),
        (
            "df$x <- 2 * df$x\na <- TABLE\ndf$x <- df$x / 2\ndf <- df %>% filter(kids > 1) %>% left_join(a)",
            "mean(x, by = group(id, year))",
        ),
        ('a <- TABLE\ndf <- df %>% left_join(a, by = "id")', None),
        (
            "df <- df %>% filter(kids > 1)\na <- TABLE\ndf <- df %>% left_join(a)",
            "mean(ifelse(kids > 1, x, NA), by = group(id, year))",
        ),
        ("a <- TABLE\na$m <- a$m - 1\ndf <- df %>% left_join(a)", None),
        ("a <- TABLE\na$m <- a$m - 1; df <- df %>% left_join(a)", None),
        ("a <- TABLE\nif (k) a <- a[1, ]\ndf <- df %>% left_join(a)", None),
        ("a <- TABLE\ndf <- df %>% mutate(year = year - 1)\ndf <- df %>% left_join(a)", None),
        ("a <- TABLE\ndf <- df %>% distinct(id, .keep_all = TRUE)\ndf <- df %>% left_join(a)", None),
        ("a <- df %>% group_by(id) %>% summarise(m = x - mean(x))\ndf <- df %>% left_join(a)", None),
        ("a <- df %>% group_by(id) %>% summarise(k = max(x), m = mean(k))\ndf <- df %>% left_join(a)", None),
        ("a <- df %>% group_by(id) %>% summarise(x = mean(x), m = 1)\ndf <- df %>% left_join(a)", None),
    ],
)
def test_a_table_of_groups_that_is_joined_to_its_frame_is_a_line_of_derive(lines, made):
    table = 'df %>% group_by(id, year) %>% summarise(m = mean(x), .groups = "drop")'
    found = drafted_r("library(dplyr)\n" + lines.replace("TABLE", table), "feols(y ~ m | id + t, df)")
    assert (re.sub(r"x_\d", "x", found.derived.get("m", "")) or None) == made
    assert bool(found.skipped) == (made is None)


@pytest.mark.parametrize(("by", "listed", "told"), [("g", True, False), ("k", False, False), ("h", False, True)])
def test_rows_without_a_group_are_a_group_in_r(by, listed, told):
    """Here they have no value."""
    columns = frozenset({"y", "d", "g", "k", "id", "t"})
    facts = DataFacts(columns, columns - {"g"})
    line = f"library(dplyr)\ndf <- df %>% mutate(h = ifelse(g > 1, 1, 0)) %>% group_by({by}) %>% mutate(v = mean(k))"
    found = drafted_r(line, "feols(y ~ v | id + t, df)", facts)
    assert bool(found.skipped) == listed
    assert ("derive" in found.comments) == told


def test_conditions_of_one_filter_are_of_the_same_rows():
    """The second of two in one call sees what the first cuts off; that of another call does not."""
    line = "library(dplyr)\ndf <- df %>% group_by(id) %>% filter(any(x > 1), n() == 7)"
    found = drafted_r(line)
    assert not found.skipped
    assert found.regressions[0].condition == "(max(x > 1, by = id) == 1) & count(by = id) == 7"
    found = drafted_r(line.replace(", n()", ") %>% filter(n()"))
    assert not found.skipped
    assert found.regressions[0].condition.endswith("& sum(ifelse(max(x > 1, by = id) == 1, 1, NA), by = id) == 7")


@pytest.mark.parametrize("lost", ["mean(x)", "mean(abs(x - max(x, by = g)))", "mean(max(x), by = g)", "sum(x, by = h)"])
def test_no_summary_of_a_grouped_frame_is_written_without_its_groups(lost):
    """However it came to be: the line is then listed."""
    _refuse_ungrouped("x - mean(x, by = g) + count(by = g)", ("g",))
    _refuse_ungrouped(lost, ())
    with pytest.raises(NotReadError, match="groups of g"):
        _refuse_ungrouped(f"2 * {lost}", ("g",))


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("gen s = D.z\negen g = group(k s)\nreghdfe y g, a(id)", 3),
        ("gen s = z + k\negen m = mean(y), by(s)\nreghdfe y m, a(id)", 3),
        ("gen s = D.z\nxtile q = s, nq(3)\nreghdfe y q, a(id)", 3),
        ("gen s = D.z\nreghdfe y d, a(s)", 3),
        ("gen double s = D.z\negen g = group(s)\nreghdfe y g, a(id)", 0),
        ("gen s = z\negen g = group(s)\nreghdfe y g, a(id)", 0),
        ("gen s = d + t\negen g = group(s)\nreghdfe y g, a(id)", 0),
    ],
)
def test_levels_that_single_precision_makes_one_are_listed(lines, listed):
    """In doubles 2.3 - 1.2 and 1.2 - 0.1 are two numbers, in single precision both are 1.1."""
    columns = {"k": [0.2, 0.9, -2.0, 0.1], "z": [0.1, 1.2, 2.3, 3.4], "y": [1, 2, 3, 4], "d": [0, 1, 0, 1]}
    facts = facts_of(panel_of({**columns, "id": [1] * 4, "t": [1, 2, 3, 4]}, "id", "t").columns)
    found = read_code(f"xtset id t\n{lines}\n", ".do", facts)
    assert [line for line, _, why in found.skipped if "single precision" in why] == [listed] * bool(listed)


@pytest.mark.parametrize(
    "line",
    ["replace x = . if x > D.t", "drop if x > L.x", "egen m = mean(x) if L.x > 1\nreplace x = m", "gen z = x if D.x"],
)
def test_lags_in_conditions_are_listed_where_the_time_is_another_by_then(line):
    columns = {"y": [1.0, 2, 3, 4], "x": [1.0, 3, 2, 5], "id": [1] * 4, "t": [1, 2, 3, 4]}
    facts = facts_of(panel_of(columns, "id", "t").columns)
    found = read_code(f"xtset id t\nreplace t = t / 2\n{line}\nreg y x\n", ".do", facts)
    listed = {at: why for at, _, why in found.skipped}
    assert "lags are along `t`, which line 2 changes" in listed[3]


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("replace x = 1 if L.x == 1", "`l(x, 1)` is of earlier rows"),
        ("replace x = 1 if l.x == 1 & x == 0", "`l(x, 1)` is of earlier rows"),
        ("replace x = 1 if inlist(L.x, 1)", "`l(x, 1)` is of earlier rows"),
        ("replace x = 1 if L2.x == 1 | l.x", "`l(x, 2)` is of earlier rows"),
        ("replace x = 0 if x == . & L.x < .", "`l(x, 1)` is of earlier rows"),
        ("replace x = 0 if S.x == 0", "is of earlier rows"),
        ("replace x = 0 if D.x > 1", "is of earlier rows"),
        ("foreach v in x {\nreplace `v' = 1 if L.`v' == 1\n}", "`l(x, 1)` is of earlier rows"),
        ("replace lon = 1 if L.lon == 1", "`l(long, 1)` is of earlier rows"),
        ("replace x = L.x + 1", "`l(x, 1)` is of earlier rows"),
        ("bysort id (t): replace x = 1 if x[_n-1] == 1", "rows have no number here"),
        ("replace x = 1 if x[_n-1] == 1", "rows have no number here"),
        ("replace t = 1 if L.x == 1", "`l(x, 1)` is along `t`, which this line changes"),
        ("replace x = F.x if F.x == 1", ""),
        ("replace x = 1 if F.x == 1", ""),
        ("replace x = 1 if L.z == 1", ""),
        ("gen v = 1 if L.x == 1", ""),
    ],
)
def test_a_replace_that_reads_what_it_has_replaced_is_listed(line, listed):
    """Stata goes row by row: `replace x = 1 if L.x == 1` goes on to the unit's last row."""
    columns = {"y": [1.0, 2, 3, 4], "x": [1.0, 0, 0, 0], "z": [1, 0, 1, 0], "long": [1, 0, 1, 0]}
    facts = facts_of(panel_of(columns | {"id": [1] * 4, "t": [1, 2, 3, 4]}, "id", "t").columns)
    found = read_code(f"xtset id t\n{line}\nreg y x long t\n", ".do", facts)
    assert len(found.skipped) == bool(listed)
    assert not listed or listed in found.skipped[0][2]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("winsor2 x, cuts(5 95) trim by(z)", "changes `x_tr`"),
        ("winsor2 x, cuts(5 95) by(t)", "changes `x_w`"),
        ("separate x, by(z)", "makes `x1`, `x2` and so on"),
        ("separate x, by(z) gen(q)", "makes `q1`, `q2` and so on"),
        ("xi: reg y x i.z|x", "`i.z|x`, an interaction of xi, is not taken over"),
    ],
)
def test_what_a_line_that_is_listed_makes_is_named_once(line, told):
    found = read_code(f"xtset id t\n{line}\nreg y x\n", ".do", _PANEL)
    assert [why for at, _, why in found.skipped if at == 2 and told in why]
    assert not any(at == 2 for at, _ in found.notes)
    assert found.regressions[-1].terms == ("x",)


def test_groups_counted_for_a_cut_that_rounding_decides_are_listed():
    columns = {"y": [1.0, 2, 3, 4], "g": [0.1, 0.7, 2.3, 0.7], "id": [1] * 4, "t": [1, 2, 3, 4]}
    facts = facts_of(panel_of(columns, "id", "t").columns)
    code = "xtset id t\ngen float x = g * 3 - g\nreplace x = 2 * g if t > 2\nbysort x: drop if _N < 2\nreg y g\n"
    found = read_code(code, ".do", facts)
    assert "single precision" in next(why for at, _, why in found.skipped if at == 4)


@pytest.mark.parametrize("written", ["id##c.(t x)", "i.id##c.(c.t x)", "i.id i.id#c.(t x)", "f = id##c.(t x)"])
def test_slopes_of_several_columns_in_one_bracket(written):
    found = read_code(f"xtset id t\nreghdfe y d, absorb({written})\n", ".do", _PANEL)
    assert not found.skipped
    assert found.regressions[0].effects == "id[t] + id[[x]]"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("df %>% group_by(id) %>% mutate(v = ifelse(max(x) > 2, x, 0)) %>% ungroup()", None),
        ("df %>% mutate(v = ifelse(any(x > 2), year, kids))", None),
        (
            "df %>% group_by(id) %>% mutate(v = ifelse(max(x) > 2, 1, 0)) %>% ungroup()",
            "ifelse(max(x, by = id) > 2, 1, 0)",
        ),
        ("df %>% group_by(id) %>% mutate(v = sum(1)) %>% ungroup()", None),
        ("df %>% mutate(v = sum(mean(x)))", None),
        ("df %>% group_by(id) %>% mutate(v = sum(x > mean(x))) %>% ungroup()", "sum(x > mean(x, by = id), by = id)"),
        ("df[, v := sum(kids), by = kids]", None),
        ("df[, v := ifelse(kids > 1, x, 0), by = kids]", None),
        ("df[, v := sum(x) * kids, by = kids]", "sum(x, by = kids) * kids"),
        ("df %>% mutate(v = as.numeric(code))", None),
        ("df %>% mutate(v = ifelse(x == NA, 1, 0))", None),
        ("df %>% mutate(v = NA != x)", None),
        ("df %>% mutate(v = ifelse(kids > x, NA, 1))", "ifelse(kids > x, NA, 1)"),
        ("df %>% mutate(w = substr(code, 1, 2)) %>% mutate(v = as.integer(w))", None),
    ],
)
def test_one_value_that_r_repeats_is_no_column(line, made):
    """One condition gives one value; sum() of one is that; data.table has its groups once. Nor are NA and texts."""
    columns = frozenset({"id", "t", "year", "kids", "y", "x", "code"})
    facts = DataFacts(columns, columns, texts=frozenset({"code"}))
    line = f"setDT(df)\n{line}" if ":=" in line else f"library(dplyr)\ndf <- {line}"
    found = drafted_r(line, "feols(y ~ v | id + t, df)", facts)
    assert found.derived.get("v") == made
    assert bool(found.skipped) == (made is None)


@pytest.mark.parametrize(
    ("lines", "derived"),
    [
        ("local i 0\nforeach v in z x {\ngen m`++i' = `v'\n}", {"m1": "z", "m2": "x"}),
        ("local i = 2\ngen m1 = z + `i++'\ngen m2 = z + `i' + `--i' + `i'", {"m1": "z + 2", "m2": "z + 3 + 2 + 2"}),
        (
            "foreach v of varlist x z* {\ngen m_`v' = `v'\n}\nren m_z m1\ngen m2 = m_x",
            {"m_z": "z", "m_x": "x", "m1": "m_z", "m2": "m_x"},
        ),
        ("local i 0\nforeach v of varlist z-x {\ngen m`++i' = `v'\n}", {"m1": "z", "m2": "x"}),
        ("local i 0\nforeach v of varlist * {\nlocal ++i\ngen m`i' = `v'\n}", {"m1": "z", "m2": "x"}),
        (
            "loc a z x\nlocal n : word count `a'\nforvalues i = 1/`n' {\nlocal v : word `i' of `a'\ngen m`i' = `v'\n}",
            {"m1": "z", "m2": "x"},
        ),
        ("local vs z x\nlocal v : word 0 of `vs'\ngen m1 = z`v'\ngen m2 = x", {"m1": "z", "m2": "x"}),
        ("local n : word count \"z\" `r(varlist)'\ngen m1 = z > `n'\ngen m2 = x", None),
        ("local i = 2\nif d0 > 1 {\ngen a = `++i'\n}\ngen m1 = z > `i'\ngen m2 = x", None),
        ("tempvar zt\ngen `zt' = 1\nlocal i 0\nforeach v of varlist z* {\ngen m`++i' = `v'\n}\ngen m2 = x", None),
        ("merge 1:1 id using a\nlocal i 0\nforeach v of varlist z* {\ngen m`++i' = `v'\n}\ngen m2 = x", None),
    ],
)
def test_macros_are_counted_within_statements_and_loops_go_over_patterns(lines, derived):
    """A macro that a statement counts up has the new number from there on; columns are in the order of the data."""
    facts = facts_of(panel_of({"z": [1.0, 2], "x": [3.0, 1], "y": [1.0, 2], "id": [1, 2]}).columns)
    found = read_code(f"use a\n{lines}\nreg y m1 m2\n", ".do", facts)
    assert derived is None or not found.skipped
    assert found.derived == derived if derived else "m1" not in found.derived


NAMED_AS_CONSTANTS = """\
use "c.dta", clear
xtset id t
gen T = t - 2
gen double F = y / T
gen NA = T*x
gen repeat = x + 1
gen _merge2 = F.x
foreach v in T NA {
    bysort id: egen m_`v' = mean(`v')
}
reghdfe y d T NA repeat _merge2 if T <= 20 & F > TRUE [aw=T*x], absorb(id T) vce(cluster T)
reghdfe y d m_T m_NA c.T#c.x L.T F.T if inlist(Inf, 1, 2) & s == "T", absorb(id t) vce(cluster id)
"""


def test_columns_of_stata_called_as_constants_and_keywords_are_columns():
    """Of `T <= 20` all rows are kept where T is TRUE, and `al*T` is al: Stata has no such constants."""
    columns = ("y", "d", "x", "s", "id", "t", "TRUE", "Inf")
    for facts in (DataFacts(), DataFacts(frozenset(columns), frozenset(columns))):
        found = read_code(NAMED_AS_CONSTANTS, ".do", facts)
        assert not found.skipped
        first, second = found.regressions
        assert first.terms == ("d", "`T`", "`NA`", "`repeat`", "`_merge2`")
        assert (first.effects, first.weights, first.vcov) == ("id + `T`", "`T`*x", "~`T`")
        assert "`T` <= 20" in first.condition
        assert "`F` > `TRUE`" in first.condition
        assert second.terms == ("d", "m_T", "m_NA", "`T`:x", "l(`T`, 1)", "f(`T`, 1)")
        assert '`Inf` %in% c(1, 2) & s == "T"' in second.condition
        made = {"T": "t - 2", "F": "ifelse(`T` == 0, NA, y / `T`)", "NA": "`T`*x", "repeat": "x + 1"}
        made |= {"_merge2": "f(x, 1)", "m_T": "mean(`T`, by = id)", "m_NA": "mean(`NA`, by = id)"}
        assert found.derived == made


def test_patterns_of_names_that_begin_as_constants_stay_patterns():
    columns = frozenset({"y", "d", "T", "T1", "id", "t"})
    found = read_code("xtset id t\nreghdfe y d T*, absorb(id t)\n", ".do", DataFacts(columns, columns))
    assert found.regressions[0].terms[1:] in (('regex("^T.*$")',), ("`T`", "T1"))


def test_columns_of_r_called_as_constants_are_columns_where_there_are_such():
    changes = "df$F <- df$t - 2\ndf <- df %>% mutate(T = x + 1, big = T > 3, `NA` = ifelse(is.na(x), NA, x), b = TRUE)"
    call = "feols(y ~ d + T + `NA` + big + b | id, df[df$F < 5, ], weights = ~T, cluster = ~id)"
    columns = frozenset({"y", "d", "x", "id", "t"})
    found = drafted_r(f"library(dplyr)\n{changes}", call, DataFacts(columns, columns))
    assert found.regressions[0].terms == ("d", "`T`", "`NA`", "big", "b")
    assert (found.regressions[0].condition, found.regressions[0].weights) == ("`F` < 5", "`T`")
    made = {"F": "t - 2", "T": "x + 1", "big": "`T` > 3", "NA": "ifelse(is.na(x), NA, x)", "b": "TRUE"}
    assert found.derived == made
    plain = drafted_r("df$b <- T", "feols(y ~ d + b | id, df[df$x < 5, ])", DataFacts(columns, columns))
    assert plain.derived == {"b": "TRUE"}


def test_a_draft_of_columns_called_as_constants_is_that_of_the_same_by_other_names(drafted):
    code = """\
import delimited using "castle.csv", clear
xtset sid year
gen T = post
gen F = year - 2000
gen TF = T*F
reghdfe homicide T if F <= 8, absorb(sid year) vce(cluster sid)
reghdfe homicide T TF, absorb(sid year) vce(cluster sid)
"""
    found = []
    for text, treatment in ((code, "T"), (re.sub(r"\b([TF])\b", r"\1ed", code), "Ted")):
        done, spec = drafted(text, "named.do", "--treatment", treatment)
        assert done.returncode == 0, done.stderr
        results = estimated(prepare(spec))
        found.append([results.estimate.tolist(), results.numbers["std_error"].tolist()])
        spec.unlink()
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("forv k = 1/2 {\nlocal c `c' x\nif `k' == 2 local c `c' z\nreg y d `c'\n}\n", [("x",), ("x", "z")]),
        ("forv k = 1/2 {\nif `k' == 1 {\nlocal c x\n}\nelse local c `c' z\nreg y d `c'\n}\n", [("x",), ("x", "z")]),
        ("local c z\nwhile `n' < 2 {\nlocal c `c' x\nreg y d `c'\n}\n", []),
        ("local c z\nif `n' local c x\nlocal c `c' w\nreg y d `c'\n", []),
    ],
)
def test_a_local_that_is_never_set_is_empty_and_one_that_is_not_known_is_not(code, terms):
    """Stata takes an unset macro for nothing; one behind a condition that is not decided is anything."""
    found = read_code(code, ".do")
    assert [r.terms[1:] for r in found.regressions] == terms


@pytest.mark.parametrize(
    ("header", "options", "names"),
    [
        ("Team ID,Year,DH,Run%,y", "", ("teamid", "year", "dh", "run", "y")),
        ("Team ID,Year,DH,Run%,y", ", case(preserve)", ("TeamID", "Year", "DH", "Run", "y")),
        ("team id,T,DH,Run (%),y", "", ("teamid", "t", "dh", "run", "y")),
    ],
)
def test_headers_have_the_names_that_stata_makes_of_them(tmp_path, header, options, names):
    """Blanks and signs go, and capital letters unless the case is preserved."""
    rows = "".join(
        f"{k},{t},{int(k > 2 and t > 2)},{k * t % 5},{(k * 7 + t * 3) % 11}\n" for k in range(6) for t in range(6)
    )
    (tmp_path / "a.csv").write_text(f"{header}\n{rows}", "utf-8")
    unit, time, dh, run, y = names
    code = f"import delimited a.csv{options}\nxtset {unit} {time}\ngen l = L.{run}\n"
    code += f"reghdfe {y} {dh} {run} l if {time} > 0, a({unit} {time}) vce(cluster {unit})\n"
    (tmp_path / "a.do").write_text(code, "utf-8")
    done = call_specdid(["init", "new", "--from", "a.do", "--treatment", dh], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = estimated(prepare(tmp_path / "new/new.toml"))
    assert np.isfinite(results.estimate).all()
    of = header.split(",")
    found = tomllib.loads((tmp_path / "new/new.toml").read_text("utf-8"))
    named = (found["study"]["unit"], found["study"]["time"], found["inference"]["cluster"])
    assert [name.strip("`") for name in named] == [of[0], of[1], of[0]]


def test_a_macro_that_is_computed_is_named_with_its_line():
    code = 'use a\ncount z\nlocal mz = r(mean)\ngen zc = z - `mz\'\nlocal nm = cond(1, "m", "p")\ngen ev_`nm\' = z\n'
    told = {line: why for line, _, why in read_code(f"{code}reg y d if z > `mz'\n", ".do").skipped}
    assert told[7] == "the macro `mz` is not known, which line 3 computes: local mz = r(mean). Write its value there"
    assert told[4].startswith("the macro `mz` is not known, which line 3 computes")
    assert told[6].startswith("the macro `nm` is not known, which line 5 computes")


UNKNOWN = """\
ereplace x = mean(x), by(id)|bysort id: ereplace x = max(x)|fillmissing x, with(previous)|xfill x, i(id)
for var x: replace X = 0 if X == .|qui for var x z: replace X = 0 if X == .|tsspell x|egenmore x|mipolate2 x, gen2(q)
mytool x|mytool x, replace|mytool, vars(x)
mytool z x|quietly mytool x|capture noisily mytool x|mytool x if z > 2
winsorizeit x, p(1)|topcode x|trimit x 1 99|standardize x|zscore x|demean x, by(id)|fixit x = z|update_all x
deflate x using cpi.dta|clean_var x|numify x|mytool x*|mytool _all|mytool x-z|mytool `v'|lowercase x|interp x z
if c(N) > 3 mytool x|if `k' == 1 bysort id: ereplace x = 1|else mytool x|by id: carry x|version 14: mytool x
"""
UNNAMED = """\
mata: st_store(., "x", J(st_nobs(), 1, 1))|mata: fill()|python: go()|python script go.py|do other.do|run other.do
include other.do|mytool|mytool, force|gduplicates drop id year, force|fmerge 1:1 id year using o|snapshot restore 1
set obs 500|plugin call fast|java run|stata_r go
rcall: go()|mytool using t.dta|cap mytool|joinit using o, keep(1)
parallel do other.do|duplicates drop id, force|merge_asof id using o|rangejoin year 0 1 using o|gmerge id using o
mytool "x"|mata { |mata|python:|if c(N) > 3 do other.do|if `k' == 1 mytool
"""


def _lines(text):
    return [one for one in re.split(r"[|\n]", text) if one.strip()]


def _behind(line, data=("y", "x", "z", "d", "id", "year")):
    ends = {"mata {": "\nf()\n}", "mata": "\nf()\nend", "python:": "\nf()\nend"}.get(line.strip(), "")
    code = f"use a.dta, clear\nxtset id year\n{line}{ends}\nreghdfe y d x, absorb(id year) vce(cluster id)\n"
    return read_code(code, ".do", DataFacts(frozenset(data)))


@pytest.mark.parametrize("line", _lines(UNKNOWN))
def test_a_command_that_is_not_known_guards_the_columns_that_it_names_and_the_rows(line):
    found = _behind(line)
    assert [(r.terms[-1], r.condition) for r in found.regressions] == [("x_line_3", "rows_line_3")]
    assert {"x_line_3", "rows_line_3"} <= {*found.unread}
    assert any(at == 3 and "`x`" in text and "rows" in text for at, text in found.notes)
    assert 3 in [at for at, *_ in found.skipped]


@pytest.mark.parametrize("line", _lines(UNNAMED))
def test_a_command_that_names_no_column_guards_the_rows_and_says_that_any_may_be_another(line):
    found = _behind(line)
    assert [r.condition for r in found.regressions] == ["rows_line_3"]
    assert "rows_line_3" in found.unread
    assert 3 in [at for at, *_ in found.skipped]
    known = re.match(r"(?:g?duplicates|[fg]merge|merge_asof|rangejoin|set) ", line)
    assert known or any(at == 3 and "names no column" in text and "`d`" in text for at, text in found.notes)


LEAVE_DATA = """\
display 1|di "x"|describe|d x|su x, d|sum x
tabulate x|tab x z|tab1 x z|tabstat x, by(z)|list x|count if x > 3|codebook x
graph bar x|twoway line x year|scatter x y|hist x
kdensity x|binscatter y x|coefplot|graph export a.pdf, replace|lowess y x
esttab using t.tex, replace|estout|eststo clear|est store m
estimates table|outreg2 using t, replace|test x = 0|testparm x
lincom x + d|margins, dydx(x)|marginsplot|log using a.log, replace
log close|cap log close|set more off|set seed 1
set scheme s1mono|version 15|cd ..|pwd
which reghdfe|ssc install reghdfe|label var x "a"|lab def l 1 "a"|label values x l
format x %9.2f|order x|sort x|gsort -x|notes x: a
assert x > 0|browse x|isid id year|unique id|distinct x|corr x z
pwcorr x z, sig|ttest x, by(d)|compress
save o, replace|export delimited o.csv, replace|matrix b = e(b)|mat list b
scalar a = 3|return list|ereturn list|timer on 1|program drop _all
macro drop _all|tempfile f|levelsof id|ds x*|xtsum x
xtdescribe|estat ic|vif|hausman a b|bysort id: sum x
by id: tab x|qui sum x|cap noi di 3|mi set wide|frame create f2
frame f2: collapse (mean) x|frame copy default f2|frames dir|snapshot save
mata: mata clear|duplicates report id|!ls|shell ls
logit d x|probit d x|xi: logit d x|mean x
proportion d|if `k' > 1 di 3|if `k' == 1 outreg2 using t, append|putexcel a1 = 1
"""


@pytest.mark.parametrize("line", _lines(LEAVE_DATA))
def test_commands_that_are_known_to_leave_data_alone_guard_nothing(line):
    found = _behind(line)
    assert [(r.terms, r.condition) for r in found.regressions] == [(("d", "x"), "TRUE")]
    assert not found.unread


@pytest.mark.parametrize(
    ("line", "guarded"),
    [
        ("mata: f()", False), ('mata: st_store(., "firm", 1)', True), ("mytool f", True), ("mytool y, f(1)", False),
        ("mytool y, o(f(2))", False), ("mytool y, o(firm)", True),
    ],
)  # fmt: skip
def test_names_of_options_and_functions_are_no_columns_cut_down(line, guarded):
    code = f"use a.dta, clear\n{line}\nreghdfe y d firm, absorb(id)\n"
    (regression,) = read_code(code, ".do", DataFacts(frozenset({"y", "d", "firm", "id"}))).regressions
    assert regression.terms == ("d", "firm_line_2" if guarded else "firm")
    assert regression.condition == "rows_line_2"


@pytest.mark.parametrize(
    ("body", "guarded"),
    [
        ("sum x", False), ("if `1' > 2 di 3", False), ("if `1' > 2 replace x = 0", True), ("set obs 9", True),
        ("by id: replace x = 1", True), ("reg y x", False), ("mytool", True),
    ],
)  # fmt: skip
def test_a_program_of_the_file_is_guarded_unless_all_its_statements_leave_data_alone(body, guarded):
    found = _behind(f"program define own\n{body}\nend\nown x")
    assert (found.regressions[0].condition != "TRUE") == guarded


def test_a_regression_under_mi_estimate_is_listed():
    assert 3 in [line for line, *_ in _behind("mi estimate: reghdfe y d, absorb(id)").skipped]


def test_lines_that_may_change_columns_are_named_at_init(drafted):
    head = "import delimited using castle.csv, clear\nxtset sid year\nereplace poverty = mean(poverty)\nmata: f()\n"
    last = "reghdfe homicide post poverty, absorb(sid year) cluster(sid)\n"
    done, spec = drafted(head + last, "a.do", "--treatment", "post")
    printed = " ".join((done.stdout + done.stderr).split())
    assert "line 3: `ereplace` may change `poverty`, rows" in printed
    assert "line 4: `mata` names no column" in printed
    assert "`ereplace` may change `poverty`, rows" in spec.read_text("utf-8")


@pytest.mark.parametrize("suffix", ["_w", "_t", "_tr", "_z1", "w"])
def test_winsor2_makes_a_column_by_its_suffix_also_one_dropped_before(suffix):
    lines = f"cap drop x{suffix}\nwinsor2 x, cuts(1 99) suffix({suffix})\nreghdfe y d x{suffix}, absorb(id)\n"
    code = f"use a.dta, clear\n{lines}"
    found = read_code(code, ".do", DataFacts(frozenset({"y", "x", "d", "id"})))
    assert [r.terms for r in found.regressions] == [("d", f"x{suffix}")]
    assert found.derived == {f"x{suffix}": "winsorize(x, 0.01, type = 2)"}


def test_what_nothing_has_come_of_is_listed():
    assert [line for line, *_ in read_code("use a\n12 3\nxyz x\nreg y d\n", ".do").skipped] == [2, 3]


@pytest.mark.parametrize(
    ("line", "guarded"),
    [
        ("destring x, replace force", False), ('destring x z, replace ignore("NA")', False),
        ("destring x, replace", False), ("destring s, replace force", True), ("destring x s, replace force", True),
        ("destring x, replace percent", True),
    ],
)  # fmt: skip
def test_destring_of_numbers_changes_nothing(line, guarded):
    frame = {"id": [1, 1, 2, 2], "t": [1, 2, 1, 2], "y": [1.0, 2, 3, 5], "x": [1.5, 2, 3, 9], "z": [1, 2, 5, 3]}
    facts = facts_of(panel_of({**frame, "s": ["a", "b", "c", "d"]}, "id", "t").columns)
    found = read_code(
        f"use a.dta, clear\n{line}\nreghdfe y x z{' i.s' * ('s' in line[8:13])}, absorb(id)\n", ".do", facts
    )
    assert bool(found.skipped) == guarded
    assert guarded or found.regressions[0].terms == ("x", "z")


@pytest.mark.parametrize(("number", "read"), [(".85", True), (".7", False), ("2", True), (".70000001", False)])
def test_a_comparison_that_no_row_is_near_is_read_also_of_single_precision(number, read):
    frame = {"id": [1, 1, 2, 2], "t": [1, 2, 1, 2], "y": [1.0, 2, 3, 5], "x": [0.7, 0.9, 0.3, 0.1]}
    facts = facts_of(panel_of(frame, "id", "t").columns)
    for made in ("", "gen h = x\nreplace h = h\n"):
        regression = f"reghdfe y x if {'h' if made else 'x'} > {number}, absorb(id)\n"
        found = read_code(f'import delimited using "a.csv", clear\n{made}{regression}', ".do", facts)
        assert bool(found.regressions) == read


def test_snapshots_and_frames_are_followed():
    head, last = "use a.dta, clear\n", "reghdfe y d, absorb(id)\n"
    for between in ("snapshot save\ndrop if x > 3\nsnapshot restore 1\n",
                    "frame create o\nframe o: drop if x > 3\n", "frame create o\nframe o {\ndrop if x > 3\n}\n",
                    "frame copy default o\nframe change o\ndrop if x > 3\nframe change default\n"):  # fmt: skip
        (regression,) = read_code(head + between + last, ".do").regressions
        assert regression.condition == "TRUE"
    assert not read_code(f"{head}frame change o\n{last}", ".do").regressions


def test_option_words_are_no_columns_and_a_dollar_at_the_end_of_a_pattern_no_macro():
    found = read_code('use a\nrecast double x\ngstats winsor z, replace\ngen q = strpos(s, "a$")\nreg y d q\n', ".do")
    assert not any("`double`" in why or "`winsor`" in why or "macro" in why for *_, why in found.skipped)
    assert [r.terms for r in found.regressions] == [("d", "q")]


@pytest.mark.parametrize(
    ("value", "told"), [("log1p(df$k - 1)", "log1p() of -1 is -Inf in R"), ("log(df$k)", "The log of 0 is -Inf in R")]
)
def test_the_value_whose_log_is_infinite_is_that_of_its_function(value, told):
    found = read_code(f"df$low <- {value} < 2\nfeols(y ~ d + low | i, df, ~i)\n", ".R")
    assert [text[: len(told)] for text in found.comments["derive"]] == [told]


def test_an_argument_that_a_line_sets_for_all_is_told_with_that_line_and_is_not_of_felm():
    code = "df <- read.csv('a.csv')\nsetFixest_estimation(fixef = c('i', 't'), vcov = 'NW')\n"
    calls = "feols(y ~ d, df)\nfelm(y ~ d | i + t | 0 | i, df)\nfeols(y ~ d, df, fixef = 'i')\n"
    found = read_code(f"{code}{calls}", ".R")
    assert [r.line for r in found.regressions] == [4]
    own, given = (why for line, _, why in found.skipped if line in (3, 5))
    assert "setFixest_estimation() in line 2 sets `fixef`" in own
    assert "setFixest" not in given
    (_, _, why) = read_code(f"{code.replace('fixef =', 'data =')}feols(y ~ d, df)\n", ".R").skipped[-1]
    assert why.endswith("setFixest_estimation() in line 2 sets `vcov`")


@pytest.mark.parametrize(
    "call",
    [
        'across(starts_with("log"), list(sq = ~ .x^2))',
        "across(c(logk, y), list(sq = ~ .x^2, e = exp))",
        "across(.cols = ends_with('gk'), .fns = list(two = ~ .x^2), .names = '{.col}_sq')",
    ],
)
def test_columns_that_across_makes_by_named_functions_are_new_ones_and_read(call):
    facts = DataFacts(frozenset(["i", "t", "y", "d", "logk"]))
    code = f"df <- read.csv('a.csv')\ndf <- df %>% mutate({call})\nfeols(y ~ d + logk + logk_sq | i + t, df, ~i)\n"
    found = read_code(code, ".R", facts)
    assert found.derived == {"logk_sq": "logk^2"}
    assert not found.skipped
    assert [r.condition for r in found.regressions] == ["TRUE"]


def test_across_that_is_not_read_is_said_to_make_its_own_columns_and_to_leave_rows():
    facts = DataFacts(frozenset(["i", "t", "y", "d", "logk"]))
    code = "df <- read.csv('a.csv')\ndf <- df %>% mutate(across(starts_with('log'), list(sq = odd)))\n"
    calls = "feols(y ~ d + logk | i + t, df, ~i)\nfeols(y ~ d + logk_sq | i + t, df, ~i)\n"
    found = read_code(f"{code}{calls}", ".R", facts)
    told = next(why for line, _, why in found.skipped if line == 2)
    assert "changes `logk_sq`" in told
    assert "`logk`" not in told
    assert "rows" not in told
    assert {*found.unread} == {"logk_sq"}


HINTS = [
    (".R", "df[, z := k[.N], by = i]", "at(k, t == max(t, by = i))"),
    (".R", "df[, z := k[1], by = i]", "at(k, t == min(t, by = i))"),
    (".R", "df[, z := k[2L], by = i]", "at(k, rank(t, by = i) == 2)"),
    (".R", "df[, z := k / .N]", "count()"),
    (".do", "gen z = real(s)", "parse_number(s)"),
    (".do", "gen z = string(k)", "paste0(k)"),
    (".do", "egen z = tag(i)", "as.integer(rank(t, by = i) == 1)"),
    (".do", "egen z = tag(k)", "as.integer(rank(group(i, t), by = k) == 1)"),
    (".do", "egen z = cut(k), group(2)", "(k >= quantile(k, 0.5, type = 2))"),
    (
        ".do",
        "egen z = cut(k) if d == 0, group(2)",
        "(ifelse(d == 0, k, NA) >= quantile(ifelse(d == 0, k, NA), 0.5, type = 2))",
    ),
    (".do", "egen z = cut(k), at(0 1.5 9)", "case_when(k >= 0 & k < 1.5 ~ 0, k >= 1.5 & k < 9 ~ 1.5)"),
    (".do", "egen z = cut(k), at(0(1.5)3) icodes", "case_when(k >= 0 & k < 1.5 ~ 0, k >= 1.5 & k < 3 ~ 1)"),
    (".do", "winsor2 k, cuts(5 95) by(t) suffix(_1)", "`winsorize(k, 0.05, by = t, type = 2)`"),
    (".do", "winsor2 k, cuts(1 95)", "`pmin(pmax(k, quantile(k, 0.01, type = 2)), quantile(k, 0.95, type = 2))`"),
    (".do", "winsor2 k, cuts(0 95)", "`pmin(k, quantile(k, 0.95, type = 2))`"),
    (".do", "winsor2 k, cuts(5 100) trim", "`ifelse(k >= quantile(k, 0.05, type = 2), k, NA)`"),
    (".do", "winsor2 k, by(i t) trim", "`trim(k, 0.01, by = i^t, type = 2)`"),
    (".do", "winsor k, gen(z) p(0.05)", "`winsorize(k, 0.05, type = 2)`"),
    (".do", "ipolate k t, gen(z) by(i)", "`interpolate(k)`"),
    (".do", "bysort i (t): carryforward k, gen(z)", "`carry_forward(k)`"),
    (".do", 'destring s, gen(z) ignore(",")', "`parse_number(s)`"),
    (".R", "df <- dplyr::mutate(df, z = ave(k, i, FUN = max))", "max(k, by = i)"),
    (".R", "df <- dplyr::mutate(df, z = scale(k, scale = FALSE) + rank(k))", "center(k)"),
]


@pytest.mark.parametrize(("ending", "line", "here"), HINTS)
def test_what_a_message_says_to_write_instead_passes_check(tmp_path, ending, line, here):
    rows = [
        (i, t, (i * 7 + t * 3) % 11, (i * t) % 5 + i % 2, int(i > 4 and t > 2002), f"{i * t % 7}")
        for i in range(1, 9)
        for t in range(2000, 2006)
    ]
    data = tmp_path / "a.csv"
    pl.DataFrame(rows, schema=["i", "t", "y", "k", "d", "s"], orient="row").write_csv(data)
    facts = facts_of(read_columns(data, "a.csv").columns)
    code = f"library(data.table)\ndf <- fread('a.csv')\n{line}\nfeols(y ~ d + z | i + t, df, ~i)\n"
    if ending == ".do":
        code = f"import delimited a.csv, clear\nxtset i t\n{line}\nreghdfe y d z, a(i t) cluster(i)\n"
    found = read_code(code, ending, facts)
    (told,) = [why for at, _, why in found.skipped if at == 3]
    assert f": {here}" in told
    quoted = here.strip("`").replace('"', '\\"')
    (tmp_path / "a.toml").write_text(
        "[study]\ntitle = 'a'\ndata = 'a.csv'\nunit = 'i'\ntime = 't'\n"
        f"[derive]\nz = \"{quoted}\"\n[outcome]\n'y' = 'y'\n"
        "[treatment]\n'd' = 'd'\n[controls]\n'z' = 'z'\n[fixed_effects]\n'f' = 'i + t'\n[vcov]\n'i' = '~i'\n"
        "[preferred]\noutcome = 'y'\n[inference]\ndraws = 0\n"
    )
    done = call_specdid(["check", "a.toml"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        (".do", "egen z = cut(k), at(9 1.5 0)"),
        (".do", "egen z = cut(k), at(0 1.5 9) odd"),
        (".do", "egen z = cut(k), group(2) at(0 2)"),
        (".do", "egen z = cut(k), group(2) by(t)"),
        (".do", "winsor2 k, cuts(5 95) odd"),
        (".do", "winsor2 k if d == 1, cuts(5 95) by(t)"),
        (".do", "winsor k, gen(z) p(0.05) highonly"),
        (".do", "winsor k, gen(z) h(5)"),
        (".do", "winsorize k, gen(z)"),
        (".do", "ipolate k t, gen(z) by(i) epolate"),
        (".do", "ipolate k t, gen(z)"),
        (".do", "bysort t: carryforward k, gen(z)"),
        (".do", 'destring s, gen(z) ignore("$")'),
        (".do", "destring s, gen(z) percent"),
        (".R", "df <- dplyr::mutate(df, z = cut(k, 4))"),
        (".R", "df <- dplyr::mutate(df, z = cut(k, b, right = FALSE))"),
        (".R", "df <- dplyr::mutate(df, z = ave(k, i, FUN = odd))"),
        (".R", "df <- dplyr::mutate(df, z = quantile(k, 0.9, type = 6))"),
        (".R", "df <- dplyr::mutate(df, z = rank(k, ties.method = 'min'))"),
        (".R", "df <- dplyr::mutate(df, z = n_distinct(k, d))"),
    ],
)
def test_nothing_is_offered_for_an_option_that_has_no_equivalent_here(ending, line):
    facts = DataFacts(frozenset(["i", "t", "y", "d", "k", "s"]))
    code = f"df <- read.csv('a.csv')\n{line}\nfeols(y ~ d + z | i + t, df, ~i)\n"
    if ending == ".do":
        code = f"use a\nxtset i t\n{line}\nreghdfe y d z, a(i t) cluster(i)\n"
    whys = [why for at, _, why in read_code(code, ending, facts).skipped if at == (3 if ending == ".do" else 2)]
    assert whys
    assert not any("Here:" in why for why in whys)


def test_an_offer_of_quantiles_is_of_the_rows_that_are_left():
    code = "use a\nxtset i t\nkeep if t > 2000\nwinsor2 k, cuts(5 95) by(t)\nreghdfe y d k_w, a(i t)\n"
    (why,) = [why for at, _, why in read_code(code, ".do", _PANEL).skipped if at == 4]
    assert "`winsorize(ifelse(left, k, NA), 0.05, by = t, type = 2)`" in why


@pytest.mark.parametrize("groups", [2, 3, 4])
def test_the_groups_that_are_offered_for_egens_cut_are_closed_on_the_left(groups):
    k = [1, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, None]
    panel = panel_of({"i": [1] * 12, "t": [*range(12)], "k": k}, "i", "t")
    found = read_code(f"use a\negen z = cut(k), group({groups})\nreghdfe k z, a(i)\n", ".do", facts_of(panel.columns))
    (why,) = [why for _, _, why in found.skipped if "Here: " in why]
    got = values(panel, why.partition("Here: ")[2].partition(", where no two")[0])
    known = sorted(one for one in k if one is not None)
    ends = []
    for one in range(1, groups):  # the mean of two values where the share ends between them
        whole, rest = divmod(one * len(known), groups)
        ends.append(known[whole] if rest else (known[whole - 1] + known[whole]) / 2)
    made = [None if one is None else sum(one >= end for end in ends) for one in k]
    assert got == made


def test_a_product_of_0_and_1_columns_is_0_and_1_beside_a_slope():
    facts = replace(_PANEL, columns=_PANEL.columns | {"s", "p", "m"}, binary=frozenset("sp"), whole=frozenset("sp"))
    code = "use a\nxtset i t\ngen byte v = s*p\nreg y i.v##c.m\n"
    assert read_code(code, ".do", facts).regressions[0].terms == ("v", "m", "v:m")
    code = code.replace("s*p", "s*m")
    assert "v:m" not in [t for r in read_code(code, ".do", facts).regressions for t in r.terms]


@pytest.mark.parametrize(
    ("value", "derived"),
    [
        ("fcase(k > 3, 1, k > 1, 2, default = 9)", "case_when(k > 3 ~ 1, k > 1 ~ 2, TRUE ~ 9)"),
        ("fcase(k > 3, 1)", "case_when(k > 3 ~ 1)"),
        ("na_if(k, 9)", "ifelse(k == 9, NA, k)"),
        ("na_if(k, -1L)", "ifelse(k == -1, NA, k)"),
        ("n_distinct(k)", "(n_distinct(k, by = i) + max(is.na(k), by = i))"),
        ("uniqueN(k, na.rm = TRUE)", "(n_distinct(k, by = i))"),
        ("n_distinct(d) - 1", "(n_distinct(d, by = i)) - 1"),
        ("lag(k, default = 0)", "ifelse(is.na(l(t, 1)), 0, l(k, 1))"),
        ("lead(k, n = 2, default = -1)", "ifelse(is.na(f(t, 2)), -1, f(k, 2))"),
    ],
)
def test_functions_of_r_that_have_an_exact_equivalent_are_read(value, derived):
    facts = replace(_PANEL, columns=_PANEL.columns | {"k", "d"}, complete=_PANEL.complete | {"d"})
    made = f"df <- read.csv('a.csv') |> group_by(i) |> mutate(z = {value})"
    code = f"library(dplyr)\n{made}\nfeols(y ~ d + z | i + t, df, ~i)\n"
    found = read_code(code, ".R", facts)
    assert found.derived == {"z": derived}
    assert not found.skipped


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("gen z = irecode(k, 1, 3)", [None, 0, 0, 1, 1, 2]),
        ("egen z = cut(k), at(0, 2, 4)", [None, 0, 0, 2, 2, None]),
        ("egen z = cut(k), at(1 2 5) icodes", [None, None, 0, 1, 1, 1]),
        ("egen z = cut(k) if k != 3, at(0 2 4)", [None, 0, 0, 2, None, None]),
        ("egen z = cut(k), at(0(2)4)", [None, 0, 0, 2, 2, None]),
        ("egen z = cut(k), at(1/4) icodes", [None, None, 0, 1, 2, None]),
        ("egen z = cut(k), icodes at(0 1 to 3, 9)", [None, 0, 1, 2, 3, 3]),
    ],
)
def test_classes_of_values_are_those_of_stata(line, made):
    frame = {"i": [1, 1, 1, 2, 2, 2], "t": [1, 2, 3] * 2, "k": [None, 0, 1, 2, 3, 4]}
    panel = panel_of(frame, "i", "t")
    code = f"import delimited a.csv, clear\n{line}\nreghdfe k z, a(i)\n"
    found = read_code(code, ".do", facts_of(panel.columns))
    assert not found.skipped
    got = values(panel, found.derived["z"])
    assert [None if v is None or np.isnan(v) else v for v in got] == made


def test_what_unab_names_is_written_out_and_what_a_command_left_is_named():
    code = "xtset i t\nunab vv : x z\nreghdfe y d `vv', a(i)\nds x z\nlocal vs `r(varlist)'\nreghdfe y d `vs', a(i)\n"
    found = read_code(code, ".do", DataFacts(frozenset("ityxzd"), order=tuple("ityxzd")))
    assert [r.terms for r in found.regressions] == [("d", "x", "z")]
    assert ["`r(varlist)` is what a command left" in why for line, _, why in found.skipped if line == 6] == [True]


def test_labels_are_by_the_names_that_the_script_gives_columns(drafted):
    code = "df <- read.csv('castle.csv')\ndf <- df %>% rename(killed = homicide, law = post, poor = poverty)\n"
    calls = "feols(log(killed) ~ law + poor | sid + year, df, ~sid)\nfeols(killed ~ law | sid + year, df, ~sid)\n"
    _, spec = drafted(f"{code}{calls}", "a.R")
    draft = tomllib.loads(spec.read_text("utf-8"))
    assert draft["outcome"] == {"log(killed)": "log(homicide)", "killed": "homicide"}
    assert draft["treatment"] == {"law": "post"}
    assert draft["controls"] == {"poor": "poverty", "none": "1"}
    assert draft["preferred"] == {"outcome": "log(killed)", "controls": "poor"}


def test_a_column_of_two_names_keeps_that_of_the_data(drafted):
    before = "feols(homicide ~ post + poverty | sid + year, df, ~sid)\n"
    rename = "df <- df %>% rename(poor = poverty)\n"
    after = "feols(homicide ~ post + poor | sid + year, df, ~sid)\n"
    _, spec = drafted(f"df <- read.csv('castle.csv')\n{before}{rename}{after}", "a.R")
    assert tomllib.loads(spec.read_text("utf-8"))["controls"] == {"poverty": "poverty"}


LEADS = "gen lead2 = rel <= -2\ngen lag0 = rel == 0\ngen lag1 = rel == 1\ngen lag2 = rel >= 2\ngen r = rel + 10\n"
LEADS += "gen lead1 = rel == -1\ngen lead4 = rel <= -4\n"


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ("lead2 lag0 lag1 lag2", "window = [-2, 2] and reference = -1"),
        ("lead3 lead2 lag0 lag1", ""),
        ("lead1 lag0 lag1", "window = [-2, 1] and reference = -2"),
        ("lead2 lead1 lag0", "window = [-3, 0] and reference = -3"),
        ("lead4 lag0", "window = [-4, 0] and reference, one of"),
        ("F1.d L0.d L1.d", 'cohort = "first(d == 1)" } as the treatment, window = [-2, 1] and reference = -1; of `d`'),
        ("F2.d L0.d L1.d", "window = [-3, 1] and reference = -1; of `d`, which stays 1"),
        ("ib9.r", "window = [-4, 5] and reference = -1"),
        ("ib11.r", ""),  # no reference after treatment
        ("i.short", ""),  # one period before alone
        ("i.rel", "window = [-4, 5] and reference, the level that is left out"),
        ("lag0 lag1 x", ""),
    ],
)
def test_leads_and_lags_made_by_hand_are_told_with_the_lines_of_an_event_study(terms, told):
    keys = [(i, t) for i in range(1, 9) for t in range(2001, 2010)]
    rows = [(i, t, (i * t) % 7, (i + t) % 3, int(t >= 2004), t - 2004 - (i > 4), max(t - 2004, -1)) for i, t in keys]
    names = ["i", "t", "y", "x", "d", "rel", "short"]
    frame = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    facts = facts_of(panel_of(frame, "i", "t").columns)
    made = f"xtset i t\n{LEADS}reghdfe y x {terms}, a(i t) cluster(i)\n"
    found = read_code(made, ".do", facts)
    draft = code_draft(found, "a.do", ("x", "named by you"), "a.csv", "a")
    text = " ".join(draft.replace("\n#", "\n").split())
    assert ("[event_study], with" in text) == bool(told)
    assert told in text


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ('vcovHC(m, type = "HC1", cluster = "group")', 'Here: { formula = "~i", ssc = "none" } for a plm'),
        ("vcovSCC(m)", "vcovSCC is not here: [vcov] has iid"),
    ],
)
def test_errors_of_a_plm_are_told_with_what_to_write(errors, told):
    plm = "m <- plm(y ~ d, df, index = c('i', 't'), model = 'within')\n"
    code = f"df <- read.csv('a.csv')\n{plm}coeftest(m, vcov = {errors})\nfeols(y ~ d | i + t, df, ~i)\n"
    assert [told in why for line, _, why in read_code(code, ".R").skipped if line == 3] == [True]


@pytest.mark.parametrize("first", ["m1 <- feols(homicide ~ post + lpop | sid + year, d, cluster = ~sid)\n", ""])
def test_a_listed_line_is_of_the_version_of_a_column_that_it_finds(drafted, first):
    code = f"""\
library(data.table)
d <- fread("castle.csv")
d[, rpop := population / 2]
d[, lpop := log(rpop)]
d[rpop > 18, rpop := 18]
d[, dev := some_of(rpop), by = year]
d[, rpop := 7]
{first}m2 <- feols(homicide ~ post + dev | sid + year, d, cluster = ~sid)
"""
    _, spec = drafted(code, "a.R")
    text = " ".join(line.removeprefix("#").strip() for line in spec.read_text("utf-8").splitlines())
    assert 'rpop_2 = "ifelse(is.na(rpop > 18), population / 2, ifelse(rpop > 18, 18, population / 2))"' in text
    assert "its `rpop` is `rpop_2` here" in text
    assert text.index("rpop_2 = ") < text.index('dev = "…"')  # what the user writes there is made of it
    assert "rpop_3" not in text


def test_a_listed_line_says_which_line_makes_what_it_reads_and_is_not_read(drafted):
    code = """\
library(data.table)
d <- fread("castle.csv")
d[, rpop := population / 2]
d[, lpop := log(rpop)]
d[, rpop := other_of(rpop)]
d[, dev := some_of(rpop), by = year]
m1 <- feols(homicide ~ post + lpop | sid + year, d, cluster = ~sid)
m2 <- feols(homicide ~ post + dev | sid + year, d, cluster = ~sid)
"""
    _, spec = drafted(code, "a.R")
    text = " ".join(line.removeprefix("#").strip() for line in spec.read_text("utf-8").splitlines())
    assert "its `rpop` is as line 5 makes it, which is not read" in text


LONG = "# this is a longer comment, of what 'we' do with #1 to the columns that are made here, and don't"


@pytest.mark.parametrize(
    "statement",
    [
        f"df <- df %>%  {LONG}\n  filter(t > 2)",
        f"df <- df |>\n{' ' * 60}{LONG}\n\n  {LONG}\n  subset(t > 2)",
        f"df <- df[df$t >  {LONG}\n  2, ]",
        f"df$keep <- 1 *  {LONG}\n  df$t\ndf <- subset(df, keep > 2)",
        f"df$keep <- df$t /   {LONG}\n\n  1 +{' ' * 80}\n  0\ndf <- subset(df, keep > 2)",
        f'cat("\\\\")  {LONG}\ndf <- df %>%  {LONG}\n  filter(t > 2)',
        f'cat(r"(a " # b)")  {LONG}\ndf <- df %>%\n  filter(t > 2)',
        f"names(df)\n`a'b # c` <- 1  {LONG}\ndf <- df %>%  {LONG}\n  filter(t > 2)",
    ],
)
def test_comments_of_any_length_leave_statements_of_r_whole(statement):
    code = f"df <- read.csv('a.csv')\n{statement}\nfeols(y ~ d | i + t, df, ~i)\n"
    found = read_code(code, ".R", DataFacts(frozenset({"y", "d", "t", "i"}), complete=frozenset({"t"})))
    assert not found.skipped
    (regression,) = found.regressions
    assert regression.line == code.count("\n")
    kept = found.derived["keep"] if regression.condition == "keep > 2" else regression.condition
    assert kept in ("t > 2", "1 * t", "t / 1 + 0")


def of_r(statements: str, term: str, names: str = "y d t i g x z T pi"):
    code = f"library(dplyr)\ndf <- read.csv('a.csv')\n{statements}\nfeols(y ~ {term} | i + t, df, ~i)\n"
    return read_code(code, ".R", DataFacts(frozenset(names.split()), complete=frozenset(names.split())))


@pytest.mark.parametrize(
    ("statements", "derived"),
    [
        ("df$r <- ifelse(df$z > 5, T, F)", "ifelse(z > 5, TRUE, FALSE)"),
        ("df$r <- exp(df$x) * pi + pi", "exp(x) * 3.141592653589793 + 3.141592653589793"),
        ("df$T <- df$z - 2\ndf$r <- (df$x > 1) * T", "(x > 1) * TRUE"),
        ("df$r <- df$x * df$T", "x * `T`"),
        ("df$r <- with(df, x * T * pi)", "x * `T` * pi"),
        ("df <- transform(df, r = x * T)", "x * `T`"),
        ("df <- df %>% mutate(r = x * T + pi)", "x * `T` + pi"),
        ("T <- 3\ndf$r <- df$x * T", "x * 3"),
        ("df$r <- df$x * z", ""),
        ("df$r <- df$x %in% letters", ""),
    ],
)
def test_a_bare_name_is_a_column_of_r_in_a_data_mask_alone(statements, derived):
    found = of_r(statements, "r")
    assert found.derived.get("r", "") == derived
    assert bool(found.skipped) != bool(derived)


def test_constants_of_r_that_are_no_column_are_their_values():
    assert of_r("df <- df %>% mutate(r = x * pi)", "r", "y t i x").derived["r"] == "x * 3.141592653589793"


def test_rows_are_chosen_in_base_r_by_constants_not_by_columns_of_their_names():
    assert of_r("df <- df[df$x > 1 & T, ]", "d").regressions[0].condition == "x > 1 & TRUE"
    assert of_r("df <- subset(df, x > 1 & T)", "d").regressions[0].condition == "x > 1 & `T`"
    table = of_r("library(data.table)\nsetDT(df)\ndf <- df[x > 1 & T, ]", "d")
    assert "R's own in those of a data frame" in table.skipped[0][2]


@pytest.mark.parametrize(
    ("statement", "derived"),
    [
        ("df <- transform(df, q = x / 2)", "x / max(x)"),
        ("df <- df %>% transform(q = x / 2, z = 1)", "x / max(x)"),
        ("df <- transform(df, z = x / 2)", ""),  # R's version says it
        ("df <- within(df, q <- x)", "x / max(x, by = g)"),
        ("df <- df %>% foo()", ""),
        ("df <- as.data.frame(df)", "x / max(x)"),
        ("df <- df %>% relocate(x)", "x / max(x, by = g)"),
        ("df <- merge(df, a)", "x / max(ifelse(rows_line_4, x, NA))"),
        ("df <- df[df$z > 1, ]", "x / max(ifelse(z > 1, x, NA), by = g)"),
        ("df <- subset(df, z > 1)", "x / max(ifelse(z > 1, x, NA), by = g)"),
    ],
)
def test_groups_of_r_go_with_functions_that_make_a_plain_data_frame(statement, derived):
    found = of_r(f"df <- df %>% group_by(g)\n{statement}\ndf <- df %>% mutate(r = x / max(x, na.rm = TRUE))", "r")
    assert found.derived.get("r", "") == derived


@pytest.mark.parametrize(
    ("groups", "by"),
    [
        ("", ", by = g"),
        (', .groups = "drop_last"', ", by = g"),
        (', .groups = "drop"', ""),
        (', .groups = "keep"', "2"),
    ],
)
def test_summarise_leaves_groups_as_r_does(groups, by):
    made = f"df <- df %>% group_by(g, t) %>% summarise(x = mean(x), y = mean(y), i = mean(i){groups})\n"
    found = of_r(f"{made}df <- df %>% mutate(r = d / max(d, na.rm = TRUE))", "r").derived["r"]
    rows = "ifelse(rows_line_3, d, NA)"
    assert found == (f"d / max({rows}, by = group(g, t))" if by == "2" else f"d / max({rows}{by})")


def cells_read(tmp_path, cells, reader='read.csv("a.csv")', term="i(v)", more=""):
    """Draft a script whose data have a column of these cells, one after the other."""
    file = tmp_path / "a.csv"
    rows = [f"{k // 4},{k % 4},{k * k % 7},{k % 3},{cells[k % len(cells)]}" for k in range(24)]
    file.write_text("\n".join(["id,t,y,x,v", *rows]) + "\n")
    facts = facts_of(read_columns(file, "a.csv").columns, "", cells_as_written(file).missing)
    return read_code(f"df <- {reader}\n{more}\nfeols(y ~ x + {term} | id + t, df)\n", ".R", facts)


@pytest.mark.parametrize(
    ("cells", "reader", "made"),
    [
        (["a", "b", ""], 'read.csv("a.csv")', 'ifelse(is.na(v), "", v)'),
        (["a", "b", ""], 'read.csv("a.csv", na.strings = "NA")', 'ifelse(is.na(v), "", v)'),
        (["a", "b", ""], 'read.csv("a.csv", na.strings = c("", "NA"))', ""),
        (["a", "b", ""], 'read_csv("a.csv")', ""),
        (["a", "b", ""], 'read_csv("a.csv", na = "NA")', 'ifelse(is.na(v), "", v)'),
        (["a", "b", "NA"], 'read.csv("a.csv")', ""),
        (["a", "null"], 'readr::read_csv("a.csv")', 'ifelse(is.na(v), "null", v)'),
        (["a", "b", "."], 'fread("a.csv")', 'ifelse(is.na(v), ".", v)'),
    ],
)
def test_cells_of_text_are_as_the_function_of_r_reads_them(tmp_path, cells, reader, made):
    code = cells_read(tmp_path, cells, reader)
    assert code.derived == ({"v_2": made} if made else {})
    assert code.regressions[0].terms == ("x", "i(v_2)" if made else "i(v)")
    assert any("a level of its own" in text for _, text in code.notes) == bool(made)
    assert not code.skipped


@pytest.mark.parametrize(
    ("cells", "reader", "told"),
    [
        (["a", "b", "", "NA"], 'read.csv("a.csv")', "empty cells in 6 rows, which read.csv() leaves as text"),
        (["a", "", "null", "b"], 'read.csv("a.csv")', 'empty cells in 6 rows and "null" in 6 rows'),
        (["a", "b", ""], 'fread("a.csv")', "empty cells in 8 rows, which fread() may leave as text"),
        (["1", "2.5", "."], 'read.csv("a.csv")', '"." in 8 rows, text for read.csv(), which makes the column text'),
        (["1", "2.5", "."], 'fread("a.csv")', '"." in 8 rows'),
        (["1", "2.5", "."], 'read.csv("a.csv", na.strings = ".")', ""),
        (["1", "2.5", ""], 'read.csv("a.csv")', ""),
        (["1", "2.5", "NaN"], 'read.csv("a.csv")', ""),
    ],
)
def test_cells_that_r_reads_otherwise_and_that_no_expression_is_are_told(tmp_path, cells, reader, told):
    code = cells_read(tmp_path, cells, reader)
    assert not code.derived
    assert not code.skipped
    assert [line for line, text in code.notes if told and told in text] == [1] * bool(told)
    assert told or not any("cells" in text or "rows" in text for _, text in code.notes)


def test_numbers_taken_out_of_cells_of_text_are_those_of_r(tmp_path):
    code = cells_read(tmp_path, ["1", "2.5", "."], term="n", more="df$n <- as.numeric(df$v)")
    assert code.derived == {"n": "as.numeric(v)"}
    assert not any('"."' in text for _, text in code.notes)


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("ifelse(no = 0, df$kids > 2, yes = df$x)", "ifelse(kids > 2, x, 0)"),
        ("ifelse(df$kids > 2, no = 1, 0)", "ifelse(kids > 2, 0, 1)"),
        (
            "ifelse(yes = ifelse(no = 1, yes = 2, df$x > 1), no = 0, df$kids > 2)",
            "ifelse(kids > 2, ifelse(x > 1, 2, 1), 0)",
        ),
        ("if_else(df$kids > 2, false = 1, true = 0)", "ifelse(kids > 2, 0, 1)"),
        ("round(digits = 1, df$x)", "round(x, 1)"),
        ("log(base = 2, x = df$x)", "log(x, 2)"),
    ],
)
def test_arguments_given_by_name_are_matched_as_in_r(written, made):
    code = drafted_r(f"df$v <- {written}", "feols(y ~ x + v | id + t, df)")
    assert code.derived == {"v": made}


@pytest.mark.parametrize(
    ("terms", "written"),
    [
        ("d + x / z", ["d", "x", "x:z"]),
        ("d + x/z/w", ["d", "x", "x:z", "x:z:w"]),
        ("d + I(x / z) + log(x / z)", ["d", "I(x / z)", "log(x / z)"]),
        ("d + x - x", []),
        ("d + log(x) / z", []),
        ("d + x %in% z", []),
        ("d + x * z * w", []),
        ("d + ..c / z", []),
        ("d + z:..c", []),
        ("d + ..c", ["d", "x", "w"]),
    ],
)
def test_operators_of_a_formula_of_r_are_those_of_formulas(terms, written):
    """`x / z` is x + x:z there, and was drafted as a quotient."""
    code = f'e <- read.csv("a.csv")\nsetFixest_fml(..c = ~ x + w)\nfeols(y ~ {terms} | id, e)\n'
    found = read_code(code, ".R")
    assert [list(one.terms) for one in found.regressions] == ([written] if written else [])
    assert len(found.skipped) == (0 if written else 1)


@pytest.mark.parametrize("line", ["reg y d if w != .", "replace w = 0 if w == .", "recode w (. = 0), gen(z)"])
def test_a_plain_missing_value_is_none_of_the_extended_ones(line):
    """`.a != .` is true in Stata, and all of them are one missing value here."""
    code = f"use a.dta\nreplace w = .a if w == -99\n{line}\nreg y d w z\n"
    assert [at for at, _, _ in read_code(code, ".do").skipped if at == 3]
    plain = code.replace(".a if", ". if")
    assert not [at for at, _, _ in read_code(plain, ".do").skipped if at == 3]
    facts = DataFacts(frozenset({"y", "d", "w", "z"}), extended=True)
    assert [at for at, _, _ in read_code(plain.replace("z\n", "\n"), ".do", facts).skipped if at == 3]
    harmless = code.replace("w != .", "w < .").replace("w == .", "mi(w)").replace("(. =", "(mis =")
    assert not [at for at, _, _ in read_code(harmless, ".do").skipped if at == 3]


def test_extended_missing_values_of_a_file_are_seen(tmp_path):
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "s": ["a", ".b", ""]})
    frame.to_stata(tmp_path / "plain.dta", write_index=False)
    assert not has_extended_missing(tmp_path / "plain.dta")
    raw = (tmp_path / "plain.dta").read_bytes()
    dot, dot_a = (np.float64(2.0**1023 * (1 + k * 2.0**-12)).tobytes() for k in (0, 1))
    assert raw.count(dot) == 1
    (tmp_path / "extended.dta").write_bytes(raw.replace(dot, dot_a))
    assert has_extended_missing(tmp_path / "extended.dta")


YEARS = [(i, t) for i in range(1, 9) for t in range(2001, 2010)]


def of_years(**columns) -> DataFacts:
    """Give what a file of eight units and nine years shows, with columns as functions of unit and year."""
    frame = {"i": [i for i, _ in YEARS], "t": [t for _, t in YEARS], "y": [i * t % 7 for i, t in YEARS]}
    frame |= {name: [of(i, t) for i, t in YEARS] for name, of in columns.items()}
    return facts_of(panel_of(frame, "i", "t").columns)


@pytest.mark.parametrize(
    ("lines", "derived", "terms"),
    [
        (
            "drop if mod(t,2)==0\nxtset i t, delta(2)\ngen z = L.x",
            {"z": "l(ifelse(!(t %% 2 == 0), x, NA), 2)"},
            ("d", "z"),
        ),
        ("xtset i t, delta(2)\ngen z = D.x + F2.x", {"z": "d(x, 2) + f(x, 4)"}, ("d", "z")),
        ("xtset i t\ngen z = L.x", {"z": "l(x, 1)"}, ("d", "z")),
        ("drop if t > 2005\nxtset i t, delta(1)\ngen z = x", {"z": "x"}, ("d", "z")),
    ],
)
def test_lags_of_a_step_are_of_as_many_periods_where_the_data_have_those_between(lines, derived, terms):
    facts = of_years(x=lambda i, t: (i + t) % 3, d=lambda i, t: int(t > 2003 + i))
    found = read_code(f"{lines}\nreghdfe y d z, a(i t)\n", ".do", facts)
    assert (found.derived, found.regressions[0].terms, found.step in (None, "1")) == (derived, terms, True)
    assert any("a lag is 2 of `t` here" in told for _, told in found.notes) == ("delta(2)" in lines)


def test_a_step_that_the_data_have_stays():
    keys = [(i, t) for i in range(1, 5) for t in range(2000, 2010, 2)]
    frame = {"i": [i for i, _ in keys], "t": [t for _, t in keys], "y": [i * t % 7 for i, t in keys]}
    facts = facts_of(panel_of({**frame, "d": [int(t > 2003) for _, t in keys]}, "i", "t").columns)
    found = read_code("xtset i t, delta(2)\nreghdfe y L.d, a(i t)\n", ".do", facts)
    assert (found.step, found.regressions[0].terms, found.notes) == ("2", ("l(d, 1)",), [])


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("reghdfe y d $x, a(i)", "no line sets the global `$x`: Stata puts nothing there, unless code"),
        ("reghdfe y d `x', a(i)", "no line sets the local `x`: Stata puts nothing there. Write"),
        ("gen z = d + `x'", "no line sets the local `x`"),
        ("keep if d > 0 ${x}", "no line sets the global `$x`"),
        ("foreach v of local x {\nreg y `v'\n}", "no line sets the local `x`, so that Stata runs no turn of it"),
        ("include a.do\nreghdfe y d `x', a(i)", "a macro is not known"),
        ("args x\nreghdfe y d `x', a(i)", "a macro is not known"),
        ("mata: st_local(\"x\", \"d\")\nreghdfe y d `x', a(i)", "a macro is not known"),
        ("program p\nreghdfe y d `1', a(i)\nend\nreghdfe y d `1', a(i)", "a macro is not known"),
        ("foreach v of varlist z* {\nlocal x `v'\n}\nreghdfe y d `x', a(i)", "a macro is not known"),
        ("global x z\nreghdfe y d $x, a(i)", ""),
    ],
)  # fmt: skip
def test_a_macro_that_no_line_sets_is_said_to_be_nothing(code, told):
    found = read_code(f"use a\n{code}\n", ".do")
    assert bool(told) == any(told in why for _, _, why in found.skipped)
    assert ("no line sets" in told) == any("no line sets" in why for _, _, why in found.skipped)


@pytest.mark.parametrize(
    ("d", "term", "told"),
    [
        (lambda i, t: int(t >= 2004), "d", "of `d`, which stays 1"),
        (lambda i, t: (i + t) % 2, "d", ""),  # switches off
        (lambda i, t: i * t % 5, "d", ""),  # is no 0 and 1
        (lambda i, t: int(t >= 2004), "z", "of `z`, where it stays 1 once it is 1"),
    ],
)
def test_leads_and_lags_are_an_event_study_of_a_treatment_that_stays_alone(d, term, told):
    code = f"xtset i t\ngen z = d > 0\nreghdfe y x F2.{term} L0.{term} L1.{term}, a(i t) cluster(i)\n"
    found = read_code(code, ".do", of_years(d=d, x=lambda i, t: (i + t) % 3))
    draft = " ".join(code_draft(found, "a.do", ("x", "named by you"), "a.csv", "a").replace("\n#", "\n").split())
    assert ("[event_study]" in draft) == bool(told)
    assert told in draft


@pytest.mark.parametrize(
    ("regressors", "event_study"),
    [
        ("i.g#c.x", False), ("i.treat#c.x", False), ("i.rel#c.x", True), ("i.k#c.x", True),
        ("i.late#c.x", False),  # by periods, but counts none
    ],
)  # fmt: skip
def test_slopes_by_levels_that_are_no_periods_are_no_event_study(regressors, event_study):
    facts = of_years(
        d=lambda i, t: int(t >= 2004), x=lambda i, t: (i + t) % 3, g=lambda i, t: i % 3, treat=lambda i, t: i % 2,
        rel=lambda i, t: t - 2000,
    )  # fmt: skip
    code = f"xtset i t\ngen k = t - 1990\ngen late = t > 2005\nreghdfe y d, a(i t)\nreghdfe y {regressors}, a(i t)\n"
    draft = code_draft(read_code(code, ".do", facts), "a.do", ("d", "named by you"), "a.csv", "a")
    assert ("[event_study]" in draft) == event_study


@pytest.mark.parametrize(
    ("lines", "listed"),
    [
        ("gen h = t + 3.5\ngen z = h == c + .5", False),
        ("gen h = t/2\nkeep if h == c/2", False),
        ("gen h = t + .1\ngen z = h == c + .1", True),
        ("gen h = t/3\nkeep if h == c/3", True),
    ],
)
def test_numbers_that_single_precision_holds_are_not_told(lines, listed):
    found = read_code(
        f"xtset i t\n{lines}\nreghdfe y d, a(i t)\n", ".do", of_years(c=lambda i, t: 2000 + i, d=lambda i, t: i % 2)
    )
    assert any("single precision" in why for _, _, why in found.skipped) == listed


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("d##sex", "`sex` is 1 and 2, not 0 and 1. Write `gen byte sex_2 = sex == 2 if !missing(sex)` and `d##sex_2`"),
        ("i.sex##i.d", "and `i.sex_2##i.d`"),
        ("d##grade", "`grade` is one of 3 levels, not 0 and 1"),
        ("d##ib2.sex", "Make a column of 0 and 1 of each of its levels but the base"),
        ("i.d##i.t", "an event study is [event_study]"),
        ("d##odd", ""),
        ("d##c.sex", ""),
    ],
)
def test_a_factor_beside_one_of_0_and_1_that_is_none_is_told_with_what_to_write(word, told):
    facts = of_years(
        d=lambda i, t: int(t > 2004), sex=lambda i, t: 1 + i % 2, odd=lambda i, t: i % 2, grade=lambda i, t: i % 3,
    )  # fmt: skip
    found = read_code(f"xtset i t\nreghdfe y {word}, a(i t)\n", ".do", facts)
    assert [told in why for _, _, why in found.skipped] == [True] * bool(told)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("recode x (min/12=0) (13/max=1) if y > 3", "`x`"),
        ("recode x z min/12=0 13/max=1 if y > 3", "`x`, `z`"),
        ("recode x (min/12=0) (else=1), gen(w) test", "`w`"),
        ("recode x (min / 12 = 0 low) (nonmissing=1 high)", "`x`"),
        ("recode min max (1=0 one)", "`min`, `max`"),
    ],
)
def test_a_recode_that_is_not_read_changes_its_columns_and_no_words_of_its_rules(line, names):
    found = read_code(f"use a\n{line}\nreghdfe y d x, a(i)\n", ".do")
    assert [f"changes {names}: " in why for _, _, why in found.skipped] == [True]


def test_a_recode_may_have_ends_without_a_digit_before_the_point():
    found = read_code("use a\nrecode x (min/.5=0) (.5/max=1)\nreghdfe y d x, a(i)\n", ".do")
    assert [*found.derived.values()] == ["ifelse(x <= .5, 0, ifelse(x >= .5, 1, x))"]


def test_rows_alone_in_a_fixed_effect_are_told_to_change_n_and_errors():
    found = read_code("use a\nareg y d, a(i) cluster(i)\n", ".do")
    (told,) = found.comments["alone"]
    assert "estimates are the same, and iid errors; where there are such rows N (n_singletons of results.csv)" in told
    assert "nor are robust and clustered errors" in told
    assert read_code("use a\nxtset i t\nxtreg y d, fe\n", ".do").comments["alone"]
    assert not read_code("use a\nreghdfe y d, a(i)\n", ".do").comments.get("alone")


@pytest.mark.parametrize(
    ("line", "listed"),
    [
        ("summary(m, ~state)", True),
        ('a <- summary(m, "hetero")', True),
        ("coeftable(m, 'HC1')", True),
        ('m |> summary("twoway")', True),
        ("se(m, ~state + year)", True),
        ("summary(m, vcovHC)", True),
        ("summary(m, robust = TRUE)", True),
        ("summary(m)", False),
        ("coeftable(m)[1, 2]", False),
        ("lapply(list(m), summary)", False),
        ("purrr::map(list(m), ~ summary(.x))", False),
        ('summary(df$y[df$g == "hetero"])', False),
        ('summary(m, "standardised")', False),
    ],
)
def test_other_errors_asked_for_by_place_are_listed(line, listed):
    found = read_code(f"df <- read.csv('a.csv')\nm <- feols(y ~ d | i + t, df, ~i)\n{line}\n", ".R")
    assert [line in text for _, text, why in found.skipped if "other standard errors" in why] == [True] * listed


def test_a_function_handed_over_by_name_is_not_called_a_column():
    found = read_code("df <- read.csv('a.csv')\ndf$z <- ave(df$x, df$id, FUN = cumsum)\nfeols(y ~ z | id, df)\n", ".R")
    (why,) = [why for line, _, why in found.skipped if line == 2]
    assert "a function that is handed over by its name, `cumsum`, is not read" in why


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        ("reg y i.g##c.d if g > 1", ["i(g, ref = 2)", "d", "i(g, d, ref = 2)"]),
        ("drop if g == 1\nreg y c.d##i.g", ["i(g, ref = 2)", "d", "i(g, d, ref = 2)"]),
        ("reg y i.g##c.d x", ["i(g, ref = 2)", "d", "i(g, d, ref = 2)", "x"]),  # x is missing where g is 1
        ("gen k = g + 1\nreg y i.k##c.L.d if k > 2", ["i(k, ref = 3)", "l(d, 1)", "i(k, ref = 3):l(d, 1)"]),
        ("reg y i.g##c.d", ["factor(g)", "d", "factor(g):d"]),
        ("reg y i.g##c.d if g < 4", ["factor(g)", "d", "factor(g):d"]),
        ("reg y ib3.g##c.d if g > 1", ["i(g, ref = 3)", "d", "i(g, d, ref = 3)"]),
    ],
)
def test_the_base_of_slopes_is_the_least_level_that_the_rows_have(lines, terms):
    facts = of_years(d=lambda i, t: i * t % 5, g=lambda i, t: i % 4 + 1, x=lambda i, t: i * t if i % 4 else np.nan)
    found = read_code(f"xtset i t\n{lines}\n", ".do", facts)
    assert [*found.regressions[0].terms] == terms
    assert not found.skipped
    assert not any("least level" in why for _, why in found.notes)


@pytest.mark.parametrize(("condition", "told"), [("g > 1", True), ("year > 2000", False)])
def test_a_base_of_slopes_is_told_where_the_rows_are_not_known(condition, told):
    code = f"use a\nxtset i year\nreg y i.g##c.d if {condition}\n"
    assert any("least level of `g`" in why for _, why in read_code(code, ".do").notes) == told


SEVERAL = "feols(y ~ d + x | id + year, df{})\nfeols(y ~ d | id + year, df{})\nfeols(y ~ z + x | id, df, ~id)\n"


@pytest.mark.parametrize(
    ("errors", "treatment", "told"),
    [
        (("", ""), "d", "lines 1 and 2 state no vcov.*in place of `~id`"),
        (("", ", ~id"), "d", "line 1 states no vcov.*beside `~id`"),
        ((", ~id", ", 'iid'"), "d", ""),
        (("", ""), "z", ""),  # the draft has no line without vcov
    ],
)
def test_errors_that_a_version_decides_are_printed_and_stand_at_vcov(errors, treatment, told):
    code = read_code(SEVERAL.format(*errors), ".R")
    printed = " ".join(code_findings(code, (treatment, "named by you")))
    draft = " ".join(code_draft(code, "a.R", (treatment, "named by you"), None, "a").replace("\n#", "").split())
    for text in (printed, draft):
        assert ("no vcov" in text) == bool(told)
        assert re.search(told, text)


@pytest.mark.parametrize(
    ("more", "treatment", "told"),
    [
        ("", "d", "1 regression without `d` is not in this draft (line 3)"),
        (
            "feols(y ~ tr*post | id, df)\nfeols(y ~ tr*post + x | id, df)",
            "d",
            "--treatment tr (first in 2 of these), or tr:post",
        ),
        ("", "z", "with --treatment d (first in 2 of these)"),
        ("feols(y ~ a:b | id, df)\nfeols(y ~ a:b + x | id, df)", "d", "with --treatment a:b (first in 2 of these)"),
        ("", "x", "with --treatment d (first in 1 of these)"),
    ],
)
def test_another_treatment_is_named_with_how_to_get_its_draft(more, treatment, told):
    code = read_code(SEVERAL.format("", "") + more, ".R")
    assert told in " ".join(code_findings(code, (treatment, "named by you")))


@pytest.mark.parametrize(
    "other",
    [
        "", "feols(y ~ lead2 + lag0 + lag1 | id, df)", "feols(y ~ placebo | id, df)", "feols(y ~ 1 | id, df)",
        "feols(y ~ i(g, d) | id, df)",  # which is several
    ],
)  # fmt: skip
def test_a_treatment_alone_names_no_other(other):
    code = read_code(f"feols(y ~ d | id, df)\nfeols(y ~ d + x | id, df)\n{other}\n", ".R")
    assert "--treatment" not in " ".join(code_findings(code, ("d", "named by you")))


def lm_read(lines, facts=FIRST):
    return read_code(f"df <- read.csv('a.csv')\n{lines}\n", ".R", facts)


@pytest.mark.parametrize(
    ("call", "terms", "effects", "vcov", "ssc"),
    [
        ("lm(y ~ d + x + factor(id) + factor(year), data = df)", "d + x", "id + year", "iid", "lsdv"),
        ("lm(y ~ 0 + as.factor(id) + d + factor(year), df)", "d", "id + year", "iid", "lsdv"),
        ("lm(y ~ factor(id) + d - 1, df)", "d", "id", "iid", "lsdv"),
        ("stats::lm(formula = y ~ d * x, data = df)", "d + x + d:x", "0", "iid", ""),
        ("lm(y ~ d + I(x^2) + x^3, df)", "d + I(x^2) + x", "0", "iid", ""),
        ("lm_robust(y ~ d + x, df, clusters = id, se_type = 'stata')", "d + x", "0", "~id", ""),
        ("lm_robust(y ~ d, df, fixed_effects = ~ id + year, clusters = id, se_type = 'stata')", "d", "id + year",
         "~id", "lsdv"),
        ("lm_robust(y ~ d, df, clusters = df$id, se_type = 'CR0')", "d", "0", "~id", "none"),
        ("estimatr::lm_robust(y ~ d, df, se_type = 'HC1')", "d", "0", "hetero", ""),
        ("lm_robust(y ~ d, df, se_type = 'stata')", "d", "0", "hetero", ""),
        ("lm_robust(y ~ d + factor(id), df, se_type = 'HC0')", "d", "id", "hetero", "none"),
        ("lm_robust(y ~ d, df, se_type = 'classical')", "d", "0", "iid", ""),
    ],
)  # fmt: skip
def test_lm_is_read_with_its_factors_as_fixed_effects(call, terms, effects, vcov, ssc):
    found = lm_read(call)
    (r,) = found.regressions
    assert (" + ".join(r.terms), r.effects, r.vcov, r.ssc, r.estimator) == (terms, effects, vcov, ssc, "feols")
    assert not r.unstated
    assert not found.skipped
    assert bool(found.comments.get("fixed_effects")) == ("factor(" in call)


@pytest.mark.parametrize(
    ("given", "condition", "weights"),
    [
        ("df, z > 1", "z > 1", "1"),
        ("df, weights = w, subset = z > 1", "z > 1", "w"),
        ("df, z > 1, w, na.action = na.exclude", "z > 1", "w"),
        ("subset(df, z > 1), model = FALSE", "z > 1", "1"),
    ],
)
def test_arguments_of_lm_are_taken_by_name_and_place(given, condition, weights):
    (r,) = lm_read(f"lm(y ~ d, {given})").regressions
    assert (r.condition, r.weights) == (condition, weights)
    robust = lm_read("lm_robust(y ~ d, df, w, z > 1, se_type = 'HC1')").regressions[0]
    assert (robust.condition, robust.weights) == ("z > 1", "w")


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("lm(y ~ d + sw(x, z), df)", "`sw()` is fixest's"),
        ("lm(y ~ d | id, df)", "is not what it says in a formula of lm"),
        ("lm(c(y, z) ~ d, df)", "is not what it says in a formula of lm"),
        ("lm(cbind(y, z) ~ d, df)", "`cbind()` in a formula"),
        ("lm(y ~ d - 1, df)", "without a constant"),
        ("lm(y ~ d, df, offset = z)", "`offset` is not read"),
        ("lm(y ~ d, df, cluster = ~id)", "`cluster` is not read"),
        ("lm(y ~ d, df, na.action = na.fail)", "na.action"),
        ("lm(df$y ~ df$d)", "names no data frame"),
        ("lm(f, df)", "its formula is not written out"),
        ("lm(y ~ d * factor(g), df)", "a slope for each level of `g` but the first"),
        ("e <- resid(lm(y ~ z, df))", "residuals, fitted values"),
        ("lm_robust(y ~ d, df, clusters = paste(a, b))", "no column's name"),
        ("lapply(formulas, lm, data = df)", "what `lm` makes is not read"),
    ],
)
def test_lm_with_a_part_that_is_not_read_is_listed(call, why):
    found = lm_read(call)
    assert not found.regressions
    assert why in " ".join(told for _, _, told in found.skipped)


def test_a_smoother_of_a_figure_is_no_regression():
    assert not lm_read("lm(y ~ d, df)\nggplot(df, aes(x, y)) + geom_smooth(method = lm)").skipped


@pytest.mark.parametrize(
    ("asked", "errors"),
    [
        ("coeftest(m, vcov = vcovCL, cluster = ~id)", [("~id", "lsdv")]),
        ("lmtest::coeftest(m, vcov. = sandwich::vcovCL(m, cluster = ~ id))", [("~id", "lsdv")]),
        ("r <- coeftest(m, vcovCL(m, df$id, type = 'HC0'))", [("~id", "glm")]),
        ("coeftest(m, vcovCL(m, ~id, type = 'HC0', cadjust = FALSE))", [("~id", "glm")]),
        ("coeftest(m, vcov = vcovHC(m, type = 'HC1'))", [("hetero", "lsdv")]),
        ("coeftest(m, vcov = vcovHC, type = 'HC0')", [("hetero", "none")]),
        ("V <- vcovHC(m, 'HC1')\ncoeftest(m, V)", [("hetero", "lsdv")]),
        ("s <- sqrt(diag(vcovHC(m, type = 'HC1')))", [("hetero", "lsdv")]),
        ("coeftest(m, vcovHC(m, 'const'))", [("iid", "lsdv")]),
        ("coeftest(m)\nsummary(m)", [("iid", "lsdv")]),
        ("coeftest(m, vcovHC(m, 'HC1'))\ncoeftest(m, vcovCL, cluster = ~id)", [("hetero", "lsdv"), ("~id", "lsdv")]),
        ("coeftest(m, vcovHC(m, 'HC1'))\ncoeftest(m, vcovHC(m, 'HC1'))", [("hetero", "lsdv")]),
    ],
)
def test_errors_that_are_asked_for_of_lm_are_taken(asked, errors):
    errors = [(v, "none" if "cadjust" in asked else s) for v, s in errors]
    found = lm_read(f"m <- lm(y ~ d + factor(id), df)\n{asked}")
    assert [(r.vcov, r.ssc) for r in found.regressions] == errors
    assert not found.skipped
    assert bool(found.comments.get("vcov")) == ("vcov" in asked)


@pytest.mark.parametrize(
    ("lines", "vcov", "why"),
    [
        ("m <- lm(y ~ d, df)\ncoeftest(m, vcovHC(m))", "hetero", "HC3 is not in [vcov], whose hetero is HC1"),
        ("coeftest(lm(y ~ d, df), vcov = vcovHC)", "hetero", "HC3 is not in [vcov]"),
        ("lm_robust(y ~ d, df)", "hetero", "HC2 is not in [vcov]"),
        ("lm_robust(y ~ d, df, clusters = id)", "~id", "CR2 of clusters is not in [vcov]"),
        ("m <- lm(y ~ d, df)\ncoeftest(m, vcovCL(m, ~id + year))", "~id + year", "its own number of clusters"),
        ("m <- lm(y ~ d, df)\ncoeftest(m, vcovCL(m, ~id, cadjust = FALSE))", "~id", "no factor G / (G - 1)"),
        ("m <- lm(y ~ d, df)\ncoeftest(m, vcovCL(m, ids))", "iid", "cluster = ids of vcovCL is not read"),
        ("m <- lm(y ~ d, df)\ncoeftest(m, NeweyWest(m))", "iid", "asks for other standard errors"),
        ("m <- lm(y ~ d, df)\nV <- vcovBS(m)\ncoeftest(m, V)", "iid", "asks for other standard errors"),
        ("m <- lm(y ~ d, df)\nm <- f(m)\ncoeftest(m, vcovHC(m, 'HC1'))", "iid", "asks for other standard errors"),
        ("lm(y ~ d, df)\nmodelsummary(m, vcov = 'HC1')", "iid", "asks for other standard errors"),
    ],
)
def test_errors_of_lm_that_are_not_here_are_the_nearest_and_listed(lines, vcov, why):
    found = lm_read(lines)
    assert [r.vcov for r in found.regressions] == [vcov]
    assert why in " ".join(told for _, _, told in found.skipped)


def test_numbers_of_lm_are_those_of_its_dummies(tmp_path):
    """Against a regression on all columns: two effects of an unbalanced panel, one nested in the clusters."""
    draw = np.random.default_rng(3)
    keys = [(i, t) for i in range(1, 13) for t in range(1, 7) if (i + t) % 7]
    i, t = np.array(keys).T
    d, x, w = ((i > 6) & (t > 2 + i % 3)) * 1.0, draw.normal(size=len(i)), draw.uniform(1, 2, len(i))
    y = d + x + i % 4 + draw.normal(size=len(i)) * (1 + d)
    pl.DataFrame({"id": i, "year": t, "y": y, "d": d, "x": x, "w": w}).write_csv(tmp_path / "a.csv")
    code = """\
df <- read.csv("a.csv")
m <- lm(y ~ d + x + factor(id) + factor(year), df, weights = w)
summary(m)
coeftest(m, vcovHC(m, "const"))
coeftest(m, vcovHC(m, "HC0"))
coeftest(m, vcovHC(m, "HC1"))
coeftest(m, vcovCL(m, ~id, type = "HC0", cadjust = FALSE))
coeftest(m, vcovCL(m, ~id, type = "HC0"))
coeftest(m, vcovCL(m, ~id))
"""
    (tmp_path / "a.R").write_text(code, "utf-8")
    done = call_specdid(["init", "new", "--from", "a.R", "--treatment", "d"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = estimated(prepare(tmp_path / "new/new.toml"))
    dummies = [of == level for of in (i, t) for level in np.unique(of)[1:]]
    root = np.sqrt(w)
    columns = np.column_stack([d, x, np.ones(len(d)), *dummies]) * root[:, None]
    bread = np.linalg.inv(columns.T @ columns)
    beta = bread @ columns.T @ (y * root)
    rest = y * root - columns @ beta
    n, k = columns.shape
    groups = np.array([(columns * rest[:, None])[i == one].sum(0) for one in np.unique(i)])
    g = len(groups)
    rows, joint = (columns * rest[:, None]).T @ (columns * rest[:, None]), groups.T @ groups
    meats = [np.linalg.inv(bread) * (rest @ rest) / (n - k), rows, rows * n / (n - k)]
    meats += [joint, joint * g / (g - 1), joint * g / (g - 1) * (n - 1) / (n - k)]
    assert found.estimate[0] == pytest.approx(beta[0], rel=1e-9)
    ours = np.sort(np.ravel(found.numbers["std_error"]))
    assert ours == pytest.approx(np.sort([np.sqrt((bread @ meat @ bread)[0, 0]) for meat in meats]), rel=1e-9)


def offer_of(line, ending=".R", before=""):
    """Give what is said of a line that is not read."""
    code = f"df <- read.csv('a.csv')\n{before}{line}\nfeols(y ~ d | id + year, df, ~id)\n"
    if ending == ".do":
        code = f"use a\n{before}{line}\nreghdfe y d, a(id year)\n"
    return " ".join(why for _, _, why in read_code(code, ending, two_units()).skipped)


@pytest.mark.parametrize(
    ("breaks", "more", "told"),
    [
        ("quantile(df$x, seq(0, 1, 0.25))", ", include.lowest = TRUE", "Here: quantile_group(x, 4);"),
        ("breaks = quantile(df$x, probs = seq(0, 1, by = 0.1), na.rm = TRUE)", ", include.lowest = T, labels = FALSE",
         "Here: quantile_group(x, 10);"),
        ("quantile(df$x, 0:5/5)", ", include.lowest = TRUE", "Here: quantile_group(x, 5);"),
        ("quantile(df$x, seq(0, 1, length.out = 4))", ", include.lowest = TRUE", "Here: quantile_group(x, 3);"),
        ("quantile(df$x, c(0, .5, 1))", ", include.lowest = TRUE", "Here: quantile_group(x, 2);"),
        ("quantile(df$x)", "", "Here: ifelse(x == min(x), NA, quantile_group(x, 4));"),
        ("quantile(df$x, c(0, .1, 1))", ", include.lowest = TRUE", ""),
        ("quantile(df$y, seq(0, 1, 0.25))", ", include.lowest = TRUE", ""),
        ("quantile(df$x, seq(0, 1, 0.25), type = 6)", ", include.lowest = TRUE", ""),
        ("quantile(df$x, seq(0, 1, 0.25))", ", include.lowest = TRUE, right = FALSE", ""),
    ],
)  # fmt: skip
def test_cuts_at_quantiles_are_offered_as_groups_of_equal_shares(breaks, more, told):
    said = offer_of(f"df$q <- cut(df$x, {breaks}{more})")
    assert "`cut()` is not taken over" in said
    assert told in said
    assert ("Here:" in said) == bool(told)


@pytest.mark.parametrize(
    ("value", "by", "told"),
    [
        ("percent_rank(x)", "year", "(rank(x, by = year) - 1) / (sum(!is.na(x), by = year) - 1);"),
        ("cume_dist(x)", "", "rank(x) / sum(!is.na(x));"),
        ("c(NA, diff(x))", "id", "Here: d(x, 1), along the time"),
        ("c(NA_real_, diff(log(x), lag = 1))", "id", "Here: d(log(x), 1), along the time"),
        ("c(0, diff(x))", "id", "Here: ifelse(year == min(year, by = id), 0, d(x, 1))"),
        ("c(NA, diff(x))", "year", "there R goes by rows across units"),
        ("c(NA, diff(x))", "", ""),
        ("c(NA, NA, diff(x, 2))", "id", ""),
        ("diff(x)", "id", ""),
    ],
)
def test_ranks_and_differences_by_group_are_offered(value, by, told):
    said = offer_of(f"df <- df %>% {f'group_by({by}) %>% ' * bool(by)}mutate(v = {value})", before="library(dplyr)\n")
    assert "is not taken over" in said
    assert told in said
    assert ("here: " in said.casefold()) == bool(told)
    assert ("without gaps" in said) == ("diff(" in value and bool(told))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bysort id (year): gen v = x[_n-1]", "Here: `l(x, 1)`, of periods, the same where the rows of a unit"),
        ("by id: gen v = x / x[_n - 2] - 1", "Here: `x / l(x, 2) - 1`, of periods"),
        ("bysort id (year): gen v = x[_n+1]", "Here: `f(x, 1)`, of periods"),
        ("gen v = x - x[_n-1]", "without `by` the first or last row"),
        ("bysort year (id): gen v = x[_n-1]", ""),
        ("bysort id (year): replace x = x[_n-1] if x == .", ""),
        ("bysort id (year): gen v = x[_N]", ""),
        ("bysort id (year): gen v = x[_n-1] * _n", ""),
    ],
)
def test_the_row_before_is_offered_as_the_period_before_where_it_is_that(line, told):
    said = offer_of(line, ".do", "xtset id year\n")
    assert "rows have no number here" in said
    assert told in said
    assert ("Here:" in said) == bool(told)


@pytest.mark.parametrize("product", ["d * factor(g)", "as.factor(g) * d"])
def test_a_product_with_a_factor_has_its_levels_and_slopes(product):
    facts = of_years(d=lambda i, t: i * t % 5, g=lambda i, t: i % 4 + 1)
    code = f"df <- read.csv('a.csv')\nfeols(y ~ {product} | t, df, ~i)\n"
    (r,) = read_code(code, ".R", facts).regressions
    assert (r.terms, r.effects) == (("d", "i(g, d, ref = 1)"), "t + g")
    cut = read_code(code.replace("| t, df", "| t, df[df$g > 1, ]"), ".R", facts)
    assert "a slope for each level of `g` but the first" in cut.skipped[0][2]


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        ("d c.d#i.hi", ("d", "hi:d")),
        ("d i.g#c.d", ("d", "factor(g):d")),
        ("d x c.d#g", ("d", "x", "factor(g):d")),
        ("i.g#c.d", ("i(g, d)",)),  # a slope for each level
        ("d ibn.g#c.d", ("d", "i(g, d)")),  # one too many: not identified
        ("d ib2.g#c.d", ("d", "i(g, d, ref = 2)")),
        ("d i.g#c.L.d", ("d", "factor(g):l(d, 1)")),
    ],
)
def test_slopes_beside_their_number_leave_the_base_out_as_stata_does(words, terms):
    facts = of_years(
        d=lambda i, t: i * t % 5, g=lambda i, t: i % 4 + 1, hi=lambda i, t: i % 2, x=lambda i, t: i * i * t % 11
    )
    (r,) = read_code(f"xtset i t\nreg y {words}\n", ".do", facts).regressions
    assert r.terms == terms


@pytest.mark.parametrize(
    ("made", "terms", "effects"),
    [
        ("df$f <- factor(df$t)", ("d",), "t"),
        ("df <- df %>% mutate(f = as.factor(t), k = 2)", ("d",), "t"),
        ("df$f <- factor(df$hi)", ("d", "f"), "0"),  # two levels: a term, whose coefficient may be asked for
        ("df$f <- factor(df$t, levels = 1:3)", ("d", "f"), "0"),
        ("df$t <- df$t + 1\ndf$f <- factor(df$t)", ("d", "f"), "0"),
    ],
)
def test_a_factor_of_another_column_is_the_fixed_effect_of_its_levels(made, terms, effects):
    facts = of_years(d=lambda i, t: i * t % 5, hi=lambda i, t: i % 2)
    (r,) = lm_read(f"library(dplyr)\n{made}\nlm(y ~ d + f, df)", facts).regressions
    assert (r.terms, r.effects) == (terms, effects)


def test_a_releveled_factor_is_no_number():
    facts = of_years(d=lambda i, t: i * t % 5, g=lambda i, t: i % 4)
    found = lm_read("df$g <- relevel(factor(df$g), ref = '2')\nlm(y ~ d + g, df)\nlm(y ~ d * g, df)", facts)
    assert [(r.terms, r.effects) for r in found.regressions] == [(("d",), "g_line_2")]
    assert "has a slope for each level of `g`, a factor" in found.skipped[-1][2]


@pytest.mark.parametrize(
    ("right", "terms", "effects"),
    [
        ("factor(hi) + factor(t)", ("hi",), "t"),
        ("as.factor(hi) * d", ("hi", "d", "i(hi, d, ref = 0)"), "0"),
        ("factor(g) + d", ("d",), "g"),
    ],
)
def test_a_factor_of_0_and_1_is_a_term(right, terms, effects):
    facts = of_years(d=lambda i, t: i * t % 5, hi=lambda i, t: i % 2, g=lambda i, t: i % 3)
    for call in (f"lm(y ~ {right}, df)", f"feols(y ~ {right}, df)"):
        (r,) = lm_read(call, facts).regressions
        assert ({*r.terms}, r.effects) == ({*terms}, effects)


def test_a_treatment_with_its_lag_is_advised_as_one_term_and_taken(drafted):
    """What is advised is taken: a treatment is one term, and its lags are held fixed beside it."""
    made = "import delimited castle.csv\nxtset sid year\ngen d = post\ngen x = poverty\n"
    code = f"{made}reghdfe homicide x, absorb(sid)\nreghdfe homicide L(0/1).d, absorb(sid) cluster(sid)\n"
    done, spec = drafted(code, "a.do", "--treatment", "x")
    (advised,) = re.findall(r"with --treatment (\S+) \(first in 1", done.stdout)
    spec.unlink()
    done, spec = drafted(code, "a.do", "--treatment", advised)
    assert done.returncode == 0
    assert formulas(spec) == ["homicide ~ d + l(d, 1) | sid"]
    spec.unlink()
    done, _ = drafted(code, "a.do", "--treatment", "l(d, 0:1)")
    assert done.returncode == 2
    assert "`l(d, 0:1)` stands for 2 terms, and a treatment is one" in done.stderr
    assert "--treatment d" in done.stderr


@pytest.mark.parametrize(("age", "read"), [([20.0, 31, 44, 50], True), ([20.1, 31, 44, 50], False)])
def test_single_precision_is_told_where_it_rounds_a_number_of_the_data(age, read):
    columns = {"y": [1.0, 2, 4, 3], "age": age, "id": [1.0, 1, 2, 2], "year": [1.0, 2, 1, 2], "d": [0.0, 1, 0, 0]}
    facts = facts_of(panel_of(columns, "id", "year").columns, "a.csv")
    cuts = (
        "gen w = age\nsummarize age, detail\nreplace w = r(p5) if w < r(p5)\nreplace w = r(p95) if w > r(p95) & w < .\n"
    )
    found = read_code(f"use a\nxtset id year\n{cuts}reghdfe y d w, absorb(id year)\n", ".do", facts)
    assert bool(found.unread) != read
    assert any("single precision" in why for *_, why in found.skipped) != read


@pytest.mark.parametrize(("w", "made"), [
    ([1.0, np.nan, 2, 3], "ifelse(is.na(w), NA, ifelse(w <= 1, 0, ifelse(w >= 2, 1, w)))"),
    ([1.0, 1, 2, 3], "ifelse(w <= 1, 0, ifelse(w >= 2, 1, w))"),
])  # fmt: skip
def test_recode_leaves_missing_missing_and_says_so_where_some_is(w, made):
    columns = {"y": [1.0, 2, 4, 3], "w": w, "id": [1.0, 1, 2, 2], "year": [1.0, 2, 1, 2], "d": [0.0, 1, 0, 0]}
    panel = panel_of(columns, "id", "year")
    found = read_code("use a\nrecode w (min/1=0) (2/max=1), gen(v)\nreghdfe y d v, absorb(id)\n", ".do",
                      facts_of(panel.columns, "a.csv"))  # fmt: skip
    assert found.derived["v"] == made
    study = {"title": "a", "data": "a.csv", "unit": "id", "time": "year"}
    tables = {"outcome": {"y": "y"}, "treatment": {"t": "d"}, "controls": {"c": "v"}, "derive": {"v": made}}
    told = specdid.check({"study": study, **tables}, pl.DataFrame(columns, nan_to_null=True))
    assert "comparison_missing" not in {fault.code for fault in told}


@pytest.mark.parametrize(("of", "told"), [("z / 2", False), ("z - 1", True), ("ifelse(z > 1, z, 0)", True)])
def test_logs_of_columns_that_the_code_makes_are_told_where_the_data_have_a_zero(of, told):
    columns = {"y": [1.0, 2, 4, 3], "z": [1.0, 5, 2, 3], "id": [1.0, 1, 2, 2], "d": [0.0, 1, 0, 0]}
    facts = facts_of(panel_of({**columns, "year": [1.0, 2, 1, 2]}, "id", "year").columns, "a.csv")
    code = f"df <- read.csv('a.csv')\ndf$s <- with(df, {of})\ndf$l <- log(df$s)\ndf$low <- df$l < 1\n"
    found = read_code(f"{code}feols(y ~ d + low | id, df, ~id)\n", ".R", facts)
    assert found.derived["low"] == "l < 1"
    assert any("-Inf" in one for one in found.comments.get("derive", ())) == told


SIZES = {"y": [1.0, 2, 4, 3], "d": [0.0, 1, 0, 0], "g": [1.0, 2, 3, 1], "id": [1.0, 1, 2, 2], "year": [1.0, 2, 1, 2]}


def of_sizes(*sizes: str) -> DataFacts:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.csv"
        pl.DataFrame({**SIZES, "size": [*sizes]}).write_csv(path)
        return facts_of(read_columns(path, "a.csv").columns)


@pytest.mark.parametrize(
    ("value", "here"),
    [
        ('factor(df$size, levels = c("s", "m", "l"))', 'size, and as a term `i(…, ref = "s")`, of R\'s base'),
        ('factor(df$size, levels = c("l", "m", "s"))', "size"),
        ('factor(df$size, levels = c("s", "l"))',
         'ifelse(size %in% c("s", "l"), size, NA), and as a term `i(…, ref = "s")`, of R\'s base'),
        ('relevel(factor(df$size), ref = "s")', 'size, and as a term `i(…, ref = "s")`, of R\'s base'),
        ('relevel(as.factor(df$size), "l")', "size"),
        ('relevel(factor(df$g), ref = "2")', "g, and as a term `i(…, ref = 2)`, of R's base"),
        ('fct_relevel(df$size, "s")', 'size, and as a term `i(…, ref = "s")`, of R\'s base'),
        ('factor(df$g, levels = c(1, 2, 3))', "ifelse(g %in% c(1, 2, 3), g, NA)"),
        ('factor(df$g, levels = c(1, 2), labels = c("a", "b"))', 'case_when(g == 1 ~ "a", g == 2 ~ "b")'),
        ('fct_inorder(df$size)',
         "size, and as a term `i(…, ref = …)` of R's base, the value that stands first in the rows"),
        ('ordered(df$size, levels = c("s", "m", "l"))',
         "size, whose dummies are others than the polynomials that R has of an ordered factor"),
        ('stringr::str_detect(df$size, "s")', 'grepl("text", size), the pattern first'),
        ('factor(df$size, levels = sizes)', None),
        ('factor(df$size)', None),
    ],
)  # fmt: skip
def test_factors_with_an_order_of_levels_are_offered_with_the_base_of_their_dummies(value, here):
    code = f"df <- read.csv('a.csv')\ndf$v <- {value}\nfeols(y ~ d + v | id, df, ~id)\n"
    found = read_code(code, ".R", of_sizes("l", "m", "s", "l"))
    (why,) = (why for line, _, why in found.skipped if line == 2)
    assert (why.split(". Here: ")[1].split("; changes")[0] if "Here" in why else None) == here


@pytest.mark.parametrize(
    ("term", "here"),
    [
        ('relevel(factor(size), "s")', 'i(size, ref = "s")'),
        ('factor(size, levels = c("s", "m", "l"))', 'i(size, ref = "s")'),
        ('relevel(factor(size), "l")', "i(size)"),
    ],
)
def test_factors_with_an_order_of_levels_in_a_formula_are_offered(term, here):
    found = read_code(f"feols(y ~ d + {term} | id, df, ~id)\n", ".R", of_sizes("l", "m", "s", "l"))
    assert [why.split(". Here: ")[1] for *_, why in found.skipped] == [here]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [(("low", "High", "Mid", "low"), False), (("low", "Mid", "high", "low"), True), (("a", "b", "B", "A"), True),
     (("l", "m", "s", "l"), False)],
)  # fmt: skip
def test_dummies_whose_base_r_takes_by_the_alphabet_of_its_locale_are_told(sizes, told):
    """R compares letters before their case: high, low, Mid; here capitals come first: Mid, high, low."""
    found = read_code("feols(y ~ d + size | id, df, ~id)\n", ".R", of_sizes(*sizes))
    assert bool(found.comments.get("controls")) == told
    if told:
        assert found.comments["controls"][0].endswith(f'write i(size, ref = "{min(sizes, key=str.casefold)}").')


def test_a_product_with_dummies_whose_base_is_another_is_told_with_its_own_words():
    found = read_code("feols(y ~ d * size | id, df, ~id)\n", ".R", of_sizes("low", "Mid", "high", "low"))
    (told,) = found.comments["controls"]
    assert 'write i(size, ref = "high"), and i(size, d, ref = "high") for `d:size`' in told


@pytest.mark.parametrize(("body", "told"), [
    ("q <- quantile(x, c(p, 1 - p), na.rm = TRUE)\n  pmin(pmax(x, q[1]), q[2])", True),
    ("m <- mean(x)\n  x - m", False),
])  # fmt: skip
def test_a_function_that_sets_the_tails_is_offered_as_winsorize(body, told):
    code = f"w <- function(x, p = 0.01) {{\n  {body}\n}}\ndf$v <- w(df$y)\nfeols(y ~ d + v | id, df, ~id)\n"
    (why,) = (why for *_, why in read_code(code, ".R", of_sizes(*"lmsl")).skipped if "of the script" in why)
    assert ("winsorize(x, p)" in why) == told


@pytest.mark.parametrize(("poly", "read"), [("poly(g, 2, raw = TRUE)", True), ("poly(g, 2)", False)])
def test_plain_powers_are_of_a_row_and_the_index_of_plm_is_unit_and_time(poly, read):
    code = "df <- read.csv('a.csv')\np <- pdata.frame(df, index = c('id', 'year'))\n"
    found = read_code(f"{code}feols(y ~ d + {poly}, df, subset = ~ year > 1, vcov = ~id)\n", ".R", of_sizes(*"lmsl"))
    assert len(found.regressions) == read
    assert (found.unit, found.time) == ("id", "year")
