"""Ten thousand spec files and two thousand data files that strangers might send.

    python tests/bench/fuzz.py [--quick]

writes results/fuzz.md. Every case is a function of its number, so that a finding can be repeated
(``spec_case(bases, n)``, ``data_case(n)`` in tests/helpers). Each is read by specdid's own command
line in a caged process (tests/helpers/fuzz_cage.py): an audit hook notes compile, exec, imports,
processes, sockets and files outside the sandbox; the process is stopped after 10 s of its processor
(or a minute of waiting) and may ask for 2 GiB beyond what its libraries take.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import _bench

sys.path.insert(0, str(_bench.ROOT / "tests" / "helpers"))

from fuzz_bases import UNITS, lay_out
from fuzz_data import data_cases
from fuzz_keeper import CODES, MEGABYTES, MOST_RUN, SECONDS, Case, Keeper, Tally
from fuzz_specs import spec_cases

SPECS, DATA = (300, 100) if _bench.quick() else (10_000, 2_000)
KINDS = ("traceback", "execution", "hang", "died", "exit code")


def fuzz(cases: Iterable[Case], sandbox: Path) -> tuple[Tally, float]:
    """Run the cases in ``sandbox``; gives the tally and seconds."""
    began = perf_counter()
    with Keeper(sandbox, "warm.toml") as keeper:
        tally = keeper.try_all(cases)
    return tally, perf_counter() - began


def page(tallies: dict[str, tuple[Tally, float]]) -> str:
    """Write the counts, and every finding."""
    lines = ["# Strangers' files", "", _bench.conditions(), ""]
    lines += [f"Stopped after {SECONDS:g} s of its processor; {MEGABYTES:,} MiB; grids up to {MOST_RUN} are run.", ""]
    lines += ["| | " + " | ".join(tallies) + " |", "|---|" + "---:|" * len(tallies)]
    for words, count in _rows().items():
        lines.append(f"| {words} | " + " | ".join(count(*t) for t in tallies.values()) + " |")
    for name, (tally, _) in tallies.items():
        lines += ["", f"## {name}", "", "| kind | cases |", "|---|---:|"]
        lines += [f"| {kind} | {n:,} |" for kind, n in sorted(tally.cases.items())]
        lines += ["", "| command | exit code | |", "|---|---:|---:|"]
        lines += [f"| {command} | {code} | {n:,} |" for (command, code), n in sorted(tally.codes.items())]
        lines += ["", *(f"- {f.kind}: {f.case}, {f.command}: {f.detail[:300]}" for f in tally.findings)]
    return "\n".join(lines).rstrip() + "\n"


def _rows() -> dict[str, object]:
    return {
        "cases": lambda t, s: f"{sum(t.cases.values()):,}",
        "commands": lambda t, s: f"{sum(t.codes.values()):,}",
        **{f"{kind}{'s' if kind != 'died' else ''}": (lambda t, s, k=kind: f"{t.count(k):,}") for kind in KINDS[:4]},
        "refusals without a reason": lambda t, s: f"{t.count('silence'):,}",
        f"exit codes outside {sorted(CODES)}": lambda t, s: f"{t.count('exit code'):,}",
        "slowest command, s of its processor": lambda t, s: f"{t.slowest:.1f} ({t.slowest_case})",
        "largest memory, MiB": lambda t, s: f"{t.peak:,.0f}",
        "processes started": lambda t, s: f"{t.restarts:,}",
        "minutes": lambda t, s: f"{s / 60:.1f}",
    }


def main() -> int:
    """Run both and write the page; 1 where anything was found."""
    with tempfile.TemporaryDirectory() as place:
        sandbox = Path(place)
        bases = lay_out(sandbox)
        warm = next(base.text for base in bases if base.name == "estimators")
        (sandbox / "warm.toml").write_text(warm, encoding="utf-8")
        tallies = {
            f"spec files ({len(bases)} to start from, data of about {UNITS} units)": fuzz(
                spec_cases(bases, range(SPECS)), sandbox
            ),
            "data files": fuzz(data_cases(range(DATA)), sandbox),
        }
    text = page(tallies)
    print(text)
    if not _bench.quick():
        (_bench.RESULTS / "fuzz.md").write_text(text, encoding="utf-8")
    return int(any(t.findings for t, _ in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
