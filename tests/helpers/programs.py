"""Run the programs that `specdid show` writes, and hold their numbers against the engine's."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from specdid import _plugins
from specdid._records import Results, Status, collect
from specdid._records.collect import planned_records
from specdid._run.prepare import Prepared
from specdid.engine.compile import compile_plan
from specdid.engine.execute import estimate_all
from specdid.exports._make_script import make_script

STAND_INS = Path(__file__).parent / "stand_ins"
"""Packages that only other versions of Python have."""
RUNNER = (
    f"""
import sys
sys.path.append({str(STAND_INS)!r})
"""
    + """
import json, os, sys, warnings, io, contextlib
for line in sys.stdin:
    path = json.loads(line)
    names = {}
    try:
        os.chdir(os.path.dirname(path))
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(open(path, encoding="utf-8").read(), path, "exec"), names)
        errors = {label: float(e) for label, e in names["std_error"].items()}
        print(json.dumps([float(names["estimate"]), errors]), flush=True)
    except Exception as error:
        print(json.dumps(repr(error)), flush=True)
"""
)


@cache
def _runner() -> subprocess.Popen[str]:
    """Start the process that executes programs: one for all tests, since most of a start is pyfixest's import."""
    # Of a directory of its own: nothing is imported from the tests', nor of specdid.
    running = subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tempfile.gettempdir(),
    )
    atexit.register(running.kill)
    return running


def execute(codes: list[str]) -> list[object]:
    """Execute programs in a process apart, each in names of its own.

    Gives (estimate, standard errors) of each, or what went wrong.
    """
    running, answers = _runner(), []
    assert running.stdin is not None
    assert running.stdout is not None
    with tempfile.TemporaryDirectory() as directory:
        for k, code in enumerate(codes):
            path = Path(directory) / f"{k}.py"
            path.write_text(code, encoding="utf-8")
            running.stdin.write(json.dumps(str(path)) + "\n")
            running.stdin.flush()
            answer = running.stdout.readline()
            assert answer, f"the process that executes programs has died of\n{code}"
            answers.append(json.loads(answer))
    return answers


def estimated(prepared: Prepared, places: np.ndarray | None = None) -> Results:
    """Estimate every specification of a study, or those at some places of the plan, each from its own rows."""
    plan = prepared.plan
    compiled = compile_plan(plan, prepared.panel, prepared.evaluator)
    if places is not None:
        at = np.flatnonzero(np.isin(compiled.members.index, places))
        compiled = replace(
            compiled,
            members=compiled.members.take(at),
            method=compiled.method[at],
            cohort=compiled.cohort[at],
            batched=compiled.batched[at],
        )
    fits = estimate_all(compiled, plan.grid.estimators, 1, "serial", lambda *_: None)
    return collect(planned_records(plan), fits.blocks, compiled.problem.labels)


def differences(prepared: Prepared, chosen: list[int], results: Results) -> dict[int, float]:
    """Give the largest relative difference of estimate and standard errors, by place in the plan.

    Raises
    ------
    AssertionError
        A program stopped.
    """
    answers = execute([program(prepared, s) for s in chosen])
    return {s: difference(results, s, answer) for s, answer in zip(chosen, answers, strict=True)}


def program(prepared: Prepared, s: int, language: str = "python") -> str:
    """Write the specification at a place of the plan as a program."""
    script = make_script(prepared.plan, prepared.panel, prepared.evaluator, s)
    return str(_plugins.load("exports", language).write(script))


def difference(results: Results, s: int, answer: object) -> float:
    """Hold a program's answer against a row: infinite where it lacks a number, or has one that the row lacks.

    Where a variance is zero up to rounding, the row has no standard error and the program that rounding.
    """
    formula = results.planned.formulas(s, s + 1)[0]
    assert not isinstance(answer, str), f"{formula}: {answer}"
    estimate, errors = answer
    assert set(errors) <= set(results.planned.vcovs), f"{formula}: {set(errors)}"
    values = np.array([estimate, *(errors.get(v, np.nan) for v in results.planned.vcovs)])
    expected = np.array([results.estimate[s], *results.numbers["std_error"][s]])
    known = ~np.isnan(expected)
    nothing = ~np.isfinite(values) | (np.abs(values) < 1e-10 * np.nanmax(values[1:], initial=0.0))
    if (nothing[1:] == known[1:]).any() or not known[0]:
        return float("inf")
    return float(np.max(np.abs(values - expected)[known] / np.abs(expected[known])))


def random_places(results: Results, count: int, seed: int) -> list[int]:
    """Choose among the specifications that are ok."""
    ok = np.flatnonzero(results.status == Status.OK)
    return np.sort(np.random.default_rng(seed).choice(ok, min(count, len(ok)), replace=False)).tolist()
