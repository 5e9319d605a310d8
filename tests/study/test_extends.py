"""A spec that extends another: what both say together, where its faults stand, and what it must not open."""

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest
import specdid
from click.testing import CliRunner
from small_studies import small_panel
from specdid._cli import main
from specdid._decode import merged_spec

pytestmark = pytest.mark.usefixtures("undrawn")

BASE = """\
[study]
title = "base"
name  = "the base"
data  = "panel.csv"
unit  = "id"
time  = "year"
seed  = 7

[derive]
half = "x1 / 2"

[macros]
some = "x1 + half"

[outcome]
"y"     = "y"
"log z" = "log(z)"

[treatment]
"d" = { term = "d", cohort = "cohort" }

[controls]
"none" = "1"
"two"  = { formula = "..some", why = "they matter" }
"one"  = "x3"

[match."near"]
method  = "exact"
on      = "group"
at      = "year == 2002"
treated = "cohort > 0"

[sample]
"all"  = "TRUE"
"near" = { where = "TRUE", match = "near" }

[variant."ends"]
"kept"    = {}
"dropped" = { where = "year > 2002" }

[vcov]
"unit" = "~id"

[inference]
draws = 0

[table."first"]
vary = ["controls"]

[table."second"]
vary = ["ends"]
"""


@pytest.fixture
def place(tmp_path):
    small_panel().write_csv(tmp_path / "panel.csv")
    (tmp_path / "base.toml").write_text(BASE, "utf-8")
    return tmp_path


def written(place, text, name="own.toml"):
    path = place / name
    path.write_text(text, "utf-8")
    return path


def own(place, text="", base="base.toml"):
    return written(place, f'[study]\nextends = "{base}"\n{text}')


def ids(spec):
    return specdid.plan(spec).ids.tolist()


def test_what_is_not_written_is_as_in_the_base(place):
    assert ids(own(place)) == ids(place / "base.toml")
    study = specdid.read(own(place, 'title = "mine"\n'))
    assert (study.title, study.name, study.seed, study.unit) == ("mine", "own", 7, "id")


