"""Set every table of the smart-city study beside what the paper printed: outputs/smart_city/paper.md.

Run it after the study itself::

    specdid run specs/smart_city.toml && python specs/paper.py
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from paper_warnings import warnings

HERE = Path(__file__).parent
SYNTHETIC = "**The panel is synthetic: the numbers below illustrate the method and say nothing about China.**"
SO2, WW = "ln SO2 per head", "ln wastewater per head"
COLUMNS = tuple((outcome, full) for full in (False, True) for outcome in (SO2, WW))
"""The paper's order: without controls, then with all, both outcomes each."""
TERMS = {
    "dudt": "did12", "lnintgdp": "did12:ind3", "pgdp": "pgdp", "pgdp2": "I(pgdp^2)", "ind": "ind2", "ind2": "ind2",
    "open": "ln_open", "trade": "ln_open", "tech": "ln_pat", "patents": "ln_pat", "const": "Constant",
}  # fmt: skip
Rows = list[dict[str, str]]


def read(path: Path) -> Rows:
    """Read a table of the study."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shown(value: Any, digits: int = 3) -> str:
    """Write a number to some decimals, a small one to some digits; other text stands as it was printed."""
    if value in (None, ""):
        return ""
    try:
        number = float(value)
    except ValueError:
        return str(value)
    leading = -math.floor(math.log10(abs(number))) - 1 if number else 0
    return f"{number:.{digits + min(max(leading, 0), 5)}f}".replace("-", "−")


def p_shown(value: Any) -> str:
    """Write a p-value to three places."""
    if value in (None, ""):
        return ""
    return "p < .001" if float(value) < 0.001 else f"p {float(value):.3f}"


def printed(cell: Any, kind: str) -> str:
    """Write a cell as the paper prints it: the number, and its parenthesis named for what it is."""
    if cell is None:
        return ""
    value, inside = cell if isinstance(cell, list) else (cell, None)
    text = str(value).replace("-", "−")
    if inside is None:
        return text
    return f"{text} ({'p' if kind == 'p-values' else 'SE'} {inside})"


def ours(row: dict[str, str] | None) -> str:
    """Write a coefficient of the study: estimate, standard error and p-value."""
    if row is None:
        return ""
    if not row["estimate"]:
        return row.get("message", "")
    if not row["std_error"]:
        return f"{shown(row['estimate'])} (base)"
    return f"{shown(row['estimate'])} (SE {shown(row['std_error'])}; {p_shown(row['p_value'])})"


def find(rows: Rows, **wanted: str | None) -> dict[str, str] | None:
    """Give the first row under the curve's vcov with these values; ``vcov=None`` where there is only one."""
    wanted = {k: v for k, v in ({"vcov": "city"} | wanted).items() if v is not None}
    return next((r for r in rows if all(r.get(k) == v for k, v in wanted.items())), None)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out a table."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
    yield ""


def regressions(paper: dict[str, Any], name: str, rows: Rows) -> Iterator[str]:
    """Set a table of four regressions beside the printed one, term by term."""
    table, kind = paper[name], paper[f"{name}_paren"]
    full = [c for c in dict.fromkeys(r["controls"] for r in rows) if c != "1"][-1]
    models = [(outcome, full if has else "1") for outcome, has in COLUMNS]
    cells = {k: [printed(c, kind) for c in v] for k, v in table.items() if k in TERMS}
    lines = []
    for key, term in [*((k, TERMS[k]) for k in cells), *_absent(cells, rows)]:
        found = [find(rows, outcome=o, controls=c, term=term) for o, c in models]
        pairs = zip(cells.get(key, [""] * 4), map(ours, found), strict=True)
        lines.append([f"{key} / `{term}`" if key in cells else f"– / `{term}`", *(x for pair in pairs for x in pair)])
    for label, key in (("observations", "nobs"), ("units", "n_units"), ("treated", "n_treated"),
                       ("clusters", "n_clusters"), ("R²", "r2"), ("within R²", "r2_within")):  # fmt: skip
        of = [find(rows, outcome=o, controls=c, term=TERMS[next(iter(cells))]) or {} for o, c in models]
        if any(r.get(key) for r in of):
            values = [shown(r.get(key)) if key.startswith("r2") else r.get(key, "") for r in of]
            lines.append([label, *(x for value in values for x in ("not printed", value))])
    heads = [f"({k}) {o}, {'all' if has else 'no'} controls: " for k, (o, has) in enumerate(COLUMNS, 1)]
    yield from markdown(["term: paper / here", *(h + who for h in heads for who in ("paper", "here"))], lines)


def _absent(cells: dict[str, Any], rows: Rows) -> Iterator[tuple[str, str]]:
    """Give the terms of the study that the paper does not print."""
    known = {TERMS[k] for k in cells}
    for term in dict.fromkeys(r["term"] for r in rows):
        if term not in known:
            yield "", term


