"""A spec file with every table, the smallest one, and their reading."""

import textwrap

from specdid._decode import read_study
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


def words(expression):
    return None if expression is None else write(expression.tree)
