"""Programs of specifications whose columns come from several files, one of them wide, start from these files."""

import os
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import stata_reader
from programs import estimated, execute
from specdid import _plugins
from specdid._run.prepare import prepare
from specdid._run.show import script_of

YEARS = range(2008, 2016)


@pytest.fixture(scope="module", params=["long", "wide"])
def made(request, tmp_path_factory):
    """A study of four files, whose own is a long or a wide one, and its results."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(4)
    ids = np.arange(1, 31)
    panel = pd.DataFrame([(i, t) for i in ids for t in YEARS], columns=["city_id", "year"])
    panel["so2"] = np.exp(rng.normal(size=len(panel)))
    panel["pilot"] = (panel.city_id <= 12).astype(int)
    panel["name"] = [f"城{i}" if i != 5 else None for i in panel.city_id]
    spec = {
        "study": {"data": str(folder / "panel.csv"), "unit": "city_id", "time": "year", "title": "t"},
        "data": {
            "weather": {"file": str(folder / "weather.dta"), "by": ["city_id", "year"], "suffix": "_w"},
            "gdp": {
                "file": str(folder / "gdp.csv"),
                "by": {"city_id": "code", "year": "year"},
                "suffix": "_g",  # its city_id is something else
                "reshape": {"time": "year", "columns": {"gdp": "gdp {year}", "kind": "kind.{year}"}},
            },
            "coast": {"file": str(folder / "coast.csv"), "by": "name"},
            "zones": {"file": str(folder / "zones.csv"), "by": "zone"},
        },
        "derive": {"did": "pilot * (year >= 2012)"},
        "outcome": {"ln so2": "log(so2)"},
        "treatment": {"did": "did"},
        "controls": {"none": "1", "weather": "rain + so2_w", "wide": "gdp + (kind == 'b'):year", "zone": "size:year"},
        "sample": {"all": "TRUE", "coast": "coast == 'yes'"},
        "inference": {"draws": 0},
    }
    if request.param == "wide":
        panel = panel.pivot(index="city_id", columns="year", values="so2").add_prefix("so2_").reset_index()
        panel["pilot"] = (panel.city_id <= 12).astype(int)
        panel["name"] = [f"城{i}" if i != 5 else None for i in panel.city_id]
        spec["study"]["reshape"] = {"time": "year", "columns": "so2_{year}"}
    panel.to_csv(folder / "panel.csv", index=False)
    weather = pd.DataFrame([(i, t) for i in [*ids[3:], 99] for t in YEARS], columns=["city_id", "year"])
    weather["rain"] = rng.normal(size=len(weather)).astype(np.float32)
    weather["so2"] = rng.normal(size=len(weather))
    weather.sample(frac=1, random_state=1).to_stata(
        folder / "weather.dta",
        write_index=False,
        variable_labels={"city_id": "rain", "year": "so2"},  # labels that are names of other columns
    )
    gdp = pd.DataFrame({"code": rng.permutation(ids), "city_id": -1})
    for year in YEARS:
        gdp[f"gdp {year}"] = np.where(rng.random(30) < 0.1, np.nan, rng.normal(size=30))
        if year != 2010:
            gdp[f"kind.{year}"] = rng.choice(["a", "b", ""], 30)
    gdp.to_csv(folder / "gdp.csv", index=False)
    names = [f"城{i}" for i in ids if i > 2]
    said = ["yes" if k % 3 else "no" for k in range(len(names))]
    coast = pd.DataFrame({"name": [*names, None], "coast": [*said, "yes"]})
    coast["zone"] = [f"0{k % 4}" if k % 4 else "z" for k in range(len(coast))]
    coast.to_csv(folder / "coast.csv", index=False, encoding="gb18030")
    pd.DataFrame({"zone": ["01", "02", "z"], "size": [1, 2, 4]}).to_csv(folder / "zones.csv", index=False)
    prepared = prepare(spec)
    return prepared, estimated(prepared)


def programs(made, language):
    prepared, results = made
    write = _plugins.load("exports", language).write
    for place in range(len(results)):
        yield place, write(script_of(prepared, place)), results


def agree(found, results, place):
    estimate, errors = found
    reported = results.numbers["std_error"][place, 0]
    np.testing.assert_allclose(estimate, results.estimate[place], rtol=1e-8)
    np.testing.assert_allclose(next(iter(errors.values())), reported, rtol=1e-8)


def test_python_programs_join_and_reshape(made):
    places, codes, results = zip(*programs(made, "python"), strict=True)
    assert np.isfinite(results[0].estimate).all()
    assert len({round(e, 10) for e in results[0].estimate.tolist()}) == len(places)
    for place, found in zip(places, execute(list(codes)), strict=True):
        agree(found, results[0], place)


def test_stata_programs_join_and_reshape(made):
    for place, code, results in programs(made, "stata"):
        read = stata_reader.Program().run(code)
        agree((read.estimate, read.found), results, place)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
def test_r_programs_join_and_reshape(made, tmp_path):
    """By R itself, with lm in place of fixest, and a text file in place of Stata's, for which R needs a package."""
    for place, code, results in programs(made, "r"):
        for path in re.findall(r"DATA\d? <- \"(.*\.dta)\"", code):
            pd.read_stata(path).to_csv(tmp_path / "stata.csv", index=False)
        code = re.sub(r"haven::zap_labels\(haven::read_dta\(DATA\d\)\)", 'read.csv("stata.csv")', code)
        data = code.replace("library(fixest)\n", "").partition("# --- The regression ---")[0]
        script = script_of(made[0], place)
        model = f"lm({script.outcome} ~ {' + '.join(script.regressors)} + factor(city_id) + factor(year), d)"
        (tmp_path / "r.R").write_text(f'{data}\ncat(sprintf("%.14g", coef({model})["did"]))\n', "utf-8")
        done = subprocess.run(
            ["Rscript", "--vanilla", "r.R"],
            cwd=tmp_path,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        np.testing.assert_allclose(float(done.stdout), results.estimate[place], rtol=1e-8)


def test_a_program_reads_only_the_files_of_its_columns_and_those_they_are_joined_by(made):
    codes = {place: code for place, code, _ in programs(made, "python")}
    names = [sorted(re.findall(r"DATA\d? = \".*/(\w+)\.", code)) for code in codes.values()]
    assert names[0] == ["panel"]
    assert names[2] == ["panel", "weather"]
    assert names[4] == ["gdp", "panel"]
    assert names[6] == ["coast", "panel", "zones"]
    assert all("sha256" in line for code in codes.values() for line in code.split("\n") if line.startswith("DATA"))


def test_a_program_stops_where_a_file_is_not_the_one_that_was_joined(made, tmp_path):
    """Another file of the same columns gives other numbers of rows with a partner."""
    code = next(code for place, code, _ in programs(made, "python") if place == 2)
    path = re.search(r"DATA2 = \"(.*)\"", code).group(1)
    other = pd.read_stata(path)
    other[other.city_id < 20].to_stata(tmp_path / "less.dta", write_index=False)
    (answer,) = execute([code.replace(path, str(tmp_path / "less.dta"))])
    assert "AssertionError" in answer
