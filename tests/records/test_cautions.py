import csv
import itertools
import random
import re
from pathlib import Path

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._diagnostics import SpecError
from specdid._records.cautions import AGAINST, CLAUSES, SERIOUS_FAULTS, Caution, against, beside, grouped, worst_first
from specdid._run.write import read_warnings, warnings_table
from specdid.language import relabel
from specdid.tables._base import csv_text

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")

FOUND = (
    Caution("note", "samples", "samples differ"),
    Caution("serious", "other", "something else"),
    Caution("serious", "few_treated", "as few as 3"),
    Caution("serious", "pretrend", "the leads", "Event study"),
    Caution("error", "audit_failed", "the audit"),
    Caution("serious", "pretrend", "the leads", "Event study: trends"),
    Caution("note", "samples", "samples differ", specifications=4),
)


def test_the_worst_stands_first_and_what_is_said_twice_stands_once():
    found = worst_first(FOUND)
    assert [(c.severity, c.code) for c in found] == [
        ("error", "audit_failed"),
        ("serious", "pretrend"),
        ("serious", "pretrend"),
        ("serious", "few_treated"),
        ("serious", "other"),
        ("note", "samples"),
    ]
    assert found[-1].specifications == 4
    assert [c.where for c in found if c.code == "pretrend"] == ["Event study", "Event study: trends"]
    assert worst_first(found) == found


def test_cautions_of_one_code_stay_together_in_any_order_of_finding():
    for seed in range(20):
        mixed = list(FOUND)
        random.Random(seed).shuffle(mixed)
        codes = [c.code for c in worst_first(mixed)]
        assert [k for k, _ in itertools.groupby(codes)] == list(dict.fromkeys(codes))


def test_groups_tell_the_first_and_count_the_rest():
    found = grouped(worst_first(FOUND))
    assert [(g.first.code, g.more) for g in found] == [
        ("audit_failed", 0),
        ("pretrend", 1),
        ("few_treated", 0),
        ("other", 0),
        ("samples", 0),
    ]


def test_a_place_is_given_to_what_has_none():
    here = beside("Event study", [Caution("note", "a", "b"), Caution("note", "a", "b", "y")])
    assert [str(c) for c in here] == ["Event study: b", "y: b"]
    assert str(Caution("note", "a", "b")) == "b"


def test_warnings_csv_holds_what_the_curve_holds(tmp_path):
    study = small_study(inference={"draws": 19}, figure={"formats": ["svg"]})
    curve = specdid.run(study, small_panel(units=12), out=tmp_path, audit=0)
    with (tmp_path / "warnings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [tuple(r.values()) for r in rows] == [
        (c.severity, c.code, c.where, c.message, str(c.specifications or "")) for c in curve.warnings
    ]
    assert {"few_clusters", "few_treated"} <= {r["code"] for r in rows if r["severity"] == "serious"}


def test_warnings_csv_is_written_where_there_are_none(tmp_path):
    study = small_study(outcome={"y": "y"}, controls={"none": "1"}, figure={"formats": ["svg"]})
    curve = specdid.run(study, small_panel(units=90), out=tmp_path, audit=1)
    assert curve.warnings == ()
    assert (tmp_path / "warnings.csv").read_text() == "severity,code,where,message,specifications\n"


def test_every_serious_code_of_the_package_has_a_clause():
    source = "\n".join(p.read_text(encoding="utf-8") for p in Path(specdid.__file__).parent.rglob("*.py"))
    found = set(re.findall(r'Caution\(\s*"(?:serious|error)",\s*"(\w+)"', source)) - {"code"}
    assert {"pretrend", "few_treated", "match_lost"} <= found
    assert found | SERIOUS_FAULTS <= CLAUSES.keys()


def test_the_verdict_names_three_kinds_and_counts_the_rest():
    found = worst_first([Caution("serious", code, f"what {code} is") for code in list(CLAUSES)[5:14]])
    told = against(found)
    assert told.verdict == (
        f"{AGAINST}: the pre-trend test fails, a pre-trend test rejects, by errors of too few treated clusters, "
        "a placebo before the treatment has an effect and 6 more kinds."
    )
    assert len(told.items) == 6
    assert len(told.rest) == 3
    assert told.brief.endswith(" 7 more kinds of serious warnings.")
    assert not against([Caution("note", "samples", "samples differ")])
    assert against([Caution("note", "samples", "samples differ")]).notes == 1


def test_an_unknown_code_is_its_own_clause():
    assert against([Caution("serious", "my_own_code", "what it is")]).verdict == f"{AGAINST}: my own code."


def test_a_stored_file_is_read_back(tmp_path):
    found = worst_first(
        [*FOUND, Caution("serious", "other", '=1+1, "quoted" µ'), Caution("note", "samples", "人均", "排放", 12)]
    )
    (tmp_path / "warnings.csv").write_text(csv_text(warnings_table(found)), encoding="utf-8")
    assert read_warnings(tmp_path) == found
    (tmp_path / "warnings.csv").unlink()
    assert read_warnings(tmp_path) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"severity,code\nerror,\n",
        b"severity,code,where,message,specifications\neror,a,b,c,\n",
        b"severity,code,where,message,specifications\nerror,a,b,c,1e9\n",
        None,
    ],
)
def test_a_file_that_no_run_wrote_is_a_fault(tmp_path, content):
    """What it warned of cannot be told: silence would be believed."""
    path = tmp_path / "warnings.csv"
    if content is None:
        path.symlink_to("/dev/zero")
    else:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"warnings\.csv is not the file that a run writes"):
        read_warnings(tmp_path)
    path.unlink()
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(SpecError, match=r"manifest\.json is not the file that a run writes"):
        read_warnings(tmp_path)


def test_figures_name_terms_as_readers_know_them():
    found = against([Caution("serious", "my_own_code", "`l_police` and `year::2004:lpop` differ")])
    said = found.shown(lambda text: relabel(text, {"l_police": "log police"})).brief
    assert "log police and year 2004 × lpop differ" in said
