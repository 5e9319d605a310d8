"""What every analysis must do: declared, checked without estimating, run, written, the same every time."""

import csv
import io
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path

import pytest
import specdid
from analysis_examples import EXAMPLES, FIX, table_of
from specdid import _manual, _plugins
from specdid._columns import DIMENSIONS
from specdid._plan import build_plan
from specdid._run.analyse import run_one, write_analyses
from specdid._run.prepare import examine, prepare
from specdid._run.write import FigureFiles, draw_figures
from specdid.analyses import _cells
from specdid.analyses._base import Analysis, Finding
from specdid.tables._base import csv_text
from specdid.tables.latex import write
from studies import PANEL, bench_of, fault_texts, run_prepared, spec_file

pytestmark = pytest.mark.usefixtures("panel_read_once", "coarse")
KINDS = _plugins.names("analyses")


@pytest.fixture(scope="module", params=KINDS)
def ran(request, tmp_path_factory):
    """Each analysis, run once."""
    directory = tmp_path_factory.mktemp(request.param)
    prepared = prepare(spec_file(directory, table_of(request.param)))
    (found,) = run_prepared(prepared)
    return request.param, prepared, found


@pytest.mark.parametrize("kind", KINDS)
def test_declares_itself_under_its_modules_name(kind):
    analysis = _plugins.load("analyses", kind)
    assert isinstance(analysis, Analysis)
    assert analysis.name == kind
    assert analysis.title


def test_importing_them_loads_nothing_heavy():
    """`specdid check` decodes and checks analyses, and may load none of these."""
    code = (
        "import sys\nfrom specdid import _plugins\n"
        f"[_plugins.load('analyses', k) for k in {KINDS!r}]\n"
        "heavy = ('pandas', 'scipy', 'formulaic', 'pyfixest', 'matplotlib', 'sklearn', 'statsmodels', 'linearmodels')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_runs_and_finds_something(ran):
    kind, _, found = ran
    assert found.failure is None, found.failure
    assert isinstance(found.finding, Finding)
    assert found.finding.tables
    assert found.finding.tables[0].suffix == ""
    assert found.finding.tables[0].rows
    assert found.stem == f"{kind}_Übung_1___2__"


def test_tables_are_tidy(ran):
    for table in ran[2].finding.tables:
        assert len(set(table.header)) == len(table.header)
        for row in table.rows:
            assert len(row) == len(table.header)
            assert all(v is None or isinstance(v, str | float | int) for v in row), row
        assert csv_text(table).count("\n") >= len(table.rows) + 1


def documented() -> set[str]:
    """Return the columns that the reference describes."""
    return {e.name for e in _manual.entries() if e.group in ("columns", "files")} | set(DIMENSIONS)


def test_every_column_of_its_files_is_documented(ran):
    _, prepared, found = ran
    known = documented() | {d.name for d in prepared.plan.dimensions}
    for table in found.finding.tables:
        assert set(table.header) <= known, table.suffix


def test_every_column_of_the_examples_files_is_documented():
    """Files of whole runs are among them; a study's own variants stand between a specification's other labels."""
    paths = [p for p in (Path(__file__).parents[2] / "specs" / "results").glob("*/*.csv") if p.name != "results.csv"]
    assert len(paths) > 20
    for path in paths:
        header = next(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
        whole = path.parent / "results.csv"
        plan = next(csv.reader(io.StringIO(whole.read_text("utf-8-sig")))) if whole.exists() else []
        assert set(header) <= documented() | set(plan), path


def test_files_of_one_analysis_have_names_of_their_own(ran):
    finding = ran[2].finding
    for things in (finding.tables, finding.charts):
        assert len({t.suffix for t in things}) == len(things)


def test_the_main_table_is_printed_with_its_size(ran):
    """A reader sees how many observations or units are behind every number."""
    printed = [t.print for t in ran[2].finding.tables if t.print is not None]
    assert printed
    for table in printed:
        for row in (r for block in table.blocks for r in block):
            assert len(row.cells) == len(table.columns), row
            assert not row.under or len(row.under) == len(table.columns), row
        for line in table.spanners:
            assert sum(width for _, width in line) == len(table.columns)


def test_latex_is_balanced_and_escaped(ran):
    for table in (t.print for t in ran[2].finding.tables if t.print is not None):
        text = write(table)
        bare = text.replace(r"\{", "").replace(r"\}", "")
        assert bare.count("{") == bare.count("}")
        assert bare.count(r"\begin{") == bare.count(r"\end{")
        assert "Übung 1 & 2_%" not in text
        width = len(table.columns)
        body = bare.split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
        for line in body.split("\n"):
            if line.endswith(r"\\") and r"\multicolumn" not in line:
                assert line.replace(r"\&", "").count("&") == width, line


def test_warnings_and_lines_are_sentences_on_one_line(ran):
    finding = ran[2].finding
    for words in (*map(str, finding.warnings), *finding.lines):
        assert isinstance(words, str)
        assert "\n" not in words
    assert all(w.strip() for w in map(str, finding.warnings))


def test_charts_are_frozen_data_and_can_be_drawn(ran, tmp_path):
    found = ran[2]
    for chart in found.finding.charts:
        assert is_dataclass(chart.data)
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            setattr(chart.data, fields(chart.data)[0].name, None)
    draw_figures(write_analyses((found,), tmp_path, FigureFiles(("pdf", "png"))), tmp_path, 1)
    written = sorted(p.suffix for p in tmp_path.iterdir())
    assert written.count(".csv") == len(found.finding.tables)
    assert written.count(".pdf") == written.count(".png") == len(found.finding.charts)
    narrow = tmp_path / "narrow"
    narrow.mkdir()
    draw_figures(write_analyses((found,), narrow, FigureFiles(("png",), 3.5)), narrow, 1)
    assert len(list(narrow.glob("*.png"))) == len(found.finding.charts)


def test_a_run_plans_the_study_and_each_table_once_and_reads_each_table_once(tmp_path, monkeypatch):
    done = []

    def count(where, name):
        module = import_module(f"specdid.{where}")
        made = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: done.append((where, name)) or made(*given))

    once = ("_run.prepare", "build_plan")
    a_table = (("analyses._cells", "build_plan"), ("_check.analyses", "read_request"))
    for where, name in (once, *a_table):
        count(where, name)
    curve = specdid.run(spec_file(tmp_path, table_of("table") + table_of("placebo")), audit=0)
    assert [a.failure for a in curve.analyses] == [None, None]
    assert sorted(done) == sorted([once, *a_table, *a_table])


def test_same_bytes_again_and_for_any_number_of_workers(ran, tmp_path):
    _, prepared, found = ran
    again = run_one(bench_of(prepared, 2), prepared.requests[0])
    for name, one in {"first": found, "again": again}.items():
        (tmp_path / name).mkdir()
        draw_figures(write_analyses((one,), tmp_path / name, FigureFiles(("png",))), tmp_path / name, 1)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("first", "again"))
    assert second == first


