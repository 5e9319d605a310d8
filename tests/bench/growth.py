"""How time and memory grow with specifications (2^8 to 2^20) and with rows (10^4 to 10^6).

Each cell runs in a process of its own: seconds of the engine, and the process's peak
memory. Run as ``python tests/bench/growth.py [--quick]``.
"""

from __future__ import annotations

import json
from time import perf_counter

import _bench
import numpy as np
from _children import child_arguments, measure_apart
from _panels import EFFECTS, make_members, make_panel, make_problem
from specdid.engine import execute

YEARS = 13
BAR = 2.0
"""Engine time per specification at 2^20, as a multiple of that at 2^12."""


def child(log2: int, rows: int, missing: float) -> dict[str, float]:
    """2 outcomes × 2^(log2 - 3) control subsets × 4 fixed-effects sets on ``rows`` rows."""
    panel = make_panel(cities=max(30, rows // YEARS), years=YEARS, controls=log2 - 3, missing=missing)
    problem, members = make_problem(panel, tuple(EFFECTS.values())), make_members(panel, 4)
    execute.run(problem, members.take(np.arange(4)))
    loaded = _bench.reset_peak()
    began = perf_counter()
    fits = execute.run(problem, members)
    spent = perf_counter() - began
    assert not fits.code.any()
    peak = _bench.peak_bytes()
    return {"seconds": spent, "peak": peak, "above": peak - loaded, "rows": len(panel.values)}


def cells() -> list[tuple[str, int, int, float]]:
    """What is measured: (series, log2 of specifications, rows, share missing)."""
    logs, sizes, listwise = (8, 12, 16, 20), (10_000, 100_000, 1_000_000), (8, 12, 14)
    if _bench.quick():
        logs, sizes, listwise = (8, 10, 12), (10_000, 30_000), (8, 10)
    found = [("specifications", log2, 2730, 0.0) for log2 in logs]
    found += [("rows", 8, rows, 0.0) for rows in sizes]
    found += [("specifications, listwise", log2, 2730, 0.03) for log2 in listwise]
    found += [("rows, listwise", 8, rows, 0.03) for rows in sizes]
    return found


def draw(rows: list[list[object]]) -> None:
    """Draw seconds and peak memory over specifications and over rows as results/growth.png and .svg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col")
    for column, (what, place) in enumerate((("specifications", 1), ("rows", 2))):
        for series, style in ((what, "o-"), (f"{what}, listwise", "s--")):
            mine = [r for r in rows if r[0] == series]
            for row, value in ((0, 3), (1, 5)):
                x, y = [r[place] for r in mine], [r[value] for r in mine]
                axes[row, column].plot(x, y, style, label=series, color="0.2")
        axes[0, column].set(xscale="log", yscale="log")
        axes[1, column].set_ylim(bottom=0)
        axes[1, column].set_xlabel(what)
    axes[0, 0].set_ylabel("seconds, engine")
    axes[1, 0].set_ylabel("peak memory, MB")
    axes[0, 0].legend(frameon=False)
    axes[0, 1].legend(frameon=False)
    _bench.RESULTS.mkdir(exist_ok=True)
    for canvas, ending in ((FigureCanvasAgg, "png"), (FigureCanvasSVG, "svg")):
        canvas(figure)
        figure.savefig(_bench.RESULTS / f"growth.{ending}", dpi=150)


def main() -> None:
    """Measure all cells, print and keep the table and the picture."""
    rows: list[list[object]] = []
    for series, log2, size, missing in cells():
        found = measure_apart(__file__, log2=log2, rows=size, missing=missing)
        each, megabytes = found["seconds"] / 2**log2 * 1e6, (found["peak"] / 1e6, found["above"] / 1e6)
        rows.append([series, 2**log2, int(found["rows"]), found["seconds"], each, *megabytes])
    header = ["series", "specifications", "rows", "seconds", "µs each", "peak MB", "above the panel, MB"]
    _bench.report("growth", "Growth with specifications and rows, engine only", header, rows)
    each = {r[1]: float(str(r[4])) for r in rows if r[0] == "specifications"}
    most = max(each)
    print(f"per specification at {most} over that at 4096: {each[most] / each[4096]:.2f} (bar {BAR})")
    if not _bench.quick():
        draw(rows)


if __name__ == "__main__":
    arguments = child_arguments()
    if arguments is None:
        main()
    else:
        print(json.dumps(child(**arguments)))  # type: ignore[arg-type]
