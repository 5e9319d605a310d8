"""Three hundred and twelve directories of results that strangers might send: what each command makes of them.

    python tests/bench/strangers_directories.py [--quick] [--code "WORDS"]

writes results/strangers_directories.csv and .md; the rows of other codes, named by WORDS, stay. Every directory
is a function of its number (``craft`` in tests/helpers/fuzz_directories.py): a good one with one thing made wrong.
Commands run in a caged process, whose audit hook notes executions, sockets and files outside; see fuzz.py.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import _bench

sys.path.insert(0, str(_bench.ROOT / "tests" / "helpers"))

from fuzz_directories import KINDS, lay_good, try_directory
from fuzz_keeper import Keeper, Tally

KEEPERS = 4
NUMBERS = 2 * len(KINDS) if _bench.quick() else 12 * len(KINDS)
CODE = sys.argv[sys.argv.index("--code") + 1] if "--code" in sys.argv else "present code"
FILE = _bench.RESULTS / "strangers_directories.csv"
FOUND = {
    "executions": "execution", "directories with something touched outside": "outside", "tracebacks": "traceback",
    "hangs over 10 s": "hang", "died": "died", "refusals without a reason": "silence", "other exit codes": "exit code",
}  # fmt: skip


def counts(tally: Tally, seconds: float) -> dict[str, str]:
    """Give what is shown of a run of all directories."""
    distinct = {(f.kind, f.detail.strip().splitlines()[-1][:80]) for f in tally.findings if f.detail.strip()}
    cases = {kind: {f.case for f in tally.findings if f.kind == kind} for kind in FOUND.values()}
    codes = Counter[int]()
    for (_, code), n in tally.codes.items():
        codes[code] += n
    return {
        "directories": f"{NUMBERS:,}",
        "kinds of what is wrong with them": f"{len(KINDS)}",
        "commands": f"{sum(tally.codes.values()):,}",
        **{words: f"{len(cases[kind]) if kind == 'outside' else tally.count(kind):,}" for words, kind in FOUND.items()},
        "distinct findings": f"{len(distinct):,}",
        **{f"commands that ended with {code}": f"{codes[code]:,}" for code in (0, 1, 2, 4, 5)},
        "slowest command, s of its processor": f"{tally.slowest:.1f} ({tally.slowest_case})",
        "largest memory, MiB": f"{tally.peak:,.0f}",
        "minutes": f"{seconds / 60:.1f}",
    }


def try_some(first: int) -> Tally:
    """Try every KEEPERS-th directory in a cage of its own."""
    with tempfile.TemporaryDirectory() as place, Keeper(Path(place), "spec.toml") as keeper:
        lay_good(keeper)
        for number in range(first, NUMBERS, KEEPERS):
            try_directory(keeper, number, rerun=number % 3 == 0)
        return keeper.tally


def together(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    total = Tally()
    for one in tallies:
        total.cases += one.cases
        total.codes += one.codes
        total.findings += one.findings
        total.restarts += one.restarts
        total.peak = max(total.peak, one.peak)
        if one.slowest > total.slowest:
            total.slowest, total.slowest_case = one.slowest, one.slowest_case
    return total


def main() -> int:
    """Try all and write the table; 1 where anything was found."""
    began = perf_counter()
    with ThreadPoolExecutor(KEEPERS) as pool:
        tally = together(pool.map(try_some, range(KEEPERS)))
    for f in tally.findings:
        print(f"{f.kind}, {f.case}, {f.command}: {f.detail[-300:]}")
    table: dict[str, dict[str, str]] = {}
    if FILE.exists():
        with FILE.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                table.setdefault(row["code"], {})[row["what"]] = row["count"]
    table[CODE] = counts(tally, perf_counter() - began)
    print(table[CODE])
    if not _bench.quick():
        write(table)
    return int(bool(tally.findings))


def write(table: dict[str, dict[str, str]]) -> None:
    """Write all codes, beside each other in the page."""
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "what", "count"))
        writer.writerows((code, what, count) for code, rows in table.items() for what, count in rows.items())
    lines = ["# Directories of results from strangers", "", _bench.conditions(), ""]
    lines += ["| what | " + " | ".join(table) + " |", "|---|" + "---:|" * len(table)]
    for what in dict.fromkeys(what for rows in table.values() for what in rows):
        lines.append(f"| {what} | " + " | ".join(rows.get(what, "") for rows in table.values()) + " |")
    FILE.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
