"""A check as a whole: sound studies, all faults in the order of the file, without data, without heavy libraries."""

import subprocess
import sys

from checked_studies import faults, write
from specdid._run.prepare import examine


def test_a_sound_study_has_no_faults(tmp_path):
    prepared, found = examine(write(tmp_path, controls='"x" = "x"'))
    assert tuple(found) == ()
    assert len(prepared.plan) == 1


def test_all_faults_at_once_in_file_order(tmp_path):
    found = faults(
        tmp_path,
        derive='a = "nope"',
        controls='"c" = "xx + text2"',
        sample='"s" = "zone == 1"',
        weights='"w" = "-w"',
        estimator='"s" = { method = "sunab", zz = 1 }',
        **{"[exclude]": 'when = { outcome = "Y" }\nbecause = "x"'},
    )
    lines = [f.place.line for f in found]
    assert lines == sorted(lines)
    assert [f.code for f in found.errors] == [
        "no_column",
        "no_column",
        "no_column",
        "compare_kinds",
        "weights_negative",
        "unknown_option",
        "no_option",
    ]


def test_faults_of_the_study_are_said_where_the_data_cannot_be_read(tmp_path):
    path = write(tmp_path, estimator='"s" = { method = "sunab", zz = 1 }')
    (tmp_path / "d.csv").unlink()
    assert [f.code for f in examine(path)[1]] == ["no_file", "unknown_option"]


def test_a_check_loads_no_heavy_library(tmp_path):
    path = write(
        tmp_path,
        controls='"c" = "poly(x, 2) + factor(state)"',
        treatment='"d" = { term = "d", cohort = "first" }',
        estimator='"a" = "feols"\n"b" = "sunab"\n"c" = "lpdid"\n"d" = "did2s"\n"e" = "fepois"',
    )
    code = (
        "import sys; from specdid._run.prepare import examine;"
        f"assert not examine({str(path)!r})[1].errors;"
        "print([m for m in ('pandas', 'scipy', 'formulaic', 'pyfixest', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
