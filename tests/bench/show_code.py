"""Run the Python code that `specdid show` writes for random specifications of the examples.

    PYTHONPATH=. python tests/bench/show_code.py [specifications of each example]

The code is written here and executed in a fresh process that knows nothing of specdid; its
numbers are held against those of a run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from specdid import _shelf
from specdid._records import Status, collect
from specdid._run.planned import planned_records
from specdid._run.prepare import Prepared, prepare
from specdid.engine.compile import compile_plan
from specdid.engine.execute import estimate_all
from specdid.exports._build import make_script

EXAMPLES = ("castle", "minimum_wage", "smart_city")
RUNNER = """
import json, sys, warnings, io, contextlib
warnings.simplefilter("ignore")
for path in json.load(sys.stdin):
    names = {}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(open(path, encoding="utf-8").read(), path, "exec"), names)
        errors = [float(e) for e in names["std_error"].values()]
        print(json.dumps([float(names["estimate"]), errors]), flush=True)
    except Exception as error:
        print(json.dumps(repr(error)), flush=True)
"""


def execute(codes: list[str]) -> list[object]:
    """Execute programs in one fresh process; gives (estimate, standard errors) or what went wrong."""
    with tempfile.TemporaryDirectory() as directory:
        paths = [Path(directory) / f"{k}.py" for k in range(len(codes))]
        for path, code in zip(paths, codes, strict=True):
            path.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", RUNNER], input=json.dumps([str(p) for p in paths]),
            capture_output=True, text=True, check=True, cwd=directory,
        )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(prepared: Prepared, count: int, seed: int) -> list[tuple[str, str, float]]:
    """Give (formula, estimator, largest relative difference) of random specifications that are ok."""
    plan = prepared.plan
    compiled = compile_plan(plan, prepared.panel, prepared.evaluator)
    fits = estimate_all(compiled, plan.grid.estimators, 1, "serial", lambda *_: None)
    results = collect(planned_records(plan), fits.blocks, compiled.problem.labels)
    ok = np.flatnonzero(results.status == Status.OK)
    chosen = np.sort(np.random.default_rng(seed).choice(ok, min(count, len(ok)), replace=False)).tolist()
    write = _shelf.load("exports", "python").write
    codes = [write(make_script(plan, prepared.panel, prepared.evaluator, s)) for s in chosen]
    rows = []
    for s, answer in zip(chosen, execute(codes), strict=True):
        words = f"{s + 1}: {results.planned.formulas(s, s + 1)[0]}"
        method = plan.grid.estimators[int(plan.codes[s, 6])].method
        if isinstance(answer, str):
            rows.append((f"{words}: {answer}", method, float("inf")))
            continue
        estimate, errors = answer
        expected = np.array([results.estimate[s], *results.numbers["std_error"][s]])
        found = np.array([estimate, *errors])
        known = ~np.isnan(expected)
        rows.append((words, method, float(np.max(np.abs(found - expected)[known] / np.abs(expected)[known]))))
    return rows


def main(count: int) -> int:
    """Print the largest differences; 1 where one is above 1e-8."""
    worst = 0.0
    for name in EXAMPLES:
        rows = compare(prepare(f"specs/{name}.toml"), count, 1)
        for words, method, difference in sorted(rows, key=lambda row: -row[2])[:4]:
            print(f"  {difference:.1e}  {method}  {words[:150]}")
        largest = max(row[2] for row in rows)
        methods = sorted({row[1] for row in rows})
        print(f"{name}: {len(rows)} specifications ({', '.join(methods)}), largest relative difference {largest:.1e}")
        worst = max(worst, largest)
    return int(worst > 1e-8)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
