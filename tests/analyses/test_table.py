"""[table]: coefficients against fixest and least squares, columns in order, text in LaTeX."""

import csv
import gzip
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._decode.table import FILE_SUFFIXES
from specdid._run.analyse import sections
from specdid._study import file_stem
from specdid._words import known
from specdid.analyses.table import effects, statistics
from specdid.tables._base import PrintTable, Row, TidyTable, csv_text
from specdid.tables.latex import escape, write
from studies import PANEL, columns, fault_texts, run_tables


def finding(directory, keys, name='table."Table 3"'):
    (found,) = run_tables(directory, f"[{name}]\n{keys}\n")
    assert found.failure is None
    return found.finding


def test_treatment_is_fixests_in_every_column(tmp_path):
    effects = '["city_id + year", { formula = "city_id" }, { formula = "0" }]'
    table = columns(finding(tmp_path, f'fix = {{ fixed_effects = {effects} }}\nvary = ["controls"]').tables[0])
    with gzip.open(PANEL.parent / "fixest_ols.csv.gz", "rt", encoding="utf-8") as file:
        theirs = {
            (r["outcome"], len(r["controls"].split("+")) if r["controls"] else 0, r["fe"], r["vcov"]): r
            for r in csv.DictReader(file)
            if (r["sample"], r["weights"]) == ("all", "none")
        }
    outcomes = {"ln SO2": "ln_so2", "ln wastewater": "ln_ww"}
    clusters = {"city": "city_id", "province": "province"}
    count = 0
    for k, term in enumerate(table["term"]):
        if term != "dudt":
            continue
        controls = 0 if table["controls"][k] == "none" else 4
        key = (outcomes[table["outcome"][k]], controls, table["fixed_effects"][k], clusters[table["vcov"][k]])
        for name in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "nobs"):
            assert table[name][k] == pytest.approx(float(theirs[key][name]), rel=1e-7)
        count += 1
    assert count == 24


def test_constant_is_reghdfes(tmp_path):
    """The constant of the model with dummies, averaged over the rows, with its clustered error."""
    table = columns(finding(tmp_path, 'fix = { outcome = "ln SO2", controls = "all controls" }').tables[0])
    with PANEL.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("ln_so2", "dudt", "pgdp", "ind2", "ln_open", "ln_pat")
    number = lambda r, c: float(r[c]) if r[c] not in ("", "NA") else np.nan  # noqa: E731
    data = np.array([[number(r, c) for c in names] for r in rows])
    keep = np.isfinite(data).all(axis=1)
    at = [k for k, (t, v) in enumerate(zip(table["term"], table["vcov"], strict=True)) if v == "city"]
    beta = {table["term"][k]: table["estimate"][k] for k in at}
    mean = data[keep].mean(axis=0)
    assert beta["Constant"] == pytest.approx(mean[0] - mean[1:] @ [beta[c] for c in names[1:]], rel=1e-10)
    assert [table["nobs"][k] for k in at] == [int(keep.sum())] * 6
    assert list(beta) == [*names[1:], "Constant"]


def test_columns_follow_vary_the_last_fastest(tmp_path):
    keys = 'fix = { sample = ["batch 1", "all cities"] }\nvary = ["controls", "outcome"]'
    table = columns(finding(tmp_path, keys).tables[0])
    seen = dict.fromkeys(zip(table["column"], table["sample"], table["controls"], table["outcome"], strict=True))
    outcomes = ("ln SO2", "ln wastewater")
    assert [line[1:] for line in seen] == [
        (s, c, o) for s in ("batch 1", "all cities") for c in ("none", "all controls") for o in outcomes
    ]
    assert [line[0] for line in seen] == list(range(1, 9))


def test_an_option_written_as_a_table_is_this_analysiss_alone(tmp_path):
    keys = 'fix = { controls = { formula = "pgdp" }, sample = { where = "year < 2015" } }\nvary = ["outcome"]'
    table = columns(finding(tmp_path, keys).tables[0])
    assert dict.fromkeys(table["controls"]) == {"pgdp": None}
    assert dict.fromkeys(table["sample"]) == {"year < 2015": None}
    assert dict.fromkeys(table["term"]) == dict.fromkeys(["dudt", "pgdp", "Constant"])


