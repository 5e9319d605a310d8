"""The R package of r/: installed and called by R, and its numbers beside those of Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import specdid

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R; it is in Debian's r-base-core")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of R packages that has ours."""
    place = tmp_path_factory.mktemp("library")
    command = ["R", "CMD", "INSTALL", "--no-test-load", f"--library={place}", str(ROOT / "r")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


def in_r(code: str, library: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("specdid")
    environment = {**os.environ, "R_LIBS": str(library), "SPECDID": str(program), "LC_ALL": "C.UTF-8"}
    command = ["Rscript", "-e", f"library(specdid)\n{code}"]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_numbers_are_those_of_python(library: Path, tmp_path: Path) -> None:
    spec = ROOT / "specs/training_grants.toml"
    curve = specdid.run(spec, jobs=1, audit=0)
    code = f"""
    fit <- specdid_run("{spec}", out = "out", jobs = 1, audit = 2)
    print(fit)
    r <- as.data.frame(fit)
    stopifnot(is.logical(r$preferred), is.numeric(r$estimate), inherits(fit, "specdid"))
    write.csv(r[, c("index", "vcov", "status", "estimate", "std_error")], "read.csv", row.names = FALSE)
    cat(specdid_show("{spec}", code = "r"), sep = "\\n")
    """
    done = in_r(code, library, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 planned = 8 ok" in done.stdout
    assert "feols(" in done.stdout
    keys = ["index", "vcov"]
    both = curve.table.merge(pd.read_csv(tmp_path / "read.csv"), on=keys, suffixes=("", "_r"), validate="1:1")
    assert len(both) == len(curve.table)
    assert (both["status"] == both["status_r"]).all()
    both = both[both["status"] == "ok"]
    assert len(both) == 16
    for name in ("estimate", "std_error"):
        assert ((both[name] - both[f"{name}_r"]).abs() <= 1e-11 * both[name].abs()).all()


def test_a_data_frame_becomes_a_draft_and_a_fault_is_an_error_with_its_place(library: Path, tmp_path: Path) -> None:
    code = """
    set.seed(1)
    d <- expand.grid(firm = 1:30, year = 2001:2006)
    d$law <- as.integer(d$firm > 20 & d$year >= 2004)
    d$profit <- rnorm(nrow(d)) + d$law
    d$profit[3] <- NA
    specdid_init("study", data = d, outcome = "profit")
    specdid_check("study/study.toml")
    again <- tryCatch(specdid_init("study", data = d), error = conditionMessage)
    cat("AGAIN", again, "\\n")
    text <- readLines("study/study.toml")
    writeLines(gsub("profit", "proft", text), "study/study.toml")
    fault <- tryCatch(specdid_check("study/study.toml"), specdid_error = function(e) e)
    cat("STATUS", fault$status, "\\n")
    cat(conditionMessage(fault))
    """
    done = in_r(code, library, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "AGAIN study/data.csv is there already" in done.stdout
    assert "STATUS 2" in done.stdout
    told = done.stdout.split("STATUS 2", 1)[1]
    assert "study.toml:" in told
    assert "did you mean `profit`" in told


def test_a_missing_program_is_said_with_what_to_install(library: Path, tmp_path: Path) -> None:
    code = 'Sys.setenv(SPECDID = "", PATH = "/nowhere"); tryCatch(specdid("-V"), error = function(e) cat(e$message))'
    done = in_r(code, library, tmp_path)
    assert "pip install specdid" in done.stdout


def test_pages_call_functions_that_are_exported() -> None:
    exported = set(re.findall(r"\bspecdid(?:_\w+)?", (ROOT / "r/NAMESPACE").read_text("utf-8").splitlines()[0]))
    called = set()
    for page in ("docs/howto/where-you-work.md", "r/README.md"):
        for block in re.findall(r"^```r\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL):
            called |= set(re.findall(r"\b(specdid_\w+)\(", block))
    assert len(called) >= 4
    assert called <= exported


def test_every_function_has_its_page(library: Path, tmp_path: Path) -> None:
    """R's own comparison of code and documentation finds nothing."""
    code = f"""
    print(length(unlist(tools::undoc(package = "specdid"))))
    print(length(unlist(tools::codoc(package = "specdid"))))
    for (f in list.files("{ROOT}/r/man", full.names = TRUE)) print(length(tools::checkRd(f)))
    """
    done = in_r(code, library, tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"[1]", "0"}
