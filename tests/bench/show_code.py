"""Run the Python code that `specdid show` writes for random specifications of the examples.

    PYTHONPATH=. python tests/bench/show_code.py [specifications of each example]

The code is written here and executed in a fresh process that knows nothing of specdid; its
numbers are held against those of a run.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from programs import differences, estimated, random_places
from specdid._run.prepare import prepare

EXAMPLES = ("castle", "minimum_wage", "smart_city")


def main(count: int) -> int:
    """Print the largest differences; 1 where one is above 1e-8."""
    worst = 0.0
    for name in EXAMPLES:
        prepared = prepare(f"specs/{name}.toml")
        results = estimated(prepared)
        found = differences(prepared, random_places(results, count, 1), results)
        for s, difference in sorted(found.items(), key=lambda pair: -pair[1])[:3]:
            print(f"  {difference:.1e}  {s + 1}: {results.planned.formulas(s, s + 1)[0]}")
        print(f"{name}: {len(found)} specifications, largest relative difference {max(found.values()):.1e}")
        worst = max(worst, *found.values())
    return int(worst > 1e-8)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