@pytest.mark.parametrize("kind", KINDS)
def test_keys_that_nobody_knows_are_located(kind, tmp_path):
    keys = EXAMPLES.get(kind, "") + "\nno_such_key = 1"
    found = fault_texts(tmp_path, table_of(kind, keys))
    assert [(caret, message.split(" in ")[0]) for caret, message, _ in found] == [
        ("no_such_key", "unknown key `no_such_key`")
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["1", '""', "[]", "{}", "true", '["x", 1]', "{ has = 1 }", "1979-05-27"])
def test_values_of_the_wrong_kind_are_faults_and_no_traceback(kind, value, tmp_path):
    for line in [line for line in EXAMPLES.get(kind, "").split("\n") if line]:
        key = line.split(" = ")[0]
        keys = "\n".join([other for other in EXAMPLES[kind].split("\n") if other != line] + [f"{key} = {value}"])
        for _, message, _ in fault_texts(tmp_path, table_of(kind, keys)):
            assert message


def test_an_analysis_that_breaks_is_a_message(tmp_path, monkeypatch):
    prepared = prepare(spec_file(tmp_path, "[table]\n[event_study]\n" + FIX))

    def breaks(bench, request):
        raise RuntimeError("out of\nluck")

    broken = Analysis("table", "t", lambda found, table: None, breaks)
    load = _plugins.load
    monkeypatch.setattr(_plugins, "load", lambda shelf, name: broken if name == "table" else load(shelf, name))
    first, second = run_prepared(prepared)
    assert first.failure == "RuntimeError: out of luck"
    assert second.failure is None
    assert second.finding.charts


