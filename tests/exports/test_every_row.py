"""`specdid show --code` gives the numbers of results.csv, in Python, R and Stata, whatever the row.

The Python programs are executed. Those in R and Stata are read by small readers that evaluate
what such programs are made of (`r_reader`, `stata_reader`), and where there is R, it evaluates them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import r_reader
import stata_reader
from every_row import cases
from programs import difference, execute
from specdid import _plugins
from specdid.exports._make_script import make_script

ITERATIVE = ("fepois", "logit", "probit", "fenegbin")


@dataclass(frozen=True)
class Row:
    """A specification that is ok, its estimator, its results and what a program of it must do."""

    prepared: Any
    results: Any
    place: int
    method: str
    script: Any

    def program(self, language: str) -> str:
        return _plugins.load("exports", language).write(self.script)

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """Its estimator and its option of every dimension."""
        plan = self.prepared.plan
        chosen = zip(plan.dimensions, plan.codes[self.place], strict=True)
        return {("method", self.method)} | {(d.name, d.labels[c]) for d, c in chosen}

    @property
    def formula(self) -> str:
        return self.results.planned.formulas(self.place, self.place + 1)[0]

    def wrong(self, answer: object) -> bool:
        """Say whether an answer is not the row's numbers."""
        return not difference(self.results, self.place, answer) <= (1e-6 if self.method in ITERATIVE else 1e-8)


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> list[Row]:
    found = []
    for prepared, results, places in cases(tmp_path_factory.mktemp("data")):
        plan = prepared.plan
        methods = [plan.grid.estimators[plan.codes[s, 6]].method for s in places]
        scripts = [make_script(plan, prepared.panel, prepared.evaluator, s) for s in places]
        found += [Row(prepared, results, *one) for one in zip(places, methods, scripts, strict=True)]
    return found


def test_there_are_two_hundred_rows_of_every_kind(rows):
    assert len(rows) == 200
    kinds = {
        "treatment": "d dose moderated",
        "fixed_effects": "none unit two-way interacted trends both zone",
        "weights": "none w product",
        "sample": "all late text matched kernel treated",
        "tails": "kept winsorized",
        "more": "no yes",
        "controls": "none some lags coded twice",
    }
    seen = set().union(*(row.kinds for row in rows))
    wanted = {(k, w) for k, words in kinds.items() for w in words.split()} | {("fixed_effects", "slopes only")}
    assert (
        wanted
        | {
            ("method", m)
            for m in ("feols", "sunab", "did2s", "lpdid", "csdid", "did_imputation", "stackedev", *ITERATIVE)
        }
        <= seen
    )


@pytest.fixture(scope="module")
def chosen(rows) -> list[Row]:
    """Every fourth row, and what has a kind that these lack; SPECDID_EVERY_ROW=1 takes all."""
    if os.environ.get("SPECDID_EVERY_ROW"):
        return rows
    found = rows[::4]
    seen = set().union(*(row.kinds for row in found))
    for row in rows:
        if not row.kinds <= seen:
            found.append(row)
            seen |= row.kinds
    return found


def test_the_python_programs_give_the_numbers_of_the_results(chosen):
    answers = execute([row.program("python") for row in chosen])
    assert [(r.method, r.formula) for r, answer in zip(chosen, answers, strict=True) if r.wrong(answer)] == []


@pytest.mark.parametrize(("language", "reader"), [("r", r_reader), ("stata", stata_reader)])
def test_the_programs_in_other_languages_do_by_a_reader_of_what_they_are_made_of(chosen, language, reader):
    wrong = []
    for row in chosen:
        with np.errstate(all="ignore"):
            read = reader.Program().run(row.program(language))
        if row.wrong((read.estimate, read.found)):
            wrong.append((row.method, row.formula))
    assert wrong == []


def _in_r(code: str, directory: Any, name: str) -> str:
    (directory / name).write_text(code, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", name],
        cwd=directory,
        env={**os.environ, "LC_ALL": "C.UTF-8"},  # in a C locale R reads no further than the first letter it has not
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_r_itself_makes_the_readers_data_and_its_estimates_where_it_needs_no_package(rows, tmp_path):
    """The data of 12 programs as far as the regression, and two-stage estimates, which are base R's."""
    chosen = [r for r in rows if r.method != "did2s" and r.prepared.panel.path.suffix == ".csv"][::16][:12]
    for k, row in enumerate(chosen):
        code = row.program("r").partition("# --- The regression ---")[0]
        code = code.replace("library(fixest)\n", "")
        written = f'write.csv(d, "{k}.csv", row.names = FALSE, fileEncoding = "UTF-8")'
        _in_r(f"options(digits = 15)\n{code}\n{written}\n", tmp_path, "r.R")
        with np.errstate(all="ignore"):
            mine = r_reader.Program().run(code).names["d"]
        theirs = r_reader.read_back(tmp_path / f"{k}.csv", mine)
        assert list(theirs) == list(mine)
        for name, column in mine.items():
            if column.dtype == object:
                assert theirs[name].tolist() == column.tolist(), (row.formula, name)
            else:
                said = f"{row.formula}: {name}"
                np.testing.assert_allclose(theirs[name], column, rtol=1e-9, atol=1e-12, err_msg=said)
    for row in [r for r in rows if r.method == "did2s" and r.prepared.panel.path.suffix == ".csv"][::8]:
        said = _in_r(row.program("r"), tmp_path, "r.R")
        found = re.findall(r"^(.*): (\S+) \(standard error (\S+)\)$", said, re.MULTILINE)
        for label, estimate, error in found:
            at = row.results.planned.vcovs.index(label)
            reported = [row.results.estimate[row.place], row.results.numbers["std_error"][row.place, at]]
            if np.isfinite(reported[1]):
                np.testing.assert_allclose([float(estimate), float(error)], reported, rtol=1e-8)


def test_an_r_program_with_letters_beyond_ascii_says_first_which_locale_it_needs(rows):
    programs = [row.program("r") for row in rows]
    beyond = [p for p in programs if not p.isascii()]
    assert beyond
    assert all(p.startswith('if (!l10n_info()[["UTF-8"]]) stop(') and p.partition("\n")[0].isascii() for p in beyond)
    assert not any("l10n_info" in p for p in programs if p.isascii())


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_r_in_a_c_locale_stops_at_that_line(rows, tmp_path):
    (tmp_path / "r.R").write_text(next(p for r in rows if not (p := r.program("r")).isascii()), encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(
        ["Rscript", "--vanilla", "r.R"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "LC_ALL=C.UTF-8 Rscript FILE" in done.stderr