def hausman(paper: dict[str, Any], out: Path) -> Iterator[str]:
    """Set tables 1 and 2 beside the study's coefficients, say what is wrong with them, and give the study's tests."""
    rows = read(out / "hausman.csv")
    yield "The paper prints no χ² and no degrees of freedom, only that the p-values are 0. `?`: an exponent is lost.\n"
    for name, outcome in (("T1", SO2), ("T2", WW)):
        lines, wrong = [], []
        for key, cells in paper[name].items():
            row = find(rows, vcov=None, outcome=outcome, term=TERMS[key])
            here = [shown(row[k]) if row else "" for k in ("fe", "re", "difference", "difference_se")]
            own = [printed(cell, "") or "not printed" for cell in cells]
            lines.append([f"{key} / `{TERMS[key]}`", *(x for pair in zip(own, here, strict=True) for x in pair)])
            wrong += _differs(key, cells)
        heads = [f"{head}: {who}" for head in ("FE", "RE", "FE − RE", "SE of it") for who in ("paper", "here")]
        yield f"Table {name[1]}, {outcome} (headed waste gas in both tables):\n"
        yield from markdown(["term: paper / here", *heads], lines)
        lost = sum("?" in str(cell) for cells in paper[name].values() for cell in cells)
        yield f"- {lost} of {4 * len(paper[name])} cells have lost their exponent: they could be any power of ten.\n"
        yield from (f"- {line}\n" for line in wrong)
    tests = [
        [r["outcome"], r["test"], r["distribution"], shown(r["statistic"], 2), r["df"], p_shown(r["p_value"])]
        for r in read(out / "hausman_tests.csv")
    ]
    yield "The study's tests:\n"
    yield from markdown(["outcome", "test", "distribution", "statistic", "df", "p"], tests)


def _differs(key: str, cells: Sequence[Any]) -> Iterator[str]:
    """Say where a printed difference is not that of the two coefficients beside it, by more than their digits."""
    fe, re, difference, _ = cells
    if all(isinstance(cell, float) for cell in (fe, re, difference)):
        digits = max(len(f"{cell!r}".rpartition(".")[2].partition("e")[0]) for cell in (fe, re))
        if abs(fe - re - difference) > 10.0**-digits:
            said = f"{key}: {fe!r} − {re!r} is {fe - re:.6g}, and {difference!r} is printed"
            zero = abs(fe / 10 - re - difference) < 10.0**-digits
            yield (said + ("; with one more zero in the first it is." if zero else ".")).replace("-", "−")


def event_study(paper: dict[str, Any], out: Path) -> Iterator[str]:
    """Table 4: years of the first batch; the base period is 2011."""
    rows, lines = read(out / "event_study.csv"), []
    for period in range(-7, 6):
        year = str(2012 + period)
        both = [ours(find(rows, outcome=o, period=str(period))) for o in (SO2, WW)]
        lines.append([year, printed(paper["T4"].get(year), paper["T4_paren"]) or "not printed", *both])
    lines.append(["dt (not explained)", printed(paper["T4"]["dt"], paper["T4_paren"]), "", ""])
    joint = []
    for r in (find(read(out / "event_study_pretrend.csv"), outcome=o) for o in (SO2, WW)):
        if r is not None:
            test = f"F({r['df1']}, {r['df2']}) = {shown(r['statistic'], 2)}, {p_shown(r['p_value'])}"
            joint.append(test)
    lines.append(["joint test of the leads", "not printed", *joint])
    yield from markdown(["year", "paper (outcome not named)", f"here: {SO2}", f"here: {WW}"], lines)


def balance(paper: dict[str, Any], out: Path) -> Iterator[str]:
    """Table 5: means and bias before and after matching."""
    rows, lines = read(out / "balance.csv"), []
    for sample in dict.fromkeys(r["sample"] for r in rows):
        for key, stages in paper["T5"].items():
            for stage, code in (("before", "U"), ("after", "M")):
                of = {"sample": sample, "variable": TERMS[key], "stage": stage}
                r = next(r for r in rows if of.items() <= r.items())
                here = [shown(r[c], 2) for c in ("mean_treated", "mean_control", "bias")]
                paper_cells = [str(x).replace("-", "−") for x in stages[code]]
                size = f"{r['n_treated']} / {r['n_control']}"
                lines.append([sample, f"{key} / `{TERMS[key]}`", stage, *paper_cells, *here, size])
    heads = ["treated", "controls", "bias %"]
    yield from markdown(
        ["sample here", "variable: paper / here", "matching", *(f"paper: {h}" for h in heads),
         *(f"here: {h}" for h in heads), "here: N treated / controls"], lines)  # fmt: skip


def versions(out: Path) -> Iterator[str]:
    """Give PSM-DID under three matchings, which the paper has not."""
    rows = [r for r in read(out / "table_PSM-DID.csv") if r["term"] == "did12" and r["vcov"] == "city"]
    lines = [[r["outcome"], r["sample"], ours(r), r["nobs"], r["n_units"], r["n_treated"]] for r in rows]
    yield from markdown(["outcome", "sample", "effect", "observations", "units", "treated"], lines)