def test_a_dummy_in_the_shelf_is_found_and_run(tmp_path, monkeypatch):
    """Adding an analysis is adding one file."""
    import specdid.analyses

    (tmp_path / "dummy_count.py").write_text(
        "from specdid._format import Key, NumberValue\n"
        "from specdid.analyses._base import Analysis, Finding\n"
        "from specdid.tables._base import TidyTable\n"
        "def decode(found, table):\n    return found['from']\n"
        "def run(bench, request):\n"
        "    rows = tuple((request.config + k,) for k, _ in enumerate(bench.cells(request)))\n"
        "    return Finding((TidyTable(('n',), rows),))\n"
        "KEYS = (Key('from', NumberValue('0 or more', whole=True, least=0), 'Where it begins.', '3', 0),)\n"
        "ANALYSIS = Analysis('dummy_count', 'Counts columns', decode, run, keys=KEYS)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(specdid.analyses, "__path__", [*specdid.analyses.__path__, str(tmp_path)])
    prepared = prepare(spec_file(tmp_path, '[dummy_count]\nfrom = 5\nvary = ["controls"]\n'))
    (found,) = run_prepared(prepared)
    assert found.failure is None
    assert found.finding.tables[0].rows == ((5,), (6,), (7,), (8,))


def test_columns_are_planned_once_for_a_request_and_anew_where_they_are_moved(tmp_path, monkeypatch):
    prepared, plans = prepare(spec_file(tmp_path, table_of("table"))), []
    monkeypatch.setattr(_cells, "build_plan", lambda *given: plans.append(given[0]) or build_plan(*given))
    bench, (table,) = bench_of(prepared), prepared.study.analyses
    declared = _plugins.load("analyses", "table")
    request, _ = _cells.read_request(prepared.study, table, declared.form, declared.decode)
    first = _cells.plan_cells(request, prepared.panel, prepared.evaluator)
    assert len(bench.cells(request)) == len(first.plan)
    assert len(plans) == 1
    moved = replace(request, layout=replace(request.layout, vary=()))
    assert len(bench.cells(moved)) < len(first.plan)
    assert len(plans) == 2


BARE = """\
[study]
data = '{data}'
{study}
[derive]
c12 = "ifelse(batch == 2012, 2012, 0)"
[outcome]
"ln SO2" = "ln_so2"
[treatment]
"pilot" = {treatment}
[controls]
"none" = "1"
"pgdp" = "pgdp"
[fixed_effects]
"own" = "{effects}"
[sample]
"batch 1" = "batch %in% c(0, 2012)"
[sample."matched"]
where = "year == 2011"
match = {{ on = "pgdp + ind2", treated = "pilot", method = "nearest" }}
[estimator]
"OLS" = "feols"
"did2s" = "did2s"
[vcov]
"own" = "{vcov}"
[inference]
draws = 0
{inference}
"""
UNIT, TIME, COHORT = 'unit = "city_id"', 'time = "year"', 'cohort = "c12"'
ROLES = {
    "units and periods": (f"{UNIT}\n{TIME}", COHORT, "city_id + year", ""),
    "no cohort": (f"{UNIT}\n{TIME}", "", "city_id + year", ""),
    "no time": (UNIT, "", "city_id + year", ""),
    "no unit": (TIME, COHORT, "pilot + year", ""),
    "no unit, a level": (TIME, "", "pilot + year", 'level = "city_id"'),
    "no unit, a level and clusters": (TIME, "", "pilot + year", 'level = "city_id"\ncluster = "city_id"'),
    "neither": ("", "", "pilot + year", ""),
}
"""What the study declares, its treatment's cohort, the fixed effects and [inference]."""
PLAINER = {
    "heterogeneity": 'groups = { west = "tcz == 0", east = "tcz == 1" }',
    "mechanism": 'mediator = "ind3"',
    "placebo": "draws = 20\nperiods = [1]",
    "event_study": 'time = "calendar"',
    "table": 'fix = { estimator = "did2s" }',
}
"""Tables that ask for less of the data, or for something else."""


# Of errors that are not clustered it is no matter how the units are said.
@pytest.mark.parametrize(
    ("roles", "vcov"),
    [*((roles, "~city_id") for roles in ROLES), *((r, "iid") for r in ("units and periods", "neither"))],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_run_would_refuse_check_says(kind, roles, vcov, tmp_path):
    """Without units, periods or clusters an analysis is refused with a place, or gives its table."""
    study, cohort, effects, inference = ROLES[roles]
    treatment = f'{{ term = "dudt"{", " * bool(cohort)}{cohort} }}'
    base = BARE.format(data=PANEL, study=study, treatment=treatment, effects=effects, vcov=vcov, inference=inference)
    for keys in dict.fromkeys((EXAMPLES.get(kind, ""), PLAINER.get(kind, ""))):
        prepared, faults = examine(spec_file(tmp_path, table_of(kind, keys), base))
        if prepared is None:
            assert faults.errors
            assert all(fault.place is not None for fault in faults.errors)
            continue
        assert not faults.errors
        (found,) = run_prepared(prepared)
        assert found.failure is None, (keys, found.failure)
        assert found.finding.tables[0].rows, keys


def test_what_an_analysis_lacks_for_an_estimator_is_said_at_check(tmp_path):
    """Standard errors that it does not offer, effects by period and placebos that it does not have."""
    study, cohort, effects, _ = ROLES["units and periods"]
    base = BARE.format(
        data=PANEL, study=study, treatment=f'{{ term = "dudt", {cohort} }}', effects=effects, vcov="iid", inference=""
    ).replace('"did2s" = "did2s"', '"did2s" = "did2s"\n"PPML" = "fepois"')
    tables = '[event_study]\nfix = { estimator = "PPML" }\n[placebo]\ndraws = 20\nfix = { estimator = "did2s" }\n'
    found = [(fault.severity, fault.message) for fault in examine(spec_file(tmp_path, tables, base))[1]]
    first = "it is the first of [vcov], whose p-values figures and tables show"
    assert ("warning", f"no standard errors by `own` of did2s; {first}") in found
    assert ("warning", "there are no effects by relative period of `fepois`") in found
    assert ("warning", "random placebos are for least squares and Sun-Abraham models, not for `did2s`") in found
    assert "error" not in {severity for severity, _ in found}, found
