"""Small studies for the analyses: spec texts on the reference panel, prepared and run in memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from specdid._run.analyse import Analysed, run_one
from specdid._run.prepare import Prepared, examine, prepare
from specdid.analyses._base import Bench

PANEL = Path(__file__).parents[1] / "reference" / "panel.csv"

SPEC = f"""\
[study]
data = '{PANEL}'
unit = "city_id"
time = "year"
[derive]
c12 = "ifelse(batch == 2012, 2012, 0)"
dall = "(batch > 0) * (year >= batch)"
[outcome]
"ln SO2" = "ln_so2"
"ln wastewater" = "ln_ww"
[treatment]
"pilot" = {{ term = "dudt", cohort = "c12" }}
"all batches" = {{ term = "dall", cohort = "batch" }}
"no cohort" = "dudt"
[controls]
"none" = "1"
"all controls" = "pgdp + ind2 + ln_open + ln_pat"
[sample]
"all cities" = "TRUE"
"batch 1" = "batch %in% c(0, 2012)"
[sample."matched"]
where = "municipality == 0"
match = {{ on = "pgdp + ind2 + ln_open", treated = "pilot", at = "year == 2011", method = "nearest" }}
[estimator]
"OLS" = "feols"
"Sun-Abraham" = "sunab"
"did2s" = "did2s"
"lpdid" = "lpdid"
"PPML" = "fepois"
[vcov]
"city" = "~city_id"
"province" = "~province"
[[exclude]]
when = {{ estimator = "PPML", outcome = "ln SO2" }}
because = "PPML takes levels"
[inference]
draws = 0
assign = "dudt + batch"
strata = "tcz"
[labels]
pgdp = "GDP per head_%"
"""


def spec_file(directory: Path, tables: str, base: str = SPEC) -> Path:
    path = directory / "s.toml"
    path.write_text(base + tables, encoding="utf-8")
    return path


def fault_texts(directory: Path, tables: str, base: str = SPEC) -> list[tuple[str, str, str | None]]:
    """(caret's text, message, help) of every fault."""
    found = examine(spec_file(directory, tables, base))[1]
    return [
        (f.place.line_text[f.place.column - 1 :][: f.place.length] if f.place else "", f.message, f.help) for f in found
    ]


def run_tables(directory: Path, tables: str, base: str = SPEC) -> tuple[Analysed, ...]:
    return run_prepared(prepare(spec_file(directory, tables, base)))


def run_prepared(prepared: Prepared, jobs: int = 1) -> tuple[Analysed, ...]:
    bench = bench_of(prepared, jobs)
    return tuple(run_one(bench, request) for request in prepared.requests)


def bench_of(prepared: Prepared, jobs: int = 1) -> Bench:
    return Bench(prepared.study, prepared.panel, prepared.evaluator, jobs, "serial" if jobs == 1 else "threading")


def columns(table) -> dict[str, list]:
    """A tidy table as columns."""
    return {name: [row[k] for row in table.rows] for k, name in enumerate(table.header)}


@cache
def reference(name: str) -> list[dict[str, str]]:
    import csv

    with (PANEL.parent / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
