"""The spec files that fuzzing starts from, and the data and traps beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_studies import small_panel, small_study
from toml_text import write_toml

ROOT = Path(__file__).resolve().parents[2]
UNITS = 40
"""Units of the shipped examples' data that are kept, so that ten thousand cases take minutes."""


@dataclass(frozen=True, slots=True)
class Base:
    """A spec to start from; ``small`` ones may also be run."""

    name: str
    text: str
    small: bool


def lay_out(sandbox: Path) -> tuple[Base, ...]:
    """Write the data the bases need into ``sandbox``; gives the bases."""
    (sandbox / "data").mkdir(parents=True, exist_ok=True)
    small_panel(units=12, periods=6).write_csv(sandbox / "small.csv")
    for name in ("smart_city.csv", "castle.csv", "mpdta.csv"):
        _shorten(ROOT / "specs" / "data" / name, sandbox / "data" / name)
    cases = ROOT / "tests" / "faults" / "cases"
    for path in sorted(cases.iterdir()):
        if path.suffix not in (".toml", ".txt"):
            (sandbox / path.name).write_bytes(path.read_bytes())
    _traps(sandbox)
    bases = [Base(p.stem, p.read_text("utf-8"), False) for p in sorted((ROOT / "specs").glob("*.toml"))]
    bases = [Base(b.name, _lighter(b.text), False) for b in bases]
    for name, study in small_fuzz_studies().items():
        bases.append(Base(name, write_toml(study, sandbox / "base.toml").read_text("utf-8"), True))
    for path in sorted(cases.glob("*.toml")):
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        bases.append(Base(path.stem, text, False))
    return tuple(bases)


def _shorten(source: Path, target: Path) -> None:
    """Keep some thirty units, taken from all over the file; the unit is its first column."""
    header, *lines = source.read_text("utf-8").splitlines(keepends=True)
    units = list(dict.fromkeys(line.split(",")[0] for line in lines))
    kept = set(units[:: max(1, len(units) // UNITS)])
    target.write_text(header + "".join(line for line in lines if line.split(",")[0] in kept), "utf-8")


def _lighter(text: str) -> str:
    return re.sub(r"^draws *= *\d+", "draws = 19", text, flags=re.MULTILINE)


def _traps(sandbox: Path) -> None:
    """Files that are not what their names say."""
    import os

    if not (sandbox / "fifo.csv").exists():
        os.mkfifo(sandbox / "fifo.csv")
    for name, target in (("zero.csv", "/dev/zero"), ("loop.csv", "loop.csv")):
        if not (sandbox / name).is_symlink():
            (sandbox / name).symlink_to(target)
    (sandbox / "directory.csv").mkdir(exist_ok=True)
    with (sandbox / "huge.csv").open("wb") as file:
        file.write(b"id,year,y,d\n1,2,3,4\n")
        file.truncate(2**42)


def small_fuzz_studies() -> dict[str, dict[str, Any]]:
    """Studies of the small panel that together use every table of the file."""
    light = {"figure": {"formats": ["svg"]}, "inference": {"draws": 9}, "run": {"jobs": 1, "backend": "serial"}}
    given = small_study()["study"] | {"data": "small.csv"}

    def study(**changes: Any) -> dict[str, Any]:
        return small_study(study=given, **light | changes)

    all_estimators = {
        "OLS": "feols",
        "PPML": "fepois",
        "SA": "sunab",
        "2S": "did2s",
        "LP": {"method": "lpdid", "post_window": 1},
    }
    return {
        "plain": study(controls={"any": "mvsw(x1, x2)"}, sample={"all": "TRUE", "late": "year > 2001"}),
        "derived": study(
            derive={
                "l_x": "l(x1, 1)",
                "big": "ifelse(x1 > 0, 1, 0)",
                "wx": "winsorize(x2, 0.05)",
                "m": "ave(x3, group)",
            },
            macros={"some": "x1 + I(x1^2)", "more": "..some + x3"},
            controls={"none": "1", "steps": "..more + csw0(l_x, wx, m)"},
            weights={"no": "1", "w": "w"},
            preferred={"controls": "..more + l_x"},
        ),
        "estimators": study(
            outcome={"z": "z"}, controls={"none": "1"}, estimator=all_estimators, fixed_effects={"two": "id + year"}
        ),
        "variants": study(
            variant={
                "cut": {"none": {}, "5%": {"derive": {"y": "winsorize(y, 0.05)"}}},
                "trend": {"no": {}, "yes": {"absorb": "group^year"}},
                "drop": {"no": {}, "yes": {"where": "group != 1"}, "add": {"add": "x3"}},
            },
            controls={"x": "sw(x1, x2)"},
            exclude=[{"when": {"cut": "5%", "outcome": ["log z"]}, "unless": {"trend": "no"}, "because": "too much"}],
        ),
        "nulls": study(
            controls={"one": "x1"},
            inference={
                "draws": 9,
                "null": ["wild", "permutation"],
                "assign": "cohort + d",
                "level": "id",
                "strata": "group",
                "cluster": "id",
            },
        ),
        "formula": {
            "study": given | {"formula": "c(y, z) ~ d + sw0(x1, regex('^x[23]')) | sw(id + year, id)"},
            **light,
        },
        "analyses": study(
            controls={"one": "x1"},
            fixed_effects={"two": "id + year"},
            event_study={"window": [-2, 2], "reference": -1},
            hausman={},
            heterogeneity={"size": {"groups": {"low": "group <= 1", "high": "group > 1"}}},
            mechanism={"m": {"moderator": "x3"}},
            placebo={"draws": 19},
            table={"T": {"vary": ["controls"]}},
        ),
        "matched": study(
            sample={"all": "TRUE", "matched": {"match": {"on": "x1 + x3", "at": "year == 2003", "method": "nearest"}}},
            controls={"none": "1"},
            balance={},
        ),
    }