def test_excluded_and_repeated_columns_are_left_out_with_their_reason(tmp_path):
    keys = 'fix = { estimator = ["OLS", "PPML"], controls = ["none", { formula = "1" }] }'
    found = finding(tmp_path, keys)
    assert tuple(map(str, found.warnings)) == (
        "no column for ln SO2, OLS, 1: it is the same model as another column",
        "no column for ln wastewater, OLS, 1: it is the same model as another column",
        "no column for ln SO2, PPML, none: PPML takes levels",
        "no column for ln SO2, PPML, 1: PPML takes levels",
        *(
            f"no column for ln wastewater, PPML, {controls}: fepois needs an outcome of zero or more, "
            "and `ln_ww` has values from -1.183 to 5.734"
            for controls in ("none", "1")
        ),
    )


def test_many_columns_that_one_reason_takes_are_one_note(tmp_path):
    own = '"none", "all controls", { formula = "pgdp" }, { formula = "ind2" }'
    keys = f'fix = {{ estimator = ["OLS", "PPML"], controls = [{own}] }}'
    said = [str(w) for w in finding(tmp_path, keys).warnings]
    assert said[0] == "no column for 4 of 16, the first ln SO2, PPML, none: PPML takes levels"
    assert said[1].startswith("no column for 4 of 16, the first ln wastewater, PPML, none: fepois needs an outcome")
    assert len(said) == 2
    assert all(known(w, "zh") for w in said)


def test_an_estimator_with_one_coefficient_says_why(tmp_path):
    keys = 'fix = { estimator = ["did2s", "OLS"], controls = "all controls", outcome = { formula = "exp(ln_so2)" } }'
    table = finding(tmp_path, keys).tables[0]
    why = "controls and fixed effects belong to the first stage, on the untreated rows"
    assert f"Of did2s only the treatment's coefficient is given: {why}." in table.print.notes
    controls = ["pgdp", "ind2", "ln_open", "ln_pat", "Constant"]
    assert columns(table)["term"] == ["dudt", "dudt", *["dudt", *controls] * 2]


def test_poissons_coefficients_are_pyfixests(tmp_path):
    """Every control with error, z, p and interval, under both vcovs, as a direct call gives them."""
    keys = 'fix = { estimator = "PPML", controls = "all controls", outcome = { formula = "so2" } }'
    printed = finding(tmp_path, keys).tables[0]
    table = columns(printed)
    names = ["dudt", "pgdp", "ind2", "ln_open", "ln_pat"]
    data = pd.read_csv(PANEL)
    demeaner = pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)
    formula = f"so2 ~ {' + '.join(names)} | city_id + year"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pf.fepois(formula, data, iwls_tol=1e-12, iwls_maxiter=100, demeaner=demeaner)
    for v, cluster in (("city", "city_id"), ("province", "province")):
        at = [k for k, label in enumerate(table["vcov"]) if label == v]
        assert [table["term"][k] for k in at] == names
        tidy = theirs.vcov({"CRV1": cluster}).tidy().loc[names]
        mine = {
            "estimate": "Estimate",
            "std_error": "Std. Error",
            "statistic": "t value",
            "p_value": "Pr(>|t|)",
            "conf_low": "2.5%",
            "conf_high": "97.5%",
        }
        for column, name in mine.items():
            assert [table[column][k] for k in at] == pytest.approx(tidy[name].tolist(), rel=1e-8, abs=1e-12)
        assert [table["pseudo_r2"][k] for k in at] == pytest.approx([theirs._pseudo_r2] * 5, rel=1e-8)
        assert {table["nobs"][k] for k in at} == {theirs._N}
        assert {table["n_clusters"][k] for k in at} == {data[cluster].nunique()}
    labels = [row.label for block in printed.print.blocks for row in block]
    assert labels[:5] == ["dudt", "GDP per head_%", "ind2", "ln_open", "ln_pat"]
    assert "Pseudo R²" in labels
    assert printed.print.notes == ("Standard errors in parentheses, clustered by city_id.", "Sample: all cities.")


def test_a_poisson_that_does_not_converge_is_an_empty_column_with_the_reason(tmp_path):
    estimator = '{ method = "fepois", iwls_maxiter = 2 }'
    keys = f'fix = {{ estimator = ["OLS", {estimator}], controls = "all controls", outcome = {{ formula = "so2" }} }}'
    found = finding(tmp_path, keys)
    assert [w for w in map(str, found.warnings) if "no convergence within 2 iterations" in w]
    first = found.tables[0].print.blocks[0]
    assert [bool(row.cells[1]) for row in first] == [False] * 6
    assert all(row.cells[0] for row in first)


