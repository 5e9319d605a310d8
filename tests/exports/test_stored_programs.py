"""R and Stata programs against stored text; `python tests/exports/test_stored_programs.py` stores it anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from specdid import _plugins
from specdid._run.prepare import Prepared, prepare
from specdid.exports._make_script import make_script

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
PANEL = ROOT / "tests" / "reference" / "panel.csv"

FORMS = {
    "study": {"data": str(PANEL), "unit": "city_id", "time": "year", "step": "year"},
    "derive": {
        "lagged": "l(ln_open, 1)", "before": "at(pop, year == 2011)", "began": "first(pilot == 1 & year >= 2012)",
        "group": "ave(pgdp, province)", "wins": "winsorize(ln_pat, 0.01)",
        "size": "ifelse(before > 100, 'large', 'small')", "dall": "(batch > 0) * (year >= batch)",
    },
    "outcome": {"a": "ln_so2", "so2": {"formula": "so2 / pop"}, "high": "ln_so2 > 4"},
    "treatment": {"t": {"term": "dall", "cohort": "batch"}},
    "controls": {"x": "lagged + began:ind2 + group + wins + i(size, pgdp) + poly(ind2, 2)"},
    "fixed_effects": {"f": "city_id + size^year", "s": "city_id[ind2] + year", "p": "province + year"},
    "sample": {
        "all": "TRUE", "some": "!(tcz == 1 & year < 2008) & province %in% c(1:12, 15, NA)",
        "matched": {"where": "province <= 12", "match": {
            "on": "pgdp", "treated": "pilot", "at": "year == 2011", "method": "nearest", "replace": True, "ratio": 2}},
    },
    "weights": {"w": "pop"},
    "estimator": {"o": "feols", "s": {"method": "sunab", "control": "notyet"}, "g": "did2s",
                  "l": {"method": "lpdid", "post_window": 1}, "p": "fepois", "z": "logit",
                  "e": {"method": "lpdid", "reweight": True, "post_window": 1}},
    "vcov": {"two": "~city_id + year", "hc": "hetero", "iid": "iid"},
    "inference": {"draws": 0},
}  # fmt: skip
CORRECTIONS = FORMS | {"vcov": {
    **{r: {"formula": "~city_id", "ssc": r} for r in ("fixest", "reghdfe", "areg", "lsdv", "glm", "none")},
    "normal": {"formula": "~city_id", "distribution": "normal"}, "hc0": {"formula": "hetero", "ssc": "none"},
    "iid": {"formula": "iid", "ssc": "none"}, "t": {"formula": "~province", "ssc": "glm", "distribution": "t"},
}}  # fmt: skip
SPECIFICATIONS = {
    "slopes": ("specs/castle.toml", {"fixed_effects": 2, "sample": 1, "weights": 1, "controls": 1}),
    "sunab": ("specs/minimum_wage.toml", {"estimator": 2, "controls": 1}),
    "winsorized": ("specs/smart_city.toml", {"winsorizing": 1, "fixed_effects": 1, "controls": 2}),
    "forms": ("", {"sample": 1}),
    "forms_slopes": ("", {"fixed_effects": 1}),
    "matched": ("", {"sample": 2, "fixed_effects": 2}),
    "poisson": ("", {"outcome": 1, "estimator": 4, "fixed_effects": 2}),
    "logit": ("", {"outcome": 2, "estimator": 5, "fixed_effects": 2}),
    "notyet": ("", {"estimator": 1}),
    "did2s": ("", {"estimator": 2}),
    "lpdid": ("", {"estimator": 3}),
    "lpdid_equal": ("", {"estimator": 6}),
    "corrections": ("corrections", {"fixed_effects": 2}),
    "corrections_poisson": ("corrections", {"outcome": 1, "estimator": 4, "fixed_effects": 2}),
    "corrections_logit": ("corrections", {"outcome": 2, "estimator": 5, "fixed_effects": 2}),
    "corrections_notyet": ("corrections", {"estimator": 1}),
    "corrections_did2s": ("corrections", {"estimator": 2}),
}
"""Study (empty: FORMS) and the option of each dimension, by place; left out: the first."""


@cache
def _prepared(path: str) -> Prepared:
    return prepare({"": FORMS, "corrections": CORRECTIONS}.get(path, ROOT / path))


def _program(name: str, language: str) -> str:
    path, options = SPECIFICATIONS[name]
    prepared = _prepared(path)
    plan = prepared.plan
    wanted = [options.get(d.name, 0) for d in plan.dimensions]
    place = int(next(s for s, row in enumerate(plan.codes.tolist()) if row == wanted))
    about = [f"stored as {name}", "two\nlines */ `x' $y"]
    data = f"data/{prepared.panel.path.name}"
    script = make_script(plan, prepared.panel, prepared.evaluator, place, data=data, about=about)
    return _plugins.load("exports", language).write(script)


@pytest.mark.parametrize("language", ["python", "r", "stata"])
def test_a_clustering_that_is_missing_drops_no_row_and_its_error_has_a_reason(tmp_path, language):
    rows = [f"{i},{t},{i * t % 7},{int(i > 3 and t > 2)},{'' if i == 1 else i % 3}" for i in range(8) for t in range(5)]
    (tmp_path / "d.csv").write_text("\n".join(["id,t,y,d,region", *rows]), "utf-8")
    study = {
        "study": {"data": str(tmp_path / "d.csv"), "unit": "id", "time": "t"},
        "outcome": {"y": "y"}, "treatment": {"d": "d"}, "vcov": {"unit": "~id", "by region": "~region"},
        "inference": {"draws": 0},
    }  # fmt: skip
    found = prepare(study)
    code = _plugins.load("exports", language).write(make_script(found.plan, found.panel, found.evaluator, 0))
    said = " ".join(code.replace("`", "").split())
    assert "by region: no standard error, region is missing in 5 of these rows" in said
    assert "rows that are complete in all variables; a clustering drops none\n" in code


def _stored(name: str, language: str) -> Path:
    return GOLDEN / f"{name}{_plugins.load('exports', language).suffix}"


@pytest.mark.parametrize("language", ["r", "stata"])
@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_programs_are_the_stored_ones(name, language):
    assert _program(name, language) == _stored(name, language).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_r_can_read_the_stored_programs():
    code = f'for (file in list.files("{GOLDEN}", "[.]R$", full.names = TRUE)) invisible(parse(file))'
    subprocess.run(["Rscript", "--vanilla", "-e", code], check=True, capture_output=True)


def test_every_block_of_a_stata_program_is_closed():
    for name in SPECIFICATIONS:
        depth = 0
        for line in _stored(name, "stata").read_text(encoding="utf-8").splitlines():
            if not line.startswith("*"):
                assert line.count("(") == line.count(")"), line
                depth += line.split("//")[0].count("{") - line.split("//")[0].count("}")
            assert depth >= 0
        assert depth == 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for stored in SPECIFICATIONS:
        for word in ("r", "stata"):
            _stored(stored, word).write_text(_program(stored, word), encoding="utf-8", newline="\n")