CHANGES = {
    "a key of a table": (
        '[derive]\nhalf = "x1 / 3"\n[macros]\nmore = "x2"\n',
        lambda s: s["derive"].update(half="x1 / 3"),
    ),
    "a dimension": ('[controls]\nall = "..some + x2"\n', lambda s: s.update(controls={"all": "..some + x2"})),
    "a dimension in [study]": (
        'controls = "sw(x1, x2)"\n',
        lambda s: (s.pop("controls"), s["study"].update(controls="sw(x1, x2)")),
    ),
    "a formula": (
        'formula = "y ~ d + x1 | id"\n',
        lambda s: (s.pop("controls"), s.pop("outcome"), s["study"].update(formula="y ~ d + x1 | id")),
    ),
    "another variant": (
        '[variant."w"]\n"no" = {}\n"yes" = { absorb = "group^year" }\n',
        lambda s: s["variant"].update(w={"no": {}, "yes": {"absorb": "group^year"}}),
    ),
    "a key of a match": (
        '[match."near"]\non = "x2"\n',
        lambda s: s["match"]["near"].update(on="x2"),
    ),
    "rules": (
        '[[exclude]]\nwhen = { outcome = "y", controls = "one" }\nbecause = "it is"\n',
        lambda s: s.update(exclude=[{"when": {"outcome": "y", "controls": "one"}, "because": "it is"}]),
    ),
    "a named table": (
        '[table."first"]\nvary = ["outcome"]\n',
        lambda s: s["table"].update(first={"vary": ["outcome"]}),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_written_takes_the_place_of_the_base_s(place, name):
    text, change = CHANGES[name]
    spec = own(place, text)
    by_hand = tomllib.loads(BASE)
    change(by_hand)
    by_hand["study"]["data"] = str(place / "panel.csv")
    assert ids(spec) == ids(by_hand)
    assert [(t.kind, t.name, dict(t.values)) for t in specdid.read(spec).analyses] == [
        ("table", name, values) for name, values in by_hand["table"].items()
    ]
    merged, faults = merged_spec(spec)
    assert not faults
    assert ids(written(place, merged, "merged.toml")) == ids(spec)
    assert "extends" not in tomllib.loads(merged)["study"]


def test_a_base_below_names_its_data_from_its_own_directory(place):
    (place / "below").mkdir()
    for name in ("base.toml", "panel.csv"):
        (place / name).rename(place / "below" / name)
    spec = own(place, base="below/base.toml")
    assert ids(spec) == ids(place / "below" / "base.toml")
    merged, _ = merged_spec(spec)
    assert tomllib.loads(merged)["study"]["data"] == "below/panel.csv"


def test_files_that_are_joined_or_options_are_named_from_there_too(place):
    below = place / "below"
    below.mkdir()
    (place / "panel.csv").rename(below / "panel.csv")
    small_panel(seed=2).write_csv(below / "other.csv")
    more = '\n[variant."source"]\n"one" = {}\n"other" = { data = "other.csv" }\n'
    more += '\n[data."again"]\nfile = "other.csv"\nby = ["id", "year"]\nsuffix = "_again"\n'
    (below / "base.toml").write_text((place / "base.toml").read_text("utf-8") + more, "utf-8")
    spec = own(place, base="below/base.toml")
    assert not specdid.check(spec).errors
    study = specdid.read(spec)
    assert study.variants[-1].options[1].data == study.files[0].file == below / "other.csv"


def test_plan_prints_both_as_one(place):
    spec = own(place, 'title = "mine"\n')
    done = CliRunner().invoke(main, ["plan", str(spec), "--merged"])
    assert done.exit_code == 0
    assert 'title = "mine"\n' in done.output
    assert 'unit = "id"  # base.toml\n' in done.output
    assert "[derive]  # base.toml\n" in done.output


def test_a_file_without_a_base_is_printed_as_it_is(place):
    text, faults = merged_spec(place / "base.toml")
    assert not faults
    assert tomllib.loads(text) == tomllib.loads(BASE)


def test_faults_stand_in_the_file_that_has_them(place):
    (place / "base.toml").write_text(BASE.replace('"x3"', '"x9"'), "utf-8")
    faults = specdid.check(own(place, '[sample]\n"some" = "x8 > 0"\n'))
    assert [(Path(f.place.file).name, f.place.line_text) for f in faults.errors] == [
        ("base.toml", '"one"  = "x9"'),
        ("own.toml", '"some" = "x8 > 0"'),
    ]


def test_what_is_no_toml_in_the_base_is_said_there(place):
    (place / "base.toml").write_text(BASE + "[run\n", "utf-8")
    faults = specdid.check(own(place))
    assert {Path(f.place.file).name for f in faults.errors} == {"base.toml"}


def refused(place, base):
    spec = own(place, 'data = "panel.csv"\nunit = "id"\ntime = "year"\noutcome = "y"\ntreatment = "d"\n', base)
    (fault,) = specdid.check(spec).errors
    assert Path(fault.place.file).name == "own.toml"
    assert base in fault.place.line_text
    return fault


@pytest.mark.parametrize(
    "base",
    ["../base.toml", "a/../../base.toml", "/etc/base.toml", "~/base.toml", "https://x.org/base.toml", "file:base.toml",
     "C:/base.toml", "..\\\\base.toml", "a/..\\\\..\\\\base.toml"],
)  # fmt: skip
def test_nothing_outside_is_opened(place, base):
    (place.parent / "base.toml").write_text(BASE, "utf-8")
    assert "of its own directory, or below" in refused(place, base).message


def test_only_a_spec_file_is_opened(place):
    (place / "secret.txt").write_text("not = shown\n", "utf-8")
    fault = refused(place, "secret.txt")
    assert fault.code == "bad_path"
    assert "shown" not in str(fault)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("base", ["link.toml", "folder/base.toml", "inside.toml"])
def test_no_link_is_followed(place, base, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "base.toml").write_text(BASE, "utf-8")
    (place / "link.toml").symlink_to(outside / "base.toml")
    (place / "folder").symlink_to(outside)
    (place / "inside.toml").symlink_to(place / "base.toml")
    assert "behind a link" in refused(place, base).message


def test_it_has_the_limits_of_a_spec(place):
    (place / "base.toml").write_text(BASE + "#" * 2_000_001, "utf-8")
    assert refused(place, "base.toml").code == "not_readable"
    assert refused(place, "bsae.toml").code == "no_file"
    assert "did you mean" in refused(place, "bsae.toml").help
    (place / "folder.toml").mkdir()
    assert refused(place, "folder.toml").code == "not_readable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes there")
def test_no_pipe_is_waited_for(place):
    os.mkfifo(place / "pipe.toml")
    assert refused(place, "pipe.toml").code == "not_readable"


def test_one_level_and_not_itself(place):
    assert "cannot extend itself" in refused(place, "own.toml").message
    written(place, '[study]\nextends = "base.toml"\n', "middle.toml")
    (fault,) = [f for f in specdid.check(own(place, base="middle.toml")).errors if f.code == "bad_path"]
    assert Path(fault.place.file).name == "middle.toml"


def test_a_dict_has_no_file_to_begin_from():
    study = tomllib.loads(BASE) | {"study": {"extends": "base.toml", "unit": "id", "time": "year"}}
    assert "bad_path" in {f.code for f in specdid.check(study, small_panel()).errors}


def test_the_manifest_records_both(place):
    spec = own(place, '[controls]\n"all" = "x1"\n')
    specdid.run(spec, out=place / "out" / "own", audit=0)
    record = json.loads((place / "out" / "own" / "manifest.json").read_text("utf-8"))["spec"]
    assert record["file"] == "../../own.toml"
    assert record["extends"]["file"] == "../../base.toml"
    assert len(record["extends"]["sha256"]) == 64
