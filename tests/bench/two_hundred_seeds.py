"""What the tool says of the smart-city generator over 200 seeds: coverage, pre-trends, placebos, equality.

Run as ``python tests/bench/two_hundred_seeds.py [--seeds N] [--jobs N] [--keep FILE] [--report] [--quick]``.

Seeds 1, 2, ... of the example's generator (specdid/_example/smart_city.py), dirt kept, every number from
``specdid.run``. FILE keeps what each seed gave, one line of JSON, so that a run goes on where one stopped;
``--report`` writes the tables from it without running anything.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import Any

import _bench
import _seed_studies as studies
import numpy as np
import polars as pl
import specdid
from _seed_report import write
from specdid._example.smart_city import make_panel

KEYS = ("outcome", "treatment", "controls", "fixed_effects", "sample", "estimator")
TEST_KEYS = ("outcome", "fixed_effects", "estimator", "vcov", "p_value", "p_permutation", "p_permutation_t")


def panel_of(seed: int) -> pl.DataFrame:
    """Draw a panel with the true effect of each row beside the data: the difference of two clean panels."""
    clean = [make_panel(seed, effect=effect, dirt=False) for effect in (True, False)]
    true = {f"true_ln_{name}": np.log(clean[0][name] / clean[1][name]) for name in ("so2", "ww")}
    return pl.DataFrame({**make_panel(seed), **true})


def rows_of(curve: Any) -> list[dict[str, Any]]:
    """Give a curve's rows that have numbers, a duplicate with its twin's."""
    rows = curve.table.to_dict("records")
    known = {(row["spec_id"], row["vcov"]): row for row in reversed(rows) if row["status"] == "ok"}
    numbers = ("estimate", "std_error", "conf_low", "conf_high")
    found = []
    for row in (r for r in rows if r["status"] in ("ok", "duplicate")):
        twin = known[row["twin"] if row["status"] == "duplicate" else row["spec_id"], row["vcov"]]
        found.append({**row, **{name: twin[name] for name in numbers}})
    return found


def coverage(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Give every estimate with its interval and the truth of its treated rows."""
    truth = {
        (r["outcome"], r["sample"], r["rows"]): r["estimate"]
        for r in rows_of(specdid.run(studies.truth_study(), frame, jobs=1, audit=0))
    }
    found = []
    for study in studies.coverage_studies():
        for row in rows_of(specdid.run(study, frame, jobs=1, audit=0)):
            spec = {"estimator": "OLS", **{key: row[key] for key in KEYS}}
            spec["estimator"] = spec["estimator"].replace("feols", "OLS")
            found.append(
                {
                    **spec,
                    "vcov": row["vcov"],
                    "true": truth[spec["outcome"], *studies.true_sample(spec)],
                    **{key: float(row[key]) for key in ("estimate", "std_error", "conf_low", "conf_high")},
                }
            )
    return found


def tests_of(study: dict[str, Any], frame: pl.DataFrame, suffix: str, kind: str) -> list[dict[str, Any]]:
    """Run a study; give the p-values in the tables of one suffix of the analyses of one kind."""
    curve = specdid.run(study, frame, jobs=1, audit=0)
    found = []
    for one in (a for a in curve.analyses if a.stem.startswith(kind)):
        for table in (t for t in one.finding.tables if t.suffix == suffix):
            rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]
            found += [{"analysis": one.heading, **{k: row[k] for k in TEST_KEYS if k in row}} for row in rows]
    return found


def one_seed(seed: int) -> dict[str, Any]:
    """Run every study on the panels of a seed."""
    began, frame = process_time(), panel_of(seed)
    null = pl.DataFrame(make_panel(seed, effect=False))
    noise = frame.with_columns(noise=np.random.default_rng(seed).normal(size=len(frame)))
    return {
        "seed": seed,
        "coverage": coverage(frame),
        "pretrend": tests_of(studies.event_study(), frame, "pretrend", "event_study"),
        "noise": tests_of(studies.noise_study(), noise, "pretrend", "event_study"),
        "placebo": tests_of(studies.placebo_study(), null, "", "placebo"),
        "equality": tests_of(studies.equality_study(), null, "equality", "heterogeneity"),
        "seconds": process_time() - began,
    }


def known_seeds(path: Path | None) -> dict[int, dict[str, Any]]:
    """Read what an earlier run kept."""
    lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
    return {one["seed"]: one for one in map(json.loads, lines)}


def run_seeds(seeds: int, jobs: int, path: Path | None) -> list[dict[str, Any]]:
    """Run the seeds that are not kept yet; give all of them in order."""
    found = known_seeds(path)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(one_seed, seed) for seed in range(1, seeds + 1) if seed not in found]
        for done in as_completed(waiting):
            if done.exception() is not None:
                print(f"a seed failed: {done.exception()!r}", flush=True)
                continue
            one = json.loads(json.dumps(done.result()))
            found[one["seed"]] = one
            if path is not None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one) + "\n")
    return [found[seed] for seed in sorted(found) if seed <= seeds]


def main() -> None:
    path = _option("--keep")
    seeds = int(_option("--seeds") or (2 if _bench.quick() else 200))
    keep = Path(path) if path is not None else None
    found = (
        list(known_seeds(keep).values())
        if "--report" in sys.argv
        else run_seeds(seeds, int(_option("--jobs") or 1), keep)
    )
    write(found)


def _option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


if __name__ == "__main__":
    main()