def groups(paper: dict[str, Any], out: Path) -> Iterator[str]:
    """Table 7: effects by city size, with the test the paper does not give."""
    split, above = read(out / "heterogeneity_City_size.csv"), read(out / "heterogeneity_Above_100.csv")
    labels, lines = {"<=100": "≤100", "100-500": "100–500", "500-1000": "500–1000"}, []
    for k, name in enumerate(paper["T7"]["bins"]):
        line = [name]
        for key, outcome in (("so2", SO2), ("ww", WW)):
            r = find(above if name == ">100" else split, outcome=outcome, group=labels.get(name, name))
            line += [printed(paper["T7"][key][k], paper["T7_paren"]), ours(r)]
        lines.append([*line, f"{r['n_treated']} of {r['n_units']}" if r else ""])
    line = ["equality of the four bins"]
    for outcome in (SO2, WW):
        r = find(read(out / "heterogeneity_City_size_equality.csv"), outcome=outcome)
        line += ["not printed", f"F({r['df1']}, {r['df2']}) = {shown(r['f'], 2)}, {p_shown(r['p_value'])}" if r else ""]
    yield from markdown(
        ["10,000 persons", f"paper: {SO2}", f"here: {SO2}", f"paper: {WW}", f"here: {WW}", "here: treated of cities"],
        [*lines, [*line, ""]],
    )


def mediator(out: Path) -> Iterator[str]:
    """Give the effect on the tertiary share, and on the outcome with and without it."""
    rows = read(out / "mechanism_Through_tertiary_share.csv")
    rows = [r for r in rows if r["term"] == "did12" and r["vcov"] == "city"]
    yield from markdown(["outcome", "regression of", "effect"], [[r["outcome"], r["equation"], ours(r)] for r in rows])


def placebo(out: Path) -> Iterator[str]:
    """Give both placebos, which the paper has not."""
    lines = [
        [r["outcome"], ours(r), p_shown(r["p_permutation"]), r["draws"],
         f"{shown(r['placebo_q025'])} to {shown(r['placebo_q975'])}"]
        for r in read(out / "placebo.csv")
    ]  # fmt: skip
    yield from markdown(["outcome", "effect", "permutation p", "draws", "95% of placebos"], lines)
    moved = [r for r in read(out / "placebo_timing.csv") if r["vcov"] == "city" and r["periods_earlier"] != "0"]
    yield from markdown(["outcome", "years earlier", "effect before 2012"],
                        [[r["outcome"], r["periods_earlier"], ours(r)] for r in moved])  # fmt: skip


def page(paper: dict[str, Any], out: Path) -> Iterator[str]:
    """Give the whole page, line by line."""
    yield SYNTHETIC
    yield "\n# The paper's tables, as printed and on the synthetic panel\n"
    yield f"Printed numbers: specs/data/paper_tables.json. {paper['source']}\n"
    yield "Standard errors here are clustered by city; p-values are those of t with G − 1 degrees of freedom.\n"
    yield "## Tables 1 and 2: Hausman tests\n"
    yield from hausman(paper, out)
    yield f"## Table 3: benchmark (the paper's parentheses: {paper['T3_paren']})\n"
    yield from regressions(paper, "T3", read(out / "table_Table_3.csv"))
    yield f"## Table 4: common trend (the paper's parentheses: {paper['T4_paren']})\n"
    yield from event_study(paper, out)
    yield "## Table 5: balance of the matched samples\n"
    yield from balance(paper, out)
    yield f"## Table 6: PSM-DID (the paper's parentheses: {paper['T6_paren']})\n"
    yield from regressions(paper, "T6", read(out / "table_Table_6.csv"))
    yield "### Three ways of matching (not in the paper)\n"
    yield from versions(out)
    yield f"## Table 7: city size (the paper's parentheses: {paper['T7_paren']})\n"
    yield from groups(paper, out)
    yield f"## Table 8: mechanism (the paper's parentheses: {paper['T8_paren']})\n"
    yield "The paper's regressor is the log of an interaction; here it is the interaction with both main effects.\n"
    yield from regressions(paper, "T8", read(out / "mechanism_Tertiary_share.csv"))
    yield "### Through the tertiary share (not in the paper)\n"
    yield from mediator(out)
    yield "## Placebos (not in the paper)\n"
    yield from placebo(out)
    yield "## Eleven warnings\n"
    yield "What is wrong with the printed tables, and what specdid shows or raises in its place.\n"
    for k, (title, paper_does, tool_does) in enumerate(warnings(paper, out, HERE), 1):
        yield f"{k}. **{title}** {paper_does} *Here:* {tool_does}"


def main(out: Path) -> Path:
    """Write paper.md beside the study's results, and give its path."""
    paper = json.loads((HERE / "data" / "paper_tables.json").read_text("utf-8"))
    path = out / "paper.md"
    path.write_text("\n".join(page(paper, out)) + "\n", "utf-8", newline="\n")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1] if len(sys.argv) > 1 else 'outputs/smart_city'))}\n")