def test_what_cannot_be_estimated_is_an_empty_column_and_a_warning(tmp_path):
    found = finding(tmp_path, 'fix = { outcome = "ln SO2", sample = ["all cities", { where = "pilot == 0" }] }')
    assert tuple(map(str, found.warnings)) == ("pilot == 0: `dudt` does not vary in these rows: all are treated alike",)
    table = found.tables[0].print
    assert [row.cells[1] for block in table.blocks for row in block if "effects" not in row.label] == [""] * 8
    assert table.notes[-1] == "Empty columns could not be estimated."


def test_print(tmp_path):
    table = finding(tmp_path, 'fix = { sample = "batch 1" }\nvary = ["controls"]').tables[0].print
    assert table.title == "Table 3"
    assert table.columns == ("(1)", "(2)", "(3)", "(4)")
    assert table.spanners == (
        (("ln SO2", 2), ("ln wastewater", 2)),
        (("none", 1), ("all controls", 1), ("none", 1), ("all controls", 1)),
    )
    labels = [row.label for block in table.blocks for row in block]
    assert labels == [
        "dudt",
        "GDP per head_%",
        "ind2",
        "ln_open",
        "ln_pat",
        "Constant",
        "city_id effects",
        "year effects",
        "Observations",
        "Units",
        "Treated units",
        "Clusters",
        "R²",
        "Within R²",
    ]
    assert table.notes == (
        "Standard errors in parentheses, clustered by city_id.",
        "The constant is the mean outcome net of the regressors, as reghdfe reports it.",
        "Sample: batch 1.",
    )
    first = table.blocks[0][0]
    assert all(re.fullmatch(r"−?\d\.\d{3,6}", cell) for cell in first.cells)
    assert all(re.fullmatch(r"\(\d\.\d{3,6}\)", cell) for cell in first.under)


@pytest.mark.parametrize("nasty", [r"a_b & 50%", r"$x^2$ #1", r"{y} \input{z}", "~ 中文 <|>", "a--b ''c''"])
def test_every_cell_is_escaped(nasty):
    table = PrintTable(nasty, (nasty,), ((Row(nasty, (nasty,), (nasty,)),),), (((nasty, 1),),), (nasty,), nasty)
    text = write(table)
    assert text.count(escape(nasty)) == 8
    assert r"\input" not in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert write(table) == text


def test_csv_guards_text_and_leaves_numbers():
    table = TidyTable(("a", "b"), (("=x", -1.5), ('q"', 1 / 3), (None, float("nan")), (True, 3)))
    assert csv_text(table) == 'a,b\n\'=x,-1.5\n"q""",0.333333333333\n,\ntrue,3\n'


def test_file_names():
    assert file_stem("table", None) == "table"
    assert file_stem("table", "Table 3: SO2/ww") == "table_Table_3__SO2_ww"
    assert file_stem("event_study", "按批次") == "event_study_按批次"


def test_the_summary_names_the_files(tmp_path):
    (section,) = sections(run_tables(tmp_path, '[table."Table 3"]\n'))
    assert section.title == "Table 3"
    assert section.lines[-1] == "Files: `table_Table_3.csv`"


def test_too_many_columns_are_a_fault(tmp_path):
    keys = 'fix = { controls = { formula = "mvsw(pgdp, ind2, ln_open, ln_pat, ind3, pop, trade)" } }'
    (fault,) = fault_texts(tmp_path, f"[table]\n{keys}\n")
    assert fault[1] == "these are 256 columns, more than 200"


@pytest.mark.parametrize(("tied", "told"), [(True, []), (False, ["these are 1,024 columns, more than 200"])])
def test_columns_that_together_plans_are_no_more_than_these(tied, told):
    """Outcomes, controls, effects and samples are 2 x 16 x 2 x 16 columns; [[together]] has 16 of each outcome."""
    names = ["controls", "fixed_effects", "sample"]
    study = small_study(
        controls={f"c{k}": f"x1 + I(x2 > {k / 20})" for k in range(16)},
        sample={f"s{k}": f"year != {1990 + k}" for k in range(16)},
        table={"vary": names},
    )
    if tied:
        options = [[f"c{k}", ["two-way", "unit"][k % 2], f"s{k}"] for k in range(16)]
        study["together"] = [{"dimensions": names, "options": options}]
    found = specdid.check(study, small_panel())
    assert [fault.message for fault in found if fault.severity == "error"] == told


