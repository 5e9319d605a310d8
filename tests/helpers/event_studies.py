"""One event study of the example's panel: its finding, or its paths."""

from specdid._run.prepare import prepare
from specdid.analyses._cells import read_request
from specdid.analyses.event_study import ANALYSIS, clock_of
from studies import bench_of, run_tables, spec_file

FIRST = 'fix = { outcome = "ln SO2", sample = "batch 1", controls = "all controls" }\n'
ALL = 'outcome = "ln SO2", treatment = "all batches"'


def one(directory, keys):
    (found,) = run_tables(directory, f"[event_study]\n{keys}\n")
    assert found.failure is None
    return found.finding


def paths_of(directory, keys):
    prepared = prepare(spec_file(directory, f"[event_study]\n{keys}\n"))
    bench = bench_of(prepared)
    request, faults = read_request(prepared.study, prepared.study.analyses[0], ANALYSIS.form, ANALYSIS.decode)
    assert not faults
    return [(bench, cell, clock_of(bench, cell, request.config)) for cell in bench.cells(request)]
