"""`specdid show`: which specification is meant, what is shown of it, and its code."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyfixest as pf
import pytest
import specdid
from click.testing import CliRunner
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._cli import main
from specdid._run.prepare import prepare
from specdid.inference._base import null_words

pytestmark = pytest.mark.usefixtures("undrawn")

PANEL = Path(__file__).parents[1] / "reference" / "panel.csv"
SPEC = f"""\
[study]
data = '{PANEL}'
unit = "city_id"
time = "year"
[derive]
dall = "(batch > 0) * (year >= batch)"
[outcome]
"ln SO2" = {{ formula = "ln_so2", scale = "log of tons" }}
[treatment]
"all batches" = {{ term = "dall", cohort = "batch" }}
[controls]
"none" = "1"
"one" = {{ formula = "pgdp", type = "uncertain", why = "richer cities" }}
"constant" = "municipality"
"again" = "(pgdp)"
"same" = "1 + dall"
"collinear" = "I(dall * 2)"
[estimator]
"OLS" = "feols"
"Sun-Abraham" = "sunab"
"two-stage" = "did2s"
"Poisson" = "fepois"
"projections" = "lpdid"
"equal projections" = {{ method = "lpdid", reweight = true }}
[vcov]
"city" = "~city_id"
"province" = "~province"
[[exclude]]
when = {{ estimator = "two-stage", controls = ["one", "again"] }}
because = "two stages are enough"
[preferred]
controls = "one"
[inference]
draws = 99
[figure]
formats = ["svg"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a spec, its plan, and the results of a run."""
    directory = tmp_path_factory.mktemp("show")
    spec = directory / "s.toml"
    spec.write_text(SPEC, encoding="utf-8")
    curve = specdid.run(spec, out=directory / "out", jobs=1, audit=0)
    return directory, prepare(spec).plan, curve


def show(directory: Path, which: str, *more: str, out: str | None = "out", code: int = 0) -> str:
    arguments = ["show", str(directory / "s.toml"), which, *more]
    arguments += ["--out", str(directory / out)] if out else []
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def labels(plan, controls: str, estimator: str) -> int:
    wanted = {"controls": controls, "estimator": estimator}
    for s, row in enumerate(plan.codes.tolist()):
        found = {d.name: d.labels[c] for d, c in zip(plan.dimensions, row, strict=True)}
        if all(found[k] == v for k, v in wanted.items()):
            return s
    raise AssertionError(wanted)


def test_preferred_in_words_and_as_a_table(place):
    directory, plan, curve = place
    text = show(directory, "preferred")
    row = curve.table[curve.table["preferred"]].iloc[0]
    assert f"{plan.spec_id(plan.preferred)}  (preferred)" in text
    assert "ln_so2 ~ dall + pgdp | city_id + year" in text
    assert "controls       one:  pgdp" in text
    assert "(uncertain: richer cities)" in text
    assert "dall = (batch > 0) * (year >= batch)" in text
    assert "95% CI low" in text
    table = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith(("dall ", "pgdp "))}
    assert float(table["dall"][0]) == pytest.approx(row["estimate"], rel=1e-5)
    assert float(table["dall"][1]) == pytest.approx(row["std_error"], rel=1e-5)
    assert float(table["dall"][4]) == pytest.approx(row["conf_low"], rel=1e-5)
    assert f"Rows: {row['nobs']:,}" in text
    assert "210 clusters" in text
    assert "Fixed effects: city_id (210 levels), year (13 levels)" in text
    assert f"Within R²: {row['r2_within']:.4f}" in text


@pytest.mark.parametrize("weights", ["w", None])
def test_the_mean_of_the_outcome_counts_rows_once_and_says_so_beside_weights(weights):
    plain = {"outcome": {"y": "y"}, "controls": {"none": "1"}, "fixed_effects": {"f": "id + year"}}
    plain["preferred"] = {"outcome": "y"}
    frame = small_panel()
    text = specdid.show(small_study(**plain, **({"weights": {"w": "w"}} if weights else {})), data=frame)
    (line,) = (t for t in text.splitlines() if t.startswith("Mean of the outcome: "))
    mean, *said = line.removeprefix("Mean of the outcome: ").split(" ", 1)
    assert float(mean) == pytest.approx(frame["y"].mean(), rel=1e-4)
    assert said == (["(unweighted)"] if weights else [])


def test_code_is_printed_where_it_is_asked_for(place):
    directory, _, _ = place
    titles = ("== Python", "== R (fixest)", "== Stata (reghdfe")
    table, code = show(directory, "preferred"), show(directory, "preferred", "--code", "all")
    assert [t in table for t in titles] == [False] * 3
    assert table.endswith("\n\nCode that reproduces it: --code python, --code r and --code stata\n")
    assert [t in code for t in titles] == [True] * 3
    assert "std. error" not in code.split("==")[0]
    assert code.startswith("== ")
    for language in ("python", "r", "stata"):
        assert show(directory, "preferred", "--code", language).strip() in code
    whole = specdid.show(directory / "s.toml", "preferred", out=directory / "out")
    assert whole == table.rpartition("Code that")[0] + code


def test_the_other_vcovs_are_those_of_the_results(place):
    directory, _, curve = place
    row = curve.table[curve.table["preferred"] & (curve.table["vcov"] == "province")].iloc[0]
    line = next(t for t in show(directory, "preferred").splitlines() if t.startswith("province: std. error"))
    assert f"std. error {row['std_error']:.6g}, t {row['statistic']:.3f}" in line


def test_p_values_of_the_null_are_those_of_its_file(place):
    directory, plan, _ = place
    lines = (directory / "out" / "inference_specifications.csv").read_text(encoding="utf-8").splitlines()
    k = labels(plan, "none", "OLS")
    cells = next(line for line in lines if line.startswith(f"wild,{k + 1},")).split(",")
    assert f"Wild bootstrap null, by 99 draws: p = {float(cells[3]):.4f}" in show(directory, plan.spec_id(k))


def test_a_rank_is_that_of_the_results(place):
    directory, _, curve = place
    results = curve.results
    preferred = results.preferred
    rank, of = results.rank(preferred)
    text = show(directory, f"#{rank}")
    assert "(preferred)" in text
    assert f"of {of} from the lowest estimate" in text
    assert ("nearest below the median" in show(directory, "median")) == (of % 2 == 0)
    assert "no #999" in show(directory, "#999", code=2)
    assert "is no rank" in show(directory, "#x", code=2)


def test_a_rank_needs_results(place):
    directory, _, _ = place
    text = show(directory, "#1", out="nothing", code=2)
    assert "are not there yet" in text
    # The whole command, as it has to be typed after a run with --out.
    assert "s.toml '#1' --out DIRECTORY`" in " ".join(text.split())
    assert "s.toml median --out DIRECTORY`" in " ".join(show(directory, "median", out="nothing", code=2).split())
    assert "`specdid run` adds its rank" in show(directory, "preferred", out="nothing")


def test_results_of_another_version_are_not_used(place, tmp_path):
    directory, _, _ = place
    text = SPEC.replace('"one" = { formula = "pgdp"', '"one" = { formula = "ind2"')
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["show", str(tmp_path / "s.toml"), "#1", "--out", str(directory / "out")])
    assert result.exit_code == 2
    assert "another version of this study" in result.output


def test_ids_by_their_beginning(place):
    directory, plan, _ = place
    spec_id = plan.spec_id(0)
    assert spec_id in show(directory, spec_id[:9])
    assert spec_id in show(directory, spec_id.upper())
    assert "is no id" in show(directory, "nonsense", code=2)
    assert "no specification's id begins" in show(directory, "0" * 16, code=2)
    assert "a rank is written" not in show(directory, "f" * 16, code=2)
    assert "a rank is written '#99999'" in show(directory, "99999", code=2)
    first = [plan.spec_id(s)[0] for s in range(len(plan))]
    shared = next(c for c in first if len({plan.spec_id(s) for s in range(len(plan)) if plan.spec_id(s)[0] == c}) > 1)
    assert "specifications begin with" in show(directory, shared, code=2)


def test_excluded_failed_and_duplicate_say_why(place):
    directory, plan, curve = place
    excluded = show(directory, plan.spec_id(labels(plan, "one", "two-stage")))
    assert "Excluded (rule): two stages are enough" in excluded
    assert "Code that reproduces it" not in excluded
    for language in ("r", "all"):
        text = show(directory, plan.spec_id(labels(plan, "one", "two-stage")), "--code", language, code=2)
        assert "there is no code" in text
    failed = show(directory, plan.spec_id(labels(plan, "collinear", "OLS")))
    assert "Failed (not_identified)" in failed
    k = labels(plan, "constant", "OLS")
    same = show(directory, plan.spec_id(k))
    twin = plan.spec_id(int(curve.results.twin[k]))
    assert "Duplicate (same_model): the same rows" in same
    assert twin in same


def test_estimators_of_their_own_give_what_they_have(place):
    directory, plan, curve = place
    for estimator in ("Sun-Abraham", "two-stage"):
        k = labels(plan, "none", estimator)
        text = show(directory, plan.spec_id(k))
        line = next(t for t in text.splitlines() if t.startswith("dall"))
        assert float(line.removeprefix("dall (mean of the cohorts)").removeprefix("dall").split()[0]) == pytest.approx(
            float(curve.results.estimate[k]), rel=1e-5
        )
    assert "  period 0 " in show(directory, plan.spec_id(labels(plan, "none", "Sun-Abraham")))


def test_every_control_of_a_poisson_is_shown_as_pyfixest_has_it(place):
    directory, plan, _ = place
    text = show(directory, plan.spec_id(labels(plan, "one", "Poisson")))
    data = pd.read_csv(PANEL)
    data["dall"] = ((data.batch > 0) & (data.year >= data.batch)).astype(float)
    theirs = pf.fepois("ln_so2 ~ dall + pgdp | city_id + year", data, vcov={"CRV1": "city_id"}, iwls_tol=1e-10)
    head = next(line for line in text.splitlines() if "std. error" in line).split()
    assert head == ["estimate", "std.", "error", "z", "p", "95%", "CI", "low", "high"]
    for term, row in theirs.tidy().iterrows():
        line = next(t.split()[1:] for t in text.splitlines() if t.startswith(f"{term} "))
        numbers = [row[c] for c in ("Estimate", "Std. Error", "t value", "Pr(>|t|)", "2.5%", "97.5%")]
        assert [float(c) for c in line] == pytest.approx(numbers, rel=1e-5, abs=1e-3)
    assert f"Pseudo R²: {theirs._pseudo_r2:.4f}" in text
    assert "province: std. error" in text
    assert ", z " in next(line for line in text.splitlines() if line.startswith("province:"))
    assert "Only the treatment's" not in text


def test_what_has_no_further_coefficients_says_why(place):
    directory, plan, _ = place
    two = show(directory, plan.spec_id(labels(plan, "none", "two-stage")))
    assert "Only the treatment's coefficient is given: controls and fixed effects belong to the first stage" in two
    reweighted = show(directory, plan.spec_id(labels(plan, "one", "equal projections")))
    assert "controls are fitted on the clean controls alone (regression adjustment)" in reweighted
    assert "regressed on entering" not in reweighted
    assert " only compared with" in reweighted
    assert "never treated" in show(directory, plan.spec_id(labels(plan, "one", "OLS")))
    local = show(directory, plan.spec_id(labels(plan, "none", "projections")))
    assert "Only the treatment's coefficient is given: changes of the outcome are regressed" in local


def test_code_alone_runs_and_is_written(place, tmp_path):
    directory, _, curve = place
    code = show(directory, "preferred", "--code", "python")
    assert code.startswith("# Specification")
    file = tmp_path / "code.py"
    assert f"wrote {file}" in show(directory, "preferred", "--code", "python", "--write", str(file))
    assert file.read_text(encoding="utf-8") == code
    names: dict[str, object] = {}
    exec(compile(code, "code.py", "exec"), names)
    row = curve.table[curve.table["preferred"]].iloc[0]
    assert names["estimate"] == pytest.approx(row["estimate"], rel=1e-8)
    assert names["std_error"]["city"] == pytest.approx(row["std_error"], rel=1e-8)
    assert "cannot write" in show(directory, "preferred", "--write", str(tmp_path / "no" / "x"), code=5)
    assert show(directory, "preferred", "--code", "stata").startswith("* Specification")


def test_a_study_without_a_preferred_specification_says_so(tmp_path):
    (tmp_path / "s.toml").write_text(SPEC.replace('[preferred]\ncontrols = "one"\n', ""), encoding="utf-8")
    assert "the study has no preferred specification" in show(tmp_path, "preferred", code=2)


def test_a_duplicate_by_content_is_shown_with_its_twins_numbers(tmp_path):
    text = SPEC.replace('[preferred]\ncontrols = "one"', '[preferred]\ncontrols = "again"')
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    shown = show(tmp_path, "preferred")
    assert "Duplicate (same_content) of specification 7" in shown
    assert "210 clusters" in shown
    assert "== Python" in show(tmp_path, "preferred", "--code", "all")


def test_a_reason_cannot_speak_to_the_terminal(tmp_path):
    text = SPEC.replace("two stages are enough", "two\\u009bstages\\u001b[2J")
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    with pytest.raises(specdid.SpecError, match=r"control or invisible character U\+009B"):
        prepare(tmp_path / "s.toml")


def test_nulls_have_names_that_users_know():
    assert null_words("permutation_refit", 99) == "permutation null, by 99 refits"
    assert null_words("permutation_refit") == "permutation null, by refits"
    assert null_words("permutation", 1999) == "permutation null, by 1,999 draws"
    assert null_words("wild") == "wild bootstrap null"
    assert null_words("of another version", 9) == "of another version"
    for name in _plugins.names("inference"):
        assert "_" not in null_words(name, 99)


def test_what_slopes_count_for_is_said(place, tmp_path):
    directory, _, _ = place
    trends = '[fixed_effects]\n"t" = "city_id[year] + year"\n[vcov]'
    text = (directory / "s.toml").read_text(encoding="utf-8").replace("[vcov]", trends)
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    said = show(tmp_path, "preferred")
    assert "Standard errors count a parameter per level of a slope, nested in the clusters or not, as fixest" in said
    assert "count a parameter" not in show(directory, "preferred")


def test_without_a_preferred_table_the_first_options_are_named(tmp_path):
    (tmp_path / "s.toml").write_text(SPEC.replace('[preferred]\ncontrols = "one"\n', ""), encoding="utf-8")
    found = CliRunner().invoke(main, ["show", str(tmp_path / "s.toml"), "preferred"])
    plan = prepare(tmp_path / "s.toml").plan
    assert found.exit_code == 2
    assert f"write a [preferred] table; that of the first options is {plan.spec_id(0)}" in found.output


def test_a_rank_too_far_is_told_how_ranks_count(place):
    text = show(place[0], "#999", code=2)
    assert "ranks go by estimate from the lowest, within a curve: " in text