def test_files_of_analyses_have_suffixes_that_names_are_checked_against():
    """What committed outputs hold beside the name of an analysis is in FILE_SUFFIXES."""
    root = Path(__file__).parents[2]
    seen = set()
    for study in ("smart_city", "castle", "minimum_wage"):
        stems = {table.stem for table in specdid.read(root / "specs" / f"{study}.toml").analyses}
        for path in (root / "specs" / "results" / study).iterdir():
            rest = {path.stem.removeprefix(f"{s}_") for s in stems if path.stem.startswith(f"{s}_")}
            if path.stem not in stems and rest:
                assert rest & set(FILE_SUFFIXES), path
                seen |= rest & set(FILE_SUFFIXES)
    assert {"tests", "joint", "love", "scores", "pretrend", "effects", "timing", "equality"} <= seen


def test_names_are_composed_before_they_are_file_names():
    assert file_stem("table", "e\u0301") == file_stem("table", "\u00e9") == "table_\u00e9"


def test_fixed_effects_of_names_with_blanks_are_named_without_backticks():
    bench = SimpleNamespace(label=lambda text: text)
    (row,) = effects(bench, [SimpleNamespace(effects=("`Census region`^Year",))])
    assert row.label == "Census region×Year effects"


DOUBTED = {
    "few": ({}, "Fewer than 30 clusters in (1) and (2): standard errors may be too small."),
    "few treated": (
        {"vcov": {"unit": "~id"}, "treatment": {"d": "rare"}},
        "Fewer than 10 clusters with treatment in (1) and (2): standard errors may be too small.",
    ),
    "few treated of few": (
        {"treatment": {"d": "rare"}},
        "Fewer than 10 clusters with treatment in (1) and (2): standard errors may be too small.",
    ),
    "none": ({"outcome": {"y": {"formula": "exact", "scale": "level"}}}, "Without a standard error in (1) and (2): "),
    "indefinite": (
        {"vcov": {"both": "~state + year"}},
        "The two-way matrix of all coefficients is not positive semi-definite in (2): ",
    ),
}


@pytest.mark.parametrize("case", DOUBTED)
@pytest.mark.usefixtures("audit_here", "undrawn")
def test_what_is_doubtful_of_the_errors_stands_under_the_table(tmp_path, case):
    rng = np.random.default_rng(11)
    unit, year = np.repeat(np.arange(48), 6), np.tile(np.arange(2001, 2007), 48)
    d = ((unit % 2 == 1) & (year >= 2004)) * 1.0
    x = rng.normal(size=(len(unit), 8)) * 10.0 ** (np.arange(8) % 3)
    y = 0.4 * d + 0.3 * x[:, 0] + rng.normal(size=48)[unit] + rng.normal(size=len(unit))
    columns = {"id": unit, "state": unit // 3, "year": year, "d": d, "y": y, "rare": d * (unit < 10)}
    data = pd.DataFrame({**columns, "exact": 2 * d + unit + year, **{f"x{j}": x[:, j] for j in range(8)}})
    changes, words = DOUBTED[case]
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": {"formula": "y", "scale": "level"}},
        "treatment": {"d": "d"},
        "controls": {"one": "x0", "all": " + ".join(f"x{j}" for j in range(8))},
        "fixed_effects": {"two-way": "id + year"},
        "vcov": {"state": "~state"},
        "inference": {"draws": 0},
        "table": {"T": {"vary": ["controls"]}},
        "run": {"backend": "serial"},
        **changes,
    }
    specdid.run(study, data, out=tmp_path, audit=None)
    assert escape(words.strip()) in " ".join((tmp_path / "table_T.tex").read_text().split())


@pytest.mark.parametrize("always", [0, 7])
def test_always_treated_units_have_a_row_of_their_own(always):
    """The treated that are counted are those whose treatment varies; regressions without unit effects use both."""
    fit = SimpleNamespace(
        failure=None, nobs=90, n_units=30, n_treated=5, n_always=always, n_clusters=[3], r2=0.5, r2_within=0.1,
        pseudo_r2=float("nan"),
    )  # fmt: skip
    rows = {row.label: row.cells for row in statistics([fit])}
    if always:
        assert (rows["Treated units (not always)"], rows["Always treated units"]) == (("5",), ("7",))
    else:
        assert rows["Treated units"] == ("5",)
    assert len([label for label in rows if "reated" in label]) == (2 if always else 1)
