"""One check names every slip, and says nothing of lines that are right."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
import specdid
from slips import MARK, SLIPS, Spec

SPECS = Path(__file__).parents[2] / "specs"
BASES = {"castle": ("poverty", "state"), "minimum_wage": ("lpop", ""), "smart_city": ("ind2", "province")}
DRAWS = 12
"""Files a base; SLIPS are gone through about three times."""


def base(name: str, directory: Path) -> Spec:
    """An example's file beside its data, whose paths lead to the repository."""
    number, text = BASES[name]
    written = (SPECS / f"{name}.toml").read_text("utf-8").replace('"data/', f'"{(SPECS / "data").as_posix()}/')
    return Spec(written.split("\n"), number, text)


def planted(name: str, which: list[str], directory: Path) -> tuple[str, specdid.Faults]:
    spec = base(name, directory)
    for slip in which:
        SLIPS[slip](spec, f"{MARK} {slip}")
    path = directory / "s.toml"
    path.write_text(spec.written, "utf-8")
    return spec.written, specdid.check(path)


def fitting(name: str) -> list[str]:
    return [slip for slip, plant in SLIPS.items() if BASES[name][1] or "TEXT" not in plant.wants]


def check_all_named(name: str, which: list[str], directory: Path) -> None:
    written, found = planted(name, which, directory)
    marked = {k: line.split(MARK)[1].strip() for k, line in enumerate(written.split("\n"), 1) if MARK in line}
    assert sorted(marked.values()) == sorted(which)
    told = {fault.place.line: fault.message for fault in found.errors if fault.place}
    missed = [slip for line, slip in marked.items() if line not in told]
    more = {f"{line}: {written.split(chr(10))[line - 1]}": said for line, said in told.items() if line not in marked}
    assert not missed, (missed, which)
    assert not more, (more, which)
    assert all(fault.place for fault in found.errors), [f.message for f in found.errors if not f.place]


def test_the_catalogue_is_worth_having():
    assert len(SLIPS) >= 60


@pytest.mark.parametrize("name", BASES)
def test_the_bases_are_right(name, tmp_path):
    assert not planted(name, [], tmp_path)[1].errors


@pytest.mark.parametrize("slip", SLIPS)
def test_each_slip_is_named_alone(slip, tmp_path):
    check_all_named("smart_city", [slip], tmp_path)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("draw", range(DRAWS))
def test_all_slips_are_named_in_one_check(name, draw, tmp_path):
    rng = random.Random(f"{name} {draw}")
    slips = fitting(name)
    check_all_named(name, rng.sample(slips, rng.randint(2, 20)), tmp_path)


def test_no_order_of_lines_hides_any(tmp_path):
    """All that fit beside each other at once, in two orders: [study] unit aside, of which much depends."""
    slips = [s for s in fitting("smart_city") if s != "unit"]
    toml = slips[: slips.index("unknown key")]
    check_all_named("smart_city", [s for s in slips if s not in toml], tmp_path)
    check_all_named("smart_city", [s for s in reversed(slips) if s not in toml[:10]], tmp_path)


def test_a_check_that_breaks_hides_no_fault_of_the_others(tmp_path, monkeypatch):
    """Of a faulty file what else is wrong is looked for; an analysis that cannot be checked is named."""
    from specdid import _plugins

    event = _plugins.load("analyses", "event_study")

    def broken(bench, request):
        raise RuntimeError("an index out of bounds")

    monkeypatch.setattr(
        _plugins,
        "load",
        lambda shelf, name, load=_plugins.load: (
            dataclasses.replace(event, check=broken) if name == "event_study" else load(shelf, name)
        ),
    )
    text = (
        '[study]\ndata = "d.csv"\nunit = "id"\ntime = "year"\n[outcome]\ny = "y"\n'
        '[treatment]\nd = { term = "d", cohort = "first" }\n[controls]\nnone = "1"\nwrong = "nothere"\n'
        "[event_study]\nreference = -1\nwindow = [-2, 1]\n"
        '[heterogeneity."h"]\ngroups = { a = "x > 0", b = "alsonot > 0" }\n[inference]\ndraws = 0\n'
    )
    (tmp_path / "s.toml").write_text(text)
    lines = ["id,year,y,d,x,first"]
    lines += [
        f"{i},{t},{i * t % 7},{int(i < 4 and t > 2002)},{i - 4},{2003 if i < 4 else 0}"
        for i in range(9)
        for t in range(2000, 2006)
    ]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    found = specdid.check(tmp_path / "s.toml")
    said = {f.code: f.message for f in found}
    assert "no column `alsonot`" in " ".join(f.message for f in found.errors)
    assert said["not_checked"] == (
        "[event_study] could not be checked beside these errors (RuntimeError: an index out of bounds)"
    )
    assert [f.severity for f in found if f.code == "not_checked"] == ["warning"]
