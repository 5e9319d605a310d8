"""Run the programs that `specdid show` writes, and hold their numbers against the engine's."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from specdid import _shelf
from specdid._records import Results, Status, collect
from specdid._run.planned import planned_records
from specdid._run.prepare import Prepared
from specdid.engine.compile import compile_plan
from specdid.engine.execute import estimate_all
from specdid.exports._build import make_script

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


def estimated(prepared: Prepared) -> Results:
    """Estimate every specification of a study."""
    plan = prepared.plan
    compiled = compile_plan(plan, prepared.panel, prepared.evaluator)
    fits = estimate_all(compiled, plan.grid.estimators, 1, "serial", lambda *_: None)
    return collect(planned_records(plan), fits.blocks, compiled.problem.labels)


def differences(prepared: Prepared, chosen: list[int], results: Results) -> dict[int, float]:
    """Give the largest relative difference of estimate and standard errors, by place in the plan.

    Raises
    ------
    AssertionError
        A program stopped.
    """
    write = _shelf.load("exports", "python").write
    codes = [write(make_script(prepared.plan, prepared.panel, prepared.evaluator, s)) for s in chosen]
    found = {}
    for s, answer in zip(chosen, execute(codes), strict=True):
        assert not isinstance(answer, str), f"{results.planned.formulas(s, s + 1)[0]}: {answer}"
        estimate, errors = answer
        expected = np.array([results.estimate[s], *results.numbers["std_error"][s]])
        known = ~np.isnan(expected)
        assert len(errors) == len(expected) - 1 or not known.all()
        values = np.array([estimate, *errors])
        values = values[known] if len(values) == len(known) else values
        expected = expected[known]
        found[s] = float(np.max(np.abs(values - expected) / np.abs(expected)))
    return found


def random_places(results: Results, count: int, seed: int) -> list[int]:
    """Choose among the specifications that are ok."""
    ok = np.flatnonzero(results.status == Status.OK)
    return np.sort(np.random.default_rng(seed).choice(ok, min(count, len(ok)), replace=False)).tolist()
